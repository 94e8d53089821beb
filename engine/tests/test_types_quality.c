/* test_types_quality.c - what quantizers leave of a signal, and that they find again what they wrote. Table: techniques.md 4.1. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "type_golden.h"

#define N_SAMPLES 36864

struct signals {
    float normal[N_SAMPLES], outliers[N_SAMPLES], decoded[N_SAMPLES]; /* N(0, 1); the same with 0.2 % ten times as large */
    uint8_t bytes[N_SAMPLES * 4], again[N_SAMPLES * 4];
};

static double uniform(uint64_t *state)
{
    return ((double)(type_golden_random(state) >> 11) + 0.5) * 0x1p-53;
}

static int setup(void **state)
{
    struct signals *s = malloc(sizeof(*s));
    uint64_t seed = 2026;
    assert_non_null(s);
    for (size_t i = 0; i < N_SAMPLES; i++) { /* Box and Muller */
        const double radius = sqrt(-2.0 * log(uniform(&seed))), angle = 6.283185307179586 * uniform(&seed);
        s->normal[i] = (float)(radius * cos(angle));
        s->outliers[i] = uniform(&seed) < 0.002 ? 10.0f * s->normal[i] : s->normal[i];
    }
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static double sqnr_db(struct signals *s, const struct eng_type_traits *traits, const float *x)
{
    traits->encode(x, s->bytes, N_SAMPLES);
    traits->decode(s->bytes, s->decoded, N_SAMPLES);
    return -20.0 * log10(type_golden_rel_rmse(x, s->decoded, N_SAMPLES));
}

static void check_db(const char *name, double db, double want, double tolerance, bool searched)
{
    if (!(db >= want - tolerance && (searched || db <= want + tolerance)))
        fail_msg("%s: %.2f dB, the table has %.1f", name, db, want);
}

/* Formulas within 0.15 dB of the table on either side, searches no more than 0.15 dB below it. With outliers 0.3 dB, as only 70 of either
 * sample decide: another seed moves the figure by 0.15 dB. */
static void test_sqnr(void **state)
{
    static const struct {
        enum eng_type type;
        double normal_db, outliers_db;
        bool searched;
    } rows[] = {
        {ENG_TYPE_Q4_0, 21.4, 19.3, false},  {ENG_TYPE_Q4_1, 22.2, 21.5, false},  {ENG_TYPE_Q5_0, 27.4, 25.3, false},
        {ENG_TYPE_Q5_1, 28.5, 27.7, false},  {ENG_TYPE_Q8_0, 45.5, 43.2, false},  {ENG_TYPE_MXFP4, 18.8, 17.8, false},
        {ENG_TYPE_NVFP4, 20.5, 20.6, false}, {ENG_TYPE_Q2_K, 10.6, 10.2, true},   {ENG_TYPE_Q3_K, 16.5, 15.6, true},
        {ENG_TYPE_Q4_K, 23.0, 22.2, true},   {ENG_TYPE_Q5_K, 28.9, 28.1, true},   {ENG_TYPE_Q6_K, 35.0, 33.5, true},
        {ENG_TYPE_IQ4_NL, 22.4, 20.9, true},
    };
    struct signals *s = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct eng_type_traits *traits = eng_type_traits(rows[i].type);
        const double normal = sqnr_db(s, traits, s->normal), outliers = sqnr_db(s, traits, s->outliers);
        print_message("%-8s %5.2f dB (%4.1f), with outliers %5.2f dB (%4.1f)\n", traits->name, normal, rows[i].normal_db, outliers,
                      rows[i].outliers_db);
        check_db(traits->name, normal, rows[i].normal_db, 0.15, rows[i].searched);
        check_db(traits->name, outliers, rows[i].outliers_db, 0.3, rows[i].searched);
    }
}

/* Quantizing what was read from a quantized file gives the same bytes: requantizing to the same format costs nothing. */
static void test_requantizing_is_identity(void **state)
{
    static const enum eng_type types[] = {ENG_TYPE_F16,   ENG_TYPE_BF16,  ENG_TYPE_Q4_0,  ENG_TYPE_Q5_0, ENG_TYPE_Q8_0, ENG_TYPE_MXFP4,
                                          ENG_TYPE_NVFP4, ENG_TYPE_TQ1_0, ENG_TYPE_TQ2_0, ENG_TYPE_Q1_0, ENG_TYPE_Q2_0, ENG_TYPE_IQ4_NL};
    struct signals *s = *state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct eng_type_traits *traits = eng_type_traits(types[i]);
        const size_t n_bytes = eng_type_row_bytes(traits, N_SAMPLES);
        traits->encode(s->outliers, s->bytes, N_SAMPLES);
        traits->decode(s->bytes, s->decoded, N_SAMPLES);
        traits->encode(s->decoded, s->again, N_SAMPLES);
        for (size_t b = 0; b < n_bytes; b += traits->block_bytes)
            if (memcmp(s->bytes + b, s->again + b, traits->block_bytes) != 0)
                fail_msg("%s: block %zu differs after a second time", traits->name, b / traits->block_bytes);
    }
}

/* A row of any width gives the bytes of its blocks one by one: encoders keep nothing between blocks. */
static void test_blocks_are_independent(void **state)
{
    struct signals *s = *state;
    const struct eng_type_traits *traits;
    for (size_t t = 0; (traits = type_golden_traits(t)) != NULL; t++) {
        if (!traits->encode)
            continue;
        const size_t n = traits->block_elems == 1 ? 37 : traits->block_elems, n_bytes = eng_type_row_bytes(traits, n);
        traits->encode(s->normal, s->bytes, 8 * n);
        for (size_t b = 0; b < 8; b++)
            traits->encode(s->normal + b * n, s->again + 1 + b * n_bytes, n); /* and at odd addresses */
        assert_memory_equal(s->bytes, s->again + 1, 8 * n_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sqnr),
        cmocka_unit_test(test_requantizing_is_identity),
        cmocka_unit_test(test_blocks_are_independent),
    };
    return cmocka_run_group_tests_name("types_quality", tests, setup, teardown);
}
