/* exit_none.c - every layer for every token: one evaluation, one new token. */
#include "exit/exit.h"
#include "run/session.h"

static int step(struct eng_session *s, int32_t last, uint32_t n_max, const struct eng_sampling *how, uint64_t *rng, int32_t *out,
                uint32_t *n_out, struct eng_error *err)
{
    (void)n_max;
    *n_out = 0;
    const int rc = eng_session_extend(s, &last, 1, NULL, true, err);
    if (rc != ENG_OK)
        return rc;
    out[0] = eng_sample(s, s->last_logits, how, rng);
    *n_out = 1;
    return ENG_OK;
}

const struct eng_exit_ops eng_exit_none = {
    .info = {.name = "none", .summary = "every layer for every token"},
    .step = step,
};
