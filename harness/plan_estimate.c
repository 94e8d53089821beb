/* plan_estimate.c - see plan_estimate.h. */
#include "harness/plan_estimate.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "db/store.h"
#include "workloads/workload.h"

#define START_S 0.5           /* child process, loading, first repetition's extra */
#define AUTO_WARMUP 2         /* unmeasured repetitions that `warmup: auto` usually takes */
#define PROMPT_SHARE 0.2      /* time of a prompt token in units of a generated one */
#define BYTES_PER_TOKEN 4.0   /* of English text */

static const double unknown = (double)NAN;

enum { BLOCK_BYTES = 64 << 20, PASSES = 3 };

double mb_estimate_bandwidth(void)
{
    uint64_t *block = malloc(BLOCK_BYTES);
    volatile uint64_t sink; /* the sums are not used, yet have to be made */
    double best = 0;
    if (!block)
        return 0;
    memset(block, 1, BLOCK_BYTES);
    for (int pass = 0; pass < PASSES; pass++) {
        const uint64_t begin_ns = mb_clock_ns();
        uint64_t sum = 0;
        for (size_t i = 0; i < BLOCK_BYTES / sizeof(*block); i++)
            sum += block[i];
        sink = sum;
        (void)sink;
        const double rate = BLOCK_BYTES / ((double)(mb_clock_ns() - begin_ns + 1) * 1e-9);
        best = rate > best ? rate : best;
    }
    free(block);
    return best;
}

/* Median of the measured trials of this configuration, whichever run they belong to; NaN when there are none. */
static double measured_s(struct mb_db *db, const char *hash)
{
    static const char sql[] = "SELECT t.duration_ns FROM trial t JOIN cell c ON c.id = t.cell_id WHERE c.hash = ?1 AND t.kind = 'measured' "
                              "AND t.status = 'ok' ORDER BY t.duration_ns LIMIT 1 OFFSET (SELECT count(*) / 2 FROM trial t JOIN cell c "
                              "ON c.id = t.cell_id WHERE c.hash = ?1 AND t.kind = 'measured' AND t.status = 'ok')";
    sqlite3_stmt *query = NULL;
    double seconds = unknown;
    if (sqlite3_prepare_v2(mb_db_handle(db), sql, -1, &query, NULL) == SQLITE_OK &&
        sqlite3_bind_text(query, 1, hash, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
        seconds = (double)sqlite3_column_int64(query, 0) * 1e-9;
    sqlite3_finalize(query);
    return seconds;
}

static double work_of(const struct mb_request *rq)
{
    switch (rq->kind) {
    case MB_REQUEST_GENERATE: {
        const double prompt = rq->n_prompt ? rq->n_prompt : (double)strlen(rq->text ? rq->text : "") / BYTES_PER_TOKEN;
        return prompt * PROMPT_SHARE + rq->max_gen;
    }
    case MB_REQUEST_SCORE: /* the context is shared by the choices of a question: counted for each, so an upper bound */
        return PROMPT_SHARE * (double)(strlen(rq->context) + strlen(rq->continuation)) / BYTES_PER_TOKEN;
    case MB_REQUEST_PERPLEXITY:
        return PROMPT_SHARE * rq->n_chunk;
    case MB_REQUEST_IDLE:
        return 0;
    }
    return 0;
}

/* One trial's requests in units of a generated token, and the time in which nothing is done; NaN when the workload cannot be opened. */
static double trial_work(const struct mb_cell *cell, double *idle_s)
{
    const struct mb_workload_ops *ops = mb_workload_find(cell->workload);
    struct mb_workload_need need = {0};
    struct mb_error ignored;
    double work = 0;
    void *state = calloc(1, ops->state_size ? ops->state_size : 1);
    if (!state)
        return unknown;
    if (ops->open(state, cell, &need, &ignored))
        work = unknown;
    else
        ops->begin(state, 0);
    struct mb_request rq = {0};
    /* At most the requests of one trial: a text's end is only known to its tokenizer. */
    for (uint32_t i = 0; !isnan(work) && i < need.n_requests && ops->next(state, &rq, &ignored) == 1; i++) {
        work += work_of(&rq);
        *idle_s += (double)rq.duration_ns * 1e-9;
    }
    ops->close(state);
    free(state);
    return work;
}

struct mb_estimate mb_estimate_cell(const struct mb_plan *plan, const struct mb_plan_cell *cell, struct mb_db *db, double bytes_per_s)
{
    struct mb_estimate e = {.trial_s = unknown, .cell_s = unknown};
    if (db)
        e.trial_s = measured_s(db, cell->hash);
    e.from_database = !isnan(e.trial_s);
    if (!e.from_database) {
        double idle_s = 0;
        const double work = trial_work(&cell->cell, &idle_s);
        if (work == 0 && idle_s > 0)
            e.trial_s = idle_s;
        else if (cell->model_bytes && bytes_per_s > 0)
            e.trial_s = work * (double)cell->model_bytes / bytes_per_s;
    }
    const uint32_t n_warmup = plan->protocol.warmup < 0 ? AUTO_WARMUP : (uint32_t)plan->protocol.warmup;
    e.cell_s = START_S + e.trial_s * (cell->repetitions + n_warmup);
    return e;
}
