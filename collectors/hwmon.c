/* hwmon.c - energy from hardware monitors: INA3221 and INA2xx on boards (Jetson and others), GPU cards, any chip with power or energy
 * attributes. Power is integrated by trapezoid between the stamps of the reads; energy counters are differences. Every channel is
 * reported; a total only where there is exactly one, because rails nest (VDD_IN holds VDD_CPU) and no file says how. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "collectors/collector.h"
#include "collectors/hwmon_channels.h"
#include "collectors/series.h"

#define LOST_READS_MAX 0.1 /* more failed reads than this share, and the integral bridges too much to be called measured */

struct meter { /* one channel's trial */
    uint64_t t_next_ns; /* a chip is not read more often than it updates: a read costs a bus transfer */
    uint64_t n_reads;
    bool last_ok, first_ok;
    bool went_back;
    struct mb_trapezoid integral; /* power */
    int64_t counter_begin_uj, counter_last_uj; /* energy */
    uint64_t t_begin_ns, t_last_ns, t_shown_ns;
    int64_t shown_uj;
    struct mb_series power;
};

struct hwmon {
    struct hwmon_channels channels;
    struct meter meter[HWMON_CHANNELS_MAX];
    uint64_t period_ns;
};

static void hwmon_close(void *state)
{
    struct hwmon *h = state;
    for (size_t i = 0; i < HWMON_CHANNELS_MAX; i++)
        mb_series_release(&h->meter[i].power);
    hwmon_channels_close(&h->channels);
}

static int hwmon_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    static const char *const kinds[] = {"energy", "power", "mV x mA"};
    struct hwmon_channels channels;
    const int rc = hwmon_channels_open(&channels, env->root, why);
    if (rc == MB_OK) {
        char text[480] = "";
        size_t at = 0;
        for (size_t i = 0; i < channels.n && at < sizeof(text) - 100; i++)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s (%s)", i ? ", " : "", channels.channel[i].scope,
                                   channels.channel[i].reason[0] ? "unreadable" : kinds[channels.channel[i].kind]);
        mb_fail(why, MB_OK, "%zu channel%s: %s", channels.n, channels.n == 1 ? "" : "s", text);
    }
    hwmon_channels_close(&channels);
    return rc;
}

static int hwmon_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct hwmon *h = state;
    h->period_ns = env->period_ns;
    int rc = hwmon_channels_open(&h->channels, env->root, err);
    for (size_t i = 0; rc == MB_OK && i < h->channels.n; i++)
        if (!h->channels.channel[i].reason[0])
            rc = mb_series_init(&h->meter[i].power, env->max_samples, err);
    return rc;
}

static void hwmon_start(void *state)
{
    struct hwmon *h = state;
    for (size_t i = 0; i < h->channels.n; i++) {
        struct mb_series power = h->meter[i].power;
        mb_series_clear(&power);
        h->meter[i] = (struct meter){.power = power};
    }
}

static bool read_value(const struct hwmon_channel *c, int64_t *value)
{
    int64_t v[2] = {0, 1};
    for (int i = 0; i < 2; i++)
        if (c->fd[i] && mb_sys_pread_i64(c->fd[i] - 1, &v[i]))
            return false;
    return !__builtin_mul_overflow(v[0], v[1], value); /* mV x mA = uW */
}

static void take_power(struct meter *m, uint64_t t_ns, int64_t uw)
{
    mb_trapezoid_add(&m->integral, t_ns, (double)uw);
    mb_series_push(&m->power, t_ns, uw);
}

static void take_counter(struct hwmon *h, struct meter *m, uint64_t t_ns, int64_t uj)
{
    if (!m->t_begin_ns) {
        m->t_begin_ns = m->t_shown_ns = t_ns;
        m->counter_begin_uj = m->shown_uj = uj;
    } else if (uj < m->counter_last_uj) {
        m->went_back = true; /* no modulus is published for these */
    } else if (t_ns - m->t_shown_ns >= h->period_ns / 2 && t_ns > m->t_shown_ns) {
        mb_series_push(&m->power, t_ns, llround((double)(uj - m->shown_uj) * 1e9 / (double)(t_ns - m->t_shown_ns)));
        m->t_shown_ns = t_ns;
        m->shown_uj = uj;
    }
    m->counter_last_uj = uj;
    m->t_last_ns = t_ns;
}

static void read_channel(struct hwmon *h, size_t i)
{
    const struct hwmon_channel *c = &h->channels.channel[i];
    struct meter *m = &h->meter[i];
    int64_t value = 0;
    const bool ok = read_value(c, &value);
    const uint64_t t_ns = mb_clock_ns();
    m->t_next_ns = t_ns + c->update_ns - c->update_ns / 8; /* not so late as to miss every other update */
    m->first_ok = m->n_reads == 0 ? ok : m->first_ok;
    m->n_reads++;
    m->last_ok = ok;
    if (!ok)
        m->power.n_errors++;
    else if (c->kind == HWMON_ENERGY_UJ)
        take_counter(h, m, t_ns, value);
    else
        take_power(m, t_ns, value);
}

static void hwmon_poll(void *state, uint64_t now_ns)
{
    struct hwmon *h = state;
    for (size_t i = 0; i < h->channels.n; i++)
        if (!h->channels.channel[i].reason[0] && now_ns >= h->meter[i].t_next_ns)
            read_channel(h, i);
}

static void hwmon_stop(void *state)
{
    struct hwmon *h = state;
    for (size_t i = 0; i < h->channels.n; i++)
        if (!h->channels.channel[i].reason[0])
            read_channel(h, i); /* the endpoint is read whenever the chip updated last */
}

/* NULL when *uj over *span_ns is known. */
static const char *answer(const struct hwmon *h, size_t i, double *uj, double *span_ns, char *text, size_t cap)
{
    const struct hwmon_channel *c = &h->channels.channel[i];
    const struct meter *m = &h->meter[i];
    if (c->reason[0])
        return c->reason;
    if (!m->first_ok || !m->last_ok)
        return "could not be read at both ends of the trial";
    if ((double)m->power.n_errors > LOST_READS_MAX * (double)m->n_reads) {
        snprintf(text, cap, "%llu of %llu reads failed", (unsigned long long)m->power.n_errors, (unsigned long long)m->n_reads);
        return text;
    }
    if (m->went_back)
        return "the energy counter went back during the trial";
    const bool counter = c->kind == HWMON_ENERGY_UJ;
    *uj = counter ? (double)(m->counter_last_uj - m->counter_begin_uj) : m->integral.sum_ns / 1e9;
    *span_ns = counter ? (double)(m->t_last_ns - m->t_begin_ns) : (double)(m->integral.t_last_ns - m->integral.t_first_ns);
    return *span_ns > 0 ? NULL : "the trial was too short to read twice";
}

static int put(struct mb_record *record, const char *scope, double uj, double span_ns, const char *reason)
{
    if (reason) {
        const int rc = mb_record_add_absent(record, MB_METRIC_ENERGY_UJ, scope, "hwmon", reason);
        return rc ? rc : mb_record_add_absent(record, MB_METRIC_POWER_MEAN_UW, scope, "hwmon", reason);
    }
    const int rc = mb_record_add_metric(record, MB_METRIC_ENERGY_UJ, scope, "hwmon", MB_ORIGIN_MEASURED, uj);
    return rc ? rc : mb_record_add_metric(record, MB_METRIC_POWER_MEAN_UW, scope, "hwmon", MB_ORIGIN_MEASURED, uj / span_ns * 1e9);
}

static int hwmon_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct hwmon *h = state;
    const bool only_one = h->channels.n + h->channels.n_beyond == 1;
    char text[96];
    double uj = 0, span_ns = 1;
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < h->channels.n; i++) {
        const char *reason = answer(h, i, &uj, &span_ns, text, sizeof(text));
        rc = put(record, h->channels.channel[i].scope, uj, span_ns, reason);
        if (rc == MB_OK && only_one)
            rc = put(record, "", uj, span_ns, reason);
        const struct mb_series_label label = {.name = "power_uw", .channel = h->channels.channel[i].scope, .source = "hwmon",
                                              .origin = MB_ORIGIN_MEASURED, .period_ns = h->period_ns};
        if (rc == MB_OK)
            rc = mb_series_record(&h->meter[i].power, record, &label, err);
    }
    if (rc == MB_OK && !only_one)
        rc = put(record, "", 0, 1, "several rails: no rule which add up");
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}

static const enum mb_metric hwmon_metrics[] = {MB_METRIC_ENERGY_UJ, MB_METRIC_POWER_MEAN_UW, MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_hwmon;
const struct mb_collector_ops mb_collector_hwmon = {
    .abi = MB_COLLECTOR_ABI,
    .name = "hwmon",
    .group = "energy",
    .summary = "power and energy rails of hardware monitors (INA3221, INA2xx, GPU cards, any hwmon power)",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct hwmon),
    .metrics = hwmon_metrics,
    .probe = hwmon_probe,
    .open = hwmon_open,
    .start = hwmon_start,
    .poll = hwmon_poll,
    .stop = hwmon_stop,
    .read = hwmon_read,
    .close = hwmon_close,
};
