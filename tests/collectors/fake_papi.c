/* fake_papi.c - stands in for libpapi.so.7.0 where PAPI knows no counter of the processor. Two components, "perf_event" with events P0, P1 and
 * perf::CONTEXT-SWITCHES, and "other" with O0. The test sets what it answers; a value rises by its step at each read. */
#include <string.h>

int fake_papi_init_answer, fake_papi_inherit_error, fake_papi_add_error, fake_papi_start_error, fake_papi_read_error;
int fake_papi_domain, fake_papi_n_sets, fake_papi_n_started, fake_papi_inherited;
long long fake_papi_step[4];

static const char *const names[] = {"P0", "P1", "perf::CONTEXT-SWITCHES", "O0"};
static long long values[4];
static struct { int component, n, codes[4]; } sets[32];

int PAPI_library_init(int version);
int PAPI_event_name_to_code(const char *name, int *code);
int PAPI_get_event_component(int code);
const void *PAPI_get_component_info(int component);
int PAPI_set_cmp_domain(int domain, int component);
int PAPI_create_eventset(int *set);
int PAPI_assign_eventset_component(int set, int component);
int PAPI_set_opt(int option, const int *value);
int PAPI_add_event(int set, int code);
int PAPI_start(int set);
int PAPI_read(int set, long long *into);
int PAPI_stop(int set, long long *into);
int PAPI_cleanup_eventset(int set);
int PAPI_destroy_eventset(int *set);
const char *PAPI_strerror(int error);

int PAPI_library_init(int version)
{
    return fake_papi_init_answer ? fake_papi_init_answer : version;
}

int PAPI_event_name_to_code(const char *name, int *code)
{
    for (*code = 0; *code < 4; ++*code)
        if (strcmp(names[*code], name) == 0)
            return 0;
    return -7;
}

int PAPI_get_event_component(int code)
{
    return code == 3;
}

const void *PAPI_get_component_info(int component)
{
    return component ? "other" : "perf_event";
}

int PAPI_set_cmp_domain(int domain, int component)
{
    fake_papi_domain = component == 0 ? domain : fake_papi_domain;
    return 0;
}

int PAPI_create_eventset(int *set)
{
    static int n;
    *set = n++ % 32;
    sets[*set].n = 0;
    fake_papi_n_sets++;
    return 0;
}

int PAPI_assign_eventset_component(int set, int component)
{
    sets[set].component = component;
    return 0;
}

int PAPI_set_opt(int option, const int *value)
{
    fake_papi_inherited = option == 28 && value[1] == 1;
    return fake_papi_inherit_error;
}

int PAPI_add_event(int set, int code)
{
    if (fake_papi_add_error && code == 1)
        return fake_papi_add_error;
    sets[set].codes[sets[set].n++] = code;
    return PAPI_get_event_component(code) == sets[set].component ? 0 : -1;
}

int PAPI_start(int set)
{
    const int error = sets[set].component == 0 ? fake_papi_start_error : 0;
    fake_papi_n_started += error == 0;
    return error;
}

int PAPI_read(int set, long long *into)
{
    for (int i = 0; i < sets[set].n; i++)
        into[i] = values[sets[set].codes[i]] += fake_papi_step[sets[set].codes[i]];
    return fake_papi_read_error;
}

int PAPI_stop(int set, long long *into)
{
    fake_papi_n_started--;
    return PAPI_read(set, into);
}

int PAPI_cleanup_eventset(int set)
{
    sets[set].n = 0;
    return 0;
}

int PAPI_destroy_eventset(int *set)
{
    fake_papi_n_sets--;
    *set = -1;
    return 0;
}

const char *PAPI_strerror(int error)
{
    return error == -7 ? "Event does not exist" : error == -25 ? "Component containing event is disabled" : "Some error";
}
