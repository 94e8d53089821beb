/* test_follow.c - what is next is said once it came twice, and not when it changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/follow.h"

static struct eng_matrix q = {.index = 1}, k = {.index = 2}, out = {.index = 3}, expert[2] = {{.index = 4}, {.index = 5}};

static size_t qkv(struct eng_follow *f, struct eng_matmul_out next[ENG_MATMUL_GROUP])
{
    return eng_follow_group(f, (const struct eng_matmul_out[]){{.w = &q}, {.w = &k}}, 2, next);
}

static size_t one(struct eng_follow *f, const struct eng_matrix *w, struct eng_matmul_out next[ENG_MATMUL_GROUP])
{
    return eng_follow_group(f, &(struct eng_matmul_out){.w = w}, 1, next);
}

static void the_order_is_learned(void **state)
{
    struct eng_follower after[6] = {0};
    struct eng_follow f = {.after = after};
    struct eng_matmul_out next[ENG_MATMUL_GROUP];
    (void)state;
    for (int token = 0; token < 4; token++) {
        const size_t n = qkv(&f, next);
        assert_int_equal(n, token < 2 ? 0 : 1);
        if (n)
            assert_ptr_equal(next[0].w, &out);
        const size_t m = one(&f, &out, next);
        assert_int_equal(m, token < 2 ? 0 : 2);
        if (m) {
            assert_ptr_equal(next[0].w, &q);
            assert_ptr_equal(next[1].w, &k);
        }
    }
}

static void a_router_is_not_trusted(void **state)
{
    struct eng_follower after[6] = {0};
    struct eng_follow f = {.after = after};
    struct eng_matmul_out next[ENG_MATMUL_GROUP];
    (void)state;
    for (int token = 0; token < 6; token++) {
        assert_int_equal(one(&f, &out, next), 0);
        (void)one(&f, &expert[token % 2], next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_order_is_learned), cmocka_unit_test(a_router_is_not_trusted)};
    return cmocka_run_group_tests_name("follow", tests, NULL, NULL);
}
