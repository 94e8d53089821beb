/*
 * test_weight_memory.c - a model that is requantized and packed costs what its weights cost: nothing of the steps in between stays
 * resident. The shapes are those of a small llama, in a loader's order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "kernels/matmul.h"

enum { N_LAYERS = 30, N_SHAPES = 7, MOST = 1536 * 576 };

static size_t resident_bytes(void)
{
    unsigned long total, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &total, &resident), 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void requantizing_leaves_nothing_behind(void **state)
{
    (void)state;
    static const size_t shapes[N_SHAPES][2] = {{576, 576}, {192, 576}, {192, 576}, {576, 576}, {1536, 576}, {1536, 576}, {576, 1536}};
    struct eng_error err;
    struct eng_pool *pool;
    struct eng_matrix w[N_LAYERS * N_SHAPES];
    float *source = calloc(MOST, sizeof(*source));
    assert_non_null(source);
    for (size_t i = 0; i < MOST; i++)
        source[i] = (float)(i % 251) - 125.0f;
    assert_int_equal(eng_pool_open(&pool, 2, &err), ENG_OK);
    const size_t before = resident_bytes();
    size_t weights = 0;
    for (size_t i = 0; i < N_LAYERS * N_SHAPES; i++) {
        const size_t *shape = shapes[i % N_SHAPES];
        assert_int_equal(eng_matrix_init(&w[i], eng_type_traits(ENG_TYPE_F32), shape[0], shape[1], source, &err), ENG_OK);
        assert_int_equal(eng_matrix_requantize(&w[i], eng_type_traits(ENG_TYPE_Q8_0), pool, &err), ENG_OK);
        assert_int_equal(eng_matrix_pack(&w[i], pool, &err), ENG_OK);
        weights += w[i].packed ? w[i].packed_bytes : w[i].data_bytes;
    }
    const size_t grown = resident_bytes() - before;
    print_message("%zu bytes of weights, %zu resident\n", weights, grown);
    assert_true(grown < weights + weights / 16);
    for (size_t i = 0; i < N_LAYERS * N_SHAPES; i++)
        eng_matrix_release(&w[i]);
    eng_pool_close(pool);
    free(source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requantizing_leaves_nothing_behind)};
    return cmocka_run_group_tests_name("weight_memory", tests, NULL, NULL);
}
