/* test_warmup.c - when warming up ends, on known times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "harness/warmup.h"

#define MS 1000000u

/* Repetitions until it is done when they take @ms, the last one for ever. */
static unsigned count(int32_t asked, const uint64_t *ms, unsigned n)
{
    struct mb_warmup w;
    mb_warmup_begin(&w, asked);
    unsigned done = 0;
    for (; !mb_warmup_done(&w) && done < 100; done++)
        mb_warmup_note(&w, ms[done < n ? done : n - 1] * MS);
    return done;
}
#define COUNT(asked, ...) count(asked, (const uint64_t[]){__VA_ARGS__}, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void a_number_is_a_number(void **state)
{
    (void)state;
    assert_int_equal(COUNT(0, 100), 0);
    assert_int_equal(COUNT(1, 100), 1);
    assert_int_equal(COUNT(7, 100, 100, 5000), 7); /* neither steadiness nor time ends what was asked for */
}

static void auto_ends_when_three_in_a_row_agree(void **state)
{
    (void)state;
    assert_int_equal(COUNT(-1, 100), 3);
    assert_int_equal(COUNT(-1, 300, 100), 4);           /* the cold one was slow */
    assert_int_equal(COUNT(-1, 100, 104, 105), 3);      /* exactly 5 % is within */
    assert_int_equal(COUNT(-1, 100, 104, 106, 105), 4); /* 6 % is not; 104 106 105 is */
    assert_int_equal(COUNT(-1, 0), 3);                  /* no division by a time of 0 */
}

static void auto_gives_up_on_a_machine_that_never_settles(void **state)
{
    (void)state;
    assert_int_equal(COUNT(-1, 100, 200, 100, 200, 100, 200, 100), 5);
}

static void auto_spends_three_seconds_at_most_before_the_last_one(void **state)
{
    (void)state;
    assert_int_equal(COUNT(-1, 60000), 1); /* a long repetition warms itself */
    assert_int_equal(COUNT(-1, 3000), 1);
    assert_int_equal(COUNT(-1, 2999, 2000), 2);
    assert_int_equal(COUNT(-1, 1600, 1300), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_a_number),
        cmocka_unit_test(auto_ends_when_three_in_a_row_agree),
        cmocka_unit_test(auto_gives_up_on_a_machine_that_never_settles),
        cmocka_unit_test(auto_spends_three_seconds_at_most_before_the_last_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
