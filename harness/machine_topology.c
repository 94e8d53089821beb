/* machine_topology.c - see machine_topology.h. Functions of hwloc are looked up by name, types come from its header, where there is one. */
#include "harness/machine_topology.h"

#include "base/error.h"

#if defined(__has_include)
#if __has_include(<hwloc.h>) && __has_include(<hwloc/autogen/config.h>) /* the second is of this architecture */
#define MB_HAS_HWLOC 1
#endif
#endif

static json_t *absent(const char *reason)
{
    return json_pack("{s:s}", "absent", reason);
}

#ifdef MB_HAS_HWLOC
#include <hwloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/lazy_library.h"
#include "base/strbuf.h"

struct hwloc {
    int (*init)(hwloc_topology_t *t);
    int (*set_flags)(hwloc_topology_t t, unsigned long flags);
    int (*set_synthetic)(hwloc_topology_t t, const char *text);
    int (*set_xml)(hwloc_topology_t t, const char *xml, int n_bytes);
    int (*load)(hwloc_topology_t t);
    void (*destroy)(hwloc_topology_t t);
    int (*type_depth)(hwloc_topology_t t, hwloc_obj_type_t type);
    unsigned (*count_at)(hwloc_topology_t t, int depth);
    hwloc_obj_t (*object_at)(hwloc_topology_t t, int depth, unsigned i);
    const char *(*type_name)(hwloc_obj_type_t type);
    int (*export_synthetic)(hwloc_topology_t t, char *text, size_t cap, unsigned long flags);
    int (*export_xml)(hwloc_topology_t t, char **xml, int *n_bytes, unsigned long flags);
    void (*free_xml)(hwloc_topology_t t, char *xml);
    int (*n_kinds)(hwloc_topology_t t, unsigned long flags);
    int (*kind)(hwloc_topology_t t, unsigned i, hwloc_bitmap_t cpus, int *efficiency, unsigned *n_infos, struct hwloc_info_s **infos, unsigned long flags);
    hwloc_bitmap_t (*new_set)(void);
    void (*free_set)(hwloc_bitmap_t set);
    int (*print_set)(char *text, size_t cap, hwloc_const_bitmap_t set);
};

static int load_hwloc(struct hwloc *h, struct mb_error *err)
{
    static const char *const files[] = {"libhwloc.so.15", NULL};
    static const char *const names[] = {
        "hwloc_topology_init", "hwloc_topology_set_flags", "hwloc_topology_set_synthetic", "hwloc_topology_set_xmlbuffer", "hwloc_topology_load",
        "hwloc_topology_destroy", "hwloc_get_type_depth", "hwloc_get_nbobjs_by_depth", "hwloc_get_obj_by_depth", "hwloc_obj_type_string",
        "hwloc_topology_export_synthetic", "hwloc_topology_export_xmlbuffer", "hwloc_free_xmlbuffer", "hwloc_cpukinds_get_nr",
        "hwloc_cpukinds_get_info", "hwloc_bitmap_alloc", "hwloc_bitmap_free", "hwloc_bitmap_list_snprintf",
    };
    enum { N = sizeof(names) / sizeof(names[0]) };
    static const struct mb_lazy_library library = {"the topology of the machine", "libhwloc15", files, names, N};
    mb_lazy_function f[N];
    _Static_assert(sizeof(f) == sizeof(*h), "one address a function, in the same order");
    const int rc = mb_lazy_load(&library, f, err);
    if (rc == MB_OK)
        memcpy(h, f, sizeof(f));
    return rc;
}

static unsigned count(const struct hwloc *h, hwloc_topology_t t, hwloc_obj_type_t type)
{
    const int depth = h->type_depth(t, type);
    return depth == HWLOC_TYPE_DEPTH_UNKNOWN ? 0 : h->count_at(t, depth);
}

static json_t *set_text(const struct hwloc *h, hwloc_const_bitmap_t set)
{
    char text[512];
    const int n = h->print_set(text, sizeof(text), set);
    return n < 0 || n >= (int)sizeof(text) ? json_null() : json_string(text);
}

static json_t *nodes(const struct hwloc *h, hwloc_topology_t t)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count(h, t, HWLOC_OBJ_NUMANODE); i++)
        json_array_append_new(list, set_text(h, h->object_at(t, HWLOC_TYPE_DEPTH_NUMANODE, i)->cpuset));
    return list;
}

/* Caches of one level may differ between kinds of cores: one row a size. */
static void add_cache(json_t *list, const char *type, json_int_t bytes)
{
    size_t i;
    json_t *row;
    json_array_foreach(list, i, row) {
        json_t *n = json_object_get(row, "count");
        if (strcmp(json_string_value(json_object_get(row, "type")), type) == 0 && json_integer_value(json_object_get(row, "bytes")) == bytes) {
            json_integer_set(n, json_integer_value(n) + 1);
            return;
        }
    }
    json_array_append_new(list, json_pack("{s:s, s:I, s:i}", "type", type, "bytes", bytes, "count", 1));
}

static json_t *caches(const struct hwloc *h, hwloc_topology_t t)
{
    static const hwloc_obj_type_t types[] = {HWLOC_OBJ_L1CACHE, HWLOC_OBJ_L1ICACHE, HWLOC_OBJ_L2CACHE, HWLOC_OBJ_L3CACHE, HWLOC_OBJ_L4CACHE};
    json_t *list = json_array();
    for (size_t k = 0; k < sizeof(types) / sizeof(types[0]); k++)
        for (unsigned i = 0; i < count(h, t, types[k]); i++)
            add_cache(list, h->type_name(types[k]), (json_int_t)h->object_at(t, h->type_depth(t, types[k]), i)->attr->cache.size);
    return list;
}

static json_t *kind(const struct hwloc *h, hwloc_topology_t t, unsigned i, hwloc_bitmap_t cpus)
{
    static const struct { const char *info, *key; } numbers[] = {
        {"FrequencyMaxMHz", "max_mhz"}, {"FrequencyBaseMHz", "base_mhz"}, {"LinuxCapacity", "capacity"}};
    unsigned n_infos = 0;
    struct hwloc_info_s *infos = NULL;
    json_t *row = json_pack("{s:n, s:n, s:n, s:n}", "type", "max_mhz", "base_mhz", "capacity");
    if (h->kind(t, i, cpus, NULL, &n_infos, &infos, 0))
        return row;
    json_object_set_new(row, "cpus", set_text(h, cpus));
    for (unsigned k = 0; k < n_infos; k++) {
        for (size_t j = 0; j < sizeof(numbers) / sizeof(numbers[0]); j++)
            if (strcmp(infos[k].name, numbers[j].info) == 0)
                json_object_set_new(row, numbers[j].key, json_integer(strtoll(infos[k].value, NULL, 10)));
        if (strcmp(infos[k].name, "CoreType") == 0)
            json_object_set_new(row, "type", json_string(infos[k].value));
    }
    return row;
}

static json_t *kinds(const struct hwloc *h, hwloc_topology_t t)
{
    json_t *list = json_array();
    const int n = h->n_kinds(t, 0);
    hwloc_bitmap_t cpus = h->new_set();
    for (int i = 0; cpus && i < n; i++)
        json_array_append_new(list, kind(h, t, (unsigned)i, cpus));
    if (cpus)
        h->free_set(cpus);
    return list;
}

/* Copies @text without what lies between @from and the next @to, both left out, at every place. */
static void cut(char *text, const char *from, const char *to)
{
    char *out = text;
    for (const char *at = text; *at;) {
        const char *end = strncmp(at, from, strlen(from)) == 0 ? strstr(at + strlen(from), to) : NULL;
        if (end)
            at = end + strlen(to);
        else
            *out++ = *at++;
    }
    *out = '\0';
}

static json_t *synthetic(const struct hwloc *h, hwloc_topology_t t)
{
    char text[2048];
    const int n = h->export_synthetic(t, text, sizeof(text), 0);
    if (n < 0 || n >= (int)sizeof(text))
        return json_null();
    cut(text, "(memory=", ")");
    return json_string(text);
}

static json_t *digest(const struct hwloc *h, hwloc_topology_t t)
{
    static const struct { const char *from, *to; } moving[] = {
        {"<info name=\"LinuxCgroup\"", "/>"}, {"<info name=\"OSVersion\"", "/>"},   {"<info name=\"HostName\"", "/>"},
        {"<info name=\"hwlocVersion\"", "/>"}, {"<info name=\"ProcessName\"", "/>"}, {"<page_type ", "/>"},
        {"<support ", "/>"},                   {" local_memory=\"", "\""},           {" allowed_cpuset=\"", "\""},
        {" allowed_nodeset=\"", "\""},
    };
    char *xml = NULL, hex[MB_DIGEST_HEX];
    int n = 0;
    if (h->export_xml(t, &xml, &n, 0))
        return json_null();
    for (size_t i = 0; i < sizeof(moving) / sizeof(moving[0]); i++)
        cut(xml, moving[i].from, moving[i].to);
    const int rc = mb_digest_bytes(xml, strlen(xml), hex, NULL);
    h->free_xml(t, xml);
    return rc ? json_null() : json_string(hex);
}

static json_t *describe(const struct hwloc *h, hwloc_topology_t t)
{
    return json_pack("{s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "packages", (int)count(h, t, HWLOC_OBJ_PACKAGE), "cores", (int)count(h, t, HWLOC_OBJ_CORE),
                     "cpus", (int)count(h, t, HWLOC_OBJ_PU), "nodes", nodes(h, t), "caches", caches(h, t), "kinds", kinds(h, t),
                     "synthetic", synthetic(h, t), "xml_sha256", digest(h, t));
}

json_t *mb_machine_topology(const char *described)
{
    struct hwloc h;
    struct mb_error err = {0};
    hwloc_topology_t t;
    if (load_hwloc(&h, &err))
        return absent(err.text);
    if (h.init(&t))
        return absent("hwloc does not start");
    const bool is_xml = described && described[0] == '<';
    int failed = h.set_flags(t, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED); /* the machine, not what the cgroup leaves of it */
    if (described && !failed)
        failed = is_xml ? h.set_xml(t, described, (int)strlen(described) + 1) : h.set_synthetic(t, described);
    json_t *topology = failed || h.load(t) ? absent("hwloc cannot read the topology") : describe(&h, t);
    h.destroy(t);
    return topology;
}

#else
json_t *mb_machine_topology(const char *described)
{
    (void)described;
    return absent("this build knows no topology: it was made without hwloc.h (libhwloc-dev)");
}
#endif
