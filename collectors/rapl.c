/* rapl.c - energy counters of Intel and AMD processors through /sys/class/powercap (kernel: Documentation/power/powercap). Each zone
 * counts microjoules modulo max_energy_range_uj; the hardware updates it every millisecond. Zones are reported one by one;
 * rapl_domains.h says which add up. */
#include <stdio.h>
#include <string.h>

#include "base/sysroot.h"
#include "collectors/energy_collector.h"
#include "collectors/rapl_domains.h"
#include "collectors/options.h"

#define ZONES_MAX 32
#define CLASS_DIR "/sys/class/powercap"

extern const struct mb_collector_ops mb_collector_rapl;

/* intel-rapl:0 and intel-rapl-mmio:0 are the same package seen through two registers: the second is skipped where the first exists. */
static bool is_mirror(const struct mb_energy_meter *m, const char *dir, const char *scope)
{
    return strncmp(dir, "intel-rapl-mmio", 15) == 0 && mb_energy_has_scope(m, scope);
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

static void add_zone(struct mb_energy_meter *m, const char *root, const char *dir)
{
    char path[192], scope[64];
    int64_t range = 0;
    if (!strchr(dir, ':') || scope_of(root, dir, scope, sizeof(scope)) || is_mirror(m, dir, scope))
        return;
    struct mb_energy_channel *c = mb_energy_add(m);
    if (!c)
        return;
    snprintf(c->scope, sizeof(c->scope), "%s", scope);
    c->kind = MB_ENERGY_COUNTER;
    c->update_ns = MB_RAPL_UPDATE_NS;
    c->at_edges = true;
    snprintf(path, sizeof(path), CLASS_DIR "/%.100s/max_energy_range_uj", dir);
    c->modulus = mb_sys_read_i64(root, path, &range, NULL) == MB_OK && range > 0 ? (uint64_t)range : 0;
    snprintf(path, sizeof(path), CLASS_DIR "/%.100s/energy_uj", dir);
    mb_energy_open_fd(c, 0, root, path, "run `sudo chmod a+r " CLASS_DIR "/*/energy_uj` once per boot");
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct mb_energy_meter *m = state;
    char **names;
    size_t n;
    int rc = mb_collector_options_check(env->options, "error", err);
    rc = rc ? rc : mb_energy_init(m, "rapl", env, ZONES_MAX, err);
    if (rc)
        return rc;
    if (mb_sys_list(env->root, CLASS_DIR, "intel-rapl", &names, &n, NULL))
        return mb_fail(err, MB_ENOTSUP, "no " CLASS_DIR ": no RAPL counters here (virtual machine, ARM, or module intel_rapl_msr "
                                        "not loaded)");
    for (int mmio = 0; mmio < 2; mmio++) /* registers first, so that mirrors are known as such */
        for (size_t i = 0; i < n; i++)
            if ((strncmp(names[i], "intel-rapl-mmio", 15) == 0) == mmio)
                add_zone(m, env->root, names[i]);
    mb_sys_list_free(names, n);
    mb_rapl_choose_total(m);
    return m->n ? mb_energy_any(m, found, err) : mb_fail(err, MB_ENOTSUP, CLASS_DIR " has no RAPL zone");
}

static int rapl_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_rapl, discover, env, why);
}

static int rapl_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

const struct mb_collector_ops mb_collector_rapl = {
    .abi = MB_COLLECTOR_ABI,
    .name = "rapl",
    .group = "energy",
    .summary = "energy counters of Intel and AMD processors (powercap): package, core, dram, psys",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct mb_energy_meter),
    .metrics = mb_energy_metrics,
    .probe = rapl_probe,
    .open = rapl_open,
    .start = mb_energy_hook_start,
    .phase = mb_energy_hook_phase,
    .poll = mb_energy_hook_poll,
    .stop = mb_energy_hook_stop,
    .read = mb_energy_hook_read,
    .close = mb_energy_hook_close,
};
