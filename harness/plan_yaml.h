/**
 * plan_yaml.h - a YAML file as a tree with line and column of every node, read by libyaml's events under limits: 1 MiB, 16 levels,
 * one document, no anchors or aliases, no NUL byte, no key twice in a map. Knows nothing of plans.
 * Ownership: the tree owns everything; mb_yaml_free() frees it. Reentrant.
 */
#ifndef MB_HARNESS_PLAN_YAML_H
#define MB_HARNESS_PLAN_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum mb_yaml_kind { MB_YAML_SCALAR, MB_YAML_LIST, MB_YAML_MAP };

struct mb_yaml {
    enum mb_yaml_kind kind;
    unsigned line, column;  /* from 1 */
    char *text;             /* SCALAR: without quotes; never NULL */
    bool quoted;
    struct mb_yaml **keys;  /* MAP: [n] scalars */
    struct mb_yaml **items; /* LIST, MAP: [n] */
    size_t n;
};

/** mb_yaml_read() - a file; mb_yaml_parse() - bytes, @file only for messages. Errors: MB_EINVAL, "file:line:column: what". */
int mb_yaml_read(struct mb_yaml **out, const char *file, struct mb_error *err) MB_MUST_CHECK;
int mb_yaml_parse(struct mb_yaml **out, const char *file, const char *bytes, size_t n_bytes, struct mb_error *err) MB_MUST_CHECK;
void mb_yaml_free(struct mb_yaml *node); /* accepts NULL */

/** mb_yaml_get() - value of a key of a MAP ('-' and '_' are the same), or NULL. */
const struct mb_yaml *mb_yaml_get(const struct mb_yaml *map, const char *key);

/** mb_yaml_fail() - MB_EINVAL with "file:line:column: " in front of the sentence. */
int mb_yaml_fail(const char *file, const struct mb_yaml *at, struct mb_error *err, const char *fmt, ...) MB_PRINTF(4, 5);

/** mb_yaml_kind_name() - "a value", "a list", "a map". */
const char *mb_yaml_kind_name(enum mb_yaml_kind kind);

#endif
