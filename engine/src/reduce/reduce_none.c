/* reduce_none.c - every token is kept, token i in slot i. */
#include "reduce/reduce.h"

static void plan(struct eng_reduce *r)
{
    r->n_slots = (r->n_ctx + 15u) & ~15u;
    r->n_ring = 0;
}

static uint32_t limit(const struct eng_reduce *r)
{
    return r->n_ctx;
}

static uint32_t kept(const struct eng_reduce *r, uint32_t n_seen)
{
    (void)r;
    return n_seen;
}

static uint32_t slot(const struct eng_reduce *r, uint32_t token)
{
    (void)r;
    return token;
}

static uint32_t spans(const struct eng_reduce *r, uint32_t token, uint32_t window, struct eng_span span[ENG_REDUCE_SPANS])
{
    (void)r;
    const uint32_t first = window > 0 && token >= window ? token - window + 1 : 0;
    span[0] = (struct eng_span){.begin = first, .end = token + 1, .token = first};
    return 1;
}

const struct eng_reduce_ops eng_reduce_none = {
    .info = {.name = "none", .summary = "every token is kept"},
    .plan = plan,
    .limit = limit,
    .kept = kept,
    .slot = slot,
    .spans = spans,
};
