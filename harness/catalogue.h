/** catalogue.h - from a model's name to its file: catalogue.def has one row per known model (name, file, sha256, how to get it). */
#ifndef MB_HARNESS_CATALOGUE_H
#define MB_HARNESS_CATALOGUE_H

#include "base/error.h"

/** mb_model_locate() - @name_or_path: an existing path, or a catalogue name looked for in $MELTBENCH_MODELS (if set) and
 *  $XDG_CACHE_HOME/meltbench (default ~/.cache/meltbench). path[cap] receives the file.
 *  MB_ENOENT says where it looked and the command that gets it (scripts/quickstart.sh --model-only for the default model). */
int mb_model_locate(const char *name_or_path, char *path, size_t cap, struct mb_error *err) MB_MUST_CHECK;

#endif
