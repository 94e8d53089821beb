/*
 * sampler.c - greedy choice and seeded sampling: top-k, softmax with temperature, top-p (Holtzman et al. 2020), one draw.
 * Candidates are ordered by (logit, then lower id) through a heap, so that only as many are sorted as are needed and
 * ties never depend on the order of memory.
 */
#include "run/sampler.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "run/session.h"

/* A vocabulary has up to 262,144 logits, read after every token: @LANES maxima side by side, which compilers make a vector of. */
enum { LANES = 16, BLOCK = 16 * LANES };

static float block_max(const float x[BLOCK])
{
    float top[LANES];
    memcpy(top, x, sizeof top);
    for (uint32_t i = LANES; i < BLOCK; i += LANES)
        for (uint32_t k = 0; k < LANES; k++)
            top[k] = x[i + k] > top[k] ? x[i + k] : top[k];
    for (uint32_t k = 1; k < LANES; k++)
        top[0] = top[k] > top[0] ? top[k] : top[0];
    return top[0];
}

int32_t eng_argmax(const float *logits, uint32_t n)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < n;) {
        const uint32_t end = n - i < BLOCK ? n : i + BLOCK;
        if (end - i == BLOCK && block_max(logits + i) <= logits[best])
            i = end;
        for (; i < end; i++)
            if (logits[i] > logits[best])
                best = i;
    }
    return (int32_t)best;
}

/* splitmix64 (Steele, Lea, Flood 2014): 53 random bits as a double in [0, 1). */
static double unit(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

static bool before(const struct eng_candidate *a, const struct eng_candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static void sift_down(struct eng_candidate *heap, uint32_t n, uint32_t i)
{
    const struct eng_candidate moving = heap[i];
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= n)
            break;
        if (child + 1 < n && before(&heap[child + 1], &heap[child]))
            child++;
        if (!before(&heap[child], &moving))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = moving;
}

/* Bring the best remaining candidate of heap[0..n) to heap[n-1]. Popping m times leaves the m best at the end, best last. */
static void pop(struct eng_candidate *heap, uint32_t n)
{
    const struct eng_candidate best = heap[0];
    heap[0] = heap[n - 1];
    heap[n - 1] = best;
    sift_down(heap, n - 1, 0);
}

static double weight(const struct eng_candidate *c, float max, const struct eng_sampling *how)
{
    return exp((double)(c->logit - max) / (double)how->temperature);
}

/* Walk the candidates best first (they stand at the end of c[0..n)), and return the one where the running weight passes @target. */
static int32_t walk(const struct eng_candidate *c, uint32_t n, uint32_t n_kept, float max, const struct eng_sampling *how, double target)
{
    double sum = 0;
    for (uint32_t i = 0; i < n_kept; i++) {
        sum += weight(&c[n - 1 - i], max, how);
        if (sum > target)
            return c[n - 1 - i].id;
    }
    return c[n - n_kept].id; /* rounding: target == total */
}

int32_t eng_draw(const float *logits, uint32_t n, const struct eng_sampling *how, uint64_t *state, struct eng_candidate *c)
{
    const bool use_k = how->top_k > 0 && how->top_k < n, use_p = how->top_p > 0 && how->top_p < 1;
    for (uint32_t i = 0; i < n; i++)
        c[i] = (struct eng_candidate){logits[i], (int32_t)i};
    const float max = logits[eng_argmax(logits, n)];
    if (!use_k && !use_p) { /* id order will do */
        double total = 0, sum = 0;
        for (uint32_t i = 0; i < n; i++)
            total += weight(&c[i], max, how);
        const double target = unit(state) * total;
        for (uint32_t i = 0; i < n; i++)
            if ((sum += weight(&c[i], max, how)) > target)
                return (int32_t)i;
        return eng_argmax(logits, n);
    }

    for (uint32_t i = n / 2; i-- > 0;)
        sift_down(c, n, i);
    double total = 0; /* of what softmax sees: the top k, or everything */
    uint32_t n_sorted = 0;
    if (use_k)
        for (; n_sorted < how->top_k; n_sorted++) {
            pop(c, n - n_sorted);
            total += weight(&c[n - 1 - n_sorted], max, how);
        }
    else
        for (uint32_t i = 0; i < n; i++)
            total += weight(&c[i], max, how);

    uint32_t n_kept = use_k ? how->top_k : n;
    if (use_p) { /* the smallest set of best candidates whose probability reaches top_p */
        double sum = 0;
        for (uint32_t i = 0; i < n_kept && sum < (double)how->top_p * total; i++) {
            if (i == n_sorted)
                pop(c, n - n_sorted++);
            sum += weight(&c[n - 1 - i], max, how);
            if (sum >= (double)how->top_p * total)
                n_kept = i + 1;
        }
        total = sum;
    }
    return walk(c, n, n_kept, max, how, unit(state) * total);
}

int eng_sampling_check(const struct eng_sampling *how, struct eng_error *err)
{
    if (!(how->temperature >= 0) || isinf(how->temperature))
        return eng_fail(err, ENG_EINVAL, "temperature %g cannot be used: 0 is greedy, above 0 samples", (double)how->temperature);
    if (!(how->top_p >= 0 && how->top_p <= 1))
        return eng_fail(err, ENG_EINVAL, "top_p %g is outside 0 to 1 (0 or 1: off)", (double)how->top_p);
    return ENG_OK;
}

int32_t eng_sample(struct eng_session *s, const float *logits, const struct eng_sampling *how, uint64_t *state)
{
    const uint32_t n = s->model->hp.n_vocab;
    if (!(how->temperature > 0))
        return eng_argmax(logits, n);
    return eng_draw(logits, n, how, state, s->candidates);
}
