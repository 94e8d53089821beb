/* throttle.c - see throttle.h. */
#include "collectors/throttle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/sysroot.h"

#define CPU_DIR "/sys/devices/system/cpu"

static bool known(const struct throttle *t, bool package, const int64_t where[2])
{
    for (size_t i = 0; i < t->n; i++) {
        const struct throttle_counter *c = &t->counters[i];
        if (c->package == package && c->where[0] == where[0] && (package || c->where[1] == where[1]))
            return true;
    }
    return false;
}

static void add(struct throttle *t, const char *root, const char *cpu, bool package, const int64_t where[2])
{
    char path[128];
    if (known(t, package, where))
        return;
    snprintf(path, sizeof(path), CPU_DIR "/%.20s/thermal_throttle/%s_throttle_count", cpu, package ? "package" : "core");
    const int fd = mb_sys_open(root, path, NULL);
    if (fd >= 0)
        t->counters[t->n++] = (struct throttle_counter){.fd = fd + 1, .package = package, .where = {where[0], where[1]}, .begin = -1};
}

int throttle_open(struct throttle *t, const char *root, struct mb_error *err)
{
    char **names, path[128];
    size_t n;
    memset(t, 0, sizeof(*t));
    if (mb_sys_list(root, CPU_DIR, "cpu", &names, &n, NULL))
        return MB_OK;
    t->counters = calloc(2 * n + 1, sizeof(*t->counters));
    for (size_t i = 0; t->counters && i < n; i++) {
        if (names[i][3] < '0' || names[i][3] > '9')
            continue; /* cpufreq, cpuidle */
        int64_t where[2] = {0, (int64_t)i}; /* without topology: one package, every processor a core */
        snprintf(path, sizeof(path), CPU_DIR "/%.20s/topology/physical_package_id", names[i]);
        if (mb_sys_read_i64(root, path, &where[0], NULL))
            where[0] = 0;
        snprintf(path, sizeof(path), CPU_DIR "/%.20s/topology/core_id", names[i]);
        if (mb_sys_read_i64(root, path, &where[1], NULL))
            where[1] = (int64_t)i;
        add(t, root, names[i], true, where);
        add(t, root, names[i], false, where);
    }
    mb_sys_list_free(names, n);
    return t->counters ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory");
}

void throttle_start(struct throttle *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (mb_sys_pread_i64(t->counters[i].fd - 1, &t->counters[i].begin))
            t->counters[i].begin = -1;
}

void throttle_stop(struct throttle *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (mb_sys_pread_i64(t->counters[i].fd - 1, &t->counters[i].end))
            t->counters[i].end = -1;
}

bool throttle_rise(const struct throttle *t, bool package, int64_t *rise)
{
    bool any = false;
    *rise = 0;
    for (size_t i = 0; i < t->n; i++) {
        const struct throttle_counter *c = &t->counters[i];
        if (c->package != package)
            continue;
        if (c->begin < 0 || c->end < c->begin)
            return false;
        any = true;
        *rise += c->end - c->begin;
    }
    return any;
}

void throttle_close(struct throttle *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->counters[i].fd)
            close(t->counters[i].fd - 1);
    free(t->counters);
    memset(t, 0, sizeof(*t));
}

bool throttle_is_fan(const char *type)
{
    for (const char *at = type; *at; at++)
        if (strncasecmp(at, "fan", 3) == 0)
            return true;
    return false;
}
