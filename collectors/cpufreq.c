/* cpufreq.c - clock of each frequency policy, from /sys/devices/system/cpu/cpufreq/policyN/scaling_cur_freq (kernel:
 * Documentation/admin-guide/pm/cpufreq). On ARM the file often holds what was asked for, not what was delivered. Read at most every
 * 20 ms: some drivers interrupt the other cores to answer. Time at each clock: freq_states.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "collectors/collector.h"
#include "collectors/freq_states.h"
#include "collectors/series.h"

#define DIR_PATH "/sys/devices/system/cpu/cpufreq"
#define READ_PERIOD_NS 20000000u
#define KHZ_MAX 100000000 /* 100 GHz: beyond is garbage */

struct policy {
    char name[16];     /* policy0 */
    int fd;            /* + 1, 0 = not open */
    double sum_khz;
    int64_t min_khz;
    uint64_t n;
    struct mb_series freq;
    struct mb_freq_states states;
};

struct cpufreq {
    struct policy *policies; /* [n], owned */
    size_t n;
    uint64_t period_ns, t_next_ns;
};

static void cpufreq_close(void *state)
{
    struct cpufreq *c = state;
    for (size_t i = 0; i < c->n; i++) {
        if (c->policies[i].fd)
            close(c->policies[i].fd - 1);
        mb_series_release(&c->policies[i].freq);
        mb_freq_states_close(&c->policies[i].states);
    }
    free(c->policies);
    c->policies = NULL;
    c->n = 0;
}

static int discover(struct cpufreq *c, const char *root, struct mb_error *err)
{
    char **names, path[128];
    size_t n, n_open = 0;
    struct mb_error why = {0};
    if (mb_sys_list(root, DIR_PATH, "policy", &names, &n, NULL) || n == 0)
        return mb_fail(err, MB_ENOTSUP, "no policy in " DIR_PATH ": the kernel does not manage clocks here (usual in virtual machines)");
    c->policies = calloc(n, sizeof(*c->policies));
    for (size_t i = 0; c->policies && i < n; i++) {
        struct policy *p = &c->policies[c->n++];
        snprintf(p->name, sizeof(p->name), "%.15s", names[i]);
        snprintf(path, sizeof(path), DIR_PATH "/%.15s/scaling_cur_freq", p->name);
        const int fd = mb_sys_open(root, path, &why);
        p->fd = fd < 0 ? 0 : fd + 1;
        mb_freq_states_open(&p->states, root, p->name);
        n_open += fd >= 0;
    }
    mb_sys_list_free(names, n);
    if (!c->policies)
        return mb_fail(err, MB_ENOMEM, "no memory");
    return n_open ? MB_OK : mb_fail(err, MB_ENOTSUP, "%s", why.text);
}

static int cpufreq_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct cpufreq c = {0};
    const int rc = discover(&c, env->root, why);
    char text[400] = "", path[128], governor[32];
    size_t at = 0;
    for (size_t i = 0; rc == MB_OK && i < c.n && at < sizeof(text) - 80; i++) {
        snprintf(path, sizeof(path), DIR_PATH "/%s/scaling_governor", c.policies[i].name);
        if (mb_sys_read_text(env->root, path, governor, sizeof(governor), NULL))
            snprintf(governor, sizeof(governor), "governor unknown");
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s (%s)", i ? ", " : "", c.policies[i].name, governor);
    }
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "clock of %s", text);
    cpufreq_close(&c);
    return rc;
}

static int cpufreq_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct cpufreq *c = state;
    c->period_ns = env->period_ns > READ_PERIOD_NS ? env->period_ns : READ_PERIOD_NS;
    int rc = discover(c, env->root, err);
    for (size_t i = 0; rc == MB_OK && i < c->n; i++)
        rc = mb_series_init(&c->policies[i].freq, env->max_samples, err);
    return rc;
}

static void cpufreq_start(void *state)
{
    struct cpufreq *c = state;
    c->t_next_ns = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct policy *p = &c->policies[i];
        mb_series_clear(&p->freq);
        p->sum_khz = 0;
        p->n = 0;
        p->min_khz = INT64_MAX;
        mb_freq_states_start(&p->states);
    }
}

static void read_policy(struct policy *p)
{
    int64_t khz = 0;
    const int rc = mb_sys_pread_i64(p->fd - 1, &khz);
    const uint64_t t_ns = mb_clock_ns();
    if (rc || khz <= 0 || khz > KHZ_MAX) { /* a policy whose cores are offline says <unknown> or 0 */
        p->freq.n_errors++;
        return;
    }
    p->sum_khz += (double)khz;
    p->n++;
    p->min_khz = khz < p->min_khz ? khz : p->min_khz;
    mb_series_push(&p->freq, t_ns, khz);
}

static void read_all(struct cpufreq *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->policies[i].fd)
            read_policy(&c->policies[i]);
}

static void cpufreq_poll(void *state, uint64_t now_ns)
{
    struct cpufreq *c = state;
    if (now_ns < c->t_next_ns)
        return;
    c->t_next_ns = now_ns + c->period_ns - c->period_ns / 8;
    read_all(c);
}

static void cpufreq_stop(void *state)
{
    struct cpufreq *c = state;
    read_all(c);
    for (size_t i = 0; i < c->n; i++)
        mb_freq_states_stop(&c->policies[i].states);
}

static int put(struct mb_record *record, const char *scope, double mean_khz, double min_khz, const char *reason)
{
    if (reason) {
        const int rc = mb_record_add_absent(record, MB_METRIC_FREQ_MEAN_KHZ, scope, "cpufreq", reason);
        return rc ? rc : mb_record_add_absent(record, MB_METRIC_FREQ_MIN_KHZ, scope, "cpufreq", reason);
    }
    const int rc = mb_record_add_metric(record, MB_METRIC_FREQ_MEAN_KHZ, scope, "cpufreq", MB_ORIGIN_MEASURED, mean_khz);
    return rc ? rc : mb_record_add_metric(record, MB_METRIC_FREQ_MIN_KHZ, scope, "cpufreq", MB_ORIGIN_MEASURED, min_khz);
}

static int cpufreq_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct cpufreq *c = state;
    double sum = 0, least = 0;
    uint64_t n = 0;
    struct mb_freq_time times = {0};
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < c->n; i++) {
        const struct policy *p = &c->policies[i];
        sum += p->sum_khz;
        least = p->n && (n == 0 || (double)p->min_khz < least) ? (double)p->min_khz : least;
        n += p->n;
        rc = put(record, p->name, p->sum_khz / (double)(p->n ? p->n : 1), (double)p->min_khz,
                 p->n ? NULL : "scaling_cur_freq gave no frequency during the trial");
        const struct mb_series_label label = {.name = "freq_khz", .channel = p->name, .source = "cpufreq",
                                              .origin = MB_ORIGIN_MEASURED, .period_ns = c->period_ns};
        if (rc == MB_OK)
            rc = mb_series_record(&p->freq, record, &label, err);
        if (rc == MB_OK)
            rc = mb_freq_states_record(&p->states, p->name, record, &times);
    }
    if (rc == MB_OK)
        rc = mb_freq_time_record(&times, record);
    if (rc == MB_OK)
        rc = put(record, "", sum / (double)(n ? n : 1), least, n ? NULL : "scaling_cur_freq gave no frequency during the trial");
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}

static const enum mb_metric cpufreq_metrics[] = {MB_METRIC_FREQ_MEAN_KHZ, MB_METRIC_FREQ_MIN_KHZ, MB_METRIC_FREQ_TIME_MEAN_KHZ, MB_METRIC_FREQ_TIME_SHARE,
                                                MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_cpufreq;
const struct mb_collector_ops mb_collector_cpufreq = {
    .abi = MB_COLLECTOR_ABI,
    .name = "cpufreq",
    .group = "thermal",
    .summary = "processor clock per frequency policy",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct cpufreq),
    .metrics = cpufreq_metrics,
    .probe = cpufreq_probe,
    .open = cpufreq_open,
    .start = cpufreq_start,
    .poll = cpufreq_poll,
    .stop = cpufreq_stop,
    .read = cpufreq_read,
    .close = cpufreq_close,
};
