/**
 * reduce.h - token reduction: which tokens a query may see and where their keys and values live. One file and one row of
 * reductions.def per method.
 *
 * The rule is a pure function of token indices (a token's index counts from 0 since reset), so results do not depend on how a
 * prompt was cut into batches, and a slot is found without a search. Keys are stored rotated at the token's own index. RoPE scores
 * depend on differences of positions only (Su et al. 2021, section 3.2), so a method that moves tokens closer together needs no
 * second rotation of keys: it gives a span of slots its own query position instead.
 */
#ifndef ENG_REDUCE_REDUCE_H
#define ENG_REDUCE_REDUCE_H

#include <stdbool.h>

#include "eng/engine.h"

#define ENG_REDUCE_SPANS 3

struct eng_span {       /* slots [begin, end), seen by a query in this order */
    uint32_t begin, end;
    uint32_t token;     /* index of the token in slot begin; those behind it follow in order */
    bool moved;         /* the query's position for these is eng_reduce_ops.moved_position(), not its token index */
};

struct eng_reduce {     /* a method bound to a session */
    const struct eng_reduce_ops *ops;
    struct eng_method method;
    uint32_t n_ctx;     /* tokens asked for */
    uint32_t n_batch;   /* most tokens evaluated together */
    uint32_t n_slots;   /* slots to allocate, multiple of 16 (the cache rounds up to pages) */
    uint32_t n_ring;    /* method's own: slots that are reused in turn */
};

struct eng_reduce_ops {
    struct eng_method_info info;
    /** Fill n_slots (and n_ring); may lower n_batch, which comes in as asked for. */
    void (*plan)(struct eng_reduce *r);
    /** Most tokens that can be evaluated since reset; UINT32_MAX = no end. */
    uint32_t (*limit)(const struct eng_reduce *r);
    /** Tokens kept after n_seen were evaluated. */
    uint32_t (*kept)(const struct eng_reduce *r, uint32_t n_seen);
    /** Slot of a token that is still kept (or in the batch being evaluated). */
    uint32_t (*slot)(const struct eng_reduce *r, uint32_t token);
    /** What the query of @token sees of the kept tokens, itself included, in a layer with a sliding window of @window tokens (0: none):
     *  returns the number of spans written; a span may be empty (begin >= end). */
    uint32_t (*spans)(const struct eng_reduce *r, uint32_t token, uint32_t window, struct eng_span span[ENG_REDUCE_SPANS]);
    /** Query position for moved spans; equal to @token as long as nothing has been dropped. NULL when no span ever moves. */
    uint32_t (*moved_position)(const struct eng_reduce *r, uint32_t token);
};

#define REDUCTION(id) extern const struct eng_reduce_ops eng_reduce_##id;
#include "reduce/reductions.def"
#undef REDUCTION

/** eng_reduce_find() - the ops behind a choice made by eng_method_parse(). */
const struct eng_reduce_ops *eng_reduce_find(const struct eng_method *choice);

#endif
