/* recur_portable.c - the loops of recurrent layers in plain C, for CPUs without a set of their own. */
#include "run/recur_tables.h"

#include "kernels/simd/portable.h"

#define RECUR_TILE 2
#define RECUR_NAME "portable"
#define RECUR_TABLE eng_recur_portable
#include "run/recur_body.h"
