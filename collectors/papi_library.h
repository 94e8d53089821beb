/**
 * papi_library.h - the few functions of PAPI 7 (https://icl.utk.edu/papi) that papi.c calls, and of libsde, loaded when it is asked for.
 * Declared here after papi.h and sde_lib.h: no header is needed to build. With a root in front (tests) libraries are looked for under it.
 */
#ifndef MB_COLLECTORS_PAPI_LIBRARY_H
#define MB_COLLECTORS_PAPI_LIBRARY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/event.h"

/* As in papi.h of 7.0 to 7.2; tests/collectors/test_papi.c compares. */
enum { MB_PAPI_OK = 0, MB_PAPI_NULL = -1, MB_PAPI_DOM_ALL = 15, MB_PAPI_INHERIT = 28, MB_PAPI_INHERIT_ALL = 1 };

struct mb_papi_inherit { /* first fields of the union PAPI_option_t */
    int eventset, inherit;
    long long room[32];
};

struct mb_papi { /* in the order of the names in papi_library.c */
    int (*library_init)(int version);
    int (*event_name_to_code)(const char *name, int *code);
    int (*get_event_component)(int code);
    const void *(*get_component_info)(int component); /* begins with the name */
    int (*set_cmp_domain)(int domain, int component);
    int (*create_eventset)(int *set);
    int (*assign_eventset_component)(int set, int component);
    int (*set_opt)(int option, void *value);
    int (*add_event)(int set, int code);
    int (*start)(int set);
    int (*read)(int set, long long *values);
    int (*stop)(int set, long long *values);
    int (*cleanup_eventset)(int set);
    int (*destroy_eventset)(int *set);
    const char *(*strerror)(int error);
    int version; /* that library_init() wants */
};

/** mb_papi_load() - MB_ENOTSUP and why. */
int mb_papi_load(struct mb_papi *papi, const char *root, struct mb_error *err) MB_MUST_CHECK;
/** mb_papi_init() - once per process; never shut down, as others in it may use PAPI too. MB_ENOTSUP and why. */
int mb_papi_init(const struct mb_papi *papi, struct mb_error *err) MB_MUST_CHECK;

/**
 * Our own counters as software-defined events, for every PAPI tool that runs inside this process: sde:::MELTBENCH::tokens (generated),
 * ::requests (begun), ::phase (now: 0 none, 1 load, 2 prefill, 3 decode).
 */
struct mb_papi_counters {
    long long tokens, requests, phase;
};

/** mb_papi_export() - the process's counters, shown to libsde at the first call where it is installed, and until the process ends:
 *  papi_sde_shutdown() of libsde 1.0 leaves the library so that the next papi_sde_init() crashes. To be called before
 *  mb_papi_init(), which looks for libsde. Main thread only. */
struct mb_papi_counters *mb_papi_export(const char *root);
void mb_papi_count(struct mb_papi_counters *c, const struct mb_event *event); /* a few nanoseconds */
/** mb_papi_is_no_counter() - "sde:::MELTBENCH::x" where x is none of ours: PAPI takes any such name and reads 0. */
bool mb_papi_is_no_counter(const char *event);

#endif
