/* memory_need.c - eng_memory_need(): the sizes that loading and opening would come to, from the routines that decide them. */
#include <math.h>
#include <string.h>

#include "model/weights.h"
#include "run/session.h"

/* Rows that a text of n tokens looks up: its distinct tokens grow as its root (Heaps 1978), each with the pages that the kernel maps around
 * a fault (fault_around_bytes, 64 KiB). The factor is fitted: SmolLM2's embedding, 464 and 4048 tokens of English. */
static uint64_t looked_up_bytes(uint64_t rows_bytes, uint32_t n_ctx)
{
    const double bytes = 4 * sqrt(n_ctx) * 65536;
    return bytes < (double)rows_bytes ? (uint64_t)bytes : rows_bytes;
}

int eng_memory_need(struct eng_memory_need *need, const char *path, const struct eng_model_params *mp, const struct eng_session_params *sp,
                    struct eng_error *err)
{
    struct eng_weights_need weights;
    struct eng_session_need session;
    struct eng_model *m;
    memset(need, 0, sizeof *need);
    if (mp && mp->vocab_only)
        return eng_fail(err, ENG_EINVAL, "%s: a vocabulary alone opens no session to be measured", path);
    int rc = eng_model_measure(&m, path, mp, &weights, err);
    if (rc != ENG_OK)
        return rc;
    struct eng_session_params limited = sp ? *sp : (struct eng_session_params){0};
    const uint32_t most = eng_model_info(m)->n_ctx_train;
    if (most > 0 && limited.n_ctx > most)
        limited.n_ctx = most;
    rc = eng_session_measure(m, &limited, &session, err);
    if (rc == ENG_OK) {
        const uint64_t rows_bytes = looked_up_bytes(weights.rows_bytes, session.n_ctx), running = weights.held_bytes + rows_bytes + session.used_bytes;
        *need = (struct eng_memory_need){
            .weight_bytes = eng_model_info(m)->weight_bytes,
            .held_bytes = weights.held_bytes,
            .load_bytes = weights.load_bytes,
            .rows_bytes = rows_bytes,
            .model_bytes = eng_model_own_bytes(m),
            .kv_bytes = session.kv_bytes,
            .scratch_bytes = session.scratch_bytes,
        };
        need->peak_bytes = need->model_bytes + (running > need->load_bytes ? running : need->load_bytes);
    }
    eng_model_close(m);
    return rc;
}
