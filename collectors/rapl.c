/* rapl.c - energy counters of Intel and AMD processors through /sys/class/powercap (kernel: Documentation/power/powercap). Each zone
 * counts microjoules modulo max_energy_range_uj; the hardware updates it every millisecond. A zone's energy is the difference of two
 * reads with every wrap between polls undone: polls must come at least once per wrap (minutes), which any sampler period gives.
 * Zones are reported one by one; the total adds packages and their dram (which is outside the package), never psys, core or uncore. */
#include <stdatomic.h>
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

#define ZONES_MAX 32
#define UPDATE_NS 1000000u     /* period of the hardware's own update */
#define PHASE_UPDATES_MIN 100u /* shorter phases: one update at either end is more than 1 % each */
#define CLASS_DIR "/sys/class/powercap"

struct stamp {
    bool ok;
    uint64_t t_ns;
    uint64_t total_uj; /* since start */
};

struct zone {
    char scope[64];    /* package-0, package-0/dram, psys */
    bool in_total;
    int fd;            /* + 1, 0 = not open */
    char reason[200];  /* why it is not open */
    uint64_t range_uj; /* 0: not given */
    uint64_t raw_begin_uj;
    struct stamp begin, end;
    atomic_uint_least64_t total_uj; /* at the latest good read of start or poll: phase() of the other thread builds on it */
    atomic_bool went_back;          /* decreased without a known range */
    struct stamp shown;             /* latest point of the power stream */
    struct stamp edge;              /* where the phase under way began */
    uint64_t phase_uj[MB_PHASE_N];
    bool phase_broken[MB_PHASE_N];
    struct mb_series power;
};

struct rapl {
    struct zone *zones; /* [n], owned */
    size_t n;
    uint64_t period_ns;
    struct mb_phase_tracker tracker;
    uint64_t t_edge_ns;
    uint64_t phase_ns[MB_PHASE_N], n_phases[MB_PHASE_N];
};

static bool is_package(const char *scope)
{
    return strncmp(scope, "package", 7) == 0 && !strchr(scope, '/');
}

/* intel-rapl:0 and intel-rapl-mmio:0 are the same package seen through two registers: the second is skipped where the first exists. */
static bool is_mirror(const struct rapl *r, const char *dir, const char *scope)
{
    if (strncmp(dir, "intel-rapl-mmio", 15) != 0)
        return false;
    for (size_t i = 0; i < r->n; i++)
        if (strcmp(r->zones[i].scope, scope) == 0)
            return true;
    return false;
}

static int read_name(const char *root, const char *dir, char *name, size_t cap)
{
    char path[192];
    snprintf(path, sizeof(path), CLASS_DIR "/%.100s/name", dir);
    return mb_sys_read_text(root, path, name, cap, NULL);
}

/* Scope of a zone directory "control:0" or "control:0:1" (child of "control:0"). */
static int scope_of(const char *root, const char *dir, char *scope, size_t cap)
{
    char name[32], parent_name[32], parent[100];
    if (read_name(root, dir, name, sizeof(name)) || !name[0])
        return MB_ENOENT;
    const char *first = strchr(dir, ':'), *last = strrchr(dir, ':');
    if (first == last) {
        snprintf(scope, cap, "%s", name);
        return MB_OK;
    }
    snprintf(parent, sizeof(parent), "%.*s", (int)(last - dir), dir);
    if (read_name(root, parent, parent_name, sizeof(parent_name)))
        snprintf(parent_name, sizeof(parent_name), "%.31s", parent);
    snprintf(scope, cap, "%s/%s", parent_name, name);
    return MB_OK;
}

static bool in_total(const char *scope)
{
    const char *slash = strchr(scope, '/');
    return is_package(scope) || (slash && strncmp(scope, "package", 7) == 0 && strcmp(slash, "/dram") == 0);
}

static void add_zone(struct rapl *r, const char *root, const char *dir)
{
    struct zone *z = &r->zones[r->n];
    struct mb_error why = {0};
    char path[192];
    int64_t range = 0, probe;
    if (r->n >= ZONES_MAX || !strchr(dir, ':') || scope_of(root, dir, z->scope, sizeof(z->scope)) || is_mirror(r, dir, z->scope))
        return;
    r->n++;
    z->in_total = in_total(z->scope);
    snprintf(path, sizeof(path), CLASS_DIR "/%.100s/max_energy_range_uj", dir);
    z->range_uj = mb_sys_read_i64(root, path, &range, NULL) == MB_OK && range > 0 ? (uint64_t)range : 0;
    snprintf(path, sizeof(path), CLASS_DIR "/%.100s/energy_uj", dir);
    const int fd = mb_sys_open(root, path, &why);
    if (fd == MB_ENOTSUP)
        snprintf(z->reason, sizeof(z->reason), "%.80s; run `sudo chmod a+r " CLASS_DIR "/*/energy_uj` once per boot", why.text);
    else if (fd < 0)
        snprintf(z->reason, sizeof(z->reason), "%.180s", why.text);
    else if (mb_sys_pread_i64(fd, &probe)) {
        snprintf(z->reason, sizeof(z->reason), "%.120s: not a number", path);
        close(fd);
    } else
        z->fd = fd + 1;
}

static int discover(struct rapl *r, const char *root, struct mb_error *err)
{
    char **names;
    size_t n;
    if (mb_sys_list(root, CLASS_DIR, "intel-rapl", &names, &n, NULL))
        return mb_fail(err, MB_ENOTSUP, "no " CLASS_DIR ": no RAPL counters here (virtual machine, ARM, or module intel_rapl_msr "
                                        "not loaded)");
    r->zones = calloc(ZONES_MAX, sizeof(*r->zones));
    for (int mmio = 0; r->zones && mmio < 2; mmio++) /* registers first, so that mirrors are known as such */
        for (size_t i = 0; i < n; i++)
            if ((strncmp(names[i], "intel-rapl-mmio", 15) == 0) == mmio)
                add_zone(r, root, names[i]);
    mb_sys_list_free(names, n);
    if (!r->zones)
        return mb_fail(err, MB_ENOMEM, "no memory");
    size_t n_open = 0;
    for (size_t i = 0; i < r->n; i++)
        n_open += r->zones[i].fd != 0;
    if (r->n == 0)
        return mb_fail(err, MB_ENOTSUP, CLASS_DIR " has no RAPL zone");
    return n_open ? MB_OK : mb_fail(err, MB_ENOTSUP, "%s", r->zones[0].reason);
}

static void rapl_close(void *state)
{
    struct rapl *r = state;
    for (size_t i = 0; i < r->n; i++) {
        if (r->zones[i].fd)
            close(r->zones[i].fd - 1);
        mb_series_release(&r->zones[i].power);
    }
    free(r->zones);
    r->zones = NULL;
    r->n = 0;
}

static int rapl_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct rapl r = {0};
    const int rc = discover(&r, env->root, why);
    if (rc == MB_OK) {
        char text[400] = "";
        size_t at = 0;
        for (size_t i = 0; i < r.n && at < sizeof(text) - 80; i++)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s", i ? ", " : "", r.zones[i].scope,
                                   r.zones[i].fd ? "" : " (unreadable)");
        mb_fail(why, MB_OK, "energy counters: %s", text);
    }
    rapl_close(&r);
    return rc;
}

static int rapl_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct rapl *r = state;
    int rc = discover(r, env->root, err);
    r->period_ns = env->period_ns;
    for (size_t i = 0; rc == MB_OK && i < r->n; i++)
        if (r->zones[i].fd)
            rc = mb_series_init(&r->zones[i].power, env->max_samples, err);
    return rc;
}

static bool read_raw(const struct zone *z, uint64_t *raw_uj, uint64_t *t_ns)
{
    int64_t raw = -1;
    const int rc = mb_sys_pread_i64(z->fd - 1, &raw);
    *t_ns = mb_clock_ns();
    *raw_uj = (uint64_t)raw;
    return rc == MB_OK && raw >= 0 && (z->range_uj == 0 || *raw_uj <= z->range_uj);
}

/* Energy since start. The counter's remainder is known from the total, so one atomic is all that polls and phases share. The total is
 * loaded before the read: it can then only be older than the reading, and the difference stays below one wrap. */
static struct stamp read_total(struct zone *z)
{
    const uint64_t before = atomic_load(&z->total_uj);
    struct stamp s = {0};
    uint64_t raw;
    s.ok = z->begin.ok && read_raw(z, &raw, &s.t_ns);
    if (!s.ok)
        return s;
    if (z->range_uj) {
        const uint64_t range = z->range_uj, expected = (z->raw_begin_uj + before) % range;
        s.total_uj = before + (raw % range + range - expected) % range;
    } else if (raw >= z->raw_begin_uj + before) {
        s.total_uj = raw - z->raw_begin_uj;
    } else {
        atomic_store(&z->went_back, true);
        s.ok = false;
    }
    return s;
}

static void start_zone(struct zone *z)
{
    uint64_t raw, t_ns;
    mb_series_clear(&z->power);
    memset(z->phase_uj, 0, sizeof(z->phase_uj));
    memset(z->phase_broken, 0, sizeof(z->phase_broken));
    atomic_store(&z->total_uj, 0);
    atomic_store(&z->went_back, false);
    const bool ok = read_raw(z, &raw, &t_ns);
    z->raw_begin_uj = raw;
    z->begin = z->shown = (struct stamp){.ok = ok, .t_ns = t_ns};
    z->end = z->edge = (struct stamp){0};
}

static void rapl_start(void *state)
{
    struct rapl *r = state;
    r->tracker = (struct mb_phase_tracker){0};
    memset(r->phase_ns, 0, sizeof(r->phase_ns));
    memset(r->n_phases, 0, sizeof(r->n_phases));
    for (size_t i = 0; i < r->n; i++)
        if (r->zones[i].fd)
            start_zone(&r->zones[i]);
}

static void rapl_poll(void *state, uint64_t now_ns)
{
    struct rapl *r = state;
    (void)now_ns;
    for (size_t i = 0; i < r->n; i++) {
        struct zone *z = &r->zones[i];
        if (!z->fd)
            continue;
        const struct stamp now = read_total(z);
        if (!now.ok) {
            z->power.n_errors++;
            continue;
        }
        atomic_store(&z->total_uj, now.total_uj);
        /* Two reads close together would show the counter's own step as a spike: half a period is the least base of a difference. */
        if (now.t_ns - z->shown.t_ns < r->period_ns / 2 || now.t_ns - z->shown.t_ns < UPDATE_NS)
            continue;
        const double uw = (double)(now.total_uj - z->shown.total_uj) * 1e9 / (double)(now.t_ns - z->shown.t_ns);
        mb_series_push(&z->power, now.t_ns, (int64_t)(uw + 0.5));
        z->shown = now;
    }
}

static void rapl_phase(void *state, const struct mb_event *event)
{
    struct rapl *r = state;
    enum mb_phase ended;
    if (!mb_phase_advance(&r->tracker, event, &ended))
        return;
    for (size_t i = 0; i < r->n; i++) {
        struct zone *z = &r->zones[i];
        if (!z->fd)
            continue;
        const struct stamp now = read_total(z);
        if (ended != MB_PHASE_NONE && now.ok && z->edge.ok)
            z->phase_uj[ended] += now.total_uj - z->edge.total_uj;
        else if (ended != MB_PHASE_NONE)
            z->phase_broken[ended] = true;
        z->edge = now;
    }
    if (ended != MB_PHASE_NONE) {
        r->phase_ns[ended] += event->t_ns - r->t_edge_ns;
        r->n_phases[ended]++;
    }
    r->t_edge_ns = event->t_ns;
}

static void rapl_stop(void *state)
{
    struct rapl *r = state;
    for (size_t i = 0; i < r->n; i++)
        if (r->zones[i].fd)
            r->zones[i].end = read_total(&r->zones[i]);
}

static const char *why_unknown(const struct zone *z)
{
    if (!z->fd)
        return z->reason;
    if (atomic_load(&z->went_back))
        return "the counter went back and max_energy_range_uj is not given: wraps cannot be undone";
    if (!z->begin.ok || !z->end.ok)
        return "energy_uj could not be read at both ends of the trial";
    return z->end.t_ns > z->begin.t_ns ? NULL : "the trial was too short to read twice";
}

static int put_energy(struct mb_record *record, const char *scope, double uj, double span_ns, const char *reason)
{
    if (reason) {
        const int rc = mb_record_add_absent(record, MB_METRIC_ENERGY_UJ, scope, "rapl", reason);
        return rc ? rc : mb_record_add_absent(record, MB_METRIC_POWER_MEAN_UW, scope, "rapl", reason);
    }
    const int rc = mb_record_add_metric(record, MB_METRIC_ENERGY_UJ, scope, "rapl", MB_ORIGIN_MEASURED, uj);
    return rc ? rc : mb_record_add_metric(record, MB_METRIC_POWER_MEAN_UW, scope, "rapl", MB_ORIGIN_MEASURED, uj / span_ns * 1e9);
}

static int read_zone(const struct rapl *r, const struct zone *z, struct mb_record *record, struct mb_error *err)
{
    const int rc = put_energy(record, z->scope, (double)z->end.total_uj, (double)(z->end.t_ns - z->begin.t_ns), why_unknown(z));
    if (rc)
        return mb_fail(err, rc, "no memory for the figures");
    const struct mb_series_label label = {.name = "power_uw", .channel = z->scope, .source = "rapl", .origin = MB_ORIGIN_MEASURED,
                                          .period_ns = r->period_ns};
    return mb_series_record(&z->power, record, &label, err);
}

static int read_total_row(const struct rapl *r, struct mb_record *record)
{
    double uj = 0, span_ns = 0;
    const char *reason = NULL;
    bool any_package = false;
    for (size_t i = 0; i < r->n; i++) {
        const struct zone *z = &r->zones[i];
        if (!z->in_total)
            continue;
        any_package = any_package || is_package(z->scope);
        reason = reason ? reason : why_unknown(z);
        uj += (double)z->end.total_uj;
        span_ns = (double)(z->end.t_ns - z->begin.t_ns);
    }
    return put_energy(record, "", uj, span_ns, any_package ? reason : "no package zone: nothing that may be added up");
}

/* Total over the trial's phases of one kind; the same choice of zones as the trial's total. */
static int read_phase(const struct rapl *r, int phase, struct mb_record *record)
{
    const char *scope = mb_phase_names[phase];
    char reason[128] = "";
    double uj = 0;
    bool any = false;
    for (size_t i = 0; i < r->n; i++) {
        const struct zone *z = &r->zones[i];
        if (!z->in_total)
            continue;
        any = true;
        uj += (double)z->phase_uj[phase];
        if (!z->fd || z->phase_broken[phase] || atomic_load(&z->went_back))
            snprintf(reason, sizeof(reason), "%.40s could not be read at every edge of the phase", z->scope);
    }
    if (!any)
        snprintf(reason, sizeof(reason), "no package zone: nothing that may be added up");
    else if (r->phase_ns[phase] < r->n_phases[phase] * PHASE_UPDATES_MIN * UPDATE_NS)
        snprintf(reason, sizeof(reason), "phases of %.1f ms on average: shorter than %u updates of the counter (1 ms)",
                 (double)r->phase_ns[phase] / (double)r->n_phases[phase] / 1e6, PHASE_UPDATES_MIN);
    return put_energy(record, scope, uj, (double)r->phase_ns[phase], reason[0] ? reason : NULL);
}

static int rapl_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct rapl *r = state;
    int rc = read_total_row(r, record);
    for (int p = MB_PHASE_LOAD; rc == MB_OK && p < MB_PHASE_N; p++)
        if (r->n_phases[p] > 0)
            rc = read_phase(r, p, record);
    if (rc)
        return mb_fail(err, rc, "no memory for the figures");
    for (size_t i = 0; rc == MB_OK && i < r->n; i++)
        rc = read_zone(r, &r->zones[i], record, err);
    return rc;
}

static const enum mb_metric rapl_metrics[] = {MB_METRIC_ENERGY_UJ, MB_METRIC_POWER_MEAN_UW, MB_METRIC_END};

extern const struct mb_collector_ops mb_collector_rapl;
const struct mb_collector_ops mb_collector_rapl = {
    .abi = MB_COLLECTOR_ABI,
    .name = "rapl",
    .group = "energy",
    .summary = "energy counters of Intel and AMD processors (powercap): package, core, dram, psys",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct rapl),
    .metrics = rapl_metrics,
    .probe = rapl_probe,
    .open = rapl_open,
    .start = rapl_start,
    .phase = rapl_phase,
    .poll = rapl_poll,
    .stop = rapl_stop,
    .read = rapl_read,
    .close = rapl_close,
};
