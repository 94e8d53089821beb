/* thermal.c - temperatures of thermal zones, states of cooling devices, and throttle counts (kernel:
 * Documentation/driver-api/thermal/sysfs-api; Raspberry Pi: pi_throttle.h). Read at most every 100 ms: temperatures are slow and some zones ask firmware.
 * Readings below -50 or above 200 degrees are a disabled or broken zone (-274000 is common) and count as errors. */
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "collectors/collector.h"
#include "collectors/pi_throttle.h"
#include "collectors/series.h"
#include "collectors/throttle.h"

#define DIR_PATH "/sys/class/thermal"
#define READ_PERIOD_NS 100000000u
#define MILLI_C_MIN (-50000)
#define MILLI_C_MAX 200000

struct sensor {
    bool cooling;   /* a cooling device; else a zone */
    bool slows;     /* cooling: acts on speed (not a fan) */
    char scope[48]; /* type; with the directory's name where several have the same */
    int fd;         /* + 1, 0 = not open */
    uint64_t n;
    int64_t max_milli_c, last_state, max_state, rises;
    struct mb_series series;
};

struct thermal {
    struct sensor *sensors; /* [n], owned */
    size_t n;
    struct throttle throttle;
    struct mb_pi_throttle pi;
    uint64_t period_ns, t_next_ns;
};

static void add_sensor(struct thermal *t, const char *root, const char *dir, bool cooling)
{
    struct sensor *s = &t->sensors[t->n];
    char path[128], type[24];
    snprintf(path, sizeof(path), DIR_PATH "/%.40s/%s", dir, cooling ? "cur_state" : "temp");
    const int fd = mb_sys_open(root, path, NULL);
    if (fd < 0)
        return;
    snprintf(path, sizeof(path), DIR_PATH "/%.40s/type", dir);
    if (mb_sys_read_text(root, path, type, sizeof(type), NULL) || !type[0])
        snprintf(type, sizeof(type), "%.23s", dir);
    s->fd = fd + 1;
    s->cooling = cooling;
    s->slows = cooling && !throttle_is_fan(type);
    snprintf(s->scope, sizeof(s->scope), "%s", type);
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->sensors[i].scope, s->scope) == 0) {
            snprintf(s->scope, sizeof(s->scope), "%s@%.22s", type, dir);
            break;
        }
    t->n++;
}

static int discover(struct thermal *t, const char *root, struct mb_error *err)
{
    static const char *const prefixes[] = {"thermal_zone", "cooling_device"};
    char **names[2] = {NULL, NULL};
    size_t n[2] = {0, 0};
    for (int k = 0; k < 2; k++)
        if (mb_sys_list(root, DIR_PATH, prefixes[k], &names[k], &n[k], NULL))
            n[k] = 0;
    t->sensors = calloc(n[0] + n[1] + 1, sizeof(*t->sensors));
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; t->sensors && i < n[k]; i++)
            add_sensor(t, root, names[k][i], k == 1);
        mb_sys_list_free(names[k], n[k]);
    }
    if (!t->sensors)
        return mb_fail(err, MB_ENOMEM, "no memory");
    const int rc = throttle_open(&t->throttle, root, err);
    if (rc)
        return rc;
    mb_pi_throttle_open(&t->pi, root);
    return t->n + t->throttle.n > 0 || t->pi.fd ? MB_OK : mb_fail(err, MB_ENOTSUP, "no readable zone in " DIR_PATH " and no throttle counts "
                                                                     "(usual in virtual machines)");
}

static void thermal_close(void *state)
{
    struct thermal *t = state;
    for (size_t i = 0; i < t->n; i++) {
        close(t->sensors[i].fd - 1);
        mb_series_release(&t->sensors[i].series);
    }
    free(t->sensors);
    t->sensors = NULL;
    t->n = 0;
    throttle_close(&t->throttle);
    mb_pi_throttle_close(&t->pi);
}

static int thermal_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct thermal t = {0};
    const int rc = discover(&t, env->root, why);
    if (rc == MB_OK) {
        char text[400] = "";
        size_t at = 0;
        for (size_t i = 0; i < t.n && at < sizeof(text) - 80; i++)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s", i ? ", " : "", t.sensors[i].scope);
        mb_fail(why, MB_OK, "%zu zones and cooling devices%s%s, %zu throttle counts%s", t.n, t.n ? ": " : "", text, t.throttle.n,
                t.pi.fd ? ", the firmware's throttle bits" : "");
    }
    thermal_close(&t);
    return rc;
}

static int thermal_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct thermal *t = state;
    t->period_ns = env->period_ns > READ_PERIOD_NS ? env->period_ns : READ_PERIOD_NS;
    int rc = discover(t, env->root, err);
    for (size_t i = 0; rc == MB_OK && i < t->n; i++)
        rc = mb_series_init(&t->sensors[i].series, env->max_samples, err);
    return rc;
}

static void thermal_start(void *state)
{
    struct thermal *t = state;
    t->t_next_ns = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct sensor *s = &t->sensors[i];
        mb_series_clear(&s->series);
        s->n = 0;
        s->max_milli_c = INT64_MIN;
        s->rises = s->max_state = 0;
    }
    throttle_start(&t->throttle);
    mb_pi_throttle_start(&t->pi);
}

static void read_sensor(struct sensor *s)
{
    int64_t value = 0;
    const int rc = mb_sys_pread_i64(s->fd - 1, &value);
    const uint64_t t_ns = mb_clock_ns();
    if (rc || (!s->cooling && (value < MILLI_C_MIN || value > MILLI_C_MAX))) {
        s->series.n_errors++;
        return;
    }
    if (s->cooling) {
        value = value < 0 ? 0 : value; /* intel_powerclamp says -1 for off */
        s->rises += s->n > 0 && value > s->last_state;
        s->last_state = value;
        s->max_state = value > s->max_state ? value : s->max_state;
    } else if (value > s->max_milli_c) {
        s->max_milli_c = value;
    }
    s->n++;
    mb_series_push(&s->series, t_ns, value);
}

static void thermal_poll(void *state, uint64_t now_ns)
{
    struct thermal *t = state;
    if (now_ns < t->t_next_ns)
        return;
    t->t_next_ns = now_ns + t->period_ns - t->period_ns / 8;
    for (size_t i = 0; i < t->n; i++)
        read_sensor(&t->sensors[i]);
    mb_pi_throttle_look(&t->pi);
}

static void thermal_stop(void *state)
{
    struct thermal *t = state;
    for (size_t i = 0; i < t->n; i++)
        read_sensor(&t->sensors[i]);
    throttle_stop(&t->throttle);
    mb_pi_throttle_look(&t->pi);
}

static int put(struct mb_record *record, enum mb_metric metric, const char *scope, double value, const char *reason)
{
    return reason ? mb_record_add_absent(record, metric, scope, "thermal", reason)
                  : mb_record_add_metric(record, metric, scope, "thermal", MB_ORIGIN_MEASURED, value);
}

static int read_zones(const struct thermal *t, struct mb_record *record)
{
    int64_t hottest = INT64_MIN;
    bool any = false;
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < t->n; i++) {
        const struct sensor *s = &t->sensors[i];
        if (s->cooling)
            continue;
        any = true;
        hottest = s->max_milli_c > hottest ? s->max_milli_c : hottest;
        rc = put(record, MB_METRIC_TEMP_MAX_MILLI_C, s->scope, (double)s->max_milli_c,
                 s->n ? NULL : "the zone gave no believable temperature during the trial");
    }
    const char *reason = !any ? "no thermal zone" : "no zone gave a believable temperature during the trial";
    return rc ? rc : put(record, MB_METRIC_TEMP_MAX_MILLI_C, "", (double)hottest, hottest == INT64_MIN ? reason : NULL);
}

static int read_throttling(const struct thermal *t, struct mb_record *record)
{
    double total = 0;
    bool any = false;
    int rc = MB_OK;
    for (int package = 0; rc == MB_OK && package < 2; package++) {
        int64_t rise;
        if (!throttle_rise(&t->throttle, package, &rise))
            continue;
        any = true;
        total += (double)rise;
        rc = put(record, MB_METRIC_THROTTLE_COUNT, package ? "package" : "core", (double)rise, NULL);
    }
    for (size_t i = 0; rc == MB_OK && i < t->n; i++) {
        const struct sensor *s = &t->sensors[i];
        if (!s->slows || s->n < 2)
            continue;
        any = true;
        total += (double)s->rises;
        rc = put(record, MB_METRIC_THROTTLE_COUNT, s->scope, (double)s->rises, NULL);
    }
    const char *unknown = any || t->pi.is_pi ? NULL : "no throttle count and no cooling device that acts on speed could be read";
    if (rc == MB_OK)
        rc = mb_pi_throttle_record(&t->pi, record, &total, &unknown);
    return rc ? rc : put(record, MB_METRIC_THROTTLE_COUNT, "", total, unknown);
}

/* A device that was at work all the time has no rises: its state tells. */
static int read_states(const struct thermal *t, struct mb_record *record)
{
    double most = 0;
    bool any = false;
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < t->n; i++) {
        const struct sensor *s = &t->sensors[i];
        if (!s->slows || s->n == 0)
            continue;
        any = true;
        most = (double)s->max_state > most ? (double)s->max_state : most;
        rc = put(record, MB_METRIC_THROTTLE_STATE, s->scope, (double)s->max_state, NULL);
    }
    return rc ? rc : put(record, MB_METRIC_THROTTLE_STATE, "", most, any ? NULL : "no cooling device that acts on speed could be read");
}

static int thermal_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct thermal *t = state;
    int rc = read_zones(t, record);
    if (rc == MB_OK)
        rc = read_throttling(t, record);
    if (rc == MB_OK)
        rc = read_states(t, record);
    for (size_t i = 0; rc == MB_OK && i < t->n; i++) {
        const struct sensor *s = &t->sensors[i];
        const struct mb_series_label label = {.name = s->cooling ? "cooling_state" : "temp_milli_c", .channel = s->scope,
                                              .source = "thermal", .origin = MB_ORIGIN_MEASURED, .period_ns = t->period_ns};
        rc = mb_series_record(&s->series, record, &label, err);
    }
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}

static const enum mb_metric thermal_metrics[] = {MB_METRIC_TEMP_MAX_MILLI_C, MB_METRIC_THROTTLE_COUNT, MB_METRIC_THROTTLE_STATE, MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_thermal;
const struct mb_collector_ops mb_collector_thermal = {
    .abi = MB_COLLECTOR_ABI,
    .name = "thermal",
    .group = "thermal",
    .summary = "temperatures, cooling states and throttle counts",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct thermal),
    .metrics = thermal_metrics,
    .probe = thermal_probe,
    .open = thermal_open,
    .start = thermal_start,
    .poll = thermal_poll,
    .stop = thermal_stop,
    .read = thermal_read,
    .close = thermal_close,
};
