/* topology.c - see topology.h. hwloc's functions are looked up by name; its types come from its header, where there is one. */
#include "base/topology.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_include)
#if __has_include(<hwloc.h>) && __has_include(<hwloc/autogen/config.h>) /* the second is of this architecture */
#define ENG_HAS_HWLOC 1
#endif
#endif

#ifdef ENG_HAS_HWLOC
#include <hwloc.h>

/* What we call of libhwloc 2.4 and later. */
struct hwloc_calls {
    int (*init)(hwloc_topology_t *topology);
    int (*set_synthetic)(hwloc_topology_t topology, const char *text);
    int (*set_xml)(hwloc_topology_t topology, const char *xml, int n_bytes);
    int (*load)(hwloc_topology_t topology);
    void (*destroy)(hwloc_topology_t topology);
    int (*type_depth)(hwloc_topology_t topology, hwloc_obj_type_t type);
    unsigned (*count_at)(hwloc_topology_t topology, int depth);
    hwloc_obj_t (*object_at)(hwloc_topology_t topology, int depth, unsigned i);
    int (*next)(hwloc_const_bitmap_t set, int previous);
    int (*kind_of)(hwloc_topology_t topology, hwloc_const_bitmap_t set, unsigned long flags);
    int (*n_kinds)(hwloc_topology_t topology, unsigned long flags);
};

enum { N_CALLS = sizeof(struct hwloc_calls) / sizeof(void (*)(void)) };

static int load_library(struct hwloc_calls *calls, struct eng_error *err)
{
    static const char *const names[N_CALLS] = {"hwloc_topology_init", "hwloc_topology_set_synthetic", "hwloc_topology_set_xmlbuffer",
                                               "hwloc_topology_load", "hwloc_topology_destroy", "hwloc_get_type_depth",
                                               "hwloc_get_nbobjs_by_depth", "hwloc_get_obj_by_depth", "hwloc_bitmap_next",
                                               "hwloc_cpukinds_get_by_cpuset", "hwloc_cpukinds_get_nr"};
    void *address[N_CALLS];
    void *handle = dlopen("libhwloc.so.15", RTLD_NOW | RTLD_LOCAL); /* stays: a second load costs microseconds */
    if (!handle)
        return eng_fail(err, ENG_ENOTSUP, "the kinds of cores are not known without libhwloc: apt-get install libhwloc15");
    for (int i = 0; i < N_CALLS; i++) {
        address[i] = dlsym(handle, names[i]);
        if (!address[i])
            return eng_fail(err, ENG_ENOTSUP, "libhwloc has no %s(): version 2.4 or later is needed", names[i]);
    }
    _Static_assert(sizeof *calls == sizeof address, "one address a call, in the same order");
    memcpy(calls, address, sizeof *calls);
    return ENG_OK;
}

static void read_core(const struct hwloc_calls *h, hwloc_topology_t t, hwloc_obj_t object, struct eng_core *core)
{
    CPU_ZERO(&core->cpus);
    for (int cpu = h->next(object->cpuset, -1); cpu >= 0; cpu = h->next(object->cpuset, cpu))
        if (cpu < CPU_SETSIZE)
            CPU_SET((size_t)cpu, &core->cpus);
    const int node = object->nodeset ? h->next(object->nodeset, -1) : 0;
    const int kind = h->n_kinds(t, 0) > 1 ? h->kind_of(t, object->cpuset, 0) : 0; /* kinds are sorted: the last is the fastest */
    core->node = node > 0 ? (uint32_t)node : 0;
    core->speed = kind > 0 ? kind : 0;
}

static int read_cores(const struct hwloc_calls *h, hwloc_topology_t t, struct eng_topology *out, struct eng_error *err)
{
    int depth = h->type_depth(t, HWLOC_OBJ_CORE);
    if (depth < 0)
        depth = h->type_depth(t, HWLOC_OBJ_PU); /* a machine that tells of no cores */
    const unsigned n = depth < 0 ? 0 : h->count_at(t, depth);
    if (n == 0)
        return eng_fail(err, ENG_ENOTSUP, "hwloc finds no cores");
    out->cores = calloc(n, sizeof *out->cores);
    if (!out->cores)
        return eng_fail(err, ENG_ENOMEM, "no memory for %u cores", n);
    out->n_cores = n;
    out->n_kinds = h->n_kinds(t, 0) > 1 ? (uint32_t)h->n_kinds(t, 0) : 1;
    for (unsigned i = 0; i < n; i++) {
        read_core(h, t, h->object_at(t, depth, i), &out->cores[i]);
        out->n_nodes = out->cores[i].node + 1 > out->n_nodes ? out->cores[i].node + 1 : out->n_nodes;
    }
    return ENG_OK;
}

int eng_topology_load(struct eng_topology *out, const char *described, struct eng_error *err)
{
    struct hwloc_calls h = {0};
    hwloc_topology_t t;
    *out = (struct eng_topology){0};
    int rc = load_library(&h, err);
    if (rc != ENG_OK)
        return rc;
    if (h.init(&t) != 0)
        return eng_fail(err, ENG_ENOMEM, "hwloc does not start");
    const bool is_xml = described && described[0] == '<';
    int failed = !described ? 0 : is_xml ? h.set_xml(t, described, (int)strlen(described) + 1) : h.set_synthetic(t, described);
    failed = failed || h.load(t) != 0;
    rc = failed ? eng_fail(err, ENG_ENOTSUP, "hwloc cannot read the topology") : read_cores(&h, t, out, err);
    h.destroy(t);
    if (rc != ENG_OK)
        eng_topology_release(out);
    return rc;
}

#else
int eng_topology_load(struct eng_topology *out, const char *described, struct eng_error *err)
{
    (void)described;
    *out = (struct eng_topology){0};
    return eng_fail(err, ENG_ENOTSUP, "this build knows no kinds of cores: it was made without hwloc.h (libhwloc-dev)");
}
#endif

void eng_topology_release(struct eng_topology *t)
{
    free(t->cores);
    *t = (struct eng_topology){0};
}

static bool first_line(const char *root, const char *path, char *buf, size_t cap)
{
    char full[1200];
    snprintf(full, sizeof full, "%s%s", root, path);
    FILE *f = fopen(full, "re");
    buf[0] = '\0';
    const bool ok = f && fgets(buf, (int)cap, f);
    if (f)
        fclose(f);
    buf[strcspn(buf, "\n")] = '\0';
    return ok;
}

bool eng_topology_is_plain(const char *root)
{
    char a[64], b[64], path[96];
    if (first_line(root, "/sys/devices/system/node/online", a, sizeof a) && strcmp(a, "0") != 0)
        return false;
    if (first_line(root, "/sys/devices/system/cpu/smt/active", a, sizeof a) && strcmp(a, "1") == 0)
        return false;
    if (first_line(root, "/sys/devices/cpu_core/cpus", a, sizeof a)) /* Intel's hybrid processors */
        return false;
    if (!first_line(root, "/sys/devices/system/cpu/cpu0/cpu_capacity", a, sizeof a))
        return true;
    for (int i = 1; i < CPU_SETSIZE; i++) { /* Arm: 1024 = the fastest kind */
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/cpu_capacity", i);
        if (!first_line(root, path, b, sizeof b))
            break;
        if (strcmp(a, b) != 0)
            return false;
    }
    return true;
}
