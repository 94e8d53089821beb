/** catalogue.h - from a model's name to its file: catalogue.def has one row per known model (name, file, sha256, how to get it). */
#ifndef MB_HARNESS_CATALOGUE_H
#define MB_HARNESS_CATALOGUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct mb_catalogue_row {
    const char *name;      /* "smollm2-135m" */
    const char *file;      /* its own file name, kept in the cache */
    const char *sha256;    /* 64 hex digits */
    uint64_t n_bytes;
    const char *get;       /* command that fetches it */
    const char *note;      /* licence, parameters, format */
};

/** mb_catalogue() - every row; *n receives their number. */
const struct mb_catalogue_row *mb_catalogue(size_t *n);
/** mb_catalogue_find() - by name; mb_catalogue_find_sha256() - by content. NULL when there is none. */
const struct mb_catalogue_row *mb_catalogue_find(const char *name);
const struct mb_catalogue_row *mb_catalogue_find_sha256(const char *sha256);

/** mb_model_locate() - @name_or_path: an existing path, or a catalogue name looked for in $MELTBENCH_MODELS (if set) and
 *  $XDG_CACHE_HOME/meltbench (default ~/.cache/meltbench). path[cap] receives the file.
 *  MB_ENOENT says where it looked and the command that gets it (scripts/quickstart.sh --model-only for the default model). */
int mb_model_locate(const char *name_or_path, char *path, size_t cap, struct mb_error *err) MB_MUST_CHECK;

#endif
