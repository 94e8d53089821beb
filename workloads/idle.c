/* idle.c - nothing is asked for a while: what the machine draws by itself, measured by the same collectors as everything else. The cells of
 * this workload are the baselines that net energy is counted from (v_idle in db/views.sql). */
#include "workloads/settings.h"

extern const struct mb_workload_ops mb_workload_idle;

struct idle {
    uint32_t seconds;
    bool asked;
};

static int idle_files(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err)
{
    (void)cell;
    (void)paths;
    (void)n;
    (void)err;
    return MB_OK;
}

static int idle_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    struct idle *s = state;
    *need = (struct mb_workload_need){.n_ctx = 1, .max_text_bytes = 1, .n_requests = 1};
    return mb_setting_u32(cell, &mb_workload_idle, "seconds", &s->seconds, err);
}

static void idle_begin(void *state, uint32_t repetition)
{
    (void)repetition;
    ((struct idle *)state)->asked = false;
}

static int idle_next(void *state, struct mb_request *rq, struct mb_error *err)
{
    (void)err;
    struct idle *s = state;
    if (s->asked)
        return 0;
    s->asked = true;
    *rq = (struct mb_request){.kind = MB_REQUEST_IDLE, .item = "idle", .fresh = true, .duration_ns = s->seconds * UINT64_C(1000000000)};
    return 1;
}

static int idle_score(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record, struct mb_error *err)
{
    (void)state;
    (void)rq;
    (void)rs;
    (void)record;
    (void)err;
    return MB_OK;
}

static int idle_end(void *state, struct mb_record *record, struct mb_error *err)
{
    (void)state;
    (void)record;
    (void)err;
    return MB_OK;
}

static void idle_close(void *state)
{
    (void)state; /* owns nothing */
}

static const struct mb_workload_option options[] = {
    {"seconds", MB_OPTION_INTEGER, "10", 1, 86400, false, "how long nothing is done, a repetition; `timeout_s` must be longer"},
    MB_SETTING_REPETITIONS,
    MB_SETTING_END,
};

const struct mb_workload_ops mb_workload_idle = {
    .abi = MB_WORKLOAD_ABI,
    .name = "idle",
    .summary = "nothing: the baseline of energy (with models: [\"null:\"] no model is in memory)",
    .options = options,
    .state_size = sizeof(struct idle),
    .files = idle_files,
    .open = idle_open,
    .begin = idle_begin,
    .next = idle_next,
    .score = idle_score,
    .end = idle_end,
    .close = idle_close,
};
