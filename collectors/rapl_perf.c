/* rapl_perf.c - the same energy counters as rapl.c through the kernel's power PMU (/sys/bus/event_source/devices/power): for machines
 * where perf is allowed and powercap is not. One event per domain and processor of cpumask (one a package); the kernel extends the count
 * to 64 bits, so that nothing wraps. Unit and scale are the kernel's files. Counting only: events of this PMU belong to the machine.
 * With both at hand a report takes rapl's total (v_trial_energy) and never both. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "collectors/energy_collector.h"
#include "collectors/options.h"
#include "collectors/perf_refusal.h"
#include "collectors/rapl_domains.h"

#define PMU_DIR "/sys/bus/event_source/devices/power"
#define CHANNELS_MAX 32
#define CPUS_MAX 16 /* packages */

struct rapl_perf {
    struct mb_energy_meter meter;
    const char *root;
    uint32_t type;
    unsigned cpu[CPUS_MAX];
    size_t n_cpus;
    int fd[CHANNELS_MAX]; /* + 1 */
};

extern const struct mb_collector_ops mb_collector_rapl_perf;

static bool read_count(void *user, size_t i, int64_t *raw, uint64_t *t_ns)
{
    const struct rapl_perf *r = user;
    (void)t_ns;
    return read(r->fd[i] - 1, raw, sizeof(*raw)) == (ssize_t)sizeof(*raw);
}

/* "0,24" or "0-1". */
static void parse_cpumask(struct rapl_perf *r, const char *text)
{
    while (*text >= '0' && *text <= '9') {
        char *end;
        unsigned long first = strtoul(text, &end, 10), last = first;
        if (*end == '-')
            last = strtoul(end + 1, &end, 10);
        for (; first <= last && r->n_cpus < CPUS_MAX; first++)
            r->cpu[r->n_cpus++] = (unsigned)first;
        text = end + (*end == ',');
    }
}

/* The names of powercap: package-0, package-0-die-1 where a package has several counters. */
static void name_package(const struct rapl_perf *r, unsigned cpu, char *name, size_t cap)
{
    char path[128];
    int64_t package = 0, die = 0;
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/physical_package_id", cpu);
    if (mb_sys_read_i64(r->root, path, &package, NULL))
        package = cpu;
    snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/topology/die_id", cpu);
    if (mb_sys_read_i64(r->root, path, &die, NULL))
        die = 0;
    snprintf(name, cap, die > 0 ? "package-%d-die-%d" : "package-%d", (int)package, (int)die);
}

static void name_channel(const struct rapl_perf *r, const char *event, unsigned cpu, char *scope, size_t cap)
{
    static const char *const domains[][2] = {{"cores", "/core"}, {"ram", "/dram"}, {"gpu", "/uncore"}, {"pkg", ""}};
    char package[32];
    const char *domain = event + strlen("energy-");
    name_package(r, cpu, package, sizeof(package));
    for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
        if (strcmp(domain, domains[i][0]) == 0) {
            snprintf(scope, cap, "%s%s", package, domains[i][1]);
            return;
        }
    snprintf(scope, cap, "%s/%.24s", package, domain);
}

static int event_config(const struct rapl_perf *r, const char *event, uint64_t *config, double *uj_per_count)
{
    char path[160], text[64], *end;
    snprintf(path, sizeof(path), PMU_DIR "/events/%.60s", event);
    if (mb_sys_read_text(r->root, path, text, sizeof(text), NULL) || strncmp(text, "event=", 6) != 0)
        return MB_EFORMAT;
    *config = strtoull(text + 6, &end, 0);
    if (end == text + 6)
        return MB_EFORMAT;
    snprintf(path, sizeof(path), PMU_DIR "/events/%.60s.unit", event);
    if (mb_sys_read_text(r->root, path, text, sizeof(text), NULL) || strcmp(text, "Joules") != 0)
        return MB_EFORMAT;
    snprintf(path, sizeof(path), PMU_DIR "/events/%.60s.scale", event);
    if (mb_sys_read_text(r->root, path, text, sizeof(text), NULL))
        return MB_EFORMAT;
    *uj_per_count = strtod(text, &end) * 1e6;
    return end != text && *uj_per_count > 0 && *uj_per_count < 1e6 ? MB_OK : MB_EFORMAT;
}

static void add_event(struct rapl_perf *r, const char *event, unsigned cpu)
{
    char scope[64];
    struct perf_event_attr attr = {.type = r->type, .size = sizeof(attr)};
    name_channel(r, event, cpu, scope, sizeof(scope));
    if (strcmp(event, "energy-psys") == 0)
        snprintf(scope, sizeof(scope), "psys");
    if (mb_energy_has_scope(&r->meter, scope)) /* psys is one for the machine, whatever processor is asked */
        return;
    struct mb_energy_channel *c = mb_energy_add(&r->meter);
    if (!c)
        return;
    snprintf(c->scope, sizeof(c->scope), "%s", scope);
    c->kind = MB_ENERGY_COUNTER;
    c->update_ns = MB_RAPL_UPDATE_NS;
    c->at_edges = true;
    uint64_t config = 0;
    if (event_config(r, event, &config, &c->scale)) {
        snprintf(c->reason, sizeof(c->reason), PMU_DIR "/events/%.60s: event, unit or scale is not understood", event);
        return;
    }
    attr.config = config;
    const int fd = (int)syscall(SYS_perf_event_open, &attr, -1, (int)cpu, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        mb_perf_explain(c->reason, sizeof(c->reason), errno, r->root, 0);
    else
        r->fd[r->meter.n - 1] = fd + 1;
}

/* A virtual machine may show the PMU and count nothing: a processor at rest already moves its counter in a few updates. */
static int check_that_it_counts(struct rapl_perf *r, struct mb_error *err)
{
    const struct timespec pause = {.tv_nsec = 5 * MB_RAPL_UPDATE_NS};
    int64_t before[CHANNELS_MAX] = {0}, after = 0;
    uint64_t t_ns;
    bool any = false;
    for (size_t i = 0; i < r->meter.n; i++)
        if (r->fd[i] && read_count(r, i, &before[i], &t_ns))
            any = true;
    nanosleep(&pause, NULL);
    for (size_t i = 0; i < r->meter.n; i++)
        if (r->fd[i] && (!read_count(r, i, &after, &t_ns) || after != before[i]))
            return MB_OK;
    return any ? mb_fail(err, MB_ENOTSUP, "the power PMU is there, but its counters (%s) stand still: usual in virtual machines",
                         r->meter.channels[0].scope)
               : MB_OK;
}

static int find_pmu(struct rapl_perf *r, struct mb_error *err)
{
    char cpumask[256];
    int64_t type;
    if (mb_sys_read_i64(r->root, PMU_DIR "/type", &type, NULL) || type < 0 || type > INT32_MAX)
        return mb_fail(err, MB_ENOTSUP, "no " PMU_DIR ": perf has no energy counters here (virtual machine, ARM, or module rapl not loaded)");
    r->type = (uint32_t)type;
    if (mb_sys_read_text(r->root, PMU_DIR "/cpumask", cpumask, sizeof(cpumask), NULL) == MB_OK)
        parse_cpumask(r, cpumask);
    return r->n_cpus ? MB_OK : mb_fail(err, MB_ENOTSUP, PMU_DIR "/cpumask names no processor");
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct rapl_perf *r = state;
    char **names;
    size_t n;
    int rc = mb_collector_options_check(env->options, "error", err);
    rc = rc ? rc : mb_energy_init(&r->meter, "rapl_perf", env, CHANNELS_MAX, err);
    if (rc)
        return rc;
    r->root = env->root;
    r->meter.read = read_count;
    r->meter.user = r;
    rc = find_pmu(r, err);
    if (rc)
        return rc;
    if (mb_sys_list(env->root, PMU_DIR "/events", "energy-", &names, &n, NULL))
        return mb_fail(err, MB_ENOTSUP, PMU_DIR " lists no events");
    for (size_t k = 0; k < r->n_cpus; k++)
        for (size_t i = 0; i < n; i++)
            if (!strchr(names[i], '.'))
                add_event(r, names[i], r->cpu[k]);
    mb_sys_list_free(names, n);
    mb_rapl_choose_total(&r->meter);
    rc = check_that_it_counts(r, err);
    return rc ? rc : mb_energy_any(&r->meter, found, err);
}

static int rapl_perf_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_rapl_perf, discover, env, why);
}

static int rapl_perf_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

static void rapl_perf_close(void *state)
{
    struct rapl_perf *r = state;
    for (size_t i = 0; i < CHANNELS_MAX; i++) {
        if (r->fd[i])
            close(r->fd[i] - 1);
        r->fd[i] = 0;
    }
    mb_energy_release(&r->meter);
}

const struct mb_collector_ops mb_collector_rapl_perf = {
    .abi = MB_COLLECTOR_ABI,
    .name = "rapl_perf",
    .group = "energy",
    .summary = "the same energy counters through perf's power PMU, where powercap may not be read",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct rapl_perf),
    .metrics = mb_energy_metrics,
    .probe = rapl_perf_probe,
    .open = rapl_perf_open,
    .start = mb_energy_hook_start,
    .phase = mb_energy_hook_phase,
    .poll = mb_energy_hook_poll,
    .stop = mb_energy_hook_stop,
    .read = mb_energy_hook_read,
    .close = rapl_perf_close,
};
