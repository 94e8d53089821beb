/**
 * sampler.h - a set of opened collectors around trials, and the one thread that polls the POLLED ones.
 * The session sees collectors only through this header.
 *
 *   mb_collect_open(&set, "latency,memory,...", &env, err)   once per cell
 *   mb_collect_start(set); ... timed region, mb_collect_phase() at edges ...; mb_collect_stop(set)
 *   mb_collect_read(set, &record, err)
 *   mb_collect_close(set)
 *
 * Thread: all calls from one thread. The sampler thread lives from open to close and sleeps between trials; it is started before any
 * collector is opened, so that counters inherited by later threads leave it out. Without a POLLED collector there is none.
 * Order: polled collectors start first and stop last, the others (counters) are closest to the region. start() and stop() poll once
 * each, so that a trial shorter than the period has both endpoints. Signals are blocked in the sampler thread.
 * Cost: docs/collectors.md has the figures; a read of the set adds the sampler's own CPU time, lateness and missed ticks.
 */
#ifndef MB_COLLECTORS_SAMPLER_H
#define MB_COLLECTORS_SAMPLER_H

#include "collectors/collector.h"

struct mb_collect_set;

/**
 * @selection comma list of groups or collector names ("memory,energy", "synthetic:ramp"); "" = none; "default" = every
 *            available collector that is not INTRUSIVE and not in group test. A name that does not exist is MB_EINVAL with the
 *            nearest one (grammar: selection.h); one that is unavailable is no error: its metrics are reported absent with the reason in every record.
 */
int mb_collect_open(struct mb_collect_set **out, const char *selection, const struct mb_collect_env *env, struct mb_error *err) MB_MUST_CHECK;
void mb_collect_start(struct mb_collect_set *set);
void mb_collect_phase(struct mb_collect_set *set, const struct mb_event *event);
void mb_collect_stop(struct mb_collect_set *set);
int mb_collect_read(struct mb_collect_set *set, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;
void mb_collect_close(struct mb_collect_set *set); /* accepts NULL */

#endif
