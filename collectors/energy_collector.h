/**
 * energy_collector.h - hooks for a collector whose state begins with a struct mb_energy_meter: it has to write discover(), and what
 * differs.
 */
#ifndef MB_COLLECTORS_ENERGY_COLLECTOR_H
#define MB_COLLECTORS_ENERGY_COLLECTOR_H

#include "collectors/collector.h"
#include "collectors/energy_meter.h"

/** Fills the channels of a zeroed state. MB_OK with a line for `list` in @found (may be NULL), or the reason in @err. What it opened is
 *  closed by ops->close in any case. */
typedef int (*mb_energy_discover)(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err);

int mb_energy_hook_probe(const struct mb_collector_ops *ops, mb_energy_discover discover, const struct mb_collect_env *env,
                         struct mb_error *why) MB_MUST_CHECK;
int mb_energy_hook_open(void *state, mb_energy_discover discover, const struct mb_collect_env *env, struct mb_error *err) MB_MUST_CHECK;
void mb_energy_hook_start(void *state);
void mb_energy_hook_poll(void *state, uint64_t now_ns);
void mb_energy_hook_phase(void *state, const struct mb_event *event);
void mb_energy_hook_stop(void *state);
int mb_energy_hook_read(void *state, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;
void mb_energy_hook_close(void *state);

#endif
