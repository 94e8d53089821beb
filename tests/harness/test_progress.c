/* test_progress.c - the time left on known times, and what is printed where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness/progress.h"

#define S 1000000000ull

static void the_time_left_is_counted_per_workload(void **state)
{
    (void)state;
    struct mb_progress p;
    mb_progress_begin(&p, NULL, false, 0);
    mb_progress_expect(&p, "micro", 10);
    mb_progress_expect(&p, "chat", 4);
    mb_progress_expect(&p, "micro", 10);
    assert_true(mb_progress_left_ns(&p) == UINT64_MAX); /* nothing is known yet */
    mb_progress_spent(&p, "micro", 4 * S, 2);     /* 2 s each; 18 are left; chat is guessed by them */
    assert_int_equal(mb_progress_left_ns(&p), (18 * 2 + 4 * 2) * S);
    mb_progress_spent(&p, "chat", 10 * S, 1); /* 10 s each; 3 left */
    assert_int_equal(mb_progress_left_ns(&p), (18 * 2 + 3 * 10) * S);
    mb_progress_drop(&p, "chat", 3);
    assert_int_equal(mb_progress_left_ns(&p), 18 * 2 * S);
    mb_progress_drop(&p, "micro", 99); /* not below nothing */
    assert_int_equal(mb_progress_left_ns(&p), 0);
}

static void more_workloads_than_rows_share_the_last(void **state)
{
    (void)state;
    struct mb_progress p;
    char names[40][8];
    mb_progress_begin(&p, NULL, false, 0);
    for (int i = 0; i < 40; i++) {
        snprintf(names[i], sizeof(names[i]), "w%d", i);
        mb_progress_expect(&p, names[i], 1);
    }
    mb_progress_spent(&p, "w0", S, 1);
    assert_int_equal(mb_progress_left_ns(&p), 39 * S);
}

static void durations_are_readable(void **state)
{
    (void)state;
    char text[40];
    assert_string_equal(mb_progress_duration(400000000, text, sizeof(text)), "0 s");
    assert_string_equal(mb_progress_duration(59 * S, text, sizeof(text)), "59 s");
    assert_string_equal(mb_progress_duration(185 * S, text, sizeof(text)), "3 min 05 s");
    assert_string_equal(mb_progress_duration(3599600000000, text, sizeof(text)), "1 h 00 min");
    assert_string_equal(mb_progress_duration(130 * 60 * S, text, sizeof(text)), "2 h 10 min");
}

static char *printed(bool tty, uint64_t second_ns)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    char label[] = "t=2 micro";
    const struct mb_plan_cell cell = {.label = label, .repetitions = 5};
    const struct mb_record last = {.kind = MB_TRIAL_MEASURED, .repetition = 1, .t_begin_ns = 0, .t_end_ns = 1500000000};
    struct mb_progress p;
    mb_progress_begin(&p, out, tty, 0);
    p.n_cells = 3;
    mb_progress_expect(&p, "micro", 15);
    mb_progress_show(&p, &cell, NULL, MB_PROGRESS_PLAIN_NS, false);
    mb_progress_spent(&p, "micro", 10 * S, 2);
    mb_progress_show(&p, &cell, &last, second_ns, false);
    mb_progress_say(&p, "a sentence");
    mb_progress_end(&p);
    fclose(out);
    return text;
}

static void adaptive_cells_say_between_which_numbers(void **state)
{
    (void)state;
    char *text = NULL, label[] = "micro";
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    const struct mb_plan_cell cell = {.label = label, .repetitions = 6, .stopping = {.most = 60}};
    const struct mb_record last = {.kind = MB_TRIAL_MEASURED, .repetition = 41, .t_end_ns = 1500000000};
    struct mb_progress p;
    mb_progress_begin(&p, out, false, 0);
    p.n_cells = 1;
    mb_progress_show(&p, &cell, &last, 0, true);
    fclose(out);
    assert_string_equal(text, "[1/1] ? left  repetition 42 of 6 to 60: 1.50 s  micro\n");
    free(text);
}

static void plain_lines_are_rare_and_a_terminal_is_redrawn(void **state)
{
    (void)state;
    char *text = printed(false, 2 * MB_PROGRESS_PLAIN_NS);
    assert_string_equal(text, "[1/3] ? left  opening  t=2 micro\n[1/3] 1 min 05 s left  repetition 2/5: 1.50 s  t=2 micro\na sentence\n");
    free(text);
    text = printed(false, 2 * MB_PROGRESS_PLAIN_NS - 1); /* too soon */
    assert_string_equal(text, "[1/3] ? left  opening  t=2 micro\na sentence\n");
    free(text);
    text = printed(true, MB_PROGRESS_PLAIN_NS + 1);
    assert_string_equal(text, "\r\033[K[1/3] ? left  opening  t=2 micro\r\033[K[1/3] 1 min 05 s left  repetition 2/5: 1.50 s  t=2 micro"
                              "\r\033[Ka sentence\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_time_left_is_counted_per_workload),
        cmocka_unit_test(more_workloads_than_rows_share_the_last),
        cmocka_unit_test(durations_are_readable),
        cmocka_unit_test(adaptive_cells_say_between_which_numbers),
        cmocka_unit_test(plain_lines_are_rare_and_a_terminal_is_redrawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
