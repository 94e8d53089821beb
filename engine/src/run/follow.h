/**
 * follow.h - which product comes after which while tokens are decoded one by one, learned as they come: while the caller does what lies
 * between two products, the other workers fetch weights that they will begin with (eng_matmul_expect()).
 */
#ifndef ENG_RUN_FOLLOW_H
#define ENG_RUN_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/matmul.h"

struct eng_follower { /* a group of products; zeroed: none known */
    const struct eng_matrix *w[ENG_MATMUL_GROUP];
    uint32_t n;
    bool sure;        /* it was the one that came the last two times */
};

struct eng_follow {
    struct eng_follower *after; /* [matrices of the model], by eng_matrix.index of a group's first; zeroed, borrowed */
    uint32_t last;              /* the group that was done last */
};

/** eng_follow_group() - the group @out is about to be done: what will come after it goes to next[], whose length is returned; 0: unknown,
 *  or not the same each time. */
size_t eng_follow_group(struct eng_follow *follow, const struct eng_matmul_out *out, size_t n_out, struct eng_matmul_out next[ENG_MATMUL_GROUP]);

#endif
