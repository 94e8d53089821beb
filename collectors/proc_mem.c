/* proc_mem.c - resident memory and page faults of the measured process, from /proc/PID/{statm,status,stat,clear_refs,smaps_rollup}
 * (proc(5)). The stream comes from statm (one cheap read a tick); figures per phase from status at the phase's end. Peaks are VmHWM, which
 * clear_refs 5 sets back to the present size at every phase edge; where that is forbidden, a peak is known only if the mark rose. PSS is
 * read once, after the trial: smaps_rollup takes milliseconds and holds the lock that page faults need. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "collectors/collector.h"
#include "collectors/phase.h"
#include "collectors/series.h"

struct resident { /* one read of status; bytes */
    bool ok;
    int64_t anon, file, peak, swap; /* swap -1: the kernel has none */
};

struct proc_mem {
    int statm_fd, status_fd, stat_fd, reset_fd, rollup_fd; /* fd + 1, 0 = not open: a zeroed state is closed */
    char no_reset[160];        /* why VmHWM cannot be reset, or "" */
    char no_rollup[160];       /* why there is no PSS, or "" */
    uint64_t period_ns, n_read_errors;
    int64_t page_bytes;
    struct mb_series anon, file;
    struct mb_phase_tracker tracker;
    bool fresh_mark;           /* VmHWM was reset where the segment under way began */
    struct resident last;      /* status at the latest edge: where the segment under way began */
    bool seen[MB_PHASE_N];     /* the phase ended at least once; NONE stands for the whole trial */
    struct resident end[MB_PHASE_N]; /* status at its latest end; peak = greatest known one */
    bool peak_known[MB_PHASE_N];
    int64_t peak[MB_PHASE_N];
    bool faults_ok;
    int64_t minor_begin, major_begin, minor, major;
};

static int64_t field_bytes(const char *status, const char *key)
{
    const char *at = strstr(status, key);
    return at ? strtoll(at + strlen(key), NULL, 10) * 1024 : -1;
}

static struct resident read_status(struct proc_mem *m)
{
    char text[4096];
    struct resident r = {0};
    if (mb_sys_pread_text(m->status_fd - 1, text, sizeof(text)) > 0) {
        r.anon = field_bytes(text, "\nRssAnon:");
        r.file = field_bytes(text, "\nRssFile:");
        r.peak = field_bytes(text, "\nVmHWM:");
        r.swap = field_bytes(text, "\nVmSwap:");
        r.ok = r.anon >= 0 && r.file >= 0 && r.peak >= 0;
    }
    if (!r.ok)
        m->n_read_errors++;
    return r;
}

/* Fields 10 and 12; the command name in field 2 may hold blanks and brackets, so count from the last ')'. */
static bool read_faults(struct proc_mem *m, int64_t *minor, int64_t *major)
{
    char text[1024];
    if (mb_sys_pread_text(m->stat_fd - 1, text, sizeof(text)) <= 0)
        return false;
    const char *at = strrchr(text, ')');
    long long v[2];
    if (!at || sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %lld %*u %lld", &v[0], &v[1]) != 2)
        return false;
    *minor = v[0];
    *major = v[1];
    return true;
}

static bool reset_peak(struct proc_mem *m)
{
    return m->reset_fd && pwrite(m->reset_fd - 1, "5", 1, 0) == 1;
}

static int open_one(const struct mb_collect_env *env, const char *name, bool writing, int *slot, struct mb_error *err)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%ld/%s", (long)env->pid, name);
    const int fd = writing ? mb_sys_open_write(env->root, path, err) : mb_sys_open(env->root, path, err);
    *slot = fd < 0 ? 0 : fd + 1;
    return fd < 0 ? fd : MB_OK;
}

static void close_one(int *slot)
{
    if (*slot)
        close(*slot - 1);
    *slot = 0;
}

static int proc_mem_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct proc_mem m = {0};
    struct mb_error reset = {0};
    int rc = open_one(env, "status", false, &m.status_fd, why);
    if (rc == MB_OK && !read_status(&m).ok)
        rc = mb_fail(why, MB_ENOTSUP, "/proc/%ld/status has no RssAnon, RssFile and VmHWM (kernels before 4.5)", (long)env->pid);
    close_one(&m.status_fd);
    if (rc) {
        if (why)
            why->code = MB_ENOTSUP;
        return MB_ENOTSUP;
    }
    const bool can_reset = open_one(env, "clear_refs", true, &m.reset_fd, &reset) == MB_OK;
    close_one(&m.reset_fd);
    mb_fail(why, MB_OK, "RssAnon, RssFile, page faults of the process%s%s", can_reset ? ", peak per phase" : "; no peak per phase: ",
            can_reset ? "" : reset.text);
    return MB_OK;
}

static int proc_mem_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct proc_mem *m = state;
    struct mb_error why = {0};
    m->period_ns = env->period_ns;
    m->page_bytes = sysconf(_SC_PAGESIZE);
    int rc = open_one(env, "statm", false, &m->statm_fd, err);
    if (rc == MB_OK)
        rc = open_one(env, "status", false, &m->status_fd, err);
    if (rc == MB_OK)
        rc = open_one(env, "stat", false, &m->stat_fd, err);
    if (rc == MB_OK)
        rc = mb_series_init(&m->anon, env->max_samples, err);
    if (rc == MB_OK)
        rc = mb_series_init(&m->file, env->max_samples, err);
    if (rc == MB_OK && open_one(env, "clear_refs", true, &m->reset_fd, &why))
        snprintf(m->no_reset, sizeof(m->no_reset), "peak cannot be reset: %.120s", why.text);
    if (rc == MB_OK && open_one(env, "smaps_rollup", false, &m->rollup_fd, &why))
        snprintf(m->no_rollup, sizeof(m->no_rollup), "no PSS (Linux 4.14 has it): %.120s", why.text);
    return rc;
}

static void proc_mem_start(void *state)
{
    struct proc_mem *m = state;
    mb_series_clear(&m->anon);
    mb_series_clear(&m->file);
    m->n_read_errors = 0;
    m->tracker = (struct mb_phase_tracker){0};
    memset(m->seen, 0, sizeof(m->seen));
    memset(m->peak_known, 0, sizeof(m->peak_known));
    memset(m->peak, 0, sizeof(m->peak));
    m->fresh_mark = reset_peak(m);
    if (!m->fresh_mark && !m->no_reset[0])
        snprintf(m->no_reset, sizeof(m->no_reset), "peak cannot be reset: clear_refs refuses the write");
    m->last = read_status(m);
    m->faults_ok = read_faults(m, &m->minor_begin, &m->major_begin);
}

static void raise_peak(struct proc_mem *m, enum mb_phase phase, const struct resident *now)
{
    /* Without a reset the mark says something about this segment only if it rose in it. */
    if (!now->ok || (!m->fresh_mark && !(m->last.ok && now->peak > m->last.peak)))
        return;
    m->peak_known[phase] = true;
    if (now->peak > m->peak[phase])
        m->peak[phase] = now->peak;
}

/* An edge: what grew since the last one belongs to the phase that ends here, and to the trial. */
static void close_segment(struct proc_mem *m, enum mb_phase ended)
{
    const struct resident now = read_status(m);
    raise_peak(m, MB_PHASE_NONE, &now);
    if (ended != MB_PHASE_NONE) {
        raise_peak(m, ended, &now);
        m->seen[ended] = true;
        m->end[ended] = now;
    }
    m->last = now;
}

static void proc_mem_phase(void *state, const struct mb_event *event)
{
    struct proc_mem *m = state;
    enum mb_phase ended;
    if (!mb_phase_advance(&m->tracker, event, &ended))
        return;
    close_segment(m, ended);
    m->fresh_mark = reset_peak(m);
}

static void proc_mem_poll(void *state, uint64_t now_ns)
{
    struct proc_mem *m = state;
    char text[128];
    char *end;
    (void)now_ns;
    const int n = mb_sys_pread_text(m->statm_fd - 1, text, sizeof(text));
    const uint64_t t_ns = mb_clock_ns();
    long long resident = -1, shared = -1;
    if (n > 0) {
        strtoll(text, &end, 10); /* size, resident, shared: pages; shared = file-backed + shmem */
        resident = strtoll(end, &end, 10);
        const char *at = end;
        shared = strtoll(at, &end, 10);
        if (end == at)
            shared = -1;
    }
    if (shared < 0 || resident < shared) {
        m->anon.n_errors++;
        m->file.n_errors++;
        return;
    }
    mb_series_push(&m->anon, t_ns, (int64_t)(resident - shared) * m->page_bytes);
    mb_series_push(&m->file, t_ns, (int64_t)shared * m->page_bytes);
}

static void proc_mem_stop(void *state)
{
    struct proc_mem *m = state;
    if (m->faults_ok)
        m->faults_ok = read_faults(m, &m->minor, &m->major);
    close_segment(m, MB_PHASE_NONE);
    m->seen[MB_PHASE_NONE] = true;
    m->end[MB_PHASE_NONE] = m->last;
    if (m->n_read_errors > 0)
        m->peak_known[MB_PHASE_NONE] = false; /* the segment that was not read may hold the peak */
}

static int put(struct mb_record *record, enum mb_metric metric, const char *scope, bool known, int64_t value, const char *reason)
{
    return known ? mb_record_add_metric(record, metric, scope, "proc_mem", MB_ORIGIN_MEASURED, (double)value)
                 : mb_record_add_absent(record, metric, scope, "proc_mem", reason);
}

static int read_phase(const struct proc_mem *m, enum mb_phase phase, struct mb_record *record)
{
    const struct resident *end = &m->end[phase];
    const char *scope = mb_phase_names[phase], *unread = "/proc/PID/status could not be read at the end of the phase";
    const char *no_peak = m->no_reset[0] ? m->no_reset : unread;
    int rc = put(record, MB_METRIC_RSS_ANON_BYTES, scope, end->ok, end->anon, unread);
    if (rc == MB_OK)
        rc = put(record, MB_METRIC_RSS_FILE_BYTES, scope, end->ok, end->file, unread);
    if (rc == MB_OK)
        rc = put(record, MB_METRIC_SWAP_BYTES, scope, end->ok && end->swap >= 0, end->swap,
                 end->ok ? "/proc/PID/status has no VmSwap: a kernel without swap (CONFIG_SWAP)" : unread);
    if (rc == MB_OK)
        rc = put(record, MB_METRIC_RSS_PEAK_BYTES, scope, m->peak_known[phase], m->peak[phase], no_peak);
    return rc;
}

static int read_pss(const struct proc_mem *m, struct mb_record *record)
{
    char text[2048];
    const int64_t pss = m->rollup_fd && mb_sys_pread_text(m->rollup_fd - 1, text, sizeof(text)) > 0 ? field_bytes(text, "\nPss:") : -1;
    return put(record, MB_METRIC_PSS_BYTES, "", pss >= 0, pss, m->no_rollup[0] ? m->no_rollup : "/proc/PID/smaps_rollup could not be read");
}

static int proc_mem_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct proc_mem *m = state;
    int rc = MB_OK;
    for (int p = 0; rc == MB_OK && p < MB_PHASE_N; p++)
        if (m->seen[p])
            rc = read_phase(m, (enum mb_phase)p, record);
    const char *unread = "/proc/PID/stat could not be read at both ends of the trial";
    if (rc == MB_OK)
        rc = put(record, MB_METRIC_MINOR_FAULTS, "", m->faults_ok, m->minor - m->minor_begin, unread);
    if (rc == MB_OK)
        rc = put(record, MB_METRIC_MAJOR_FAULTS, "", m->faults_ok, m->major - m->major_begin, unread);
    if (rc == MB_OK)
        rc = read_pss(m, record);
    if (rc)
        return mb_fail(err, rc, "no memory for the figures");
    struct mb_series_label label = {.name = "rss_anon_bytes", .channel = "process", .source = "proc_mem",
                                    .origin = MB_ORIGIN_MEASURED, .period_ns = m->period_ns};
    rc = mb_series_record(&m->anon, record, &label, err);
    label.name = "rss_file_bytes";
    return rc ? rc : mb_series_record(&m->file, record, &label, err);
}

static void proc_mem_close(void *state)
{
    struct proc_mem *m = state;
    close_one(&m->statm_fd);
    close_one(&m->status_fd);
    close_one(&m->stat_fd);
    close_one(&m->reset_fd);
    close_one(&m->rollup_fd);
    mb_series_release(&m->anon);
    mb_series_release(&m->file);
}

static const enum mb_metric proc_mem_metrics[] = {MB_METRIC_RSS_ANON_BYTES, MB_METRIC_RSS_FILE_BYTES, MB_METRIC_RSS_PEAK_BYTES,
                                                  MB_METRIC_PSS_BYTES, MB_METRIC_SWAP_BYTES, MB_METRIC_MINOR_FAULTS, MB_METRIC_MAJOR_FAULTS,
                                                  MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_proc_mem;
const struct mb_collector_ops mb_collector_proc_mem = {
    .abi = MB_COLLECTOR_ABI,
    .name = "proc_mem",
    .group = "memory",
    .summary = "resident memory (anonymous, file, PSS), swap, peak per phase, page faults of the process",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct proc_mem),
    .metrics = proc_mem_metrics,
    .probe = proc_mem_probe,
    .open = proc_mem_open,
    .start = proc_mem_start,
    .phase = proc_mem_phase,
    .poll = proc_mem_poll,
    .stop = proc_mem_stop,
    .read = proc_mem_read,
    .close = proc_mem_close,
};
