/* test_kernels.c - every kernel of every set that this CPU can run, against the reference kernel. */
#include "kernel_case.h"

#include "base/cpu_features.h"

/* One kernel with one type: its own by panels, or the general one by the file's layout. */
struct subject {
    const struct eng_kernel_set *set;
    const struct eng_kernel *kernel;
    const struct eng_type_traits *traits;
    enum eng_act act;
};

typedef void kernel_check(const struct subject *s);

static void for_each_kernel_of(const struct eng_kernel_set *set, kernel_check *check)
{
    const struct eng_type_traits *types[CASE_TYPES_MOST];
    const size_t n = case_types(types);
    for (size_t i = 0; i < n; i++)
        for (int packed = 0; packed <= eng_panel_possible(types[i]); packed++)
            for (int act = ENG_ACT_Q8; act <= ENG_ACT_F32; act++)
                if (eng_kernel_act(types[i], (enum eng_act)act) == (enum eng_act)act)
                    check(&(struct subject){set, eng_kernel_find(set, types[i], packed, (enum eng_act)act), types[i], (enum eng_act)act});
}

/* Runs @check for all kernels that can run. Skips when none but the reference can run. */
static void for_each_kernel(kernel_check *check)
{
    size_t n_sets, n_checked = 0;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n_sets);
    for (size_t s = 0; s + 1 < n_sets; s++) {
        if (!eng_kernel_set_possible(sets[s]))
            continue; /* shows as skipped in test_shapes_<set> */
        for_each_kernel_of(sets[s], check);
        n_checked++;
    }
    if (n_checked == 0)
        skip();
}

static double nmse(const float *y, const float *want, size_t n)
{
    double error = 0.0, power = 0.0;
    for (size_t i = 0; i < n; i++) {
        const double e = (double)y[i] - (double)want[i];
        error += e * e;
        power += (double)want[i] * (double)want[i];
    }
    return power > 0.0 ? error / power : error;
}

static void compare(const struct subject *s, const struct kernel_case *c, const char *what)
{
    const struct eng_kernel *kernel = s->kernel;
    const size_t n = c->n_tokens * c->n_rows;
    float *y = case_alloc(n * sizeof(float)), *want = case_alloc(n * sizeof(float));
    const struct eng_span rows = {0, c->n_rows}, tokens = {0, c->n_tokens};
    memset(y, 0x7f, n * sizeof(float)); /* large numbers: an element that is not written shows */
    case_run(c, kernel, rows, tokens, y, c->n_rows);
    case_run(c, case_reference(s->traits, s->act), rows, tokens, want, c->n_rows);
    const double got = nmse(y, want, n);
    if (!(got <= kernel->nmse_max))
        fail_msg("%s of %s: %s, %zu rows x %zu columns, %zu tokens: NMSE %.3g > %.3g", kernel->name, s->traits->name, what, c->n_rows, c->n_cols, c->n_tokens, got,
                 kernel->nmse_max);
    free(y);
    free(want);
}

/* Columns by the block: types with large ones get 256 and some, others also as few as 32 and more than one piece of the kernels. */
static size_t columns_of(const struct eng_type_traits *traits, size_t i)
{
    static const size_t small[] = {32, 64, 96, 576, 1536}, blocks[] = {1, 2, 3, 4, 6};
    return traits->block_elems <= 32 ? small[i] : blocks[i] * traits->block_elems;
}

static void check_shapes(const struct subject *s)
{
    static const size_t rows[] = {1, 15, 16, 17, 33, 80}, tokens[] = {1, 2, 5, 8, 16, 19};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (size_t k = i % 2; k < 5; k += 2) {
            struct kernel_case c;
            case_open(&c, s->traits->type, rows[i], columns_of(s->traits, k), tokens[(i + k / 2) % 6], FILL_NORMAL, FILL_NORMAL, 100 * i + k);
            compare(s, &c, "normal numbers");
            case_close(&c);
        }
}

/* One test for each set, so that a set which this CPU cannot run shows as skipped. */
static void shapes_of(const char *name)
{
    size_t n_sets;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n_sets), *set = NULL;
    for (size_t s = 0; s < n_sets; s++)
        if (strcmp(sets[s]->name, name) == 0)
            set = sets[s];
    assert_non_null(set);
    if (!eng_kernel_set_possible(set)) {
        print_message("kernel set %s: this CPU lacks what it needs\n", name);
        skip();
    }
    for_each_kernel_of(set, check_shapes);
}

#define SET(name)                                \
    static void test_shapes_##name(void **state) \
    {                                            \
        (void)state;                             \
        shapes_of(#name);                        \
    }
#include "kernels/kernels.def"
#undef SET

/* f32, f16 and bf16 rows have no blocks: any number of columns. */
static void check_odd_columns(const struct subject *s)
{
    static const size_t cols[] = {1, 2, 3, 7, 31, 33, 65, 257};
    if (s->traits->block_elems != 1)
        return;
    for (size_t k = 0; k < sizeof(cols) / sizeof(cols[0]); k++) {
        struct kernel_case c;
        case_open(&c, s->traits->type, 19, cols[k], 9, FILL_NORMAL, FILL_NORMAL, k);
        compare(s, &c, "odd columns");
        case_close(&c);
    }
}

static void test_odd_columns(void **state)
{
    (void)state;
    for_each_kernel(check_odd_columns);
}

/* The error of a sum of products in f32 is below a few times n 2^-24 sum |w| |x|, also where the products cancel
 * (Higham 2002, 3.1); inner integer sums are exact, so n counts blocks there. */
static void compare_bounded(const struct subject *s, const struct kernel_case *c, enum fill w_fill, enum fill x_fill)
{
    const size_t n = c->n_tokens * c->n_rows;
    float *y = case_alloc(n * sizeof(float)), *want = case_alloc(n * sizeof(float)), *w = case_alloc(c->n_cols * sizeof(float));
    const struct eng_span rows = {0, c->n_rows}, tokens = {0, c->n_tokens};
    case_run(c, s->kernel, rows, tokens, y, c->n_rows);
    case_run(c, case_reference(s->traits, s->act), rows, tokens, want, c->n_rows);
    for (size_t t = 0; t < c->n_tokens; t++)
        for (size_t r = 0; r < c->n_rows; r++) {
            double top = 0.0, sum = 0.0;
            c->traits->decode(c->rows + r * c->row_bytes, w, c->n_cols);
            for (size_t i = 0; i < c->n_cols; i++) {
                top = fmax(top, fabs((double)w[i]));
                sum += fabs((double)c->x[t * c->n_cols + i]);
            }
            const double n_terms = s->act == ENG_ACT_Q8 ? (double)c->n_cols / 16 + 4 : (double)c->n_cols + 4;
            const double bound = 0x1p-24 * 3 * n_terms * top * sum + (double)c->n_cols * 1.5e-45; /* + underflow */
            if (!(fabs((double)y[t * c->n_rows + r] - (double)want[t * c->n_rows + r]) <= bound))
                fail_msg("%s of %s: fill %d x %d, row %zu token %zu: %.9g instead of %.9g (bound %.3g)", s->kernel->name, s->traits->name, w_fill, x_fill, r, t,
                         (double)y[t * c->n_rows + r], (double)want[t * c->n_rows + r], bound);
        }
    free(y);
    free(want);
    free(w);
}

static void check_adversarial(const struct subject *s)
{
    const int n_fills = s->traits->encode ? FILL_N : 1; /* without an encoder the weights are random bytes */
    for (int w = 0; w < n_fills; w++)
        for (int x = w % 2; x < FILL_N; x += 2) {
            struct kernel_case c;
            case_open(&c, s->traits->type, 20, s->traits->block_elems > 32 ? s->traits->block_elems : 288, 3, (enum fill)w, (enum fill)x, (uint64_t)(w * 31 + x));
            compare_bounded(s, &c, (enum fill)w, (enum fill)x);
            case_close(&c);
        }
}

static void test_adversarial_numbers(void **state)
{
    (void)state;
    for_each_kernel(check_adversarial);
}

/* Codes at the ends of their range against activations at theirs: 16-bit intermediate sums must not saturate. Bytes of one block that
 * decode to something reasonable get their codes replaced, one pattern at a time; those that then do not decode so are passed over. */
static bool set_pattern(const struct kernel_case *c, uint8_t pattern)
{
    float x[256];
    for (size_t r = 0; r < c->n_rows; r++)
        for (size_t b = 0; b < c->n_cols / c->traits->block_elems; b++) {
            uint8_t *block = c->rows + r * c->row_bytes + b * c->traits->block_bytes;
            const struct eng_panel_format *f = eng_panel_format(c->traits->type);
            for (int k = 0; k < 2; k++) {
                const struct eng_panel_plane p = k ? f->high : f->low;
                const size_t n = p.bits * c->traits->block_elems / 8u;
                memset(block + p.at, pattern, n);
            }
            c->traits->decode(block, x, c->traits->block_elems);
            for (size_t i = 0; i < c->traits->block_elems; i++)
                if (!isfinite(x[i]))
                    return false;
        }
    return true;
}

static void check_extreme_codes(const struct subject *s)
{
    static const uint8_t patterns[] = {0x00, 0xff, 0x80, 0x7f, 0x88, 0x0f};
    if (!eng_panel_format(s->traits->type))
        return;
    for (size_t p = 0; p < sizeof(patterns); p++)
        for (int sign = -1; sign <= 1; sign += 2) {
            struct kernel_case c;
            const size_t n_cols = s->traits->block_elems * 2;
            case_open(&c, s->traits->type, 16, n_cols, 2, FILL_NORMAL, FILL_MAX, 1);
            assert_true(set_pattern(&c, patterns[p]));
            for (size_t i = 0; i < 2 * n_cols; i++)
                c.x[i] = (float)sign;
            case_quantize(&c, eng_quantize_q8_ref);
            free(c.panels);
            case_pack(&c);
            compare_bounded(s, &c, FILL_MAX, FILL_MAX);
            case_close(&c);
        }
}

static void test_extreme_codes(void **state)
{
    (void)state;
    for_each_kernel(check_extreme_codes);
}

/* A batch gives each token the bits that it gets alone; so does any cut of the rows or of the tokens. */
static void check_batches(const struct subject *s)
{
    static const size_t batches[] = {1, 2, 3, 5, 8, 9, 16, 24};
    const struct eng_kernel *kernel = s->kernel;
    struct kernel_case c;
    case_open(&c, s->traits->type, 35, s->traits->block_elems > 32 ? 5 * s->traits->block_elems : 1120, 24, FILL_NORMAL, FILL_NORMAL, 5);
    float alone[24][35], batch[24][77];
    for (size_t t = 0; t < 24; t++)
        for (size_t r = 0; r < 35; r += 16)
            case_run(&c, kernel, (struct eng_span){r, r + 16 < 35 ? r + 16 : 35}, (struct eng_span){t, t + 1}, alone[0], 35);
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++) {
        memset(batch, 0, sizeof(batch));
        case_run(&c, kernel, (struct eng_span){0, 35}, (struct eng_span){0, batches[i]}, batch[0], 77);
        for (size_t t = 0; t < batches[i]; t++)
            assert_memory_equal(batch[t], alone[t], sizeof(alone[t]));
        for (size_t t = 0; t < 24; t++)
            for (size_t r = t < batches[i] ? 35 : 0; r < 77; r++)
                assert_true(batch[t][r] == 0.0f); /* nothing written beyond the rows and tokens asked for */
    }
    for (size_t begin = 1; begin < 8; begin += 2) { /* not where a group of 8 begins */
        case_run(&c, kernel, (struct eng_span){0, 35}, (struct eng_span){begin, 21}, batch[0], 77);
        for (size_t t = begin; t < 21; t++)
            assert_memory_equal(batch[t], alone[t], sizeof(alone[t]));
    }
    case_close(&c);
}

static void test_batches_are_bit_identical(void **state)
{
    (void)state;
    for_each_kernel(check_batches);
}

/* What is not a number must reach the result, or ENG_ENAN could never be said. */
static void check_not_finite(const struct subject *s)
{
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    const size_t n_cols = s->traits->block_elems > 64 ? s->traits->block_elems : 64;
    for (size_t i = 0; i < 3; i++) {
        struct kernel_case c;
        float y[2][16];
        case_open(&c, s->traits->type, 16, n_cols, 2, FILL_NORMAL, FILL_NORMAL, 9);
        c.x[n_cols + 40] = bad[i];
        case_quantize(&c, s->set->quantize);
        case_run(&c, s->kernel, (struct eng_span){0, 16}, (struct eng_span){0, 2}, y[0], 16);
        for (size_t r = 0; r < 16; r++) {
            assert_true(isfinite(y[0][r]));
            assert_false(isfinite(y[1][r]));
        }
        case_close(&c);
    }
}

static void test_not_finite(void **state)
{
    (void)state;
    for_each_kernel(check_not_finite);
}

static void check_quantize(const struct eng_kernel_set *set)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 3.4e38f, 1e-38f, 1e-44f, 2e-35f, 0.0f, -0.0f, 1.0f};
    const size_t n_odd = sizeof(odd) / sizeof(odd[0]);
    uint64_t seed = 3;
    for (size_t round = 0; round < 3000; round++) {
        float x[97];
        struct eng_q8_group group[2][3];
        const size_t slot = round % 8;
        for (size_t i = 0; i < 97; i++)
            x[i] = case_value((enum fill)(round % FILL_N), i, &seed);
        if (round % 3 == 0)
            x[1 + case_random(&seed) % 96] = odd[case_random(&seed) % n_odd];
        if (round % 5 == 0) /* exact halves: ties must go the same way */
            for (size_t i = 1; i < 97; i++)
                x[i] = (float)((int)(case_random(&seed) % 255) - 127) + (i > 1 ? 0.5f : 126.5f);
        memset(group, 0x55, sizeof(group));
        eng_quantize_q8_ref(x + 1, 96, group[0], slot);
        set->quantize(x + 1, 96, group[1], slot);
        for (size_t b = 0; b < 3; b++) { /* NaN is NaN, whichever */
            struct eng_q8_group *a = &group[0][b], *c = &group[1][b];
            if (isnan(a->d[slot]) && isnan(c->d[slot]))
                a->d[slot] = c->d[slot] = 0.0f;
            if (isnan(a->sum[slot]) && isnan(c->sum[slot]))
                a->sum[slot] = c->sum[slot] = 0.0f;
        }
        assert_memory_equal(group[0], group[1], sizeof(group[0])); /* other slots included: they are not touched */
    }
}

static void test_rounding_is_bit_identical(void **state)
{
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n);
    (void)state;
    for (size_t i = 0; i < n; i++)
        if (eng_kernel_set_possible(sets[i]))
            check_quantize(sets[i]);
}

/* d = max / 127, codes within half a step, sums as documented. */
static void test_rounding_is_right(void **state)
{
    float x[32];
    struct eng_q8_group g;
    int32_t sum = 0, sum_low = 0;
    uint64_t seed = 8;
    (void)state;
    for (size_t i = 0; i < 32; i++)
        x[i] = case_normal(&seed);
    x[7] = -5.0f;
    eng_quantize_q8_ref(x, 32, &g, 3);
    assert_true(g.d[3] == 5.0f / 127.0f);
    assert_int_equal(g.q[3][7], -127);
    for (size_t i = 0; i < 32; i++) {
        assert_true(fabsf(x[i] - g.d[3] * (float)g.q[3][i]) <= 0.5001f * g.d[3]);
        sum += g.q[3][i];
        sum_low += i < 16 ? g.q[3][i] : 0;
    }
    assert_int_equal(g.sum_q[3], sum);
    assert_int_equal(g.sum_low_q[3], sum_low);
    assert_true(g.sum[3] == g.d[3] * (float)sum);
}

static void test_every_set_is_complete(void **state)
{
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n);
    (void)state;
    assert_string_equal(sets[n - 1]->name, "ref");
    assert_true(eng_kernel_set_possible(sets[n - 1]));
    const struct eng_type_traits *types[CASE_TYPES_MOST];
    const size_t n_types = case_types(types);
    for (size_t i = 0; i < n; i++)
        for (size_t t = 0; t < n_types; t++)
            for (int act = ENG_ACT_Q8; act <= ENG_ACT_F32; act++)
                for (int packed = 0; packed <= eng_panel_possible(types[t]); packed++) {
                    const struct eng_kernel *kernel = eng_kernel_find(sets[i], types[t], packed, (enum eng_act)act);
                    assert_non_null(kernel->fn);
                    assert_int_equal(kernel->w_type, packed && sets[i]->packed ? types[t]->type : ENG_TYPE_LIMIT);
                }
}

/* Panels give every row back byte for byte, and take no more memory than rows padded to 16. */
static void test_panels_keep_every_byte(void **state)
{
    (void)state;
    const struct eng_type_traits *types[CASE_TYPES_MOST];
    const size_t n_types = case_types(types);
    for (size_t t = 0; t < n_types; t++) {
        struct kernel_case c;
        if (!eng_panel_possible(types[t]))
            continue;
        assert_true(types[t]->block_bytes <= ENG_PANEL_BLOCK_BYTES);
        case_open(&c, types[t]->type, 37, types[t]->block_elems > 32 ? 2 * types[t]->block_elems : 96, 1, FILL_NORMAL, FILL_NORMAL, t);
        const struct eng_panel_shape shape = eng_panel_shape(c.traits, c.n_rows, c.n_cols);
        uint8_t *row = case_alloc(c.row_bytes);
        for (size_t r = 0; r < c.n_rows; r++) {
            eng_panel_unpack_row(c.traits, &shape, (uint8_t *)c.panels + r / 16 * shape.stride_bytes, r % 16, row);
            assert_memory_equal(row, c.rows + r * c.row_bytes, c.row_bytes);
        }
        assert_true(c.w.packed_bytes <= 48 * c.row_bytes + 3 * 63);
        free(row);
        case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define SET(name) cmocka_unit_test(test_shapes_##name),
#include "kernels/kernels.def"
#undef SET
        cmocka_unit_test(test_odd_columns),
        cmocka_unit_test(test_adversarial_numbers),
        cmocka_unit_test(test_extreme_codes),
        cmocka_unit_test(test_batches_are_bit_identical),
        cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_rounding_is_bit_identical),
        cmocka_unit_test(test_rounding_is_right),
        cmocka_unit_test(test_every_set_is_complete),
        cmocka_unit_test(test_panels_keep_every_byte),
    };
    return cmocka_run_group_tests_name("kernels", tests, NULL, NULL);
}
