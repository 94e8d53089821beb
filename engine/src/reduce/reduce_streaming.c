/*
 * reduce_streaming.c - StreamingLLM (Xiao et al. 2023, "Efficient Streaming Language Models with Attention Sinks"): the first
 * `sink` tokens and the last `window` tokens are kept, and positions are counted inside the cache.
 *
 * A query of token t sees the sinks and tokens t-window+1 .. t. In cache positions the recent tokens stand at sink, sink+1, ... and
 * the query at min(t, sink+window-1): between query and recent tokens the distances are the true ones; only the sinks come
 * closer. So the recent keys keep the rotation of their own index and meet the query rotated at t, and the sinks (whose index is
 * their cache position) meet a second copy of the query rotated at its cache position. Cost: one more rotation of the query a
 * layer; re-rotating keys at use would cost window rotations a layer, about a third of the attention itself on this model family.
 *
 * Slots: sinks first, then a ring of window + batch - 1 slots: while a batch is evaluated its first query still needs its whole
 * window. Batches are held to half a window so that the ring stays near the window's size. As long as a query sees all tokens before
 * it, token i is in slot i and what it sees is one span: the bits are those of the method `none`.
 */
#include "reduce/reduce.h"

enum { SINK, WINDOW };

static uint32_t round16(uint32_t n)
{
    return (n + 15u) & ~15u;
}

static uint32_t param(const struct eng_reduce *r, int i)
{
    return (uint32_t)r->method.value[i];
}

static bool drops(const struct eng_reduce *r)
{
    return r->n_ring != 0;
}

static void plan(struct eng_reduce *r)
{
    const uint32_t sink = param(r, SINK), window = param(r, WINDOW), half = round16(window / 2 + 1);
    r->n_ring = 0;
    r->n_slots = round16(r->n_ctx);
    if (r->n_ctx <= sink + window)
        return;
    r->n_batch = r->n_batch < half ? r->n_batch : half;
    r->n_ring = round16(window + r->n_batch - 1);
    r->n_slots = round16(sink + r->n_ring);
}

static uint32_t limit(const struct eng_reduce *r)
{
    return drops(r) ? UINT32_MAX : r->n_ctx;
}

static uint32_t kept(const struct eng_reduce *r, uint32_t n_seen)
{
    const uint32_t most = param(r, SINK) + param(r, WINDOW);
    return drops(r) && n_seen > most ? most : n_seen;
}

static uint32_t slot(const struct eng_reduce *r, uint32_t token)
{
    const uint32_t sink = param(r, SINK);
    if (token < sink)
        return token;
    const uint32_t i = token - sink;
    return sink + (drops(r) ? i % r->n_ring : i);
}

/* A layer's own window counts true distances, as it was trained: the sinks leave it like any other token. */
static uint32_t spans(const struct eng_reduce *r, uint32_t token, uint32_t layer_window, struct eng_span span[ENG_REDUCE_SPANS])
{
    const uint32_t sink = param(r, SINK), window = param(r, WINDOW);
    const uint32_t oldest = layer_window > 0 && token >= layer_window ? token - layer_window + 1 : 0;
    if (!drops(r) || token < sink + window) {
        span[0] = (struct eng_span){.begin = oldest, .end = token + 1, .token = oldest};
        return 1;
    }
    uint32_t n = 0;
    if (sink > 0)
        span[n++] = (struct eng_span){.begin = oldest, .end = sink, .token = oldest, .moved = true};
    const uint32_t kept = token - window + 1, first = kept > oldest ? kept : oldest;
    const uint32_t begin = slot(r, first), last = slot(r, token);
    if (begin <= last) {
        span[n++] = (struct eng_span){.begin = begin, .end = last + 1, .token = first};
        return n;
    }
    const uint32_t end = sink + r->n_ring;
    span[n++] = (struct eng_span){.begin = begin, .end = end, .token = first}; /* round the ring's end */
    span[n++] = (struct eng_span){.begin = sink, .end = last + 1, .token = first + (end - begin)};
    return n;
}

static uint32_t moved_position(const struct eng_reduce *r, uint32_t token)
{
    const uint32_t most = param(r, SINK) + param(r, WINDOW);
    return drops(r) && token >= most ? most - 1 : token;
}

static const struct eng_method_param params[] = {
    {.name = "sink", .def = 4, .min = 0, .max = 4096, .help = "first tokens that are always kept"},
    {.name = "window", .def = 256, .min = 1, .max = 1 << 20, .help = "most recent tokens that are kept"},
    {.name = NULL},
};

const struct eng_reduce_ops eng_reduce_streaming = {
    .info = {.name = "streaming", .summary = "StreamingLLM: the first tokens and a sliding window, positions counted in the cache",
             .params = params},
    .plan = plan,
    .limit = limit,
    .kept = kept,
    .slot = slot,
    .spans = spans,
    .moved_position = moved_position,
};
