/* proc_load.c - see proc_load.h. */
#include "harness/proc_load.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "harness/machine_cpu.h"

struct process { pid_t pid; char name[32]; uint64_t ticks; };
struct processes { struct process *p; size_t n; };

int mb_cpu_ticks_read(const char *root, struct mb_cpu_ticks *ticks, struct mb_error *err)
{
    char text[256];
    uint64_t v[8];
    const int rc = mb_sys_read_text(root, "/proc/stat", text, sizeof(text), err);
    if (rc)
        return rc;
    if (sscanf(text, "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64, &v[0], &v[1], &v[2], &v[3],
               &v[4], &v[5], &v[6], &v[7]) != 8)
        return mb_fail(err, MB_EFORMAT, "/proc/stat: no line of all processors with steal time");
    *ticks = (struct mb_cpu_ticks){.steal = v[7]};
    for (int i = 0; i < 8; i++)
        ticks->all += v[i];
    return MB_OK;
}

int mb_cpu_pressure_read(const char *root, struct mb_cpu_pressure *pressure, struct mb_error *err)
{
    char text[256];
    const int rc = mb_sys_read_text(root, "/proc/pressure/cpu", text, sizeof(text), err);
    if (rc)
        return rc;
    if (sscanf(text, "some avg10=%*f avg60=%lf avg300=%*f total=%" SCNu64, &pressure->avg60_percent, &pressure->total_us) != 2)
        return mb_fail(err, MB_EFORMAT, "/proc/pressure/cpu: no line 'some'");
    return MB_OK;
}

/* nr_periods, nr_throttled; throttled_usec in version 2, throttled_time (ns) in version 1. Groups without a quota have zeros or no such lines. */
static bool add_group(const char *root, const char *dir, struct mb_group_throttle *t)
{
    char path[1200], text[2048];
    bool found = false;
    snprintf(path, sizeof(path), "%.1100s/cpu.stat", dir);
    if (mb_sys_read_text(root, path, text, sizeof(text), NULL))
        return false;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        uint64_t v;
        if (sscanf(line, "nr_periods %" SCNu64, &v) == 1)
            t->n_periods += v;
        else if (sscanf(line, "nr_throttled %" SCNu64, &v) == 1)
            t->n_throttled += v, found = true;
        else if (sscanf(line, "throttled_usec %" SCNu64, &v) == 1)
            t->throttled_ns += 1000 * v;
        else if (sscanf(line, "throttled_time %" SCNu64, &v) == 1)
            t->throttled_ns += v;
    }
    return found;
}

static bool add_groups(const char *root, const char *mount, char *group, struct mb_group_throttle *t)
{
    for (bool found = false;;) {
        char dir[1100];
        snprintf(dir, sizeof(dir), "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
        found |= add_group(root, dir, t);
        char *slash = strrchr(group, '/');
        if (!slash || !*group)
            return found;
        *slash = '\0';
    }
}

int mb_group_throttle_read(const char *root, struct mb_group_throttle *t, struct mb_error *err)
{
    char group[1024], *table = mb_machine_slurp(root, "/proc/self/cgroup");
    bool found = false;
    *t = (struct mb_group_throttle){0};
    if (table && mb_machine_cgroup_path(table, "cpu", group, sizeof(group)))
        found = add_groups(root, "/sys/fs/cgroup/cpu", group, t);
    if (table && !found && mb_machine_cgroup_path(table, "", group, sizeof(group)))
        found = add_groups(root, "/sys/fs/cgroup", group, t);
    free(table);
    return found ? MB_OK : mb_fail(err, MB_ENOENT, "no control group of this process has cpu.stat with nr_throttled");
}

/* "1 (a ) name) S ppid ... utime stime": the name ends at the last parenthesis; the times are fields 14 and 15. */
static int read_process(const char *root, const char *pid, struct process *p)
{
    char path[64], text[512];
    uint64_t user, system;
    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    if (mb_sys_read_text(root, path, text, sizeof(text), NULL))
        return MB_ENOENT;
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open ||
        sscanf(close + 1, " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64, &user, &system) != 2)
        return MB_EFORMAT;
    *close = '\0';
    p->pid = (pid_t)strtol(pid, NULL, 10);
    p->ticks = user + system;
    snprintf(p->name, sizeof(p->name), "%.31s", open + 1);
    return MB_OK;
}

static int read_processes(const char *root, struct processes *all, struct mb_error *err)
{
    char **names = NULL;
    size_t n = 0;
    *all = (struct processes){0};
    const int rc = mb_sys_list(root, "/proc", "", &names, &n, err);
    if (rc)
        return rc;
    all->p = calloc(n + 1, sizeof(*all->p));
    for (size_t i = 0; all->p && i < n; i++)
        if (isdigit((unsigned char)names[i][0]) && read_process(root, names[i], &all->p[all->n]) == MB_OK)
            all->n++;
    mb_sys_list_free(names, n);
    return all->p ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for the list of processes");
}

/* What a process that was not there before has used, it used within the span. */
static uint64_t ticks_before(const struct processes *before, pid_t pid)
{
    for (size_t i = 0; i < before->n; i++)
        if (before->p[i].pid == pid)
            return before->p[i].ticks;
    return 0;
}

static size_t insert(struct mb_busy *busy, size_t n, size_t cap, struct mb_busy row)
{
    size_t at = n < cap ? n : cap - 1;
    if (n == cap && busy[at].cpus >= row.cpus)
        return n;
    for (; at > 0 && busy[at - 1].cpus < row.cpus; at--)
        busy[at] = busy[at - 1];
    busy[at] = row;
    return n < cap ? n + 1 : cap;
}

int mb_busiest(const char *root, unsigned span_ms, struct mb_busy *busy, size_t cap, struct mb_error *err)
{
    struct processes before = {0}, after = {0};
    size_t n = 0;
    const uint64_t begin_ns = mb_clock_ns();
    int rc = read_processes(root, &before, err);
    if (!rc) {
        mb_clock_sleep_until_ns(begin_ns + span_ms * (uint64_t)1000000);
        rc = read_processes(root, &after, err);
    }
    const double span_ticks = (double)(mb_clock_ns() - begin_ns) * 1e-9 * (double)sysconf(_SC_CLK_TCK);
    for (size_t i = 0; !rc && i < after.n; i++) {
        const struct process *p = &after.p[i];
        const uint64_t then = ticks_before(&before, p->pid);
        struct mb_busy row = {.pid = p->pid, .cpus = p->ticks > then ? (double)(p->ticks - then) / span_ticks : 0};
        memcpy(row.name, p->name, sizeof(row.name));
        if (row.cpus > 0.01 && p->pid != getpid())
            n = insert(busy, n, cap, row);
    }
    free(before.p);
    free(after.p);
    return rc ? rc : (int)n;
}
