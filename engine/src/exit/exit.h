/**
 * exit.h - early exit: how the next tokens are found from the last one. One file and one row of exits.def per method.
 *
 * A method drives run/forward.h itself, so it may run fewer layers, or other layers for other tokens; it owns the bookkeeping of
 * the cache for what it evaluated. generate.c calls step() until it has enough.
 */
#ifndef ENG_EXIT_EXIT_H
#define ENG_EXIT_EXIT_H

#include "eng/engine.h"

#define ENG_EXIT_MAX_OUT 16 /* most tokens that one step() may return; also the batch size up to which results are bit-identical */

struct eng_exit_ops {
    struct eng_method_info info;

    /** Is this choice possible with this model? ENG_EINVAL with the allowed range. May be NULL: always. */
    int (*check)(const struct eng_method *method, const struct eng_model *model, struct eng_error *err);

    /** Can it run with this sampling? ENG_EINVAL or ENG_ENOTSUP with the reason. May be NULL: always. */
    int (*check_sampling)(const struct eng_sampling *how, struct eng_error *err);

    /**
     * Evaluate @last (known, not in the cache) and find 1..n_max following tokens, n_max >= 1.
     * On return the cache has grown by exactly *n_out tokens: @last and all but the last of out[]; row i of s->logits is what
     * out[i] was chosen from, and s->last_logits is the last of them. @out holds ENG_EXIT_MAX_OUT ids. @rng: generator of eng_sample().
     * Errors: ENG_ELIMIT when the cache has no room for @last, ENG_ENAN.
     */
    int (*step)(struct eng_session *s, int32_t last, uint32_t n_max, const struct eng_sampling *how, uint64_t *rng, int32_t *out,
                uint32_t *n_out, struct eng_error *err);
};

#define EXIT(id) extern const struct eng_exit_ops eng_exit_##id;
#include "exit/exits.def"
#undef EXIT

/** eng_exit_find() - the ops behind a choice made by eng_method_parse(). */
const struct eng_exit_ops *eng_exit_find(const struct eng_method *choice);

#endif
