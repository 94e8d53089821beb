/** set_ref.h - ties the reference files to each other. */
#ifndef ENG_KERNELS_SET_REF_H
#define ENG_KERNELS_SET_REF_H

#include "kernels/vector.h"

extern const struct eng_vector_ops eng_vector_ops_ref;

#endif
