/*
 * test_matmul.c - the driver and the weight container. The kernel set is chosen once per process, so each check runs in a child
 * with ENG_KERNELS set, for every set that this CPU can run (test_kernels shows the others as skipped). A check returns NULL or
 * what went wrong.
 */
#include "kernel_case.h"

#include <sys/wait.h>
#include <unistd.h>

#define N_ROWS 50
#define N_COLS 96
#define N_TOKENS 40
#define THREADS_MOST 4

/* Types that the driver's checks run with: plain, packed, and rows in the file's layout. test_kernels has all. */
static const uint32_t driver_types[] = {ENG_TYPE_F32, ENG_TYPE_F16, ENG_TYPE_Q4_0, ENG_TYPE_Q4_1, ENG_TYPE_Q5_1, ENG_TYPE_Q8_0};
#define N_DRIVER_TYPES (sizeof(driver_types) / sizeof(driver_types[0]))

typedef const char *check_fn(void);

static const char *fault(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static const char *fault(const char *fmt, ...)
{
    static char text[300]; /* of a child that ends right afterwards */
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return text;
}

static int run_in_child(const char *kernels, check_fn *check)
{
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        setenv("ENG_KERNELS", kernels, 1);
        const char *text = check();
        if (text)
            fprintf(stderr, "with ENG_KERNELS=%s: %s\n", kernels, text);
        fflush(NULL);
        _exit(text ? 1 : 0);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void in_every_set(check_fn *check)
{
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n);
    for (size_t i = 0; i < n; i++) {
        if (eng_kernel_set_possible(sets[i]))
            assert_int_equal(run_in_child(sets[i]->name, check), 0);
    }
}

static struct eng_pool *open_pool(uint32_t n_threads)
{
    struct eng_pool *pool;
    struct eng_error err;
    if (eng_pool_open(&pool, n_threads, &err)) {
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    return pool;
}

static void *scratch_for(size_t n_tokens, size_t n_cols)
{
    const size_t n_bytes = eng_matmul_scratch_bytes(n_tokens, n_cols, THREADS_MOST);
    uint8_t *p = aligned_alloc(64, (n_bytes + 127) & ~(size_t)63);
    if (!p)
        _exit(2);
    memset(p + n_bytes, 0xa5, ((n_bytes + 127) & ~(size_t)63) - n_bytes);
    return p;
}

/* A matrix over the case's rows; packed by the product's own code. */
static struct eng_matrix own_matrix(const struct kernel_case *c, struct eng_pool *pool, bool pack)
{
    struct eng_matrix w;
    struct eng_error err;
    if (eng_matrix_init(&w, c->traits, c->n_rows, c->n_cols, c->rows, &err) || (pack && eng_matrix_pack(&w, pool, &err))) {
        fprintf(stderr, "%s\n", err.text);
        _exit(2);
    }
    return w;
}

/* x in rows of another pitch, y likewise; rows of y as without pitches go to out[n_tokens][N_ROWS]. */
static void product(struct eng_pool *pool, const struct eng_matrix *w, const struct kernel_case *c, size_t n_tokens, size_t pitch,
                    enum eng_act act, float *out)
{
    const size_t ldx = N_COLS + pitch, ldy = N_ROWS + 3 * pitch;
    float *x = case_alloc(N_TOKENS * ldx * sizeof(float)), *y = case_alloc(N_TOKENS * ldy * sizeof(float));
    void *scratch = scratch_for(n_tokens, N_COLS);
    for (size_t t = 0; t < n_tokens; t++)
        memcpy(x + t * ldx, c->x + t * N_COLS, N_COLS * sizeof(float));
    eng_matmul(pool, w, x, ldx, n_tokens, y, ldy, act, scratch);
    for (size_t t = 0; t < n_tokens; t++)
        memcpy(out + t * N_ROWS, y + t * ldy, N_ROWS * sizeof(float));
    free(x);
    free(y);
    free(scratch);
}

static const char *compare_with_alone(const struct kernel_case *c, struct eng_pool *pool, const struct eng_matrix *w, enum eng_act act,
                                      float alone[N_TOKENS][N_ROWS])
{
    static const size_t batches[] = {1, 2, 5, 16, N_TOKENS};
    static float got[N_TOKENS][N_ROWS];
    for (size_t i = 0; i < sizeof(batches) / sizeof(batches[0]); i++)
        for (size_t pitch = 0; pitch < 8; pitch += 7) {
            product(pool, w, c, batches[i], pitch, act, got[0]);
            if (memcmp(got, alone, batches[i] * sizeof(got[0])) != 0)
                return fault("%s, act %d: %zu tokens, %u threads, pitch %zu: not the bits of single tokens", c->traits->name, act,
                             batches[i], eng_pool_threads(pool), pitch);
        }
    return NULL;
}

static const char *check_bits(void)
{
    const char *text = NULL;
    for (size_t i = 0; i < N_DRIVER_TYPES && !text; i++) {
        struct kernel_case c;
        static float alone[N_TOKENS][N_ROWS];
        case_open(&c, driver_types[i], N_ROWS, N_COLS, N_TOKENS, FILL_NORMAL, FILL_NORMAL, i);
        for (int act = ENG_ACT_Q8; act <= ENG_ACT_F32 && !text; act++) {
            struct eng_pool *one = open_pool(1);
            struct eng_matrix w = own_matrix(&c, one, true);
            void *scratch = scratch_for(1, N_COLS);
            for (size_t t = 0; t < N_TOKENS; t++)
                eng_matmul(one, &w, c.x + t * N_COLS, N_COLS, 1, alone[t], N_ROWS, (enum eng_act)act, scratch);
            for (uint32_t n_threads = 1; n_threads <= 4 && !text; n_threads++) {
                struct eng_pool *pool = open_pool(n_threads);
                text = compare_with_alone(&c, pool, &w, (enum eng_act)act, alone);
                eng_pool_close(pool);
            }
            free(scratch);
            eng_matrix_release(&w);
            eng_pool_close(one);
        }
        case_close(&c);
    }
    return text;
}

static void test_bits_do_not_depend_on_batch_threads_or_pitch(void **state)
{
    (void)state;
    in_every_set(check_bits);
}

static const char *check_group(void)
{
    struct kernel_case a, b, d;
    const char *text = NULL;
    static float y[3][5][N_ROWS], want[3][5][N_ROWS];
    struct eng_pool *pool = open_pool(3);
    void *scratch = scratch_for(5, N_COLS);
    case_open(&a, ENG_TYPE_Q4_1, N_ROWS, N_COLS, 5, FILL_NORMAL, FILL_NORMAL, 1);
    case_open(&b, ENG_TYPE_F16, 17, N_COLS, 5, FILL_NORMAL, FILL_NORMAL, 2);
    case_open(&d, ENG_TYPE_Q8_0, 33, N_COLS, 5, FILL_NORMAL, FILL_NORMAL, 3);
    struct eng_matrix w[3] = {own_matrix(&a, pool, true), own_matrix(&b, pool, true), own_matrix(&d, pool, true)};
    struct eng_matmul_out out[3];
    for (int act = ENG_ACT_Q8; act <= ENG_ACT_F32; act++) {
        memset(y, 0, sizeof(y));
        memset(want, 0, sizeof(want));
        for (size_t i = 0; i < 3; i++) {
            out[i] = (struct eng_matmul_out){&w[i], y[i][0], N_ROWS};
            eng_matmul(pool, &w[i], a.x, N_COLS, 5, want[i][0], N_ROWS, (enum eng_act)act, scratch);
        }
        eng_matmul_group(pool, out, 3, a.x, N_COLS, 5, (enum eng_act)act, scratch);
        if (memcmp(y, want, sizeof(y)) != 0)
            text = fault("act %d: a group differs from single products", act);
    }
    for (size_t i = 0; i < 3; i++)
        eng_matrix_release(&w[i]);
    case_close(&a);
    case_close(&b);
    case_close(&d);
    free(scratch);
    eng_pool_close(pool);
    return text;
}

static void test_group_equals_single_products(void **state)
{
    (void)state;
    in_every_set(check_group);
}

/* Without packing the answers come from the set's kernel for rows in the file's layout. */
static const char *check_unpacked(void)
{
    const char *text = NULL;
    struct eng_pool *pool = open_pool(2);
    for (size_t i = 0; i < N_DRIVER_TYPES; i++)
        for (int act = ENG_ACT_Q8; act <= ENG_ACT_F32; act++) {
            struct kernel_case c;
            static float got[N_TOKENS][N_ROWS], want[N_TOKENS][N_ROWS];
            case_open(&c, driver_types[i], N_ROWS, N_COLS, 3, FILL_NORMAL, FILL_NORMAL, i);
            struct eng_matrix w = own_matrix(&c, pool, false);
            product(pool, &w, &c, 3, 0, (enum eng_act)act, got[0]);
            case_run(&c, eng_kernel_find(eng_kernel_set(), c.traits, false, (enum eng_act)act), (struct eng_span){0, N_ROWS},
                     (struct eng_span){0, 3}, want[0], N_ROWS);
            if (memcmp(got, want, 3 * sizeof(got[0])) != 0)
                text = fault("%s act %d: unpacked rows differ from their kernel", c.traits->name, act);
            eng_matrix_release(&w);
            case_close(&c);
        }
    eng_pool_close(pool);
    return text;
}

static void test_unpacked_rows_work(void **state)
{
    (void)state;
    in_every_set(check_unpacked);
}

static const char *check_scratch(void)
{
    struct kernel_case c;
    const char *text = NULL;
    struct eng_pool *pool = open_pool(2);
    const size_t n_bytes = eng_matmul_scratch_bytes(7, N_COLS, THREADS_MOST);
    float y[7][N_ROWS];
    uint8_t *scratch = scratch_for(7, N_COLS);
    case_open(&c, ENG_TYPE_Q4_0, N_ROWS, N_COLS, 7, FILL_NORMAL, FILL_NORMAL, 1);
    struct eng_matrix w = own_matrix(&c, pool, true);
    eng_matmul(pool, &w, c.x, N_COLS, 7, y[0], N_ROWS, ENG_ACT_Q8, scratch);
    for (size_t i = n_bytes; i < ((n_bytes + 127) & ~(size_t)63); i++)
        if (scratch[i] != 0xa5)
            text = fault("byte %zu behind the %zu of the scratch was written", i - n_bytes, n_bytes);
    eng_matrix_release(&w);
    case_close(&c);
    free(scratch);
    eng_pool_close(pool);
    return text;
}

static void test_scratch_is_enough(void **state)
{
    (void)state;
    in_every_set(check_scratch);
}

static const char *check_rows(void)
{
    const char *text = NULL;
    struct eng_pool *pool = open_pool(2);
    for (size_t i = 0; i < N_DRIVER_TYPES; i++) {
        struct kernel_case c;
        float from_data[N_COLS], from_panel[N_COLS];
        case_open(&c, driver_types[i], N_ROWS, N_COLS, 1, FILL_NORMAL, FILL_NORMAL, i);
        struct eng_matrix w = own_matrix(&c, pool, true), only_packed = w;
        only_packed.data = NULL;
        for (size_t r = 0; r < N_ROWS && w.packed; r++) {
            eng_matrix_row(&w, r, from_data);
            eng_matrix_row(&only_packed, r, from_panel);
            if (memcmp(from_data, from_panel, sizeof(from_data)) != 0)
                text = fault("%s: row %zu differs between file and panels", c.traits->name, r);
        }
        eng_matrix_release(&w);
        case_close(&c);
    }
    eng_pool_close(pool);
    return text;
}

static void test_row_lookup_with_panels_only(void **state)
{
    (void)state;
    in_every_set(check_rows);
}

/* What is wanted of a requantized row: encode(decode(row)) by the types themselves. */
static const char *requantize_pair(uint32_t from, uint32_t to, struct eng_pool *pool)
{
    enum { WIDE = 544 }; /* longer than one piece of the conversion, and no multiple of it */
    struct kernel_case c;
    struct eng_error err;
    static float row[WIDE], want[WIDE], got[WIDE];
    uint8_t bytes[WIDE * 4];
    const char *text = NULL;
    const struct eng_type_traits *target = eng_type_traits(to);
    case_open(&c, from, 21, WIDE, 1, FILL_NORMAL, FILL_NORMAL, from + to);
    struct eng_matrix w;
    if (eng_matrix_init(&w, c.traits, 21, WIDE, c.rows, &err) || eng_matrix_requantize(&w, target, pool, &err))
        return fault("%s", err.text);
    if (w.traits != target || (from != to && w.data_bytes != 21 * eng_type_row_bytes(target, WIDE)))
        text = fault("%s to %s: wrong type or size", c.traits->name, target->name);
    for (int packed = 0; packed < 2 && !text; packed++) {
        for (size_t r = 0; r < 21; r++) {
            c.traits->decode(c.rows + r * c.row_bytes, row, WIDE);
            target->encode(row, bytes, WIDE);
            target->decode(bytes, want, WIDE);
            eng_matrix_row(&w, r, got);
            if (memcmp(got, want, sizeof(got)) != 0)
                text = fault("%s to %s, row %zu, packed %d: not encode(decode())", c.traits->name, target->name, r, packed);
        }
        if (eng_matrix_pack(&w, pool, &err))
            text = fault("%s", err.text);
    }
    eng_matrix_release(&w);
    case_close(&c);
    return text;
}

static const char *check_requantize(void)
{
    const char *text = NULL;
    for (uint32_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        struct eng_pool *pool = open_pool(n_threads);
        for (size_t i = 0; i < N_DRIVER_TYPES && !text; i++)
            for (size_t k = 0; k < N_DRIVER_TYPES && !text; k++)
                text = requantize_pair(driver_types[i], driver_types[k], pool);
        eng_pool_close(pool);
    }
    return text;
}

static void test_requantize(void **state)
{
    (void)state;
    in_every_set(check_requantize);
}

static const char *check_name_kept(void)
{
    const char *wish = getenv("ENG_KERNELS");
    if (strcmp(eng_kernels_name(), wish) != 0)
        return fault("%s was taken", eng_kernels_name());
    return eng_vector() == eng_kernel_set()->vector ? NULL : fault("vector operations of %s", eng_vector()->name);
}

static const char *check_best_taken(void)
{
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n), *best = NULL;
    for (size_t i = n; i > 0; i--)
        if (eng_kernel_set_possible(sets[i - 1]))
            best = sets[i - 1];
    return eng_kernel_set() == best ? NULL : fault("%s was taken, the best is %s", eng_kernels_name(), best->name);
}

static void test_environment_chooses(void **state)
{
    (void)state;
    in_every_set(check_name_kept);
    assert_int_equal(run_in_child("no such set", check_best_taken), 0);
    assert_int_equal(run_in_child("", check_best_taken), 0);
    size_t n;
    const struct eng_kernel_set *const *sets = eng_kernel_sets(&n);
    for (size_t i = 0; i < n; i++)
        if (!eng_kernel_set_possible(sets[i]))
            assert_int_equal(run_in_child(sets[i]->name, check_best_taken), 0);
}

static void test_bad_matrices(void **state)
{
    struct eng_matrix w;
    struct eng_error err;
    const char byte = 0;
    (void)state;
    assert_int_equal(eng_matrix_init(&w, eng_type_traits(ENG_TYPE_Q4_1), 4, 33, &byte, &err), ENG_EFORMAT);
    assert_non_null(strstr(err.text, "33"));
    assert_non_null(strstr(err.text, "q4_1"));
    assert_int_equal(eng_matrix_init(&w, eng_type_traits(ENG_TYPE_F32), SIZE_MAX / 8, 64, &byte, &err), ENG_EFORMAT);
    assert_int_equal(eng_matrix_init(&w, eng_type_traits(ENG_TYPE_F32), 0, 64, &byte, &err), ENG_EFORMAT);
    assert_int_equal(eng_matrix_init(&w, eng_type_traits(ENG_TYPE_F32), 4, 0, &byte, &err), ENG_EFORMAT);

    struct eng_pool *pool = open_pool(1);
    const float rows[3 * 33] = {0};
    assert_int_equal(eng_matrix_init(&w, eng_type_traits(ENG_TYPE_F32), 3, 33, rows, &err), ENG_OK);
    assert_int_equal(eng_matrix_requantize(&w, eng_type_traits(ENG_TYPE_Q8_0), pool, &err), ENG_EFORMAT);
    assert_ptr_equal(w.data, rows); /* untouched after a failure */
    eng_matrix_release(&w);
    eng_matrix_release(&w);
    eng_pool_close(pool);
}

static bool lies_in(struct eng_pool_span span, const struct eng_matrix *w)
{
    const uintptr_t begin = (uintptr_t)span.p, packed = (uintptr_t)w->packed;
    return begin >= packed && begin + span.n_bytes <= packed + w->packed_bytes;
}

/* Where workers begin a group of one token: pieces of its panels, none twice, none missing but for what the limit of a piece cuts off. */
static void test_first_reads_are_the_workers_parts(void **state)
{
    struct kernel_case c;
    (void)state;
    case_open(&c, ENG_TYPE_Q8_0, 96, N_COLS, 1, FILL_NORMAL, FILL_NORMAL, 1);
    struct eng_pool *pool = open_pool(1);
    struct eng_matrix a = own_matrix(&c, pool, true), b = own_matrix(&c, pool, true), plain = own_matrix(&c, pool, false);
    const struct eng_matmul_out both[] = {{.w = &a}, {.w = &b}}, none = {.w = &plain};
    for (uint32_t n_threads = 1; n_threads <= 4; n_threads++) {
        size_t n_bytes = 0;
        for (uint32_t i = 0; i < n_threads; i++) {
            const struct eng_pool_span span = eng_matmul_first_read(both, 2, n_threads, i);
            assert_true(span.n_bytes == 0 || lies_in(span, &a) || lies_in(span, &b));
            n_bytes += span.n_bytes;
        }
        assert_true(n_bytes > 0 && n_bytes <= a.packed_bytes + b.packed_bytes);
        if (n_threads == 2) /* equal halves: a matrix each */
            assert_ptr_equal(eng_matmul_first_read(both, 2, 2, 1).p, b.packed);
        assert_int_equal(eng_matmul_first_read(&none, 1, n_threads, 0).n_bytes, 0);
    }
    assert_ptr_equal(eng_matmul_first_read(both, 2, 1, 0).p, a.packed);
    eng_matrix_release(&a);
    eng_matrix_release(&b);
    eng_matrix_release(&plain);
    case_close(&c);
    eng_pool_close(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_do_not_depend_on_batch_threads_or_pitch),
        cmocka_unit_test(test_group_equals_single_products),
        cmocka_unit_test(test_unpacked_rows_work),
        cmocka_unit_test(test_scratch_is_enough),
        cmocka_unit_test(test_row_lookup_with_panels_only),
        cmocka_unit_test(test_requantize),
        cmocka_unit_test(test_environment_chooses),
        cmocka_unit_test(test_bad_matrices),
        cmocka_unit_test(test_first_reads_are_the_workers_parts),
    };
    return cmocka_run_group_tests_name("matmul", tests, NULL, NULL);
}
