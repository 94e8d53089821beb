/* interleave.c - see interleave.h. */
#include "harness/interleave.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "harness/machine_cpu.h"
#include "harness/machine_facts.h"
#include "harness/memory_forecast.h"

/* Where no forecast can be had: weights that were unpacked or requantized beside the mapped file, cache and scratch. */
#define PER_FILE_BYTE 2u
#define BESIDE_BYTES (256u << 20)

struct turns {
    const struct mb_cell_host *host;
    const int64_t *cell_ids;
    struct mb_cell_done *done;
    struct mb_cell_run **runs; /* [n_cells of the plan]; NULL: not begun or complete */
    size_t *last_turn;         /* [n_cells] when each had its turn */
    uint64_t *need_bytes;      /* [n_cells] of a worker; 0: not asked for yet */
    size_t *members;           /* [n] cells of the group */
    size_t n, n_turns;
};

static bool is_complete(const struct turns *t, size_t i)
{
    return mb_cell_complete(&t->host->plan->cells[i], &t->done[i]);
}

static uint64_t need_of(const struct turns *t, size_t i)
{
    const struct mb_plan_cell *cell = &t->host->plan->cells[i];
    if (t->need_bytes[i] == 0) {
        struct mb_memory_forecast forecast;
        mb_memory_forecast(&forecast, &cell->cell, t->host->root);
        t->need_bytes[i] = forecast.peak_bytes ? forecast.peak_bytes : cell->model_bytes * PER_FILE_BYTE + BESIDE_BYTES;
    }
    return t->need_bytes[i];
}

static bool is_alive(const struct turns *t, size_t i)
{
    return t->runs[i] && mb_cell_run_is_open(t->runs[i]);
}

/* Does one more worker fit beside those that wait? Unknown memory: no. */
static bool room_for(const struct turns *t, size_t i)
{
    const long long kib = mb_machine_memory_kib(t->host->root, "MemAvailable");
    const uint64_t limit = mb_machine_memory_limit(t->host->root);
    uint64_t held = need_of(t, i);
    if (kib < 0 || (uint64_t)kib * 1024 < held)
        return false;
    for (size_t k = 0; k < t->n; k++)
        held += is_alive(t, t->members[k]) ? need_of(t, t->members[k]) : 0;
    return limit == 0 || held <= limit;
}

/* The worker that waited longest ends, until cell @i fits or nobody waits. */
static void make_room(struct turns *t, size_t i)
{
    while (!is_alive(t, i) && !room_for(t, i)) {
        size_t oldest = SIZE_MAX;
        for (size_t k = 0; k < t->n; k++)
            if (is_alive(t, t->members[k]) && (oldest == SIZE_MAX || t->last_turn[t->members[k]] < t->last_turn[oldest]))
                oldest = t->members[k];
        if (oldest == SIZE_MAX)
            return;
        mb_cell_run_rest(t->runs[oldest]);
    }
}

/* Whose turn it is: of the incomplete ones with the fewest rows, the first in this round's order. SIZE_MAX: nobody's. */
static size_t next_turn(const struct turns *t, size_t *order)
{
    uint32_t round = UINT32_MAX;
    for (size_t k = 0; k < t->n; k++)
        if (!is_complete(t, t->members[k]) && t->done[t->members[k]].n_measured < round)
            round = t->done[t->members[k]].n_measured;
    for (size_t k = 0; k < t->n; k++)
        order[k] = t->members[k];
    struct mb_rng seed = {t->host->plan->protocol.seed + round}, rng = {mb_rng_next(&seed)};
    mb_rng_shuffle(&rng, order, t->n);
    for (size_t k = 0; k < t->n; k++)
        if (!is_complete(t, order[k]) && t->done[order[k]].n_measured == round)
            return order[k];
    return SIZE_MAX;
}

static int take_turn(struct turns *t, size_t i, struct mb_error *err)
{
    const struct mb_plan_cell *cell = &t->host->plan->cells[i];
    int rc = t->runs[i] ? MB_OK : mb_cell_run_open(&t->runs[i], t->host, cell, t->cell_ids[i], &t->done[i], err);
    if (rc)
        return rc;
    if (!cell->refused)
        make_room(t, i);
    t->last_turn[i] = ++t->n_turns;
    rc = mb_cell_run_next(t->runs[i], err);
    if (rc == MB_OK && is_complete(t, i)) {
        mb_cell_run_close(t->runs[i], false);
        t->runs[i] = NULL;
        t->host->progress->n_cells_done++;
    }
    return rc;
}

static int run_group(struct turns *t, bool *warm, struct mb_error *err)
{
    const struct mb_plan *plan = t->host->plan;
    size_t *order = calloc(t->n, sizeof(*order)), i;
    bool any = false;
    int rc = order ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for %zu cells", t->n);
    for (size_t k = 0; k < t->n; k++) {
        any |= !is_complete(t, t->members[k]) && !plan->cells[t->members[k]].refused;
        t->host->progress->n_cells_done += is_complete(t, t->members[k]);
    }
    if (any) /* within a group heat meets all alike */
        mb_cell_cool_down(t->host, !*warm);
    *warm |= any;
    while (rc == MB_OK && (i = next_turn(t, order)) != SIZE_MAX)
        rc = take_turn(t, i, err);
    for (size_t k = 0; k < t->n; k++) {
        mb_cell_run_close(t->runs[t->members[k]], rc != MB_OK && rc != MB_EINTR);
        t->runs[t->members[k]] = NULL;
    }
    free(order);
    return rc;
}

static bool same_group(const struct mb_plan_cell *a, const struct mb_plan_cell *b)
{
    return strcmp(a->cell.workload, b->cell.workload) == 0 && json_equal((json_t *)a->cell.options, (json_t *)b->cell.options);
}

int mb_interleave_run(const struct mb_cell_host *host, const size_t *order, const int64_t *cell_ids, struct mb_cell_done *done, struct mb_error *err)
{
    const size_t n = host->plan->n_cells;
    struct turns t = {.host = host, .cell_ids = cell_ids, .done = done};
    bool *placed = calloc(n + 1, sizeof(*placed)), warm = false;
    t.runs = calloc(n + 1, sizeof(struct mb_cell_run *));
    t.last_turn = calloc(n + 1, sizeof(*t.last_turn));
    t.members = calloc(n + 1, sizeof(*t.members));
    t.need_bytes = calloc(n + 1, sizeof(*t.need_bytes));
    int rc = placed && t.runs && t.last_turn && t.members && t.need_bytes ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for %zu cells", n);
    for (size_t k = 0; rc == MB_OK && k < n; k++) {
        t.n = 0;
        for (size_t l = k; l < n && !placed[order[k]]; l++)
            if (!placed[order[l]] && same_group(&host->plan->cells[order[k]], &host->plan->cells[order[l]]))
                t.members[t.n++] = order[l];
        for (size_t l = 0; l < t.n; l++)
            placed[t.members[l]] = true;
        rc = t.n ? run_group(&t, &warm, err) : MB_OK;
    }
    free(placed);
    free(t.runs);
    free(t.last_turn);
    free(t.need_bytes);
    free(t.members);
    return rc;
}
