/* huge_pages.c - see huge_pages.h. */
#include "base/huge_pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* asm-generic/mman-common.h since Linux 6.1 */
#endif

#define SETTINGS "/sys/kernel/mm/transparent_hugepage/"
enum { MOST_FAILURES = 8 };

static uintptr_t round_up(uintptr_t address, uintptr_t unit)
{
    return (address + unit - 1) & ~(unit - 1);
}

/* The one line of a setting; "" when it cannot be read. */
static void read_setting(const char *path, char *line, int cap)
{
    FILE *in = fopen(path, "re");
    if (!in || !fgets(line, cap, in))
        line[0] = '\0';
    if (in)
        fclose(in);
}

/* Bytes of a huge page; 0: none to be had. */
static uintptr_t huge_page_bytes(void)
{
    char enabled[64], n_bytes[64];
    read_setting(SETTINGS "enabled", enabled, sizeof enabled);
    read_setting(SETTINGS "hpage_pmd_size", n_bytes, sizeof n_bytes);
    const uintptr_t n = enabled[0] && !strstr(enabled, "[never]") ? strtoul(n_bytes, NULL, 10) : 0;
    return n & (n - 1) ? 0 : n;
}

static int by_begin(const void *a, const void *b)
{
    const struct eng_memory_range *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

uint64_t eng_huge_pages_gather(struct eng_memory_range *range, size_t n)
{
    const uintptr_t huge = huge_page_bytes(), page = (uintptr_t)sysconf(_SC_PAGESIZE); /* mappings end with a page */
    uint64_t n_bytes = 0;
    int n_failed = 0;
    if (huge == 0 || n == 0)
        return 0;
    qsort(range, n, sizeof *range, by_begin);
    for (size_t i = 0; i < n;) {
        uintptr_t at = round_up(range[i].begin, huge), end = round_up(range[i].end, page);
        if (at < range[i].begin) /* beyond the last address */
            break;
        for (i++; i < n && range[i].begin <= end; i++)
            end = round_up(range[i].end > end ? range[i].end : end, page);
        for (; at < end && end - at >= huge && n_failed < MOST_FAILURES; at += huge) {
            if (madvise((void *)at, huge, MADV_COLLAPSE) == 0)
                n_bytes += huge;
            else
                n_failed++;
        }
    }
    return n_bytes;
}
