/* test_collector_set.c - the set: selection, the thread, endpoints of short trials, contract of every registered collector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/phase.h"
#include "collectors/sampler.h"
#include "collectors/selection.h"
#include "collectors/series.h"
#include "collectors/ticker.h"
#include "fake_tree.h"

#define MS 1000000u

static void count_tick(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

static void one_trial(struct mb_collect_set *set, unsigned ms, struct mb_record *record)
{
    struct mb_error err = {0};
    memset(record, 0, sizeof(*record));
    mb_collect_start(set);
    sleep_ms(ms);
    mb_collect_stop(set);
    if (mb_collect_read(set, record, &err))
        fail_msg("read: %s", err.text);
}

static struct mb_collect_set *open_set(const char *selection, const struct mb_collect_env *env)
{
    struct mb_collect_set *set;
    struct mb_error err = {0};
    if (mb_collect_open(&set, selection, env, &err))
        fail_msg("open %s: %s", selection, err.text);
    return set;
}

static double synthetic_answer(const char *selection, unsigned ms)
{
    const struct mb_collect_env env = fake_env(NULL, 2 * MS);
    struct mb_collect_set *set = open_set(selection, &env);
    struct mb_record record;
    one_trial(set, ms, &record);
    const double value = known_value(&record, MB_METRIC_SYNTHETIC, "", "synthetic");
    assert_int_equal(find_metric(&record, MB_METRIC_SYNTHETIC, "", "synthetic")->origin, MB_ORIGIN_SIMULATED);
    mb_record_release(&record);
    mb_collect_close(set);
    return value;
}

static void synthetic_gives_its_known_answers(void **state)
{
    (void)state;
    assert_true(synthetic_answer("synthetic:constant=5", 20) == 5.0);
    assert_true(synthetic_answer("test", 5) == 1.0);
    assert_true(fabs(synthetic_answer("synthetic:ramp=700", 30) - 700) < 1e-3);
    assert_true(synthetic_answer("synthetic:wrap=12345", 20) == 12345.0);
    assert_true(synthetic_answer("synthetic:wrap=250", 0) == 250.0);
}

static void a_trial_shorter_than_the_period_has_both_endpoints(void **state)
{
    (void)state;
    const struct mb_collect_env env = fake_env(NULL, 10000u * MS);
    struct mb_collect_set *set = open_set("synthetic:ramp", &env);
    struct mb_record record;
    const uint64_t begin = mb_clock_ns();
    one_trial(set, 3, &record);
    const uint64_t end = mb_clock_ns();
    const struct mb_record_stream *s = find_stream(&record, "synthetic_units", "synthetic");
    assert_non_null(s);
    assert_int_equal(s->n, 2);
    assert_true(s->t_ns[0] >= begin && s->t_ns[1] <= end && s->t_ns[1] - s->t_ns[0] >= 3 * MS);
    mb_record_release(&record);
    mb_collect_close(set);
}

static void the_sampler_reports_its_own_cost(void **state)
{
    (void)state;
    const struct mb_collect_env env = fake_env(NULL, 2 * MS);
    struct mb_collect_set *set = open_set("synthetic", &env);
    for (int trial = 0; trial < 3; trial++) {
        struct mb_record record;
        one_trial(set, 50, &record);
        const struct mb_record_stream *s = find_stream(&record, "synthetic_units", "synthetic");
        const double cpu = known_value(&record, MB_METRIC_SAMPLER_CPU_NS, "", "sampler");
        assert_true(cpu > 0 && cpu < (double)(s->t_ns[s->n - 1] - s->t_ns[0]));
        assert_true(known_value(&record, MB_METRIC_SAMPLER_MISSED, "", "sampler") >= 0);
        const double ticks = (double)(s->n - 2), period = known_value(&record, MB_METRIC_SAMPLER_PERIOD_NS, "", "sampler");
        assert_true(period > 0 && period * (ticks - 1) <= (double)(s->t_ns[s->n - 1] - s->t_ns[0]));
        assert_non_null(strstr(absent_reason(&record, MB_METRIC_SAMPLER_LATE_NS, "", "sampler"), "needs 662"));
        mb_record_release(&record);
    }
    mb_collect_close(set);
}

static void lateness_percentile_comes_with_enough_ticks(void **state)
{
    (void)state;
    const struct mb_collect_env env = fake_env(NULL, MS / 4);
    struct mb_collect_set *set = open_set("synthetic,sampler:jitter=50", &env);
    struct mb_record record;
    one_trial(set, 900, &record);
    const struct mb_record_metric *m = find_metric(&record, MB_METRIC_SAMPLER_LATE_NS, "", "sampler");
    const struct mb_record_stream *s = find_stream(&record, "synthetic_units", "synthetic");
    assert_int_equal(m->reason == NULL, s->n - 2 >= 662);
    if (!m->reason)
        assert_true(m->value > 0);
    mb_record_release(&record);
    mb_collect_close(set);
}

/* No clock is asserted: however busy the machine, every period that passed is a tick or counted as missed. */
static void every_deadline_is_a_tick_or_missed(void **state)
{
    (void)state;
    for (unsigned jitter = 0; jitter <= 100; jitter += 100) {
        atomic_int n = 0;
        struct mb_ticker *t;
        const struct mb_ticker_config config = {.period_ns = 2 * MS, .jitter_percent = jitter, .max_ticks = 100,
                                                .tick = count_tick, .user = &n};
        assert_int_equal(mb_ticker_open(&t, &config, NULL), 0);
        const uint64_t before_start = mb_clock_ns();
        mb_ticker_start(t);
        const uint64_t after_start = mb_clock_ns();
        sleep_ms(150);
        const uint64_t before_stop = mb_clock_ns();
        mb_ticker_stop(t);
        const uint64_t after_stop = mb_clock_ns();
        struct mb_ticker_stats stats;
        mb_ticker_stats(t, &stats);
        assert_int_equal(stats.n_ticks, atomic_load(&n));
        assert_true(stats.n_ticks > 0);
        const uint64_t accounted = stats.n_ticks + stats.n_missed;
        assert_true(accounted + 2 >= (before_stop - after_start) / (2 * MS));
        assert_true(accounted <= (after_stop - before_start) / (2 * MS) + 1);
        mb_ticker_close(t);
    }
}

static void thread_rests_between_trials(void **state)
{
    (void)state;
    atomic_int n = 0;
    struct mb_ticker *t;
    const struct mb_ticker_config config = {.period_ns = MS, .max_ticks = 100, .tick = count_tick, .user = &n};
    assert_int_equal(mb_ticker_open(&t, &config, NULL), 0);
    sleep_ms(20);
    assert_int_equal(atomic_load(&n), 0);
    mb_ticker_start(t);
    for (int i = 0; i < 1000 && atomic_load(&n) == 0; i++)
        sleep_ms(5);
    mb_ticker_stop(t);
    const int after_stop = atomic_load(&n);
    assert_true(after_stop > 0);
    sleep_ms(20);
    assert_int_equal(atomic_load(&n), after_stop);
    struct mb_ticker_stats stats;
    mb_ticker_stats(t, &stats);
    assert_int_equal(stats.n_ticks, after_stop);
    mb_ticker_start(t);
    mb_ticker_stop(t);
    mb_ticker_stats(t, &stats);
    assert_int_equal(stats.n_ticks, atomic_load(&n) - after_stop); /* of this run only */
    mb_ticker_close(t);
}

static void slow_tick(void *user)
{
    count_tick(user);
    sleep_ms(25);
}

static void late_ticks_are_counted_as_missed_not_made_up(void **state)
{
    (void)state;
    atomic_int n = 0;
    struct mb_ticker *t;
    const struct mb_ticker_config config = {.period_ns = 5 * MS, .max_ticks = 100, .tick = slow_tick, .user = &n};
    assert_int_equal(mb_ticker_open(&t, &config, NULL), 0);
    const uint64_t begin = mb_clock_ns();
    mb_ticker_start(t);
    sleep_ms(200);
    mb_ticker_stop(t);
    const uint64_t span = mb_clock_ns() - begin;
    struct mb_ticker_stats stats;
    mb_ticker_stats(t, &stats);
    assert_int_equal(stats.n_ticks, atomic_load(&n));
    assert_true(stats.n_ticks <= span / (25 * MS) + 1);
    assert_true(stats.n_missed >= 4 * (stats.n_ticks - 1));
    assert_true(stats.n_ticks < 2 || stats.period_ns >= 25 * MS); /* as they came, not as they were asked for */
    mb_ticker_close(t);
}

static void two_sets_at_once_do_not_share_anything(void **state)
{
    (void)state;
    const struct mb_collect_env env = fake_env(NULL, 2 * MS);
    struct mb_collect_set *a = open_set("synthetic:constant=3,memory", &env), *b = open_set("synthetic:wrap=5000,memory", &env);
    struct mb_record ra = {0}, rb = {0};
    mb_collect_start(a);
    mb_collect_start(b);
    sleep_ms(20);
    mb_collect_stop(a);
    mb_collect_stop(b);
    assert_int_equal(mb_collect_read(a, &ra, NULL), 0);
    assert_int_equal(mb_collect_read(b, &rb, NULL), 0);
    assert_true(known_value(&ra, MB_METRIC_SYNTHETIC, "", "synthetic") == 3);
    assert_true(known_value(&rb, MB_METRIC_SYNTHETIC, "", "synthetic") == 5000);
    mb_record_release(&ra);
    mb_record_release(&rb);
    mb_collect_close(a);
    mb_collect_close(b);
}

static void full_array_counts_what_it_drops(void **state)
{
    (void)state;
    struct mb_collect_env env = fake_env(NULL, MS);
    env.max_samples = 3;
    struct mb_collect_set *set = open_set("synthetic:constant=4", &env);
    struct mb_record record;
    one_trial(set, 40, &record);
    const struct mb_record_stream *s = find_stream(&record, "synthetic_units", "synthetic");
    assert_int_equal(s->n, 3);
    assert_true(s->n_errors > 0);
    assert_true(known_value(&record, MB_METRIC_SYNTHETIC, "", "synthetic") == 4);
    mb_record_release(&record);
    mb_collect_close(set);
}

static void stamps_of_a_series_differ_by_a_microsecond(void **state)
{
    (void)state;
    struct mb_series s;
    assert_int_equal(mb_series_init(&s, 4, NULL), 0);
    mb_series_push(&s, 1000, 1);
    mb_series_push(&s, 1999, 2);
    mb_series_push(&s, 2999, 3);
    assert_int_equal(s.n, 2);
    assert_int_equal(s.value[0], 2);
    assert_int_equal(s.t_ns[1] / 1000 - s.t_ns[0] / 1000, 1);
    mb_series_release(&s);
    struct mb_error err = {0};
    assert_int_equal(mb_series_init(&s, 0, &err), MB_EINVAL);
}

static void trapezoid_is_exact_for_a_line(void **state)
{
    (void)state;
    struct mb_trapezoid z = {0};
    for (uint64_t t = 5; t <= 25; t += t % 3 + 1)
        mb_trapezoid_add(&z, t, 3.0 * (double)t);
    const double end = (double)z.t_last_ns;
    assert_true(fabs(z.sum_ns - 1.5 * (end * end - 25)) < 1e-9);
}

static void expect_selection(const char *text, const char *names)
{
    struct mb_selection sel;
    struct mb_error err = {0};
    char got[200] = "";
    if (mb_selection_parse(&sel, text, &err))
        fail_msg("'%s': %s", text, err.text);
    for (size_t i = 0; i < sel.n; i++) {
        strcat(strcat(got, i ? " " : ""), sel.items[i].ops->name);
        if (sel.items[i].options[0])
            strcat(strcat(got, ":"), sel.items[i].options);
    }
    assert_string_equal(got, names);
    mb_selection_release(&sel);
}

static void expect_refused(const char *text, const char *part)
{
    struct mb_selection sel;
    struct mb_error err = {0};
    assert_int_equal(mb_selection_parse(&sel, text, &err), MB_EINVAL);
    if (!strstr(err.text, part))
        fail_msg("'%s' said: %s", text, err.text);
}

static void selection_understands_groups_names_and_options(void **state)
{
    (void)state;
    expect_selection("", "");
    expect_selection("none", "");
    expect_selection("latency", "");
    expect_selection("default", "proc_mem system_mem pressure rapl rapl_perf hwmon ina3221 nvml pi_pmic odpm battery cpufreq thermal perf_event");
    expect_selection("latency,memory,energy,counters,thermal",
                     "proc_mem system_mem pressure rapl rapl_perf hwmon ina3221 nvml pi_pmic odpm battery cpufreq thermal perf_event");
    expect_selection(" perf_event , memory,proc_mem,", "proc_mem system_mem pressure perf_event");
    expect_selection("synthetic:constant=5,ramp=7,memory", "proc_mem system_mem pressure synthetic:constant=5,ramp=7");
    expect_selection("test,synthetic:ramp", "synthetic:ramp");
    expect_refused("memry", "did you mean 'memory'");
    expect_refused("rapl,prf_event", "did you mean 'perf_event'");
    expect_refused("zzzzzzzzzz", "no collector or group");
    expect_refused("memory,constant=5", "follows no collector");
    expect_refused("sampler:jitter=101", "0 to 100");
    expect_refused("sampler:foo=1", "jitter=PERCENT");
    expect_refused("sampler:jitter=-1", "0 to 100");
}

static void bad_options_are_an_error_not_an_absence(void **state)
{
    (void)state;
    const struct mb_collect_env env = fake_env(NULL, MS);
    struct mb_collect_set *set;
    struct mb_error err = {0};
    static const char *const bad[] = {"synthetic:constant=x", "synthetic:slope", "synthetic:wrap=-1", "synthetic:absent=2"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(mb_collect_open(&set, bad[i], &env, &err), MB_EINVAL);
        assert_null(set);
        assert_non_null(strstr(err.text, "collector synthetic: option '"));
    }
}

static void absent_is_unknown_with_a_reason(void **state)
{
    (void)state;
    struct fake_tree tree;
    fake_tree_make(&tree);
    struct mb_collect_env env = fake_env(&tree, MS);
    struct mb_collect_set *set = open_set("default,synthetic:absent", &env);
    struct mb_record record;
    one_trial(set, 2, &record);
    assert_non_null(strstr(absent_reason(&record, MB_METRIC_ENERGY_UJ, "", "rapl"), "no RAPL"));
    assert_non_null(strstr(absent_reason(&record, MB_METRIC_ENERGY_UJ, "", "hwmon"), "no hardware monitor"));
    assert_non_null(strstr(absent_reason(&record, MB_METRIC_FREQ_MEAN_KHZ, "", "cpufreq"), "does not manage clocks"));
    assert_non_null(strstr(absent_reason(&record, MB_METRIC_TEMP_MAX_MILLI_C, "", "thermal"), "no readable zone"));
    assert_non_null(strstr(absent_reason(&record, MB_METRIC_RSS_ANON_BYTES, "", "proc_mem"), "No such file"));
    assert_string_equal(absent_reason(&record, MB_METRIC_SYNTHETIC, "", "synthetic"), "synthetic: absent as asked");
    for (size_t i = 0; i < record.n_metrics; i++)
        if (strcmp(record.metrics[i].source, "perf_event") != 0 && strcmp(record.metrics[i].source, "sampler") != 0)
            assert_true(isnan(record.metrics[i].value) && record.metrics[i].reason[0]);
    mb_record_release(&record);
    mb_collect_close(set);
    fake_tree_remove(&tree);
}

static void phases_follow_the_events(void **state)
{
    (void)state;
    static const struct { enum mb_event_kind kind; bool edge; enum mb_phase ended; } steps[] = {
        {MB_EVENT_LOAD_BEGIN, true, MB_PHASE_NONE},    {MB_EVENT_LOAD_END, true, MB_PHASE_LOAD},
        {MB_EVENT_REQUEST_BEGIN, false, MB_PHASE_NONE}, {MB_EVENT_PREFILL_BEGIN, true, MB_PHASE_NONE},
        {MB_EVENT_PREFILL_END, true, MB_PHASE_PREFILL}, {MB_EVENT_TOKEN, false, MB_PHASE_NONE},
        {MB_EVENT_REQUEST_END, true, MB_PHASE_DECODE},
        /* a scored request generates nothing: no decode phase */
        {MB_EVENT_PREFILL_BEGIN, true, MB_PHASE_NONE},  {MB_EVENT_PREFILL_END, true, MB_PHASE_PREFILL},
        {MB_EVENT_REQUEST_END, true, MB_PHASE_NONE},
        /* a prefill that fails leaves no figure */
        {MB_EVENT_PREFILL_BEGIN, true, MB_PHASE_NONE},  {MB_EVENT_REQUEST_END, true, MB_PHASE_NONE},
    };
    struct mb_phase_tracker tracker = {0};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        enum mb_phase ended;
        const struct mb_event event = {.kind = steps[i].kind};
        assert_int_equal(mb_phase_advance(&tracker, &event, &ended), steps[i].edge);
        assert_int_equal(ended, steps[i].ended);
    }
    assert_false(mb_phase_wanted(&(struct mb_event){.kind = MB_EVENT_TOKEN, .index = 1}));
    assert_true(mb_phase_wanted(&(struct mb_event){.kind = MB_EVENT_TOKEN, .index = 0}));
}

static bool declared(const struct mb_collector_ops *ops, enum mb_metric metric)
{
    for (const enum mb_metric *m = ops->metrics; *m != MB_METRIC_END; m++)
        if (*m == metric)
            return true;
    return false;
}

/* Runs one collector alone for two trials, where it is available. */
static void check_emits_declared_only(const struct mb_collector_ops *ops, const struct mb_collect_env *env)
{
    char selection[64];
    snprintf(selection, sizeof(selection), "%s:", ops->name); /* the colon: "thermal" alone is a group */
    struct mb_collect_set *set = open_set(selection, env);
    size_t n_first = 0;
    for (int trial = 0; trial < 2; trial++) {
        struct mb_record record;
        one_trial(set, 5, &record);
        n_first = trial == 0 ? record.n_metrics : n_first;
        assert_int_equal(record.n_metrics, n_first); /* nothing is carried over */
        assert_true(record.n_metrics > 0);
        for (size_t i = 0; i < record.n_metrics; i++) {
            const struct mb_record_metric *m = &record.metrics[i];
            if (strcmp(m->source, "sampler") != 0) {
                assert_string_equal(m->source, ops->name);
                assert_true(declared(ops, m->metric));
            }
            for (size_t j = 0; j < i; j++) /* primary key of the metric table */
                assert_false(record.metrics[j].metric == m->metric && strcmp(record.metrics[j].scope, m->scope) == 0 &&
                             strcmp(record.metrics[j].source, m->source) == 0);
        }
        mb_record_release(&record);
    }
    mb_collect_close(set);
}

static void every_collector_keeps_the_contract(void **state)
{
    (void)state;
    size_t n;
    const struct mb_collector_ops *const *all = mb_collectors(&n);
    const struct mb_collect_env env = fake_env(NULL, MS);
    assert_true(n >= 7);
    for (size_t i = 0; i < n; i++) {
        const struct mb_collector_ops *ops = all[i];
        assert_int_equal(ops->abi, MB_COLLECTOR_ABI);
        assert_int_equal(strspn(ops->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(ops->name));
        assert_ptr_equal(mb_collector_find(ops->name), ops);
        char path[512];
        snprintf(path, sizeof(path), "%s/collectors/%s.c", MB_SOURCE_DIR, ops->name);
        assert_int_equal(access(path, R_OK), 0);
        assert_true(ops->group[0] && ops->summary[0] && ops->state_size > 0);
        assert_true(ops->probe && ops->open && ops->start && ops->stop && ops->read && ops->close);
        assert_int_equal(!!ops->poll, !!(ops->flags & MB_COLLECTOR_POLLED));
        assert_int_not_equal(ops->metrics[0], MB_METRIC_END);
        void *zeroed = calloc(1, ops->state_size);
        ops->close(zeroed);
        ops->close(zeroed);
        free(zeroed);
        struct mb_error why = {0};
        const int rc = ops->probe(&env, &why);
        assert_true(rc == MB_OK || rc == MB_ENOTSUP);
        assert_true(why.text[0] && !strchr(why.text, '\n'));
        check_emits_declared_only(ops, &env);
    }
    assert_null(mb_collector_find("nothing"));
}

static void read_without_a_trial_is_refused(void **state)
{
    (void)state;
    const struct mb_collect_env env = fake_env(NULL, MS);
    struct mb_collect_set *set = open_set("synthetic", &env);
    struct mb_record record = {0};
    struct mb_error err = {0};
    assert_int_equal(mb_collect_read(set, &record, &err), MB_EINVAL);
    mb_collect_start(set);
    mb_collect_close(set); /* in the middle of a trial, as after an error */
    mb_collect_close(NULL);
    mb_record_release(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(synthetic_gives_its_known_answers),
        cmocka_unit_test(a_trial_shorter_than_the_period_has_both_endpoints),
        cmocka_unit_test(the_sampler_reports_its_own_cost),
        cmocka_unit_test(every_deadline_is_a_tick_or_missed),
        cmocka_unit_test(lateness_percentile_comes_with_enough_ticks),
        cmocka_unit_test(thread_rests_between_trials),
        cmocka_unit_test(late_ticks_are_counted_as_missed_not_made_up),
        cmocka_unit_test(two_sets_at_once_do_not_share_anything),
        cmocka_unit_test(full_array_counts_what_it_drops),
        cmocka_unit_test(stamps_of_a_series_differ_by_a_microsecond),
        cmocka_unit_test(trapezoid_is_exact_for_a_line),
        cmocka_unit_test(selection_understands_groups_names_and_options),
        cmocka_unit_test(bad_options_are_an_error_not_an_absence),
        cmocka_unit_test(absent_is_unknown_with_a_reason),
        cmocka_unit_test(phases_follow_the_events),
        cmocka_unit_test(every_collector_keeps_the_contract),
        cmocka_unit_test(read_without_a_trial_is_refused),
    };
    return cmocka_run_group_tests_name("sampler", tests, NULL, NULL);
}
