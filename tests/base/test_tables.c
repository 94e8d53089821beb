/* Metrics, events and statuses: names are column names and JSON keys, so they are unique, spelt alike, and found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/event.h"
#include "base/metric.h"

static void assert_spelling(const char *name)
{
    assert_true(strlen(name) > 0);
    assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(name));
}

static void metrics_are_found_by_name(void **state)
{
    (void)state;
    for (int i = 0; i < MB_METRIC_N; i++) {
        assert_spelling(mb_metric_rows[i].name);
        assert_int_equal(mb_metric_find(mb_metric_rows[i].name), i);
        assert_true(strlen(mb_metric_rows[i].unit) > 0 && strlen(mb_metric_rows[i].formula) > 0);
    }
    assert_int_equal(mb_metric_find("no_such_metric"), -1);
}

/* A quantity carries its unit in its name, so that no reader has to guess. */
static void units_stand_in_the_names(void **state)
{
    (void)state;
    static const struct { const char *unit, *part; } rows[] = {{"bytes", "_bytes"}, {"uJ", "_uj"}, {"uW", "_uw"}, {"ns", "_ns"}, {"kHz", "_khz"}};
    for (int i = 0; i < MB_METRIC_N; i++)
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++)
            if (strcmp(mb_metric_rows[i].unit, rows[j].unit) == 0)
                assert_non_null(strstr(mb_metric_rows[i].name, rows[j].part));
}

static void directions_are_right(void **state)
{
    (void)state;
    assert_int_equal(mb_metric_rows[MB_METRIC_ENERGY_UJ].better, MB_BETTER_LOWER);
    assert_int_equal(mb_metric_rows[MB_METRIC_ACCURACY].better, MB_BETTER_HIGHER);
    assert_int_equal(mb_metric_rows[MB_METRIC_N_GEN].better, MB_BETTER_NONE);
}

static void events_have_names_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < MB_EVENT_N; i++) {
        assert_spelling(mb_event_names[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(mb_event_names[i], mb_event_names[j]);
    }
    assert_string_equal(mb_event_names[MB_EVENT_TOKEN], "token");
}

static void statuses_have_the_documented_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(mb_status_exit(MB_OK), 0);
    assert_int_equal(mb_status_exit(MB_EINVAL), 2);
    assert_int_equal(mb_status_exit(MB_ENOTSUP), 77);
    assert_int_equal(mb_status_exit(MB_EINTR), 130);
    assert_int_equal(mb_status_exit(MB_ENOENT), 1);
    assert_int_equal(mb_status_exit(-999), 1);
    assert_int_equal(mb_status_exit(7), 1);
    assert_string_equal(mb_status_name(MB_EINVAL), "EINVAL");
    assert_string_equal(mb_status_name(-999), "unknown");
}

static void errors_gather_context_and_stay_in_bounds(void **state)
{
    (void)state;
    struct mb_error err = {0};
    char endless[2000];
    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    assert_int_equal(mb_fail(&err, MB_EIO, "disk %d is full", 3), MB_EIO);
    assert_int_equal(mb_fail_context(&err, "trial %d", 7), MB_EIO);
    assert_string_equal(err.text, "trial 7: disk 3 is full");
    mb_fail(&err, MB_EIO, "%s", endless);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    mb_fail_context(&err, "%s", endless);
    assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
    errno = ENOENT;
    assert_int_equal(mb_fail_errno(&err, MB_ENOENT, "/nowhere"), MB_ENOENT);
    assert_string_equal(err.text, "/nowhere: No such file or directory");
    assert_int_equal(errno, ENOENT);
    assert_int_equal(mb_fail(NULL, MB_EINVAL, "nobody listens"), MB_EINVAL);
    mb_fail(&err, MB_EINVAL, "'%s' is not known", "two\nlines\033[31m");
    assert_string_equal(err.text, "'two lines [31m' is not known");
    mb_fail_context(&err, "%s", "a\tb");
    assert_string_equal(err.text, "a b: 'two lines [31m' is not known");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics_are_found_by_name),
        cmocka_unit_test(units_stand_in_the_names),
        cmocka_unit_test(directions_are_right),
        cmocka_unit_test(events_have_names_of_their_own),
        cmocka_unit_test(statuses_have_the_documented_exit_codes),
        cmocka_unit_test(errors_gather_context_and_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
