/* system_mem.c - the machine's memory around a trial: what was free for it (MemAvailable of /proc/meminfo, proc(5)), what was swapped
 * meanwhile (pswpin, pswpout of /proc/vmstat, pages, by anyone) and what zram holds (mm_stat, kernel: admin-guide/blockdev/zram). Read
 * at both ends only: vmstat costs 25 us. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "collectors/collector.h"

enum { ZRAM_MOST = 8 };

struct swapped { /* pages since boot */
    bool ok;
    uint64_t in, out;
};

struct zram {
    char name[16];
    int fd; /* of mm_stat, + 1 */
    int64_t bytes; /* -1: not read */
};

struct system_mem {
    int vmstat_fd, meminfo_fd; /* + 1, 0 = not open */
    double page_bytes;
    int64_t available_bytes;   /* when the trial began; -1: not read */
    struct swapped begin, end;
    struct zram zram[ZRAM_MOST];
    size_t n_zram;
};

/* "\nkey NUMBER": the number of a line that starts with @key. */
static bool number_after(const char *text, const char *key, uint64_t *value)
{
    const char *at = strstr(text, key);
    return at && sscanf(at + strlen(key), "%" SCNu64, value) == 1;
}

static struct swapped read_swapped(const struct system_mem *m)
{
    char text[8192];
    struct swapped s = {0};
    s.ok = mb_sys_pread_text(m->vmstat_fd - 1, text, sizeof(text)) > 0 && number_after(text, "\npswpin ", &s.in) && number_after(text, "\npswpout ", &s.out);
    return s;
}

static int64_t read_available(const struct system_mem *m)
{
    char text[512]; /* the third line */
    uint64_t kib;
    return mb_sys_pread_text(m->meminfo_fd - 1, text, sizeof(text)) > 0 && number_after(text, "\nMemAvailable:", &kib) ? (int64_t)(kib * 1024) : -1;
}

/* Third number: all memory that the device takes, its own bookkeeping included. */
static int64_t read_zram(const struct zram *z)
{
    char text[256];
    uint64_t used;
    return mb_sys_pread_text(z->fd - 1, text, sizeof(text)) > 0 && sscanf(text, "%*u %*u %" SCNu64, &used) == 1 ? (int64_t)used : -1;
}

static void close_one(int *slot)
{
    if (*slot)
        close(*slot - 1);
    *slot = 0;
}

static void system_mem_close(void *state)
{
    struct system_mem *m = state;
    close_one(&m->vmstat_fd);
    close_one(&m->meminfo_fd);
    for (size_t i = 0; i < m->n_zram; i++)
        close_one(&m->zram[i].fd);
    m->n_zram = 0;
}

/* Devices in use; one that is only there (disksize 0) has nothing to tell. */
static void find_zram(struct system_mem *m, const char *root)
{
    char **names, path[128];
    size_t n;
    int64_t disk_bytes;
    if (mb_sys_list(root, "/sys/block", "zram", &names, &n, NULL))
        return;
    for (size_t i = 0; i < n && m->n_zram < ZRAM_MOST; i++) {
        struct zram *z = &m->zram[m->n_zram];
        snprintf(path, sizeof(path), "/sys/block/%.15s/disksize", names[i]);
        if (mb_sys_read_i64(root, path, &disk_bytes, NULL) || disk_bytes == 0)
            continue;
        snprintf(path, sizeof(path), "/sys/block/%.15s/mm_stat", names[i]);
        const int fd = mb_sys_open(root, path, NULL);
        if (fd < 0)
            continue;
        snprintf(z->name, sizeof(z->name), "%.15s", names[i]);
        z->fd = fd + 1;
        m->n_zram++;
    }
    mb_sys_list_free(names, n);
}

static int system_mem_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct system_mem *m = state;
    m->page_bytes = (double)sysconf(_SC_PAGESIZE);
    const int meminfo = mb_sys_open(env->root, "/proc/meminfo", err);
    if (meminfo < 0)
        return meminfo;
    m->meminfo_fd = meminfo + 1;
    const int vmstat = mb_sys_open(env->root, "/proc/vmstat", err);
    if (vmstat < 0)
        return vmstat;
    m->vmstat_fd = vmstat + 1;
    find_zram(m, env->root);
    return MB_OK;
}

static int system_mem_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct system_mem m = {0};
    const int rc = system_mem_open(&m, env, why);
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "memory available, swapped in and out%s", m.n_zram ? ", held by zram" : "; no zram in use");
    else if (why)
        why->code = MB_ENOTSUP;
    system_mem_close(&m);
    return rc ? MB_ENOTSUP : MB_OK;
}

static void system_mem_start(void *state)
{
    struct system_mem *m = state;
    m->available_bytes = read_available(m);
    m->begin = read_swapped(m);
}

static void system_mem_stop(void *state)
{
    struct system_mem *m = state;
    m->end = read_swapped(m);
    for (size_t i = 0; i < m->n_zram; i++)
        m->zram[i].bytes = read_zram(&m->zram[i]);
}

static int put(struct mb_record *record, enum mb_metric metric, const char *scope, bool known, double value, const char *reason)
{
    return known ? mb_record_add_metric(record, metric, scope, "system_mem", MB_ORIGIN_MEASURED, value)
                 : mb_record_add_absent(record, metric, scope, "system_mem", reason);
}

static int system_mem_read(void *state, struct mb_record *record, struct mb_error *err)
{
    static const char no_swap[] = "/proc/vmstat has no pswpin and pswpout: a kernel without swap (CONFIG_SWAP)";
    const struct system_mem *m = state;
    const bool swap = m->begin.ok && m->end.ok && m->end.in >= m->begin.in && m->end.out >= m->begin.out;
    int rc = put(record, MB_METRIC_AVAILABLE_BYTES, "", m->available_bytes >= 0, (double)m->available_bytes,
                 "/proc/meminfo has no MemAvailable (kernels before 3.14)");
    if (rc == MB_OK)
        rc = put(record, MB_METRIC_SWAPPED_IN_BYTES, "", swap, (double)(m->end.in - m->begin.in) * m->page_bytes, no_swap);
    if (rc == MB_OK)
        rc = put(record, MB_METRIC_SWAPPED_OUT_BYTES, "", swap, (double)(m->end.out - m->begin.out) * m->page_bytes, no_swap);
    for (size_t i = 0; i < m->n_zram && rc == MB_OK; i++)
        rc = put(record, MB_METRIC_ZRAM_BYTES, m->zram[i].name, m->zram[i].bytes >= 0, (double)m->zram[i].bytes, "mm_stat of the device could not be read");
    return rc ? mb_fail(err, rc, "no memory for the figures") : MB_OK;
}

static const enum mb_metric system_mem_metrics[] = {MB_METRIC_AVAILABLE_BYTES, MB_METRIC_SWAPPED_IN_BYTES, MB_METRIC_SWAPPED_OUT_BYTES, MB_METRIC_ZRAM_BYTES,
                                                    MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_system_mem;
const struct mb_collector_ops mb_collector_system_mem = {
    .abi = MB_COLLECTOR_ABI,
    .name = "system_mem",
    .group = "memory",
    .summary = "memory available on the machine, swapped in and out, held by zram",
    .state_size = sizeof(struct system_mem),
    .metrics = system_mem_metrics,
    .probe = system_mem_probe,
    .open = system_mem_open,
    .start = system_mem_start,
    .stop = system_mem_stop,
    .read = system_mem_read,
    .close = system_mem_close,
};
