/* campaign.c - see campaign.h. */
#include "campaign.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "db/store.h"

int campaign_worker(int argc, char **argv)
{
    return argc > 1 && strcmp(argv[1], "worker") == 0 ? mb_worker_main(argc - 1, argv + 1) : -1;
}

static void fill_cell(struct campaign *c, size_t i, const struct campaign_cell *from)
{
    static const char *const axis[MB_AXIS_N] = {[MB_AXIS_BACKEND] = "cpu", [MB_AXIS_THREADS] = "1", [MB_AXIS_QUANT] = "file",
                                                [MB_AXIS_ACT] = "q8", [MB_AXIS_CACHE_TYPE_K] = "f16", [MB_AXIS_CACHE_TYPE_V] = "f16",
                                                [MB_AXIS_EARLY_EXIT] = "none", [MB_AXIS_TOKEN_REDUCTION] = "none", [MB_AXIS_CPU_MASK] = "cores"};
    struct mb_plan_cell *to = &c->cells[i];
    char text[400];
    c->options[i] = json_pack("{s:i, s:i, s:i}", "prompt", 16, "gen", from->gen, "depth", 0);
    memcpy(to->cell.axis, axis, sizeof(axis));
    to->cell.axis[MB_AXIS_MODEL] = from->model;
    to->cell.model_path = "";
    to->cell.runner = "null";
    to->cell.workload = "micro";
    to->cell.options = c->options[i];
    to->cell.share_dir = MB_SOURCE_DIR "/workloads/data";
    to->cell.seed = 42;
    to->repetitions = from->repetitions;
    to->refused = from->refused ? strdup(from->refused) : NULL;
    snprintf(text, sizeof(text), "{\"axes\":{\"model\":\"%s\",\"threads\":\"1\"},\"i\":%zu,\"gen\":%d,\"runner\":\"null\",\"workload\":\"micro\"}", from->model,
             i, from->gen);
    to->config_json = strdup(text);
    to->label = strdup(from->model);
    assert_int_equal(mb_digest_bytes(text, strlen(text), to->hash, NULL), MB_OK);
}

void campaign_open(struct campaign *c, const struct campaign_cell *cells, size_t n)
{
    memset(c, 0, sizeof(*c));
    snprintf(c->dir, sizeof(c->dir), "/tmp/mb-campaign-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    snprintf(c->db, sizeof(c->db), "%s/c.db", c->dir);
    assert_true(n <= CAMPAIGN_MOST_CELLS);
    for (size_t i = 0; i < n; i++)
        fill_cell(c, i, &cells[i]);
    static char name[] = "campaign", text[] = "{}", collect[] = "";
    c->plan = (struct mb_plan){.name = name, .path = name, .text = text, .collect = collect, .period_ns = 10000000, .cells = c->cells, .n_cells = n};
    c->plan.protocol = (struct mb_protocol){.repetitions = 3, .warmup = 1, .order = MB_ORDER_LISTED, .seed = 42, .timeout_s = 20};
    memset(c->plan.hash, 'a', sizeof(c->plan.hash) - 1);
}

void campaign_close(struct campaign *c)
{
    char command[120];
    for (size_t i = 0; i < c->plan.n_cells; i++) {
        json_decref(c->options[i]);
        free(c->cells[i].config_json);
        free(c->cells[i].label);
        free(c->cells[i].refused);
    }
    snprintf(command, sizeof(command), "rm -rf '%s'", c->dir);
    assert_int_equal(system(command), 0);
}

const char *campaign_tiny_model(void)
{
    static char path[4096];
    const char *dir = getenv("MELTBENCH_TEST_DATA");
    snprintf(path, sizeof(path), "%s/stories260K.bin", dir ? dir : MB_SOURCE_DIR "/../shared/data");
    if (access(path, R_OK) == 0)
        return path;
    printf("skipped: no %s\n", path);
    return NULL;
}

void campaign_use_engine(struct campaign *c, size_t first, const char *path)
{
    for (size_t i = first; i < c->plan.n_cells; i++) {
        struct mb_error err = {0};
        struct mb_plan_cell *cell = &c->cells[i];
        cell->cell.runner = "engine";
        cell->cell.model_path = path;
        assert_int_equal(mb_digest_file(path, cell->model_sha256, &cell->model_bytes, &err), MB_OK);
    }
}

static int run_here(const struct campaign *c, bool again)
{
    struct mb_error err = {0};
    struct mb_session_result result = {0};
    struct mb_db *db = NULL;
    int rc = mb_db_open(&db, c->db, MB_DB_CREATE, &err);
    if (rc == MB_OK) {
        const struct mb_session_options options = {.db = db, .again = again};
        rc = mb_session_run(&c->plan, &options, &result, &err);
    }
    mb_db_close(db);
    fprintf(stderr, "campaign: status %d %s; ok %u failed %u skipped %u invalid %u resumed %u\n", rc, err.text, result.n_ok, result.n_failed,
            result.n_skipped, result.n_invalid, result.n_resumed);
    if (rc)
        return rc == MB_EINTR ? 130 : 50;
    return result.was_finished ? 3 : result.n_failed > 0;
}

pid_t campaign_start(const struct campaign *c, bool again)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/stderr", c->dir);
    fflush(NULL);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that is stopped leaves nothing behind */
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(fd, STDERR_FILENO);
    close(fd);
    const int code = run_here(c, again);
    fflush(NULL);
    _exit(code);
}

int campaign_wait(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int campaign_run(const struct campaign *c)
{
    return campaign_wait(campaign_start(c, false));
}

const char *campaign_query(const struct campaign *c, const char *sql)
{
    static char text[65536];
    sqlite3 *db;
    sqlite3_stmt *row;
    size_t n = 0;
    text[0] = '\0';
    if (sqlite3_open_v2(c->db, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, 5000);
        if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) == SQLITE_OK)
            while (sqlite3_step(row) == SQLITE_ROW && n < sizeof(text) - 1)
                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "\n" : "", (const char *)sqlite3_column_text(row, 0));
        sqlite3_finalize(row);
    }
    sqlite3_close(db);
    return text;
}

long campaign_number(const struct campaign *c, const char *sql)
{
    const char *text = campaign_query(c, sql);
    return text[0] ? strtol(text, NULL, 10) : -1;
}

bool campaign_said(const struct campaign *c, const char *what)
{
    char path[96], text[16384];
    snprintf(path, sizeof(path), "%s/stderr", c->dir);
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
    fclose(f);
    return strstr(text, what) != NULL;
}

bool campaign_wait_for(const struct campaign *c, const char *sql, long n)
{
    const uint64_t until_ns = mb_clock_ns() + 20000000000u;
    while (campaign_number(c, sql) < n) {
        if (mb_clock_ns() > until_ns)
            return false;
        mb_clock_sleep_until_ns(mb_clock_ns() + 5000000);
    }
    return true;
}
