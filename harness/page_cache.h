/**
 * page_cache.h - the file of a model in the kernel's page cache: put in or thrown out on purpose before it is loaded, and how much of it is in.
 */
#ifndef MB_HARNESS_PAGE_CACHE_H
#define MB_HARNESS_PAGE_CACHE_H

#include <stddef.h>

#include "base/error.h"

enum mb_page_cache { MB_PAGE_CACHE_AS_IS, MB_PAGE_CACHE_WARM, MB_PAGE_CACHE_COLD };

/** mb_page_cache_name() - "as-is", "warm", "cold". mb_page_cache_find() - by name; -1 when there is none. */
const char *mb_page_cache_name(enum mb_page_cache state);
int mb_page_cache_find(const char *name);

/**
 * mb_page_cache_prepare() - warm: the whole file is read once. cold: posix_fadvise(POSIX_FADV_DONTNEED) over all of it; pages that are dirty or
 * mapped by a process stay (posix_fadvise(2)), which is why the share that is left is measured and stored. as-is: nothing.
 * MB_ENOENT, MB_EIO with the path.
 */
int mb_page_cache_prepare(const char *path, enum mb_page_cache state, struct mb_error *err) MB_MUST_CHECK;

/** mb_page_cache_resident() - share of the file's pages that are in memory, 0 to 1, by mincore(2). MB_ENOTSUP with the reason: an empty file, and one
 *  that is neither ours nor writable, of which the kernel says that all is resident whatever is (mm/mincore.c, since Linux 5.2). */
int mb_page_cache_resident(const char *path, double *share, struct mb_error *err) MB_MUST_CHECK;

#endif
