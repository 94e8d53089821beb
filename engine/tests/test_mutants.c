/* test_mutants.c - every special value in every field of a small model's header, and random damage: refused, or run as the file itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gguf_build.h"
#include "mutants.h"

enum { SPECIAL_STEP = 3, N_RANDOM = 150 };

static void try_range(const struct mutants *m, uint64_t begin, uint64_t end, uint64_t step)
{
    unsigned long ends[MUTANT_ENDS] = {0};
    char what[160], sentence[400];
    for (uint64_t i = begin; i < end; i += step) {
        const enum mutant_end e = mutant_try(m, i, what, sentence);
        ends[e]++;
        if (e >= MUTANT_BAD_CONSTANT)
            fail_msg("mutant %llu (%s): %s %s", (unsigned long long)i, what, mutant_end_names[e], sentence);
        if ((e == MUTANT_REFUSED || e == MUTANT_STOPPED) && (sentence[0] == '\0' || strchr(sentence, '\n')))
            fail_msg("mutant %llu (%s) is refused without a sentence in one line", (unsigned long long)i, what);
    }
    for (int e = 0; e < MUTANT_ENDS; e++)
        if (ends[e])
            print_message("%lu %s ", ends[e], mutant_end_names[e]);
    print_message("\n");
    assert_true(ends[MUTANT_REFUSED] > 0);
}

static void build(struct gguf_build *b, struct mutants *m)
{
    size_t n_bytes;
    gguf_build_llama(b, &(struct gguf_tiny){.n_layers = 1, .d_model = 32, .n_heads = 2, .n_heads_kv = 1, .d_ff = 32, .type = ENG_TYPE_Q4_0,
                                            .untied = true, .rope_scale = 2});
    const uint8_t *bytes = gguf_build_bytes(b, &n_bytes);
    assert_true(mutants_open(m, bytes, n_bytes));
}

static void special_values_of_every_field(void **state)
{
    struct gguf_build *b = gguf_build_new();
    struct mutants m;
    (void)state;
    build(b, &m);
    assert_true(m.n_fields > 100);
    try_range(&m, 0, m.n_special, SPECIAL_STEP); /* 3 and 8 values: each field gets other ones, each value other fields */
    mutants_close(&m);
    gguf_build_free(b);
}

static void cuts_and_random_bytes(void **state)
{
    struct gguf_build *b = gguf_build_new();
    struct mutants m;
    (void)state;
    build(b, &m);
    try_range(&m, m.n_special, m.n_special + N_RANDOM, 1);
    mutants_close(&m);
    gguf_build_free(b);
}

/* All of them for floats: NaN, infinities, negative numbers behind every key that the family reads. */
static void no_float_that_makes_no_sense_is_used(void **state)
{
    struct gguf_build *b = gguf_build_new();
    struct mutants m;
    (void)state;
    build(b, &m);
    const uint64_t n_values = m.n_special / m.n_fields;
    size_t n_floats = 0;
    for (size_t i = 0; i < m.n_fields; i++) {
        if (!m.fields[i].is_float)
            continue;
        n_floats++;
        try_range(&m, i * n_values, (i + 1) * n_values, 1);
    }
    assert_true(n_floats >= 2); /* the norm's epsilon, RoPE's base, its scale */
    mutants_close(&m);
    gguf_build_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(special_values_of_every_field),
        cmocka_unit_test(cuts_and_random_bytes),
        cmocka_unit_test(no_float_that_makes_no_sense_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
