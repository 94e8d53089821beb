/* Limits: every byte of a pass is read once, operations are counted as they are done, values go to the database and come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/calibration.h"
#include "harness/machine_cpu.h"

/* A set that writes down what it was asked to read: byte counters per 512-byte line of the buffer. */
static struct { const unsigned char *base; _Atomic uint32_t n_lines[32768]; _Atomic uint64_t n_calls, n_rounds; } seen;

static uint64_t note_read(const void *p, size_t n_bytes)
{
    assert_true(n_bytes % 512 == 0);
    atomic_fetch_add(&seen.n_calls, 1);
    for (size_t i = 0; seen.base && i < n_bytes / 512; i++)
        atomic_fetch_add(&seen.n_lines[((size_t)((const unsigned char *)p - seen.base)) / 512 + i], 1);
    return ((const unsigned char *)p)[0];
}

static double note_rounds(uint64_t n_rounds)
{
    atomic_fetch_add(&seen.n_rounds, n_rounds);
    usleep(n_rounds > 100000 ? 4000 : 0);
    return 7.0 * (double)n_rounds;
}

static const struct mb_peak noting = {"ref", "", note_rounds, note_rounds, note_read};

static void every_byte_is_read_once_a_pass(void **state)
{
    (void)state;
    for (uint32_t n_threads = 1; n_threads <= 3; n_threads++) {
        for (int kind = MB_LIMIT_READ; kind <= MB_LIMIT_READ_MATRICES; kind++) {
            struct mb_roofline *r;
            struct mb_error err = {0};
            double values[2];
            uint64_t n_bytes, n_counted = 0;
            assert_int_equal(mb_roofline_open(&r, 1, 3, &err), MB_OK); /* 16 MiB: 32768 lines */
            memset(&seen, 0, sizeof(seen));
            seen.base = *(unsigned char **)r; /* first field: the buffer */
            assert_int_equal(mb_roofline_measure(r, (enum mb_limit)kind, &noting, n_threads, 2, values, &n_bytes, &err), MB_OK);
            for (size_t i = 0; i < 32768; i++) {
                const uint32_t n = atomic_load(&seen.n_lines[i]);
                assert_true(n == 0 || n == 3); /* one pass to warm up, two measured */
                n_counted += n / 3 * 512;
            }
            assert_int_equal(n_counted, n_bytes);
            assert_int_equal(n_bytes, 16 << 20); /* matrices: 1 + 2 + 4 + 8 + 1 MiB */
            assert_true(values[0] > 0 && values[1] > 0);
            mb_roofline_close(r);
        }
    }
}

static void work_of_all_threads_counts(void **state)
{
    (void)state;
    struct mb_roofline *r;
    struct mb_error err = {0};
    double one[3], three[3];
    uint64_t n_bytes = 1;
    assert_int_equal(mb_roofline_open(&r, 0, 3, &err), MB_OK);
    assert_int_equal(mb_roofline_measure(r, MB_LIMIT_F32, &noting, 1, 3, one, &n_bytes, &err), MB_OK);
    assert_int_equal(n_bytes, 0);
    assert_int_equal(mb_roofline_measure(r, MB_LIMIT_INT8, &noting, 3, 3, three, &n_bytes, &err), MB_OK);
    assert_true(one[0] > 0 && three[0] > 0 && isfinite(three[2]));
    assert_int_equal(mb_roofline_measure(r, MB_LIMIT_F32, &noting, 4, 1, one, &n_bytes, &err), MB_EINVAL);
    assert_int_equal(mb_roofline_measure(r, MB_LIMIT_READ, &noting, 1, 1, one, &n_bytes, &err), MB_EINVAL);
    mb_roofline_close(r);
}

/* The real loops: what they return is what they did, and reading reads. */
static void the_sets_of_this_machine_do_their_work(void **state)
{
    (void)state;
    size_t n;
    const struct mb_peak *const *peaks = mb_peaks(&n);
    json_t *flags = mb_machine_cpu_flags("");
    uint64_t words[1024] __attribute__((aligned(64)));
    memset(words, 0, sizeof(words));
    for (size_t i = 0; i < n; i++) {
        if (!mb_peak_possible(peaks[i], flags)) {
            print_message("%s: not on this CPU\n", peaks[i]->isa);
            continue;
        }
        assert_true(peaks[i]->f32(10) > 0);
        assert_true(fabs(peaks[i]->f32(1000) / peaks[i]->f32(10) - 100) < 1e-9);
        assert_true(fabs(peaks[i]->int8(1000) / peaks[i]->int8(10) - 100) < 1e-9);
        assert_int_equal(peaks[i]->read(words, sizeof(words)), 0);
        words[0] = 0x1234;
        assert_int_equal(peaks[i]->read(words, sizeof(words)), 0x1234);
        words[0] = 0;
    }
    assert_string_equal(peaks[n - 1]->isa, "ref");
    assert_true(mb_peak_possible(peaks[n - 1], flags));
    json_decref(flags);
}

static void the_buffer_is_beyond_the_caches_where_memory_allows(void **state)
{
    (void)state;
    const uint64_t mib = 1 << 20, gib = 1 << 30;
    assert_int_equal(mb_roofline_bytes(260 * mib, 16 * gib), 1040 * mib);
    assert_int_equal(mb_roofline_bytes(8 * mib, 16 * gib), 256 * mib);
    assert_int_equal(mb_roofline_bytes(0, 16 * gib), 256 * mib);
    assert_int_equal(mb_roofline_bytes(260 * mib, 960 * mib), 320 * mib);
}

static void values_go_to_the_database_and_come_back(void **state)
{
    (void)state;
    const uint32_t threads[] = {1, 2};
    const struct mb_calibration_wish wish = {.threads = threads, .n_threads = 2, .n_repetitions = 4, .read_bytes = 1 << 24, .best_isa = true};
    struct mb_calibration c = {0}, back = {0}, none = {0};
    struct mb_error err = {0};
    struct mb_limit_figure f, g;
    assert_int_equal(mb_calibration_measure(&c, &wish, &err), MB_OK);
    assert_int_equal(c.n, MB_LIMIT_N * 2 * 4);
    assert_true(mb_calibration_figure(&c, MB_LIMIT_INT8, NULL, 2, &f));
    assert_false(mb_calibration_figure(&c, MB_LIMIT_INT8, NULL, 3, &g));
    assert_int_equal(f.n, 4);
    assert_true(f.lo <= f.median && f.median <= f.hi && f.lo > 0);

    char path[] = "/tmp/mb-roofline-XXXXXX";
    close(mkstemp(path));
    struct mb_db *db;
    const struct mb_db_device device = {.name = "d", .cpu = "c", .facts_json = "{}", .n_cores = 2, .memory_bytes = -1};
    const struct mb_db_build build = {"1", "c", "gcc", "", "Release", "", "b"};
    int64_t device_id, build_id;
    assert_int_equal(mb_db_open(&db, path, MB_DB_CREATE, &err), MB_OK);
    assert_int_equal(mb_db_put_device(db, &device, &device_id, &err), MB_OK);
    assert_int_equal(mb_db_put_build(db, &build, &build_id, &err), MB_OK);
    assert_int_equal(mb_calibration_store(&c, db, device_id, build_id, NULL, &err), MB_OK);
    assert_int_equal(mb_calibration_load(&back, db, device_id, 2, &err), MB_OK);
    assert_int_equal(back.n, c.n);
    assert_int_equal(back.id, c.id);
    assert_true(mb_calibration_figure(&back, MB_LIMIT_INT8, NULL, 2, &g));
    assert_true(f.median == g.median && strcmp(f.isa, g.isa) == 0);
    assert_int_equal(mb_calibration_load(&none, db, device_id + 1, 2, &err), MB_OK);
    assert_int_equal(none.n, 0);
    /* the view agrees with us about medians */
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(mb_db_handle(db), "SELECT median, lo, hi FROM v_limit WHERE kind = 'int8' AND threads = 2", -1, &s, NULL), 0);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_true(fabs(sqlite3_column_double(s, 0) / f.median - 1) < 1e-12);
    assert_true(sqlite3_column_double(s, 1) == f.lo && sqlite3_column_double(s, 2) == f.hi);
    sqlite3_finalize(s);
    mb_db_close(db);
    char beside[80];
    unlink(path);
    snprintf(beside, sizeof(beside), "%s-wal", path);
    unlink(beside);
    snprintf(beside, sizeof(beside), "%s-shm", path);
    unlink(beside);
    mb_calibration_release(&c);
    mb_calibration_release(&back);
    mb_calibration_release(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_read_once_a_pass),
        cmocka_unit_test(work_of_all_threads_counts),
        cmocka_unit_test(the_sets_of_this_machine_do_their_work),
        cmocka_unit_test(the_buffer_is_beyond_the_caches_where_memory_allows),
        cmocka_unit_test(values_go_to_the_database_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
