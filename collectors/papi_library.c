/* papi_library.c - see papi_library.h. */
#include "collectors/papi_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/lazy_library.h"
#include "collectors/phase.h"

#define SDE "libsde.so.1"
#define READ_ONLY_DELTA 0x00 /* sde_lib.h: PAPI_SDE_RO | PAPI_SDE_DELTA */
#define READ_ONLY_INSTANT 0x10
#define LONG_LONG 0

static void *load_global(const char *root, const char *file)
{
    char path[256];
    snprintf(path, sizeof(path), "%s%s%s", root, root[0] ? "/lib/" : "", file);
    return dlopen(path, RTLD_NOW | RTLD_GLOBAL); /* PAPI's component finds libsde among the global symbols, or not at all */
}

int mb_papi_load(struct mb_papi *papi, const char *root, struct mb_error *err)
{
    static const struct { const char *file; int version; } releases[] = {
        {"libpapi.so.7.0", 0x07000000}, {"libpapi.so.7.1", 0x07010000}, {"libpapi.so.7.2", 0x07020000}};
    static const char *const names[] = {
        "PAPI_library_init", "PAPI_event_name_to_code", "PAPI_get_event_component", "PAPI_get_component_info", "PAPI_set_cmp_domain",
        "PAPI_create_eventset", "PAPI_assign_eventset_component", "PAPI_set_opt", "PAPI_add_event", "PAPI_start", "PAPI_read", "PAPI_stop",
        "PAPI_cleanup_eventset", "PAPI_destroy_eventset", "PAPI_strerror",
    };
    enum { N = sizeof(names) / sizeof(names[0]) };
    mb_lazy_function f[N];
    _Static_assert(sizeof(f) == offsetof(struct mb_papi, version), "one address a function, in the same order");
    int rc = MB_ENOTSUP;
    for (size_t i = 0; i < sizeof(releases) / sizeof(releases[0]); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s%s%s", root, root[0] ? "/lib/" : "", releases[i].file);
        const char *const files[] = {path, NULL};
        const struct mb_lazy_library library = {"papi", "libpapi7.0", files, names, N};
        rc = mb_lazy_load(&library, f, i == 0 ? err : NULL);
        if (rc)
            continue;
        memcpy(papi, f, sizeof(f));
        papi->version = releases[i].version;
        return MB_OK;
    }
    return rc;
}

int mb_papi_init(const struct mb_papi *papi, struct mb_error *err)
{
    const int version = papi->library_init(papi->version);
    if (version == papi->version)
        return MB_OK;
    const char *text = version < 0 ? papi->strerror(version) : "another version";
    return mb_fail(err, MB_ENOTSUP, "PAPI is here but does not start: %.100s (%d)", text ? text : "no reason given", version);
}

static const struct { const char *name; int mode; size_t offset; } exported[] = {
    {"tokens", READ_ONLY_DELTA, offsetof(struct mb_papi_counters, tokens)},
    {"requests", READ_ONLY_DELTA, offsetof(struct mb_papi_counters, requests)},
    {"phase", READ_ONLY_INSTANT, offsetof(struct mb_papi_counters, phase)},
};
#define N_EXPORTED (sizeof(exported) / sizeof(exported[0]))

static bool show(struct mb_papi_counters *c, const char *root)
{
    static const char *const names[] = {"papi_sde_init", "papi_sde_register_counter"};
    char path[256];
    mb_lazy_function f[2];
    if (!load_global(root, SDE))
        return false;
    snprintf(path, sizeof(path), "%s%s%s", root, root[0] ? "/lib/" : "", SDE);
    const char *const files[] = {path, NULL};
    const struct mb_lazy_library library = {"software-defined events", "libpapi7.0", files, names, 2};
    if (mb_lazy_load(&library, f, NULL))
        return false;
    void *handle = ((void *(*)(const char *))f[0])("MELTBENCH");
    for (size_t i = 0; handle && i < N_EXPORTED; i++)
        ((int (*)(void *, const char *, int, int, void *))f[1])(handle, exported[i].name, exported[i].mode, LONG_LONG, (char *)c + exported[i].offset);
    return true;
}

struct mb_papi_counters *mb_papi_export(const char *root)
{
    static struct mb_papi_counters counters; /* libsde keeps the addresses */
    static bool shown;
    shown = shown || show(&counters, root);
    return &counters;
}

bool mb_papi_is_no_counter(const char *event)
{
    static const char prefix[] = "sde:::MELTBENCH::";
    if (strncmp(event, prefix, sizeof(prefix) - 1) != 0)
        return false;
    for (size_t i = 0; i < N_EXPORTED; i++)
        if (strcmp(event + sizeof(prefix) - 1, exported[i].name) == 0)
            return false;
    return true;
}

void mb_papi_count(struct mb_papi_counters *c, const struct mb_event *event)
{
    c->tokens += event->kind == MB_EVENT_TOKEN;
    c->requests += event->kind == MB_EVENT_REQUEST_BEGIN;
    if (event->kind == MB_EVENT_LOAD_BEGIN)
        c->phase = MB_PHASE_LOAD;
    else if (event->kind == MB_EVENT_PREFILL_BEGIN)
        c->phase = MB_PHASE_PREFILL;
    else if (event->kind == MB_EVENT_PREFILL_END)
        c->phase = MB_PHASE_DECODE;
    else if (event->kind == MB_EVENT_LOAD_END || event->kind == MB_EVENT_REQUEST_END)
        c->phase = MB_PHASE_NONE;
}
