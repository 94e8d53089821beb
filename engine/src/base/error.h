/** error.h (engine) - how a failure is said. See eng/engine.h for the codes. */
#ifndef ENG_BASE_ERROR_H
#define ENG_BASE_ERROR_H

#include "eng/engine.h"

/** eng_fail() - store code and sentence (err may be NULL), return code. */
int eng_fail(struct eng_error *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** eng_nearest() - the candidate closest to @word by edit distance (at most a third of its length + 1 edits), or NULL. */
const char *eng_nearest(const char *word, const char *const *candidates, size_t n);

#endif
