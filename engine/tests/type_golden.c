/* type_golden.c (tests) - reads what type_golden.h describes. */
#include "type_golden.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const type_golden_inputs[TYPE_GOLDEN_INPUTS] = {"gauss", "heavy_tail", "edge"};

/* Beside the checkout; MB_SOURCE_DIR is engine/ when the engine builds alone. */
static FILE *open_golden(const char *input, const char *file)
{
    const char *const roots[] = {getenv("MELTBENCH_TEST_DATA"), MB_SOURCE_DIR "/../shared/data", MB_SOURCE_DIR "/../../shared/data"};
    for (size_t i = 0; i < 3; i++) {
        char path[1024];
        snprintf(path, sizeof(path), "%s/golden/llama_cpp/quant/%s/%s", roots[i] ? roots[i] : "", input, file);
        FILE *f = roots[i] ? fopen(path, "rb") : NULL;
        if (f)
            return f;
        if (i == 0 && roots[0]) /* asked for by name: nowhere else */
            return NULL;
    }
    return NULL;
}

static size_t read_golden(const char *input, const char *type, const char *ending, void *out, size_t cap)
{
    char name[64];
    const size_t n_letters = strlen(type);
    const bool k = n_letters > 2 && strcmp(type + n_letters - 2, "_k") == 0; /* ggml writes q4_K */
    snprintf(name, sizeof(name), "%.*s%s%s", (int)(n_letters - k), type, k ? "K" : "", ending);
    FILE *f = open_golden(input, name);
    if (!f)
        return 0;
    const size_t n = fread(out, 1, cap, f);
    fclose(f);
    return n;
}

bool type_golden_present(void)
{
    float probe;
    if (read_golden("gauss", "input", ".f32", &probe, sizeof(probe)) == sizeof(probe))
        return true;
    print_message("no reference data: neither $MELTBENCH_TEST_DATA nor ../shared/data beside the checkout\n");
    return false;
}

void type_golden_read(const char *input, const struct eng_type_traits *traits, struct type_golden *out)
{
    out->n_bytes = eng_type_row_bytes(traits, TYPE_GOLDEN_N);
    assert_int_equal(read_golden(input, "input", ".f32", out->x, sizeof(out->x)), sizeof(out->x));
    assert_int_equal(read_golden(input, traits->name, ".dq.f32", out->decoded, sizeof(out->decoded)), sizeof(out->decoded));
    assert_int_equal(read_golden(input, traits->name, ".q.bin", out->bytes, sizeof(out->bytes)), out->n_bytes);
}

const struct eng_type_traits *type_golden_traits(size_t i)
{
    for (uint32_t type = ENG_TYPE_F32 + 1; type < ENG_TYPE_LIMIT; type++)
        if (eng_type_traits(type) && i-- == 0)
            return eng_type_traits(type);
    return NULL;
}

uint64_t type_golden_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void type_golden_random_bytes(uint64_t *state, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(type_golden_random(state) >> 32);
}

double type_golden_rel_rmse(const float *x, const float *y, size_t n)
{
    double error = 0.0, power = 0.0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
        power += (double)x[i] * (double)x[i];
    }
    return sqrt(error / power);
}
