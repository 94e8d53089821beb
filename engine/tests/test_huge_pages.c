/* test_huge_pages.c - memory gathered into huge pages: contents, counts, ranges too small, and what the kernel itself says of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/huge_pages.h"

#define STRIDE ((size_t)192 << 10)
#define PIECE (STRIDE - 1000) /* as matrices of a small model: none holds a huge page, together they do */
enum { N_PIECES = 64 };

struct memory {
    uint8_t *all; /* where the pieces lie side by side, as the kernel mostly puts them by itself */
    uint8_t *data[N_PIECES];
    struct eng_memory_range range[N_PIECES];
};

static uint8_t expected(size_t piece, size_t i)
{
    return (uint8_t)(piece * 31 + i * 7 + (i >> 12));
}

static void map_pieces(struct memory *m)
{
    m->all = mmap(NULL, N_PIECES * STRIDE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(m->all, MAP_FAILED);
    for (size_t p = 0; p < N_PIECES; p++) {
        m->data[p] = mmap(m->all + p * STRIDE, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        assert_ptr_not_equal(m->data[p], MAP_FAILED);
        for (size_t i = 0; i < PIECE; i++)
            m->data[p][i] = expected(p, i);
        m->range[p] = (struct eng_memory_range){(uintptr_t)m->data[p], (uintptr_t)m->data[p] + PIECE};
    }
}

static void unmap_pieces(struct memory *m)
{
    munmap(m->all, N_PIECES * STRIDE);
}

/* AnonHugePages of the mappings that hold @p, in bytes. */
static uint64_t huge_bytes_around(const void *p)
{
    char line[512];
    unsigned long begin, end, kib;
    bool inside = false;
    uint64_t n = 0;
    FILE *in = fopen("/proc/self/smaps", "re");
    assert_non_null(in);
    while (fgets(line, sizeof line, in)) {
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            inside = (uintptr_t)p >= begin && (uintptr_t)p < end;
        else if (inside && sscanf(line, "AnonHugePages: %lu", &kib) == 1)
            n += (uint64_t)kib << 10;
    }
    fclose(in);
    return n;
}

/* Is this a system that gives any? One large mapping tells. */
static bool are_to_be_had(void)
{
    const size_t n_bytes = (size_t)16 << 20;
    uint8_t *data = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(data, MAP_FAILED);
    memset(data, 1, n_bytes);
    struct eng_memory_range range = {(uintptr_t)data, (uintptr_t)data + n_bytes};
    const uint64_t n = eng_huge_pages_gather(&range, 1);
    munmap(data, n_bytes);
    return n > 0;
}

static void pieces_that_touch_share_huge_pages(void **state)
{
    struct memory m;
    (void)state;
    map_pieces(&m);
    const void *middle = m.data[N_PIECES / 2] + PIECE / 2;
    const uint64_t before = huge_bytes_around(middle), n = eng_huge_pages_gather(m.range, N_PIECES);
    for (size_t p = 0; p < N_PIECES; p++)
        for (size_t i = 0; i < PIECE; i++)
            if (m.data[p][i] != expected(p, i))
                fail_msg("byte %zu of piece %zu has changed", i, p);
    assert_true(n <= N_PIECES * STRIDE);
    const uint64_t after = huge_bytes_around(middle);
    unmap_pieces(&m);
    if (!are_to_be_had())
        skip();
    assert_true(n > 0 && after >= n && after > before);
}

static void too_little_is_left_alone(void **state)
{
    struct memory m;
    (void)state;
    map_pieces(&m);
    assert_int_equal(eng_huge_pages_gather(m.range, 0), 0);
    assert_int_equal(eng_huge_pages_gather(m.range, 1), 0);
    unmap_pieces(&m);
}

static void memory_that_is_gone_is_no_crash(void **state)
{
    struct memory m;
    (void)state;
    map_pieces(&m);
    unmap_pieces(&m);
    assert_int_equal(eng_huge_pages_gather(m.range, N_PIECES), 0);
    m.range[0] = (struct eng_memory_range){UINTPTR_MAX - 100, UINTPTR_MAX};
    m.range[1] = (struct eng_memory_range){4096, 4096};
    assert_int_equal(eng_huge_pages_gather(m.range, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_that_touch_share_huge_pages),
        cmocka_unit_test(too_little_is_left_alone),
        cmocka_unit_test(memory_that_is_gone_is_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
