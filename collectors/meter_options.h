/** meter_options.h - "key=value,key=value" of a meter's options into the collector's own fields. */
#ifndef MB_COLLECTORS_METER_OPTIONS_H
#define MB_COLLECTORS_METER_OPTIONS_H

#include <stddef.h>

#include "base/error.h"

struct mb_meter_option {
    const char *key;
    char *text;      /* a text goes here, [cap]; else NULL */
    size_t cap;
    double *number;  /* a number in [min, max] goes here; else NULL */
    double min, max;
};

/** mb_meter_options_parse() - what is not named keeps its value. MB_EINVAL names the option and what is accepted. */
int mb_meter_options_parse(const char *options, const struct mb_meter_option *rows, size_t n, struct mb_error *err) MB_MUST_CHECK;

#endif
