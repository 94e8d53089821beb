/** methods.h (engine, internal) - from a parsed choice to what the session works with. See methods.c and the .def lists. */
#ifndef ENG_RUN_METHODS_H
#define ENG_RUN_METHODS_H

#include "eng/engine.h"
#include "kernels/matmul.h"

enum eng_act eng_act_find(const struct eng_method *choice);
enum eng_type eng_cache_type_find(const struct eng_method *choice);

#endif
