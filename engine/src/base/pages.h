/** pages.h - advice to the kernel about memory, in whole pages. */
#ifndef ENG_BASE_PAGES_H
#define ENG_BASE_PAGES_H

#include <stddef.h>

/** eng_pages_advise() - madvise(2) for the pages that lie wholly within [p, p + n_bytes). Advice: a kernel that does not know or grant it costs
 *  memory or time only, so nothing is returned. */
void eng_pages_advise(const void *p, size_t n_bytes, int advice);

#endif
