/* freq_states.c - see freq_states.h. */
#include "collectors/freq_states.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysroot.h"

#define TEXT_BYTES 2048 /* 64 lines of two numbers */

static const char *const no_file = "no stats/time_in_state: the driver leaves the clock to the processor, or CONFIG_CPU_FREQ_STAT is off";

void mb_freq_states_open(struct mb_freq_states *s, const char *root, const char *policy)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpufreq/%.20s/stats/time_in_state", policy);
    const int fd = mb_sys_open(root, path, NULL);
    *s = (struct mb_freq_states){.fd = fd < 0 ? 0 : fd + 1};
}

/* "KHZ TICKS" a line. False when a line is something else or there are too many. */
static bool look(const struct mb_freq_states *s, int64_t *khz, int64_t *ticks, size_t *n)
{
    char text[TEXT_BYTES];
    *n = 0;
    const int n_text = mb_sys_pread_text(s->fd - 1, text, sizeof(text));
    if (n_text <= 0 || n_text >= TEXT_BYTES - 1)
        return false;
    for (char *at = text, *end; *at; at = end + strspn(end, " \n")) {
        if (*n == MB_FREQ_STATES_MAX)
            return false;
        khz[*n] = strtoll(at, &end, 10);
        if (end == at || *end != ' ' || khz[*n] <= 0)
            return false;
        at = end;
        ticks[*n] = strtoll(at, &end, 10);
        if (end == at || ticks[*n] < 0)
            return false;
        ++*n;
    }
    return *n > 0;
}

void mb_freq_states_start(struct mb_freq_states *s)
{
    s->failed = s->fd && !look(s, s->khz, s->begin, &s->n);
}

void mb_freq_states_stop(struct mb_freq_states *s)
{
    int64_t khz[MB_FREQ_STATES_MAX];
    size_t n;
    if (!s->fd || s->failed)
        return;
    s->failed = !look(s, khz, s->end, &n) || n != s->n || memcmp(khz, s->khz, n * sizeof(*khz)) != 0;
    for (size_t i = 0; i < s->n && !s->failed; i++)
        s->failed = s->end[i] < s->begin[i]; /* somebody wrote to stats/reset */
}

void mb_freq_states_close(struct mb_freq_states *s)
{
    if (s->fd)
        close(s->fd - 1);
    *s = (struct mb_freq_states){0};
}

static int put_mean(struct mb_record *record, const char *scope, const struct mb_freq_time *t, const char *reason)
{
    char few[96];
    if (!reason && t->ticks < MB_FREQ_TICKS_MIN) {
        snprintf(few, sizeof(few), "%.0f ticks of 10 ms: an error under 1 %% needs %d", t->ticks, MB_FREQ_TICKS_MIN);
        reason = few;
    }
    return reason ? mb_record_add_absent(record, MB_METRIC_FREQ_TIME_MEAN_KHZ, scope, "cpufreq", reason)
                  : mb_record_add_metric(record, MB_METRIC_FREQ_TIME_MEAN_KHZ, scope, "cpufreq", MB_ORIGIN_MEASURED, t->khz_ticks / t->ticks);
}

int mb_freq_states_record(const struct mb_freq_states *s, const char *policy, struct mb_record *record, struct mb_freq_time *sum)
{
    struct mb_freq_time own = {0};
    if (!s->fd || s->failed)
        return put_mean(record, policy, &own, !s->fd ? no_file : "stats/time_in_state could not be read at both ends of the trial, or was reset in it");
    for (size_t i = 0; i < s->n; i++) {
        const double ticks = (double)(s->end[i] - s->begin[i]);
        own.ticks += ticks;
        own.khz_ticks += ticks * (double)s->khz[i];
    }
    int rc = put_mean(record, policy, &own, NULL);
    if (own.ticks < MB_FREQ_TICKS_MIN)
        return rc;
    sum->ticks += own.ticks;
    sum->khz_ticks += own.khz_ticks;
    for (size_t i = 0; rc == MB_OK && i < s->n; i++) {
        char scope[64];
        const double ticks = (double)(s->end[i] - s->begin[i]);
        snprintf(scope, sizeof(scope), "%.20s/%lld", policy, (long long)s->khz[i]);
        if (ticks > 0)
            rc = mb_record_add_metric(record, MB_METRIC_FREQ_TIME_SHARE, scope, "cpufreq", MB_ORIGIN_MEASURED, ticks / own.ticks);
    }
    return rc;
}

int mb_freq_time_record(const struct mb_freq_time *sum, struct mb_record *record)
{
    return put_mean(record, "", sum, sum->ticks > 0 ? NULL : "no policy has a figure");
}
