/* test_papi.c - PAPI's event sets, refusals and silent zeros on a stand-in library (fake_papi.c, as this machine has no counters that PAPI
 * knows), and our own counters as software-defined events through the real libpapi and libsde, where they are installed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/papi_library.h"
#include "collectors/sampler.h"
#include "fake_tree.h"

#if defined(__has_include)
#if __has_include(<papi.h>)
#include <papi.h>
_Static_assert(MB_PAPI_OK == PAPI_OK && MB_PAPI_NULL == PAPI_NULL && MB_PAPI_DOM_ALL == PAPI_DOM_ALL, "as in papi.h");
_Static_assert(MB_PAPI_INHERIT == PAPI_INHERIT && MB_PAPI_INHERIT_ALL == PAPI_INHERIT_ALL, "as in papi.h");
_Static_assert(sizeof(struct mb_papi_inherit) >= sizeof(PAPI_option_t), "PAPI may read the whole union");
_Static_assert(offsetof(PAPI_component_info_t, name) == 0, "the name comes first");
#endif
#endif

#define MS 1000000u

long __wrap_syscall(long number, ...);

static int kernel_errno; /* of counting the kernel's share; 0 = allowed */

long __wrap_syscall(long number, ...)
{
    assert_int_equal(number, SYS_perf_event_open);
    errno = kernel_errno;
    return kernel_errno ? -1 : dup(0);
}

struct fake {
    struct fake_tree tree;
    void *library;
};

static int *knob(struct fake *f, const char *name)
{
    void *address = dlsym(f->library, name);
    assert_non_null(address);
    return address;
}

static void install(struct fake *f)
{
    static const char *const zeroed[] = {"fake_papi_init_answer", "fake_papi_inherit_error", "fake_papi_add_error", "fake_papi_start_error",
                                         "fake_papi_read_error", "fake_papi_domain", "fake_papi_inherited"};
    char from[300], to[300];
    fake_tree_make(&f->tree);
    snprintf(to, sizeof(to), "%s/lib", f->tree.root);
    mkdir(to, 0755);
    snprintf(from, sizeof(from), "%s/tests/fake_papi.so", MB_BINARY_DIR);
    snprintf(to, sizeof(to), "%s/lib/libpapi.so.7.0", f->tree.root);
    assert_int_equal(symlink(from, to), 0);
    f->library = dlopen(to, RTLD_NOW | RTLD_LOCAL);
    if (!f->library)
        fail_msg("%s", dlerror());
    for (size_t i = 0; i < sizeof(zeroed) / sizeof(zeroed[0]); i++)
        *knob(f, zeroed[i]) = 0;
    long long *steps = dlsym(f->library, "fake_papi_step");
    for (int i = 0; i < 4; i++)
        steps[i] = 100 + i;
    kernel_errno = 0;
}

static void remove_fake(struct fake *f)
{
    assert_int_equal(*knob(f, "fake_papi_n_sets"), 0); /* nothing of the collector is left in the library */
    assert_int_equal(*knob(f, "fake_papi_n_started"), 0);
    dlclose(f->library);
    fake_tree_remove(&f->tree);
}

static struct mb_collect_set *open_set(const struct fake_tree *tree, const char *selection)
{
    const struct mb_collect_env env = fake_env(tree, 2 * MS);
    struct mb_collect_set *set;
    struct mb_error err = {0};
    if (mb_collect_open(&set, selection, &env, &err))
        fail_msg("%s", err.text);
    return set;
}

static void one_trial(struct mb_collect_set *set, struct mb_record *r)
{
    memset(r, 0, sizeof(*r));
    mb_collect_start(set);
    mb_collect_stop(set);
    assert_int_equal(mb_collect_read(set, r, NULL), 0);
}

static const char *reason(const struct mb_record *r, const char *event)
{
    return absent_reason(r, MB_METRIC_PAPI_COUNT, event, "papi");
}

static void events_are_counted_per_component(void **state)
{
    (void)state;
    struct fake f;
    struct mb_record r;
    install(&f);
    struct mb_collect_set *set = open_set(&f.tree, "papi:P0+O0+P1");
    assert_int_equal(*knob(&f, "fake_papi_n_sets"), 2);
    assert_int_equal(*knob(&f, "fake_papi_inherited"), 1);
    assert_int_equal(*knob(&f, "fake_papi_domain"), MB_PAPI_DOM_ALL);
    for (int trial = 0; trial < 2; trial++) {
        one_trial(set, &r);
        assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "P0", "papi") == 100);
        assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "P1", "papi") == 101);
        assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "O0", "papi") == 103);
        mb_record_release(&r);
    }
    mb_collect_close(set);
    remove_fake(&f);
}

static void one_refusal_is_one_events(void **state)
{
    (void)state;
    struct fake f;
    struct mb_record r;
    install(&f);
    *knob(&f, "fake_papi_add_error") = -25;
    struct mb_collect_set *set = open_set(&f.tree, "papi:P0+P1+NOTHING");
    *knob(&f, "fake_papi_read_error") = 0;
    one_trial(set, &r);
    assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "P0", "papi") == 100);
    assert_string_equal(reason(&r, "P1"), "PAPI does not count this event: Component containing event is disabled (-25)");
    assert_string_equal(reason(&r, "NOTHING"), "PAPI does not know this event here: Event does not exist (-7)");
    mb_record_release(&r);
    *knob(&f, "fake_papi_read_error") = -3;
    one_trial(set, &r);
    assert_non_null(strstr(reason(&r, "P0"), "could not be read"));
    mb_record_release(&r);
    mb_collect_close(set);
    remove_fake(&f);
}

/* PAPI says OK and 0 to these where only user mode may be counted. */
static void a_silent_zero_is_not_reported(void **state)
{
    (void)state;
    struct fake f;
    struct mb_record r;
    install(&f);
    fake_tree_put(&f.tree, "/proc/sys/kernel/perf_event_paranoid", "2");
    struct mb_collect_set *set = open_set(&f.tree, "papi:perf::CONTEXT-SWITCHES+P0");
    one_trial(set, &r);
    assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "perf::CONTEXT-SWITCHES", "papi") == 102);
    mb_record_release(&r);
    mb_collect_close(set);
    kernel_errno = EACCES;
    *knob(&f, "fake_papi_domain") = 0;
    set = open_set(&f.tree, "papi:perf::CONTEXT-SWITCHES+P0");
    one_trial(set, &r);
    assert_non_null(strstr(reason(&r, "perf::CONTEXT-SWITCHES"), "PAPI would read 0: forbidden (EACCES): kernel.perf_event_paranoid is 2; run"));
    assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "P0", "papi") == 100);
    assert_int_equal(*knob(&f, "fake_papi_domain"), 0);
    mb_record_release(&r);
    mb_collect_close(set);
    remove_fake(&f);
}

static void threads_are_counted_or_nothing_is(void **state)
{
    (void)state;
    struct fake f;
    struct mb_record r;
    install(&f);
    *knob(&f, "fake_papi_inherit_error") = -7;
    struct mb_collect_set *set = open_set(&f.tree, "papi:P0+P1+O0");
    one_trial(set, &r);
    assert_non_null(strstr(reason(&r, "P0"), "cannot count the threads of the runner: Event does not exist (-7)"));
    assert_non_null(strstr(reason(&r, "P1"), "cannot count the threads"));
    assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "O0", "papi") == 103);
    mb_record_release(&r);
    mb_collect_close(set);
    *knob(&f, "fake_papi_inherit_error") = 0;
    *knob(&f, "fake_papi_start_error") = -8;
    set = open_set(&f.tree, "papi:P0+O0");
    one_trial(set, &r);
    assert_non_null(strstr(reason(&r, "P0"), "does not start this event's set: Some error (-8)"));
    assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "O0", "papi") == 103);
    mb_record_release(&r);
    mb_collect_close(set);
    remove_fake(&f);
}

static void a_library_that_is_not_there_or_does_not_start(void **state)
{
    (void)state;
    struct fake f;
    struct fake_tree bare;
    struct mb_record r;
    install(&f);
    fake_tree_make(&bare);
    struct mb_collect_set *set = open_set(&bare, "papi:P0");
    one_trial(set, &r);
    assert_non_null(strstr(reason(&r, ""), "apt-get install libpapi7.0"));
    mb_record_release(&r);
    mb_collect_close(set);
    *knob(&f, "fake_papi_init_answer") = -1;
    set = open_set(&f.tree, "papi:P0");
    one_trial(set, &r);
    assert_non_null(strstr(reason(&r, ""), "PAPI is here but does not start: Some error (-1)"));
    mb_record_release(&r);
    mb_collect_close(set);
    remove_fake(&f);
    fake_tree_remove(&bare);
}

static void names_are_checked_before_anything_is_loaded(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_make(&tree);
    const struct mb_collect_env env = fake_env(&tree, MS);
    static const struct { const char *options, *says; } bad[] = {
        {"papi:P0++P1", "joined by +"}, {"papi:P0+", "joined by +"}, {"papi:P0+P0", "P0 is named twice"}, {"papi:P0,threads=1", "joined by +"},
        {"papi:a+b+c+d+e+f+g+h+i+j+k+l+m+n+o+p+q", "more than 16 events"},
        {"papi:0123456789012345678901234567890123456789012345678901234567890123", "up to 63 characters"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct mb_collect_set *set;
        struct mb_error err = {0};
        assert_int_equal(mb_collect_open(&set, bad[i].options, &env, &err), MB_EINVAL);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%s", err.text);
    }
    fake_tree_remove(&tree);
}

/* Through the real libraries: what we generate is an event of PAPI, in every trial and in the next cell too. */
static void our_tokens_are_an_event_of_papi(void **state)
{
    (void)state;
    static const enum mb_event_kind kinds[] = {MB_EVENT_REQUEST_BEGIN, MB_EVENT_PREFILL_BEGIN, MB_EVENT_PREFILL_END};
    static const char *const needed[] = {"libpapi.so.7.0", "libsde.so.1"};
    for (int i = 0; i < 2; i++)
        if (!dlopen(needed[i], RTLD_NOW | RTLD_LOCAL)) {
            print_message("skipped: %s\n", dlerror());
            skip();
        }
    kernel_errno = 0;
    for (int cell = 0; cell < 2; cell++) {
        struct mb_collect_set *set = open_set(NULL, "papi:sde:::MELTBENCH::tokens+sde:::MELTBENCH::requests+sde:::MELTBENCH::nothing");
        for (int trial = 1; trial < 3; trial++) {
            struct mb_record r = {0};
            mb_collect_start(set);
            for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                mb_collect_phase(set, &(struct mb_event){.kind = kinds[i]});
            for (uint32_t i = 0; i < 40u * (unsigned)trial; i++)
                mb_collect_phase(set, &(struct mb_event){.kind = MB_EVENT_TOKEN, .index = i});
            mb_collect_stop(set);
            assert_int_equal(mb_collect_read(set, &r, NULL), 0);
            assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "sde:::MELTBENCH::tokens", "papi") == 40 * trial);
            assert_true(known_value(&r, MB_METRIC_PAPI_COUNT, "sde:::MELTBENCH::requests", "papi") == 1);
            assert_non_null(strstr(reason(&r, "sde:::MELTBENCH::nothing"), "no such counter")); /* PAPI itself would read 0 */
            mb_record_release(&r);
        }
        mb_collect_close(set);
    }
}

static void the_phase_is_the_one_of_the_moment(void **state)
{
    (void)state;
    static const struct { enum mb_event_kind kind; long long phase; } steps[] = {
        {MB_EVENT_LOAD_BEGIN, 1}, {MB_EVENT_LOAD_END, 0}, {MB_EVENT_REQUEST_BEGIN, 0}, {MB_EVENT_PREFILL_BEGIN, 2},
        {MB_EVENT_PREFILL_END, 3}, {MB_EVENT_TOKEN, 3}, {MB_EVENT_TOKEN, 3}, {MB_EVENT_REQUEST_END, 0}};
    struct mb_papi_counters x = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        mb_papi_count(&x, &(struct mb_event){.kind = steps[i].kind});
        assert_int_equal(x.phase, steps[i].phase);
    }
    assert_int_equal(x.tokens, 2);
    assert_int_equal(x.requests, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_counted_per_component),
        cmocka_unit_test(one_refusal_is_one_events),
        cmocka_unit_test(a_silent_zero_is_not_reported),
        cmocka_unit_test(threads_are_counted_or_nothing_is),
        cmocka_unit_test(a_library_that_is_not_there_or_does_not_start),
        cmocka_unit_test(names_are_checked_before_anything_is_loaded),
        cmocka_unit_test(our_tokens_are_an_event_of_papi),
        cmocka_unit_test(the_phase_is_the_one_of_the_moment),
    };
    return cmocka_run_group_tests_name("papi", tests, NULL, NULL);
}
