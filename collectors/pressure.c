/* pressure.c - time in which work stood still for want of memory, a processor or a disk, over the whole machine: the `total=` of
 * /proc/pressure/{memory,cpu,io} (kernel: Documentation/accounting/psi.rst), as a difference over the trial. Anyone on the machine
 * counts, so a trial that others disturbed shows. "full" of cpu is not defined for a whole machine and has no row. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "collectors/collector.h"

enum resource { MEMORY, CPU, IO, N_RESOURCES };

static const struct {
    const char *name, *path;
    bool has_full;
} resources[N_RESOURCES] = {
    [MEMORY] = {"memory", "/proc/pressure/memory", true},
    [CPU] = {"cpu", "/proc/pressure/cpu", false},
    [IO] = {"io", "/proc/pressure/io", true},
};

static const char how_to[] = "no pressure figures: the kernel was built without CONFIG_PSI or started without psi=1";

struct totals { /* microseconds since boot */
    bool ok;
    uint64_t some_us, full_us;
};

struct pressure {
    int fd[N_RESOURCES]; /* + 1, 0 = not open */
    struct totals begin[N_RESOURCES], end[N_RESOURCES];
};

static bool total_of(const char *text, const char *kind, uint64_t *us)
{
    const char *line = strstr(text, kind), *at = line ? strstr(line, "total=") : NULL;
    return at && sscanf(at, "total=%" SCNu64, us) == 1;
}

static struct totals read_one(int fd, enum resource r)
{
    char text[256];
    struct totals t = {0};
    t.ok = fd && mb_sys_pread_text(fd - 1, text, sizeof(text)) > 0 && total_of(text, "some ", &t.some_us) &&
           (!resources[r].has_full || total_of(text, "full ", &t.full_us));
    return t;
}

static void pressure_close(void *state)
{
    struct pressure *p = state;
    for (int r = 0; r < N_RESOURCES; r++) {
        if (p->fd[r])
            close(p->fd[r] - 1);
        p->fd[r] = 0;
    }
}

/* Where pressure is switched off the files may be there, and refuse to be read. */
static int pressure_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct pressure *p = state;
    int n_open = 0;
    for (int r = 0; r < N_RESOURCES; r++) {
        const int fd = mb_sys_open(env->root, resources[r].path, NULL);
        p->fd[r] = fd < 0 ? 0 : fd + 1;
        n_open += read_one(p->fd[r], (enum resource)r).ok;
    }
    return n_open ? MB_OK : mb_fail(err, MB_ENOTSUP, "%s", how_to);
}

static int pressure_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct pressure p = {0};
    const int rc = pressure_open(&p, env, why);
    pressure_close(&p);
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "time lost to want of memory, processors, disks, over the whole machine");
    return rc;
}

static void latch(const struct pressure *p, struct totals now[N_RESOURCES])
{
    for (int r = 0; r < N_RESOURCES; r++)
        now[r] = read_one(p->fd[r], (enum resource)r);
}

static void pressure_start(void *state)
{
    struct pressure *p = state;
    latch(p, p->begin);
}

static void pressure_stop(void *state)
{
    struct pressure *p = state;
    latch(p, p->end);
}

static int put(struct mb_record *record, enum mb_metric metric, const char *scope, bool known, uint64_t begin_us, uint64_t end_us)
{
    return known && end_us >= begin_us
               ? mb_record_add_metric(record, metric, scope, "pressure", MB_ORIGIN_MEASURED, (double)(end_us - begin_us) * 1e3)
               : mb_record_add_absent(record, metric, scope, "pressure", known ? "the kernel's total went back" : how_to);
}

static int pressure_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct pressure *p = state;
    int rc = MB_OK;
    for (int r = 0; r < N_RESOURCES && rc == MB_OK; r++) {
        const struct totals *a = &p->begin[r], *b = &p->end[r];
        rc = put(record, MB_METRIC_PRESSURE_SOME_NS, resources[r].name, a->ok && b->ok, a->some_us, b->some_us);
        if (rc == MB_OK && resources[r].has_full)
            rc = put(record, MB_METRIC_PRESSURE_FULL_NS, resources[r].name, a->ok && b->ok, a->full_us, b->full_us);
    }
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}

static const enum mb_metric pressure_metrics[] = {MB_METRIC_PRESSURE_SOME_NS, MB_METRIC_PRESSURE_FULL_NS, MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_pressure;
const struct mb_collector_ops mb_collector_pressure = {
    .abi = MB_COLLECTOR_ABI,
    .name = "pressure",
    .group = "memory",
    .summary = "time that work on this machine stood still for want of memory, processors, disks",
    .state_size = sizeof(struct pressure),
    .metrics = pressure_metrics,
    .probe = pressure_probe,
    .open = pressure_open,
    .start = pressure_start,
    .stop = pressure_stop,
    .read = pressure_read,
    .close = pressure_close,
};
