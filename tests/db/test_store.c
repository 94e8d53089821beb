/* A repetition is stored whole or not at all, and a file that is not ours, newer, locked or full is left as it was with one clear line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/axis.h"
#include "db/connection.h"
#include "known_run.h"

struct place { char folder[256], file[300]; };

static int set_up(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    known_folder_make(p->folder, sizeof(p->folder));
    snprintf(p->file, sizeof(p->file), "%s/t.db", p->folder);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    known_folder_remove(p->folder);
    free(p);
    return 0;
}

static struct mb_db *open_ok(const char *path, enum mb_db_mode mode)
{
    struct mb_db *db;
    struct mb_error err = {0};
    const int rc = mb_db_open(&db, path, mode, &err);
    if (rc)
        print_error("%s\n", err.text);
    assert_int_equal(rc, MB_OK);
    return db;
}

static void open_fails(const char *path, enum mb_db_mode mode, int code, const char *says)
{
    struct mb_db *db;
    struct mb_error err = {0};
    assert_int_equal(mb_db_open(&db, path, mode, &err), code);
    assert_null(db);
    if (!strstr(err.text, says) || strchr(err.text, '\n'))
        fail_msg("'%s' does not say '%s' in one line", err.text, says);
    if (!strstr(err.text, path))
        fail_msg("'%s' does not name the file", err.text);
}

static int64_t number(struct mb_db *db, const char *sql)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(mb_db_handle(db), sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}

static void assert_text(struct mb_db *db, const char *sql, const char *expected)
{
    sqlite3_stmt *s;
    assert_int_equal(sqlite3_prepare_v2(mb_db_handle(db), sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(s, 0);
    if (!text || !expected)
        assert_ptr_equal(text, expected);
    else
        assert_string_equal(text, expected);
    sqlite3_finalize(s);
}

static char *read_all(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *bytes = malloc(1 << 22);
    *n = fread(bytes, 1, 1 << 22, f);
    fclose(f);
    return bytes;
}

static void write_all(const char *path, const char *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static const struct known_axes plain = {"m.gguf", "file", "none", "none", 2};

static int64_t one_cell(struct mb_db *db)
{
    return known_cell(db, known_run_begin(db, "p"), 0, &plain, "micro", "{\"prompt\":4,\"gen\":3}", 5, NULL);
}

static void full_record(struct mb_record *r, uint32_t repetition)
{
    const uint64_t gaps[] = {10000, 20000};
    known_record(r, MB_TRIAL_MEASURED, repetition, 1000000);
    known_request(r, 0, 0, 4, 50000, gaps, 2);
    assert_int_equal(mb_record_add_metric(r, MB_METRIC_RSS_PEAK_BYTES, "decode", "proc_mem", MB_ORIGIN_MEASURED, 1e9), MB_OK);
    assert_int_equal(mb_record_add_absent(r, MB_METRIC_ENERGY_UJ, "", "rapl", "no powercap"), MB_OK);
    uint64_t t[] = {r->t_begin_ns - 1500, r->t_begin_ns, r->t_begin_ns + 10, r->t_begin_ns + 999, r->t_begin_ns + 5000};
    int64_t v[] = {1, 2, 3, 4, 5};
    const struct mb_record_stream s = {.name = (char *)"rss_anon_bytes", .channel = (char *)"", .source = (char *)"proc_mem", .t_ns = t,
                                       .value = v, .n = 5, .period_ns = 10000000};
    assert_int_equal(mb_record_add_stream(r, &s), MB_OK);
    const struct mb_record_answer a = {.item = (char *)"q/1", .given = (char *)"B", .correct = -1, .log_likelihood = (double)NAN};
    assert_int_equal(mb_record_add_answer(r, &a), MB_OK);
}

static void keeps_a_repetition_whole(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    const int64_t cell = one_cell(db);
    struct mb_record r;
    struct mb_error err = {0};
    int64_t trial = 0;
    full_record(&r, 0);
    assert_int_equal(mb_db_put_trial(db, cell, &r, &trial, &err), MB_OK);
    assert_int_equal(number(db, "SELECT count(*) FROM event"), r.n_events);
    assert_int_equal(number(db, "SELECT t_ns FROM event WHERE kind = 'prefill_end'"), 51000);
    assert_int_equal(number(db, "SELECT value IS NULL FROM metric WHERE name = 'energy_uj'"), 1);
    assert_text(db, "SELECT reason FROM metric WHERE name = 'energy_uj'", "no powercap");
    assert_text(db, "SELECT log_likelihood FROM answer", NULL);
    assert_text(db, "SELECT correct FROM answer", NULL);
    /* The second time is refused as a whole. */
    assert_int_equal(mb_db_put_trial(db, cell, &r, &trial, &err), MB_EINVAL);
    assert_non_null(strstr(err.text, "measured repetition 0"));
    assert_int_equal(number(db, "SELECT count(*) FROM trial"), 1);
    /* So is a record that says one thing twice: nothing of it stays. */
    r.repetition = 1;
    assert_int_equal(mb_record_add_absent(&r, MB_METRIC_ENERGY_UJ, "", "rapl", "again"), MB_OK);
    assert_int_equal(mb_db_put_trial(db, cell, &r, &trial, &err), MB_EINVAL);
    assert_non_null(strstr(err.text, "energy_uj"));
    assert_int_equal(number(db, "SELECT count(*) FROM trial"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM sample"), 5);
    mb_record_release(&r);
    mb_db_close(db);
    struct stat st;
    char wal[320];
    snprintf(wal, sizeof(wal), "%s-wal", p->file);
    assert_int_not_equal(stat(wal, &st), 0); /* closing leaves one file */
}

static void no_sample_is_lost_to_a_tie(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    struct mb_record r;
    full_record(&r, 0);
    known_put(db, one_cell(db), &r);
    assert_text(db, "SELECT group_concat(t_us || ':' || value) FROM (SELECT * FROM sample ORDER BY t_us)", "-2:1,0:2,1:3,2:4,5:5");
    mb_db_close(db);
}

static void a_failure_has_a_reason(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    const int64_t cell = one_cell(db);
    static const enum mb_trial_status status[] = {MB_TRIAL_FAILED, MB_TRIAL_OK, MB_TRIAL_FAILED, MB_TRIAL_FAILED, MB_TRIAL_INVALID};
    for (uint32_t i = 0; i < 4; i++) {
        struct mb_record r;
        known_record(&r, MB_TRIAL_MEASURED, i, 5);
        r.status = status[i];
        known_put(db, cell, &r);
    }
    assert_text(db, "SELECT reason FROM trial WHERE repetition = 0", "no reason was given");
    mb_db_close(db);
}

static void provenance_rows_are_shared(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    struct mb_error err = {0};
    const int64_t a = known_run_begin(db, "p"), b = known_run_begin(db, "p");
    assert_true(b > a);
    assert_int_equal(number(db, "SELECT count(*) FROM device") + number(db, "SELECT count(*) FROM build"), 2);
    struct mb_db_run run = {0};
    assert_int_equal(mb_db_last_run(db, 1, 1, 1, &run, &err), MB_OK);
    assert_true(run.id == b && !run.finished);
    assert_int_equal(mb_db_finish_run(db, b, &err), MB_OK);
    assert_int_equal(mb_db_last_run(db, 1, 1, 1, &run, &err), MB_OK);
    assert_true(run.finished && strlen(run.started_utc) == 24);
    assert_int_equal(mb_db_last_run(db, 2, 1, 1, &run, &err), MB_ENOENT);
    assert_int_equal(mb_db_finish_run(db, 77, &err), MB_ENOENT);
    struct mb_db_model m = {.sha256 = "s", .quant = "q4_0", .name = "m.gguf", .n_params = -1, .file_bytes = 10, .weight_bytes = -1};
    int64_t first, second;
    assert_int_equal(mb_db_put_model(db, &m, &first, &err), MB_OK);
    assert_text(db, "SELECT bits_per_weight FROM v_model", NULL);
    m.n_params = 16;
    m.weight_bytes = 9;
    m.arch = "llama";
    assert_int_equal(mb_db_put_model(db, &m, &second, &err), MB_OK);
    assert_int_equal(first, second);
    assert_text(db, "SELECT arch || ' ' || bits_per_weight FROM v_model", "llama 4.5");
    m.tensors_json = "[[\"b\",2,8,\"q4_0\",9,\"f16\",32],[\"a\",1,16,\"f32\",64,\"f32\",64]]"; /* 9 + 64 bytes of 16 + 16 weights */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(mb_db_put_model(db, &m, &second, &err), MB_OK);
        assert_text(db, "SELECT matrix_bits_per_weight || ' ' || stored_bits_per_weight FROM v_model", "18.25 24.0");
        assert_text(db, "SELECT group_concat(name || i_tensor || type || stored_type, ' ') FROM model_tensor", "a1f32f32 b0q4_0f16");
    }
    int64_t ids[2];
    const int64_t cell = known_cell(db, b, 0, &plain, "micro", "{}", 1, NULL);
    ids[0] = known_cell(db, b, 0, &plain, "micro", "{}", 1, NULL);
    assert_int_equal(ids[0], cell);
    assert_int_equal(mb_db_set_cell_model(db, cell, first, &err), MB_OK);
    assert_int_equal(mb_db_set_cell_model(db, 12345, first, &err), MB_ENOENT);
    assert_int_equal(mb_db_set_cell_model(db, cell, 12345, &err), MB_EINVAL); /* foreign keys are on */
    mb_db_close(db);
}

static void every_axis_is_a_column(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    for (int i = 0; i < MB_AXIS_N; i++) {
        char sql[200];
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_xinfo('cell') WHERE name = '%s'", mb_axis_rows[i].key);
        assert_int_equal(number(db, sql), 1);
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_xinfo('v_cell') WHERE name = '%s'", mb_axis_rows[i].key);
        assert_int_equal(number(db, sql), 1);
    }
    const int64_t cell = one_cell(db);
    assert_int_equal(cell, 1);
    assert_text(db, "SELECT model || backend || threads || quant || act || early_exit || workload || runner || options FROM cell",
                "m.ggufcpu2fileq8nonemicroengine{\"gen\":3,\"prompt\":4}");
    mb_db_close(db);
}

static void files_that_are_not_ours_stay_as_they_are(void **state)
{
    struct place *p = *state;
    char other[300];
    snprintf(other, sizeof(other), "%s/other.db", p->folder);
    sqlite3 *raw;
    assert_int_equal(sqlite3_open(other, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "CREATE TABLE t(x); PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(raw);
    char text[300];
    snprintf(text, sizeof(text), "%s/notes.txt", p->folder);
    write_all(text, "not a database", 14);
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    char newer[60], says_newer[80];
    snprintf(newer, sizeof(newer), "PRAGMA user_version = %d", mb_db_layout.version + 1);
    snprintf(says_newer, sizeof(says_newer), "newer meltbench (format %d, this one knows %d)", mb_db_layout.version + 1, mb_db_layout.version);
    assert_int_equal(sqlite3_exec(mb_db_handle(db), newer, NULL, NULL, NULL), SQLITE_OK);
    mb_db_close(db);
    const struct { const char *path, *says; } cases[] = {
        {other, "another program"}, {text, "not a database"}, {p->file, says_newer}};
    for (size_t i = 0; i < 3; i++) {
        size_t n, n_after;
        char *before = read_all(cases[i].path, &n);
        open_fails(cases[i].path, MB_DB_CREATE, MB_EFORMAT, cases[i].says);
        open_fails(cases[i].path, MB_DB_WRITE, MB_EFORMAT, cases[i].says);
        open_fails(cases[i].path, MB_DB_READ, MB_EFORMAT, cases[i].says);
        char *after = read_all(cases[i].path, &n_after);
        assert_int_equal(n, n_after);
        assert_memory_equal(before, after, n);
        free(before);
        free(after);
        static const char *const beside[] = {"-wal", "-shm", "-journal"};
        for (size_t k = 0; k < 3; k++) {
            char name[330];
            snprintf(name, sizeof(name), "%s%s", cases[i].path, beside[k]);
            assert_int_not_equal(access(name, F_OK), 0);
        }
    }
}

/* A newer program was killed: its version is only in the WAL, which must not be moved into the file by us. */
static void a_newer_wal_stays_as_it_is(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    assert_int_equal(sqlite3_exec(mb_db_handle(db), "PRAGMA user_version = 777", NULL, NULL, NULL), SQLITE_OK);
    char copy[300], wal[320], copy_wal[320];
    snprintf(copy, sizeof(copy), "%s/copy.db", p->folder);
    snprintf(wal, sizeof(wal), "%s-wal", p->file);
    snprintf(copy_wal, sizeof(copy_wal), "%s-wal", copy);
    size_t n, n_wal, n_after;
    char *bytes = read_all(p->file, &n), *wal_bytes = read_all(wal, &n_wal);
    write_all(copy, bytes, n);
    write_all(copy_wal, wal_bytes, n_wal);
    mb_db_close(db);
    assert_true(n_wal > 0);
    open_fails(copy, MB_DB_WRITE, MB_EFORMAT, "newer meltbench (format 777");
    open_fails(copy, MB_DB_READ, MB_EFORMAT, "newer meltbench (format 777");
    char *after = read_all(copy, &n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(bytes, after, n);
    free(after);
    after = read_all(copy_wal, &n_after);
    assert_int_equal(n_wal, n_after);
    assert_memory_equal(wal_bytes, after, n_wal);
    free(after);
    free(bytes);
    free(wal_bytes);
}

static void odd_paths_have_clear_answers(void **state)
{
    struct place *p = *state;
    char path[400];
    open_fails(p->folder, MB_DB_CREATE, MB_EIO, "is a directory");
    open_fails(p->file, MB_DB_READ, MB_ENOENT, "meltbench run");
    snprintf(path, sizeof(path), "%s/missing/t.db", p->folder);
    open_fails(path, MB_DB_CREATE, MB_EIO, "folder");
    write_all(p->file, "", 0);
    open_fails(p->file, MB_DB_READ, MB_EFORMAT, "is empty");
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE); /* an empty file is as good as none */
    one_cell(db);
    mb_db_close(db);
    /* A file cut in the middle is an error, not a crash. */
    size_t n;
    char *bytes = read_all(p->file, &n);
    snprintf(path, sizeof(path), "%s/cut.db", p->folder);
    write_all(path, bytes, n / 2);
    free(bytes);
    struct mb_error err = {0};
    assert_int_equal(mb_db_open(&db, path, MB_DB_READ, &err), MB_EFORMAT);
    assert_non_null(strstr(err.text, "is cut off"));
    open_fails(path, MB_DB_CREATE, MB_EFORMAT, "is cut off");
}

/* A night's writer was killed and a page of what it had written before was lost: nothing may be added to that file. */
static void a_damaged_file_that_was_not_closed_is_refused_and_left(void **state)
{
    struct place *p = *state;
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
        const int64_t cell = one_cell(db);
        for (uint32_t i = 0; i < 40; i++) {
            struct mb_record r;
            struct mb_error err = {0};
            int64_t id;
            full_record(&r, i);
            if (mb_db_put_trial(db, cell, &r, &id, &err))
                _exit(1);
            mb_record_release(&r);
            if (i == 38) /* all but the last one into the file itself */
                sqlite3_exec(mb_db_handle(db), "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
        }
        _exit(0); /* not closed */
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    size_t n, n_after;
    char *bytes = read_all(p->file, &n), whole[1400];
    assert_true(n > 20 * 4096);
    snprintf(whole, sizeof(whole), "cp '%s' '%s.good' && cp '%s-wal' '%s.good-wal'", p->file, p->file, p->file, p->file);
    assert_int_equal(system(whole), 0);
    memset(bytes + n / 2 / 4096 * 4096, 0xa5, 8 * 4096); /* some of them are newer in the -wal */
    write_all(p->file, bytes, n);
    open_fails(p->file, MB_DB_WRITE, MB_EFORMAT, "is damaged");
    open_fails(p->file, MB_DB_CREATE, MB_EFORMAT, "sqlite3 FILE .recover");
    char *after = read_all(p->file, &n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(bytes, after, n);
    snprintf(whole, sizeof(whole), "%s.good", p->file); /* the same without the loss goes on */
    struct mb_db *db = open_ok(whole, MB_DB_WRITE);
    assert_int_equal(number(db, "SELECT count(*) FROM trial"), 40);
    mb_db_close(db);
    free(bytes);
    free(after);
}

/* Runs @body in a child as nobody, so that file modes count; returns its exit status. */
static int as_nobody(int (*body)(const struct place *p), const struct place *p)
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) || setuid(65534)))
            _exit(99);
        _exit(body(p));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int read_only_body(const struct place *p)
{
    struct mb_db *db;
    struct mb_error err = {0};
    if (mb_db_open(&db, p->file, MB_DB_WRITE, &err) != MB_EIO || !strstr(err.text, "cannot be written"))
        return 1;
    if (mb_db_open(&db, p->file, MB_DB_READ, &err) != MB_OK)
        return 2;
    const int n = sqlite3_exec(mb_db_handle(db), "SELECT count(*) FROM v_cell", NULL, NULL, NULL) == SQLITE_OK ? 0 : 3;
    mb_db_close(db);
    return n;
}

static void a_read_only_file_in_a_read_only_folder_can_be_read(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    one_cell(db);
    mb_db_close(db);
    assert_int_equal(chmod(p->file, 0444), 0);
    assert_int_equal(chmod(p->folder, 0555), 0);
    const int status = as_nobody(read_only_body, p);
    assert_int_equal(chmod(p->folder, 0755), 0);
    assert_int_equal(status, 0);
}

static void a_reader_writes_nothing(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    one_cell(db);
    mb_db_close(db);
    size_t n, n_after;
    char *before = read_all(p->file, &n);
    db = open_ok(p->file, MB_DB_READ);
    assert_int_equal(number(db, "SELECT count(*) FROM v_cell"), 1);
    assert_int_not_equal(sqlite3_exec(mb_db_handle(db), "DELETE FROM cell", NULL, NULL, NULL), SQLITE_OK);
    mb_db_close(db);
    char *after = read_all(p->file, &n_after);
    assert_int_equal(n, n_after);
    assert_memory_equal(before, after, n);
    free(before);
    free(after);
    char wal[320];
    snprintf(wal, sizeof(wal), "%s-shm", p->file);
    assert_int_not_equal(access(wal, F_OK), 0);
}

static void a_locked_database_is_said_to_be_locked(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE), *second = open_ok(p->file, MB_DB_WRITE);
    const int64_t cell = one_cell(db);
    assert_int_equal(sqlite3_exec(mb_db_handle(db), "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_busy_timeout(mb_db_handle(second), 20); /* the 5 s of mb_db_open() would only slow this test down */
    struct mb_record r;
    struct mb_error err = {0};
    int64_t trial;
    full_record(&r, 0);
    assert_int_equal(mb_db_put_trial(second, cell, &r, &trial, &err), MB_EBUSY);
    assert_non_null(strstr(err.text, "locked by another process"));
    assert_int_equal(sqlite3_exec(mb_db_handle(db), "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(number(second, "SELECT count(*) FROM trial"), 0);
    assert_int_equal(mb_db_put_trial(second, cell, &r, &trial, &err), MB_OK); /* the same connection goes on */
    mb_record_release(&r);
    mb_db_close(second);
    mb_db_close(db);
}

static void add_long_stream(struct mb_record *r, size_t n)
{
    uint64_t *t = calloc(n, sizeof(*t));
    int64_t *v = calloc(n, sizeof(*v));
    assert_true(t && v);
    for (size_t i = 0; i < n; i++) {
        t[i] = r->t_begin_ns + i * 1000000;
        v[i] = 20000000 + (int64_t)(i * 7919 % 4000000);
    }
    const struct mb_record_stream s = {.name = (char *)"power_uw", .channel = (char *)"package-0", .source = (char *)"rapl", .t_ns = t,
                                       .value = v, .n = n};
    assert_int_equal(mb_record_add_stream(r, &s), MB_OK);
    free(t);
    free(v);
}

static void fill_until_full(struct mb_db *db, int64_t cell, const char *says)
{
    struct mb_record r;
    struct mb_error err = {0};
    int64_t trial;
    int rc = MB_OK;
    uint32_t n_ok = 0;
    for (uint32_t i = 0; i < 1000 && !rc; i++) {
        full_record(&r, i);
        add_long_stream(&r, 2000);
        rc = mb_db_put_trial(db, cell, &r, &trial, &err);
        mb_record_release(&r);
        n_ok += rc == MB_OK;
    }
    assert_int_equal(rc, MB_EIO);
    if (!strstr(err.text, says) || strchr(err.text, '\n'))
        fail_msg("'%s'", err.text);
    assert_true(n_ok > 0);
    assert_int_equal(number(db, "SELECT count(*) FROM trial"), n_ok);
    assert_int_equal(number(db, "SELECT count(*) FROM sample"), n_ok * 2005);
    assert_text(db, "PRAGMA integrity_check", "ok");
}

static void a_full_database_keeps_whole_repetitions(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    const int64_t cell = one_cell(db);
    assert_int_equal(sqlite3_exec(mb_db_handle(db), "PRAGMA max_page_count = 200", NULL, NULL, NULL), SQLITE_OK);
    fill_until_full(db, cell, "no space left");
    mb_db_close(db);
}

/* As a full disk, from the system's side: no file may grow beyond 300 kB. */
static void a_file_size_limit_keeps_whole_repetitions(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    const int64_t cell = one_cell(db);
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 300000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fill_until_full(db, cell, "nothing of the repetition was written");
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    mb_db_close(db);
    db = open_ok(p->file, MB_DB_READ);
    assert_text(db, "PRAGMA integrity_check", "ok");
    mb_db_close(db);
}

/* kill -9 in the middle of writing: what is there is whole. */
static void a_kill_loses_at_most_the_repetition_under_way(void **state)
{
    struct place *p = *state;
    struct mb_db *db = open_ok(p->file, MB_DB_CREATE);
    const int64_t cell = one_cell(db);
    mb_db_close(db);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct mb_error err = {0};
        if (mb_db_open(&db, p->file, MB_DB_WRITE, &err))
            _exit(1);
        for (uint32_t i = 0;; i++) {
            struct mb_record r;
            int64_t trial;
            full_record(&r, i);
            add_long_stream(&r, 20000);
            if (mb_db_put_trial(db, cell, &r, &trial, &err) || write(ready[1], "x", 1) != 1)
                _exit(1);
            mb_record_release(&r);
        }
    }
    char x[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(read(ready[0], x, 1), 1);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ready[0]);
    close(ready[1]);
    db = open_ok(p->file, MB_DB_WRITE);
    assert_text(db, "PRAGMA integrity_check", "ok");
    const int64_t n = number(db, "SELECT count(*) FROM trial");
    assert_true(n >= 3);
    assert_int_equal(number(db, "SELECT count(*) FROM sample"), n * 20005);
    mb_db_close(db);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(keeps_a_repetition_whole), T(no_sample_is_lost_to_a_tie), T(a_failure_has_a_reason), T(provenance_rows_are_shared),
        T(every_axis_is_a_column), T(files_that_are_not_ours_stay_as_they_are), T(a_newer_wal_stays_as_it_is),
        T(odd_paths_have_clear_answers), T(a_read_only_file_in_a_read_only_folder_can_be_read), T(a_reader_writes_nothing),
        T(a_damaged_file_that_was_not_closed_is_refused_and_left), T(a_locked_database_is_said_to_be_locked), T(a_full_database_keeps_whole_repetitions),
        T(a_file_size_limit_keeps_whole_repetitions), T(a_kill_loses_at_most_the_repetition_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
