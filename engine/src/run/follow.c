/* follow.c - see follow.h. */
#include "run/follow.h"

static void learn(struct eng_follower *f, const struct eng_matmul_out *out, size_t n_out)
{
    bool same = f->n == n_out;
    for (size_t i = 0; i < n_out; i++) {
        same &= f->w[i] == out[i].w;
        f->w[i] = out[i].w;
    }
    f->n = (uint32_t)n_out;
    f->sure = same;
}

size_t eng_follow_group(struct eng_follow *follow, const struct eng_matmul_out *out, size_t n_out, struct eng_matmul_out next[ENG_MATMUL_GROUP])
{
    learn(&follow->after[follow->last], out, n_out);
    follow->last = out[0].w->index;
    const struct eng_follower *f = &follow->after[follow->last];
    for (uint32_t i = 0; f->sure && i < f->n; i++)
        next[i] = (struct eng_matmul_out){.w = f->w[i]};
    return f->sure ? f->n : 0;
}
