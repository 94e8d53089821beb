/* pages.c - see pages.h. */
#include "base/pages.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

void eng_pages_advise(const void *p, size_t n_bytes, int advice)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)p + page - 1) / page * page, end = ((uintptr_t)p + n_bytes) / page * page;
    if (begin < end)
        (void)madvise((void *)begin, end - begin, advice);
}
