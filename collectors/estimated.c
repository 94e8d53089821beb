/* estimated.c - no measurement: energy = idle x time + (tdp - idle) x processor time in use / processors (/proc/stat), for machines without any
 * sensor.
 * Every figure has the origin "estimated" and no error, as none could be stated: a processor's power follows its clock, voltage and
 * instructions, of which this knows nothing. Only by name, with the watts of the data sheet: collect: [estimated:tdp=15,idle=2]. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "collectors/energy_collector.h"
#include "collectors/options.h"

#define REST_NS 100000000u
#define FIELDS 7       /* user nice system idle iowait irq softirq: proc(5); steal is what other machines used */
#define WATTS_MAX 10000
#define STAT_BYTES 65536 /* the processors' lines come first */

struct estimated {
    struct mb_energy_meter meter;
    double tdp_uw, idle_uw, ticks_per_s;
    unsigned n_cpus;
    int fd;             /* + 1, /proc/stat */
    bool begun;
    uint64_t busy_begin, t_begin_ns;
};

extern const struct mb_collector_ops mb_collector_estimated;

static bool read_busy(const struct estimated *e, uint64_t *busy)
{
    char text[256], *at = text + 3;
    *busy = 0;
    if (mb_sys_pread_text(e->fd - 1, text, sizeof(text)) < 0 || strncmp(text, "cpu ", 4) != 0)
        return false;
    for (int i = 0; i < FIELDS; i++) {
        char *end;
        const uint64_t ticks = strtoull(at, &end, 10);
        if (end == at)
            return false;
        at = end;
        *busy += i == 3 || i == 4 ? 0 : ticks;
    }
    return true;
}

/* Depends on the start only, so that two threads may ask. */
static bool read_energy(void *user, size_t i, int64_t *raw, uint64_t *t_ns)
{
    const struct estimated *e = user;
    uint64_t busy;
    (void)i;
    if (!e->begun || !read_busy(e, &busy) || busy < e->busy_begin)
        return false;
    *t_ns = mb_clock_ns();
    const double used_s = (double)(busy - e->busy_begin) / e->ticks_per_s / e->n_cpus;
    *raw = llround(e->idle_uw * (double)(*t_ns - e->t_begin_ns) / 1e9 + (e->tdp_uw - e->idle_uw) * used_s);
    return true;
}

static unsigned count_cpus(const char *root)
{
    char *text = malloc(STAT_BYTES);
    unsigned n = 0;
    if (text && mb_sys_read_text(root, "/proc/stat", text, STAT_BYTES, NULL) == MB_OK)
        for (const char *line = text; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL)
            n += strncmp(line, "cpu", 3) == 0 && line[3] >= '0' && line[3] <= '9';
    free(text);
    return n;
}

static int read_options(struct estimated *e, const char *options, struct mb_error *err)
{
    double tdp, idle;
    int rc = mb_collector_options_check(options, "error tdp idle", err);
    rc = rc ? rc : mb_collector_option_number(options, "tdp", 0.001, WATTS_MAX, -1, &tdp, err);
    rc = rc ? rc : mb_collector_option_number(options, "idle", 0, WATTS_MAX, 0, &idle, err);
    if (rc)
        return rc;
    if (tdp < 0)
        return mb_fail(err, MB_ENOTSUP, "an estimate needs the watts of the data sheet: estimated:tdp=WATTS, and idle=WATTS where it is known");
    if (idle > tdp)
        return mb_fail(err, MB_EINVAL, "option 'idle=%g': more than tdp=%g", idle, tdp);
    e->tdp_uw = tdp * 1e6;
    e->idle_uw = idle * 1e6;
    return MB_OK;
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct estimated *e = state;
    int rc = mb_energy_init(&e->meter, "estimated", env, 1, err);
    rc = rc ? rc : read_options(e, env->options, err);
    if (rc)
        return rc;
    const int fd = mb_sys_open(env->root, "/proc/stat", err);
    e->n_cpus = count_cpus(env->root);
    e->ticks_per_s = (double)sysconf(_SC_CLK_TCK);
    e->fd = fd < 0 ? 0 : fd + 1;
    if (fd < 0 || e->n_cpus == 0)
        return mb_fail(err, MB_ENOTSUP, "/proc/stat cannot be read: no processor time to estimate with");
    e->meter.read = read_energy;
    e->meter.user = e;
    e->meter.origin = MB_ORIGIN_ESTIMATED;
    struct mb_energy_channel *c = mb_energy_add(&e->meter);
    snprintf(c->scope, sizeof(c->scope), "tdp-x-utilisation");
    c->kind = MB_ENERGY_COUNTER;
    c->update_ns = (uint64_t)(1e9 / e->ticks_per_s);
    c->rest_ns = REST_NS;
    c->at_edges = true;
    c->total_set = 1;
    mb_fail(found, MB_OK, "estimates only: %g W idle, %g W at full use", e->idle_uw / 1e6, e->tdp_uw / 1e6);
    return MB_OK;
}

static int estimated_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_estimated, discover, env, why);
}

static int estimated_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

static void estimated_start(void *state)
{
    struct estimated *e = state;
    e->begun = read_busy(e, &e->busy_begin);
    e->t_begin_ns = mb_clock_ns();
    mb_energy_start(&e->meter);
}

static void estimated_close(void *state)
{
    struct estimated *e = state;
    if (e->fd)
        close(e->fd - 1);
    e->fd = 0;
    mb_energy_release(&e->meter);
}

const struct mb_collector_ops mb_collector_estimated = {
    .abi = MB_COLLECTOR_ABI,
    .name = "estimated",
    .group = "energy",
    .summary = "an estimate, no measurement: tdp=WATTS (idle=WATTS) x processor time in use; only when named",
    .flags = MB_COLLECTOR_POLLED | MB_COLLECTOR_NAMED,
    .state_size = sizeof(struct estimated),
    .metrics = mb_energy_metrics,
    .probe = estimated_probe,
    .open = estimated_open,
    .start = estimated_start,
    .phase = mb_energy_hook_phase,
    .poll = mb_energy_hook_poll,
    .stop = mb_energy_hook_stop,
    .read = mb_energy_hook_read,
    .close = estimated_close,
};
