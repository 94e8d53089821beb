/* test_nvml.c - NVIDIA's library replaced by a stand-in (fake_nvml.c) that lies in the fake tree: with a counter, without one, and one that
 * supports nothing. No NVIDIA card was at hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "energy_bench.h"

struct fake {
    unsigned long long *mj;
    unsigned *mw;
    int *init_error, *n_started, *n_cards, *query_error;
};

static void *variable(void *library, const char *name)
{
    void *address = dlsym(library, name);
    assert_non_null(address);
    return address;
}

/* Puts @variant into the tree and gives its knobs, set back to their defaults. */
static struct fake install(struct bench *b, const char *variant)
{
    char from[300], to[300];
    snprintf(to, sizeof(to), "%s/lib", b->tree.root);
    mkdir(to, 0755);
    snprintf(from, sizeof(from), "%s/tests/%s.so", MB_BINARY_DIR, variant);
    snprintf(to, sizeof(to), "%s/lib/libnvidia-ml.so.1", b->tree.root);
    assert_int_equal(symlink(from, to), 0);
    void *library = dlopen(to, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        fail_msg("%s", dlerror());
    struct fake f = {variable(library, "fake_nvml_mj"), variable(library, "fake_nvml_mw"), variable(library, "fake_nvml_init_error"),
                     variable(library, "fake_nvml_n_started"), variable(library, "fake_nvml_n_cards"),
                     variable(library, "fake_nvml_query_error")};
    *f.mj = 1000;
    *f.mw = 70000;
    *f.init_error = *f.query_error = 0;
    *f.n_cards = 2;
    return f;
}

/* 70 W, counted every 100 ms as these cards do. */
static void run_card(struct bench *b, struct fake *f, int seconds)
{
    b->ops->start(b->state);
    b->ops->poll(b->state, mb_clock_ns());
    for (int i = 1; i <= seconds * 100; i++) {
        bench_pass_ms(10);
        if (i % 10 == 0)
            *f->mj += 7000;
        b->ops->poll(b->state, mb_clock_ns());
    }
    b->ops->stop(b->state);
    bench_read(b);
}

static void the_counter_is_read(void **state)
{
    struct bench *b = *state;
    struct fake f = install(b, "fake_nvml_card");
    bench_open(b, "nvml", 10 * MS);
    assert_int_equal(*f.n_started, 1);
    run_card(b, &f, 20);
    assert_true(fabs(bench_energy(b, "gpu0") - 1400e6) < 1);
    assert_true(fabs(bench_energy(b, "gpu1") - 1400e6) < 1);
    assert_true(bench_error(b, "gpu0") >= 7e6 && bench_error(b, "gpu0") < 8.5e6); /* 70 W x 100 ms, seen as up to 120 ms */
    assert_non_null(strstr(bench_no_energy(b, ""), "graphics cards only"));
    run_card(b, &f, 5);
    assert_non_null(strstr(bench_no_energy(b, "gpu0"), "shorter than 100 updates of the source (1"));
    *f.query_error = 3;
    run_card(b, &f, 20);
    assert_non_null(strstr(bench_no_energy(b, "gpu0"), "could not be read at both ends"));
}

static void without_a_counter_the_average_power_is_taken(void **state)
{
    struct bench *b = *state;
    struct fake f = install(b, "fake_nvml_old");
    bench_open(b, "nvml", 10 * MS);
    run_card(b, &f, 20);
    assert_non_null(strstr(bench_no_energy(b, "gpu0/power-1s-average"), "shorter than 100 updates of the source (1000 ms each)"));
    run_card(b, &f, 120);
    assert_true(fabs(bench_energy(b, "gpu0/power-1s-average") - 8400e6) < 1);
    assert_null(find_metric(&b->record, MB_METRIC_ENERGY_UJ, "gpu0", "nvml"));
}

static void a_jetson_is_absent_not_zero(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    struct fake f = install(b, "fake_nvml_jetson");
    assert_string_equal(bench_absent(b, "nvml", &why), "libnvidia-ml.so.1 is here, but gives neither energy nor power of 2 cards (Not Supported): "
                                                       "usual on Jetson boards, whose rails ina3221 reads");
    assert_int_equal(*f.n_started, 0); /* shut down again */
}

static void what_is_missing_is_named(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    assert_non_null(strstr(bench_absent(b, "nvml", &why), "which is not installed here: apt-get install libnvidia-ml1"));
    struct fake f = install(b, "fake_nvml_card");
    *f.init_error = 9;
    assert_non_null(strstr(bench_absent(b, "nvml", &why), "does not start: Driver Not Loaded"));
    *f.init_error = 0;
    *f.n_cards = 0;
    assert_non_null(strstr(bench_absent(b, "nvml", &why), "there is no card"));
    assert_int_equal(*f.n_started, 0);
}

static void a_library_without_the_functions_is_refused(void **state)
{
    struct bench *b = *state;
    struct mb_error why;
    fake_tree_put(&b->tree, "/lib/libnvidia-ml.so.1", "no library");
    assert_non_null(strstr(bench_absent(b, "nvml", &why), "libnvidia-ml"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, bench_setup, bench_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_counter_is_read),
        TEST(without_a_counter_the_average_power_is_taken),
        TEST(a_jetson_is_absent_not_zero),
        TEST(what_is_missing_is_named),
        TEST(a_library_without_the_functions_is_refused),
    };
    return cmocka_run_group_tests_name("nvml", tests, NULL, NULL);
}
