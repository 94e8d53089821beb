/**
 * sampler.h - a set of opened collectors around trials, and the one thread that polls the POLLED ones.
 * The session sees collectors only through this header.
 *
 *   mb_collect_open(&set, "latency,memory,...", &env, err)   once per cell
 *   mb_collect_start(set); ... timed region, mb_collect_phase() at edges ...; mb_collect_stop(set)
 *   mb_collect_read(set, &record, err)
 *   mb_collect_close(set)
 *
 * Thread: all calls from one thread. The sampler thread lives from open to close and sleeps between trials.
 */
#ifndef MB_COLLECTORS_SAMPLER_H
#define MB_COLLECTORS_SAMPLER_H

#include "collectors/collector.h"

struct mb_collect_set;

/**
 * @selection comma list of groups or collector names ("memory,energy", "synthetic:ramp"); "" = none; "default" = every
 *            available collector that is not INTRUSIVE and not in group test. A name that does not exist is MB_EINVAL with the
 *            nearest one; one that is unavailable is no error: its metrics are reported absent with the reason in every record.
 */
int mb_collect_open(struct mb_collect_set **out, const char *selection, const struct mb_collect_env *env, struct mb_error *err) MB_MUST_CHECK;
void mb_collect_start(struct mb_collect_set *set);
void mb_collect_phase(struct mb_collect_set *set, const struct mb_event *event);
void mb_collect_stop(struct mb_collect_set *set);
int mb_collect_read(struct mb_collect_set *set, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;
void mb_collect_close(struct mb_collect_set *set); /* accepts NULL */

#endif
