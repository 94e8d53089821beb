/** huge_pages.h - memory that is in use already, moved into huge pages, so that reading it from end to end costs fewer walks of the page
 *  table. Afterwards and not at allocation: weights that are read once or twice (a prompt, one answer) are there sooner in small pages, and
 *  on a virtual machine whose host takes free huge pages back, fresh ones cost four times as much as small ones (docs/performance.md). */
#ifndef ENG_BASE_HUGE_PAGES_H
#define ENG_BASE_HUGE_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct eng_memory_range {
    uintptr_t begin, end;
};

/**
 * eng_huge_pages_gather() - the whole huge pages within @range[n], anonymous memory that has been written.
 *
 * Ranges that touch, or end in the page before the next, count as one; sorts them. Contents stay; who reads meanwhile waits for a page
 * at most. Source: madvise(2), MADV_COLLAPSE, Linux 6.1. Returns the bytes that lie in huge pages now: 0 on an older kernel, where the administrator has switched
 * transparent huge pages off (enabled is [never]) or where memory is too scattered. Gives up after 8 pages that cannot be had.
 */
uint64_t eng_huge_pages_gather(struct eng_memory_range *range, size_t n);

#endif
