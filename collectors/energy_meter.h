/**
 * energy_meter.h - the energy of a trial from the channels of one source: what rapl.c, hwmon.c and the other sources have in common.
 * A source finds its channels and says what they are; the meter reads, undoes wraps, integrates, splits by phase, adds up, and knows
 * when a figure is too coarse to be given.
 *
 * Two kinds, never mixed in one sum:
 *   COUNTER  counts energy. Energy = difference of the reads at start and stop, every wrap undone: polls must come once per wrap.
 *   POWER    shows power now. Energy = trapezoid over the read stamps.
 * Error stored beside every energy (energy_error_uj), with u = update period, P = mean power, T = span between the first and last read:
 *   COUNTER  P u + one raw unit: each end may be up to one update old. A bound.
 *   POWER    2 s sqrt(1/N) T + (max - min) u, s = standard deviation of the N samples: 95 % for samples without rhythm (the sampler's
 *            jitter sees to that), and the age of the samples at both ends.
 * Window rule: u / T above the target (1 %, or the option error=PERCENT) gives no energy but the reason. u is what the source
 * declares; where it declares none, the longest time that a counter stood still in this trial, or the mean interval between samples.
 *
 * A counter that never moved in a trial has no energy either: virtual machines show counters that do not count.
 *
 * Totals: every channel has a total_set: 0 belongs to no total, 1 is what adds up, 2 another way to the same total, taken when the first
 * is unknown. All channels of a set must be known, and of one kind; one that stood still while others counted is left out.
 * Phases (load, prefill, decode) are given for the total: counters that may be read at edges are, power is integrated between the edges.
 *
 * Thread: as collector.h says; phase() may run beside poll(), so channels with at_edges need a read that two threads may call at once.
 */
#ifndef MB_COLLECTORS_ENERGY_METER_H
#define MB_COLLECTORS_ENERGY_METER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/collector.h"
#include "collectors/phase.h"
#include "collectors/series.h"

#define MB_ENERGY_TARGET 0.01        /* relative */
#define MB_ENERGY_INTERVALS_MAX 4096 /* phases of one trial that POWER channels are integrated over */

enum mb_energy_kind { MB_ENERGY_COUNTER, MB_ENERGY_POWER };

struct mb_energy_stamp {
    bool ok;
    uint64_t t_ns;
    uint64_t total; /* raw units since start */
};

struct mb_energy_channel {
    /* What the source says before mb_energy_ready(), constant afterwards. */
    char scope[64];       /* unique in the source; never "" or a phase's name */
    enum mb_energy_kind kind;
    double scale;         /* uJ (COUNTER) or uW (POWER) per raw unit */
    uint64_t modulus;     /* COUNTER, raw units: the raw value wraps to 0 there; 0: does not wrap */
    uint64_t update_ns;   /* the source makes a new value this often; 0: not known */
    uint64_t rest_ns;     /* not polled more often than that: a read costs */
    double accuracy;      /* limit of the data sheet, relative: added to the error; 0: not known */
    unsigned total_set;
    bool at_edges;        /* COUNTER: read at phase edges too */
    int fd[2];            /* + 1, owned; sysfs numbers whose product is the raw value; a source with a read() uses them as it likes */
    bool watch_moves;     /* POWER, update_ns 0: a value that stays the same is an old one (fuel gauges) */
    char reason[240];     /* why it cannot be read, or "" */

    /* One trial; the meter's own. */
    uint64_t t_next_ns;
    uint64_t raw_begin;
    atomic_uint_least64_t total; /* at the latest good read of start or poll: phase() of the other thread builds on it */
    atomic_bool went_back;       /* decreased without a known modulus */
    struct mb_energy_stamp begin, end;
    struct mb_energy_stamp shown;   /* latest point of the power stream */
    struct mb_energy_stamp edge;    /* where the phase under way began */
    struct mb_energy_stamp moved;   /* when the value last changed */
    uint64_t longest_still_ns;
    uint64_t phase_total[MB_PHASE_N];
    bool phase_broken[MB_PHASE_N];
    struct mb_trapezoid integral;
    double sum, sum_squares, least, most; /* of the samples, raw */
    uint64_t n_reads;
    bool first_ok, last_ok;
    struct mb_series power; /* uW */
};

struct mb_energy_interval { /* one phase that took place */
    enum mb_phase phase;
    uint64_t begin_ns, end_ns;
};

/** One value of a channel. *t_ns is 0 on entry; a source with stamps of its own sets it, else the time after the read is taken. */
typedef bool (*mb_energy_read_hook)(void *user, size_t i_channel, int64_t *raw, uint64_t *t_ns);

struct mb_energy_meter {
    const char *source;     /* collector's name */
    enum mb_origin origin;
    mb_energy_read_hook read; /* or NULL: the product of each channel's fds */
    void *user;
    const char *no_total;   /* why there is none when no channel belongs to a set */
    double target;          /* of the window rule */
    uint64_t period_ns;
    struct mb_energy_channel *channels; /* [n], owned */
    size_t n, cap;
    size_t n_beyond;        /* channels without room */
    struct mb_phase_tracker tracker;
    uint64_t t_edge_ns, phase_ns[MB_PHASE_N], n_phases[MB_PHASE_N];
    struct mb_energy_interval *intervals; /* owned; only with POWER channels */
    size_t n_intervals;     /* may exceed the room: then phases of POWER are unknown */
};

/** mb_energy_init() - room for @cap channels, the option error= of env->options. @m is zeroed first; mb_energy_release() in any case. */
int mb_energy_init(struct mb_energy_meter *m, const char *source, const struct mb_collect_env *env, size_t cap,
                   struct mb_error *err) MB_MUST_CHECK;
/** mb_energy_add() - a zeroed channel with scale 1 to fill in, NULL when there is no room (counted in n_beyond). */
struct mb_energy_channel *mb_energy_add(struct mb_energy_meter *m);
/** mb_energy_open_fd() - open a sysfs number for channel->fd[slot]; on failure channel->reason is set and its fds are closed. */
void mb_energy_open_fd(struct mb_energy_channel *c, int slot, const char *root, const char *path, const char *remedy);
bool mb_energy_has_scope(const struct mb_energy_meter *m, const char *scope);
/** mb_energy_any() - MB_OK when a channel can be read, else MB_ENOTSUP with the first one's reason; @found = text for probe(), or NULL. */
int mb_energy_any(const struct mb_energy_meter *m, struct mb_error *found, struct mb_error *err) MB_MUST_CHECK;
/** mb_energy_ready() - memory for the samples of all channels that can be read. */
int mb_energy_ready(struct mb_energy_meter *m, const struct mb_collect_env *env, struct mb_error *err) MB_MUST_CHECK;

void mb_energy_start(struct mb_energy_meter *m);
void mb_energy_poll(struct mb_energy_meter *m, uint64_t now_ns);
/** mb_energy_take() - one reading of a POWER channel, from a source that tells instead of being asked. @ok false: it failed. */
void mb_energy_take(struct mb_energy_channel *c, bool ok, uint64_t t_ns, int64_t raw);
void mb_energy_phase(struct mb_energy_meter *m, const struct mb_event *event);
void mb_energy_stop(struct mb_energy_meter *m);
/** mb_energy_record() - all rows and streams of the trial; @veto, or NULL, is why none of it may be believed. */
int mb_energy_record(const struct mb_energy_meter *m, const char *veto, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;
void mb_energy_release(struct mb_energy_meter *m);

/** The metrics that mb_energy_record() emits, for the `metrics` of a collector. */
extern const enum mb_metric mb_energy_metrics[];

#endif
