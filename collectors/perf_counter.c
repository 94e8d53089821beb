/* perf_counter.c - see perf_counter.h. */
#include "collectors/perf_counter.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sysroot.h"

#define PMU_DIR "/sys/bus/event_source/devices"
#define EXTENDED_TYPE_SHIFT 32
#define SHARED_BELOW 0.999 /* running / enabled: less means that the event shared its counter */

void mb_perf_pmus_find(struct mb_perf_pmus *pmus, const char *root)
{
    char **names, path[160], cpus[16];
    size_t n;
    pmus->n = 0;
    if (mb_sys_list(root, PMU_DIR, "", &names, &n, NULL))
        return;
    for (size_t i = 0; i < n && pmus->n < MB_PERF_PMUS_MAX; i++) {
        int64_t type;
        snprintf(path, sizeof(path), PMU_DIR "/%.60s/cpus", names[i]); /* uncore and sampling units have cpumask instead */
        if (mb_sys_read_text(root, path, cpus, sizeof(cpus), NULL) || !cpus[0])
            continue;
        snprintf(path, sizeof(path), PMU_DIR "/%.60s/type", names[i]);
        if (mb_sys_read_i64(root, path, &type, NULL) || type < 0 || type > INT32_MAX)
            continue;
        struct mb_perf_pmu *pmu = &pmus->pmu[pmus->n++];
        snprintf(pmu->name, sizeof(pmu->name), "%.31s", names[i]);
        pmu->type = (uint32_t)type;
    }
    mb_sys_list_free(names, n);
}

static int open_one(uint32_t type, uint64_t config, const struct mb_perf_target *target, int group_fd)
{
    struct perf_event_attr attr = {
        .type = type,
        .size = sizeof(attr),
        .config = config,
        .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
        .inherit = 1,
        .exclude_kernel = target->user_only,
        .exclude_hv = target->user_only,
    };
    return (int)syscall(SYS_perf_event_open, &attr, target->pid, -1, group_fd, PERF_FLAG_FD_CLOEXEC);
}

/* In the leader's group if that can be: the kernel refuses a group that the PMU has no room for, and the event goes alone. */
static int open_grouped(uint32_t type, uint64_t config, const struct mb_perf_target *target, int group_fd)
{
    const int fd = group_fd < 0 ? -1 : open_one(type, config, target, group_fd);
    return fd < 0 ? open_one(type, config, target, -1) : fd;
}

/* events/inst_retired of an Arm PMU says "event=0x0008". */
static bool native_config(const struct mb_perf_event *event, const struct mb_perf_pmu *pmu, const char *root, uint64_t *config)
{
    char path[160], text[32], *end;
    if (!event->native)
        return false;
    snprintf(path, sizeof(path), PMU_DIR "/%s/events/%.40s", pmu->name, event->native);
    if (mb_sys_read_text(root, path, text, sizeof(text), NULL) || strncmp(text, "event=", 6) != 0)
        return false;
    *config = strtoull(text + 6, &end, 0);
    return end != text + 6 && !*end;
}

static int open_on_pmu(const struct mb_perf_event *event, const struct mb_perf_pmu *pmu, const struct mb_perf_target *target, int group_fd)
{
    const int fd = open_grouped(event->type, event->config | (uint64_t)pmu->type << EXTENDED_TYPE_SHIFT, target, group_fd);
    const int error = errno;
    uint64_t config;
    if (fd >= 0 || (error != ENOENT && error != EINVAL) || !native_config(event, pmu, target->root, &config))
        return errno = error, fd;
    return open_grouped(pmu->type, config, target, group_fd);
}

int mb_perf_counter_open(struct mb_perf_counter *c, const struct mb_perf_event *event, const struct mb_perf_pmus *pmus,
                         const struct mb_perf_target *target, const struct mb_perf_counter *leader)
{
    const bool per_pmu = event->type == PERF_TYPE_HARDWARE && pmus->n > 1;
    for (size_t k = 0; k < (per_pmu ? pmus->n : 1); k++) {
        const int group_fd = leader && leader->n_fds > k ? leader->fd[k] - 1 : -1;
        const int fd = per_pmu ? open_on_pmu(event, &pmus->pmu[k], target, group_fd) : open_grouped(event->type, event->config, target, group_fd);
        if (fd < 0) {
            const int error = errno;
            mb_perf_counter_close(c);
            c->i_refused = k;
            return error;
        }
        c->fd[c->n_fds++] = fd + 1;
    }
    return 0;
}

void mb_perf_counter_close(struct mb_perf_counter *c)
{
    for (size_t k = 0; k < c->n_fds; k++)
        close(c->fd[k] - 1);
    c->n_fds = 0;
}

static bool read_all(const struct mb_perf_counter *c, struct mb_perf_reading *into)
{
    bool ok = true;
    for (size_t k = 0; k < c->n_fds; k++)
        ok = read(c->fd[k] - 1, &into[k], sizeof(into[k])) == (ssize_t)sizeof(into[k]) && ok;
    return ok;
}

void mb_perf_counter_begin(struct mb_perf_counter *c)
{
    c->failed = !read_all(c, c->begin);
}

void mb_perf_counter_end(struct mb_perf_counter *c)
{
    c->failed = !read_all(c, c->end) || c->failed;
}

struct span {
    double count, enabled_ns, running_ns;
};

static struct span span_of(const struct mb_perf_counter *c, size_t k)
{
    return (struct span){.count = (double)(c->end[k].count - c->begin[k].count),
                         .enabled_ns = (double)(c->end[k].enabled_ns - c->begin[k].enabled_ns),
                         .running_ns = (double)(c->end[k].running_ns - c->begin[k].running_ns)};
}

static const char *total(const struct mb_perf_counter *c, struct span *sum)
{
    *sum = (struct span){0};
    if (c->failed)
        return "the counter could not be read at both ends of the trial";
    for (size_t k = 0; k < c->n_fds; k++) {
        const struct span s = span_of(c, k);
        sum->count += s.count;
        sum->running_ns += s.running_ns;
        sum->enabled_ns = s.enabled_ns > sum->enabled_ns ? s.enabled_ns : sum->enabled_ns;
    }
    return sum->running_ns > 0 ? NULL : "the event was never scheduled on a counter during the trial: others hold them (kernel.nmi_watchdog=0 frees one)";
}

/* count * enabled / running: the usual estimate (perf_event_open(2)). */
static struct mb_perf_figure scaled(const struct span *s, const struct span *sum)
{
    const bool shared = sum->running_ns < sum->enabled_ns * SHARED_BELOW;
    const double share = sum->enabled_ns > 0 ? s->running_ns / sum->enabled_ns : 0;
    return (struct mb_perf_figure){.count = shared ? s->count * sum->enabled_ns / sum->running_ns : s->count,
                                   .running_share = share < 1 ? share : 1, /* PMUs are read one after the other */
                                   .origin = shared ? MB_ORIGIN_ESTIMATED : MB_ORIGIN_MEASURED};
}

const char *mb_perf_counter_sum(const struct mb_perf_counter *c, struct mb_perf_figure *figure)
{
    struct span sum;
    const char *reason = total(c, &sum);
    *figure = scaled(&sum, &sum);
    return reason;
}

const char *mb_perf_counter_part(const struct mb_perf_counter *c, size_t k, struct mb_perf_figure *figure)
{
    struct span sum;
    const char *reason = total(c, &sum);
    const struct span part = span_of(c, k);
    *figure = scaled(&part, &sum);
    if (!reason && part.running_ns <= 0 && figure->origin == MB_ORIGIN_ESTIMATED)
        reason = "the event was never scheduled on this kind of core: none of its time, or no counter free";
    return reason;
}
