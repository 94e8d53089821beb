/**
 * options.h - a collector's own options, "key=value,key=value" (the text after the colon in `collect:`; selection.h has the grammar).
 */
#ifndef MB_COLLECTORS_OPTIONS_H
#define MB_COLLECTORS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/** mb_collector_options_check() - MB_EINVAL for an item that is not key=value with a key of @keys (words separated by blanks). */
int mb_collector_options_check(const char *options, const char *keys, struct mb_error *err) MB_MUST_CHECK;

/** mb_collector_option_text() - the value of @key into buf[cap], cut to fit; false and "" when it is not given. The last one counts. */
bool mb_collector_option_text(const char *options, const char *key, char *buf, size_t cap);

/** mb_collector_option_number() - the value of @key, or @absent when it is not given; MB_EINVAL unless it is a number in [min, max]. */
int mb_collector_option_number(const char *options, const char *key, double min, double max, double absent, double *value,
                               struct mb_error *err) MB_MUST_CHECK;

#endif
