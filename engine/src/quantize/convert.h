/** convert.h - weights of one type to another, rows spread over a pool, in pieces of bounded size. */
#ifndef ENG_QUANTIZE_CONVERT_H
#define ENG_QUANTIZE_CONVERT_H

#include "base/pool.h"
#include "types/types.h"

#define ENG_CONVERT_MAX ((size_t)2 << 20) /* weights in one call; a multiple of every block */

struct eng_converter; /* buffers for one pool */

int eng_converter_open(struct eng_converter **out, struct eng_pool *pool, struct eng_error *err) ENG_MUST_CHECK;
void eng_converter_close(struct eng_converter *c); /* accepts NULL */

struct eng_convert_bad { size_t i; float value; }; /* the first weight that cannot be written, and what it is */

/**
 * eng_convert() - @n weights, at most ENG_CONVERT_MAX and a multiple of both blocks, @from as @to (traits that differ).
 *
 * The result belongs to the converter until the next call; n / block_elems blocks. NULL: a weight is NaN or infinite, or becomes so in
 * @to (beyond the range of its scale); *bad says which. Does not depend on the number of threads.
 */
const void *eng_convert(struct eng_converter *c, const struct eng_type_traits *from, const struct eng_type_traits *to, const void *data,
                        size_t n, struct eng_convert_bad *bad);

#endif
