/*
 * session.c - see session.h: which run of the database this is, then cell after cell in the plan's order. What happens inside a cell
 * is cell_run.c; the process that measures is worker.c.
 */
#include "harness/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "db/store.h"
#include "harness/cell_run.h"
#include "harness/interleave.h"
#include "harness/machine.h"
#include "harness/run_noise.h"

struct session {
    const struct mb_plan *plan;
    const struct mb_session_options *options;
    struct mb_session_result *result;
    struct mb_interrupt interrupt;
    struct mb_progress progress;
    const char *root;
    int64_t *cell_ids;          /* [n_cells]; zeros without a database */
    struct mb_cell_done *done;  /* [n_cells] */
    size_t *order;              /* [n_cells] */
};

/* --- the database's side --------------------------------------------------------------------------------------- */

static int find_or_begin_run(struct session *s, const struct mb_machine *m, struct mb_error *err)
{
    struct mb_db *db = s->options->db;
    const struct mb_plan *plan = s->plan;
    const struct mb_db_plan plan_row = {.hash = plan->hash, .name = plan->name, .text = plan->text};
    int64_t device_id, build_id, plan_id;
    int rc = mb_db_put_device(db, &m->device, &device_id, err);
    if (rc == MB_OK)
        rc = mb_db_put_build(db, &m->build, &build_id, err);
    if (rc == MB_OK)
        rc = mb_db_put_plan(db, &plan_row, &plan_id, err);
    if (rc)
        return rc;
    struct mb_db_run run = {0};
    rc = s->options->again ? MB_ENOENT : mb_db_last_run(db, plan_id, build_id, device_id, &run, err);
    if (rc == MB_OK) {
        s->result->run_id = run.id;
        s->result->was_finished = run.finished;
        return MB_OK;
    }
    return rc == MB_ENOENT ? mb_db_begin_run(db, plan_id, build_id, device_id, m->conditions_json, &s->result->run_id, err) : rc;
}

/* Rows of all cells, and what each has already. */
static int read_cells(struct session *s, struct mb_error *err)
{
    const struct mb_plan *plan = s->plan;
    struct mb_db_cell *rows = calloc(plan->n_cells, sizeof(*rows));
    if (!rows)
        return mb_fail(err, MB_ENOMEM, "no memory for %zu cells", plan->n_cells);
    for (size_t i = 0; i < plan->n_cells; i++)
        rows[i] = (struct mb_db_cell){.i_cell = (int64_t)i, .hash = plan->cells[i].hash, .config_json = plan->cells[i].config_json,
                                      .refused = plan->cells[i].refused, .repetitions = plan->cells[i].repetitions};
    int rc = mb_db_put_cells(s->options->db, s->result->run_id, rows, plan->n_cells, s->cell_ids, err);
    free(rows);
    for (size_t i = 0; rc == MB_OK && i < plan->n_cells; i++) {
        rc = mb_resume_cell(s->options->db, s->cell_ids[i], &s->done[i], err);
        s->result->n_resumed += s->done[i].n_measured;
        for (int k = MB_TRIAL_OK; k <= MB_TRIAL_INVALID; k++)
            mb_result_count(s->result, (enum mb_trial_status)k, s->done[i].n_by_status[k]);
    }
    return rc;
}

static int open_run(struct session *s, struct mb_error *err)
{
    struct mb_machine machine = {0};
    int rc = mb_machine_read(&machine, s->root, err);
    if (rc == MB_OK)
        rc = find_or_begin_run(s, &machine, err);
    mb_machine_release(&machine);
    return rc == MB_OK ? read_cells(s, err) : rc;
}

/* --- the run --------------------------------------------------------------------------------------------------- */

static void say_stopping(void *user)
{
    mb_progress_say(user, "stopping after this repetition, everything is kept; once more to stop now");
}

static void say_start(struct session *s)
{
    uint64_t n_all = 0, n_left = 0;
    bool adaptive = false;
    for (size_t i = 0; i < s->plan->n_cells; i++) {
        const uint32_t target = mb_cell_target(&s->plan->cells[i], &s->done[i]), n_done = s->done[i].n_measured;
        const uint32_t left = target > n_done ? target - n_done : 0;
        mb_progress_expect(&s->progress, s->plan->cells[i].cell.workload, left);
        n_all += target;
        adaptive |= s->plan->cells[i].stopping.most > 0;
        n_left += left;
    }
    s->progress.n_cells = (uint32_t)s->plan->n_cells;
    char resumed[80] = "";
    if (s->result->n_resumed > 0)
        snprintf(resumed, sizeof(resumed), "; resuming: %u are done, %llu to go", s->result->n_resumed, (unsigned long long)n_left);
    mb_progress_say(&s->progress, "%s: %zu cells, %s%llu measured repetitions%s", s->plan->name, s->plan->n_cells, adaptive ? "at least " : "",
                    (unsigned long long)n_all, resumed);
}

static void choose_order(struct session *s)
{
    for (size_t i = 0; i < s->plan->n_cells; i++)
        s->order[i] = i;
    struct mb_rng rng = {s->plan->protocol.seed};
    if (s->plan->protocol.order != MB_ORDER_LISTED)
        mb_rng_shuffle(&rng, s->order, s->plan->n_cells);
}

static int run_one_by_one(struct session *s, const struct mb_cell_host *host, struct mb_error *err)
{
    bool warm = false; /* something ran already: cool down before the next */
    int rc = MB_OK;
    for (size_t k = 0; rc == MB_OK && k < s->plan->n_cells; k++) {
        const size_t i = s->order[k];
        const struct mb_plan_cell *cell = &s->plan->cells[i];
        if (!mb_cell_complete(cell, &s->done[i])) {
            if (!cell->refused)
                mb_cell_cool_down(host, !warm);
            rc = mb_cell_run(host, cell, s->cell_ids[i], &s->done[i], err);
            warm = warm || !cell->refused;
        }
        s->progress.n_cells_done += rc == MB_OK;
    }
    return rc;
}

static int run_cells(struct session *s, struct mb_error *err)
{
    struct mb_cooldown_outcome cooled = {.end = MB_COOLDOWN_NOTHING};
    const struct mb_cell_host host = {.cooled = &cooled, .plan = s->plan, .options = s->options, .result = s->result, .interrupt = &s->interrupt,
                                      .progress = &s->progress, .root = s->root};
    const int rc = s->plan->protocol.order == MB_ORDER_INTERLEAVED ? mb_interleave_run(&host, s->order, s->cell_ids, s->done, err)
                                                                    : run_one_by_one(s, &host, err);
    mb_progress_end(&s->progress);
    s->result->interrupted = rc == MB_EINTR;
    return rc == MB_OK && s->options->db ? mb_db_finish_run(s->options->db, s->result->run_id, err) : rc;
}

/* All cells, with how quiet the machine was meanwhile beside them. A failure to store that is one of the database, as any. */
static int run_session(struct session *s, struct mb_error *err)
{
    struct mb_db *db = s->options->db;
    struct mb_run_noise noise = {0};
    struct mb_error unsaid = {0};
    say_start(s);
    choose_order(s);
    int rc = db && s->plan->protocol.rules != MB_RULES_NONE ? mb_rules_note_machine(db, s->result->run_id, s->root, err) : MB_OK;
    if (rc)
        return rc;
    rc = db ? mb_run_noise_begin(&noise, db, s->result->run_id, s->root, s->options->noise_s, err) : MB_OK;
    if (noise.grade >= 'A' && noise.grade <= 'E')
        mb_progress_say(&s->progress, "noise grade %c (A steady .. E useless)%s", noise.grade, noise.grade > 'C' ? ": meltbench doctor says what to do" : "");
    if (rc == MB_OK)
        rc = run_cells(s, err);
    const int stored = db ? mb_run_noise_end(&noise, db, s->result->run_id, rc ? &unsaid : err) : MB_OK;
    return rc ? rc : stored;
}

int mb_session_run(const struct mb_plan *plan, const struct mb_session_options *options, struct mb_session_result *result, struct mb_error *err)
{
    *result = (struct mb_session_result){0};
    const char *root = getenv("MELTBENCH_SYSROOT");
    struct session s = {.plan = plan, .options = options, .result = result, .interrupt = {.fd = -1}, .root = root ? root : ""};
    mb_progress_begin(&s.progress, options->quiet ? NULL : stderr, isatty(STDERR_FILENO), mb_clock_ns());
    const size_t n = plan->n_cells ? plan->n_cells : 1;
    s.cell_ids = calloc(n, sizeof(*s.cell_ids));
    s.done = calloc(n, sizeof(*s.done));
    s.order = calloc(n, sizeof(*s.order));
    int rc = s.cell_ids && s.done && s.order ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for %zu cells", plan->n_cells);
    if (rc == MB_OK)
        rc = mb_interrupt_open(&s.interrupt, say_stopping, &s.progress, err);
    s.interrupt.at_once = options->stop_at_once;
    if (rc == MB_OK && options->db)
        rc = open_run(&s, err);
    if (rc == MB_OK && !result->was_finished)
        rc = run_session(&s, err);
    mb_interrupt_close(&s.interrupt);
    for (size_t i = 0; s.done && i < plan->n_cells; i++)
        mb_resume_release(&s.done[i]);
    free(s.cell_ids);
    free(s.done);
    free(s.order);
    return rc;
}
