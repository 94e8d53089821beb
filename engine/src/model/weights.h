/**
 * weights.h - from stored weights to what is executed: requantize, pack, give mapped pages back, account for both.
 */
#ifndef ENG_MODEL_WEIGHTS_H
#define ENG_MODEL_WEIGHTS_H

#include "model/model.h"

/** eng_share_add() - count a tensor (n_tensors 1), or a further part of one just counted (0), in a table of struct eng_type_share[8];
 *  rows beyond 8 are summed in the last. */
void eng_share_add(struct eng_type_share share[8], enum eng_type type, uint32_t n_tensors, uint64_t n_weights, uint64_t n_bytes);
/** eng_count_vector() - a vector of @n is executed as f32, whatever it was stored as. */
void eng_count_vector(struct eng_model *model, uint64_t n);
void eng_share_sort(struct eng_type_share share[8]); /* most bytes first */

/**
 * eng_weights_prepare() - bring all matrices into the wanted format and into the layout of the chosen kernels.
 *
 * @cpu_mask  where the threads run: placement.h.
 * @quant  method of ENG_FAMILY_QUANT; NULL = "file". Every other is a recipe: quantize/recipe.h gives the type of each matrix, the
 *         same as `meltbench quantize` would write.
 * Fills info.executed and info.weight_bytes (before packing).
 */
int eng_weights_prepare(struct eng_model *model, const char *quant, uint32_t n_threads, const char *cpu_mask, struct eng_error *err) ENG_MUST_CHECK;

struct eng_weights_need {
    uint64_t held_bytes; /* copies, and what is read where the file is mapped, once all is prepared */
    uint64_t load_bytes; /* the most while it is being prepared */
    uint64_t rows_bytes; /* matrices whose rows are looked up where the file is mapped: resident as far as they are asked for */
};

/** eng_weights_measure() - what eng_weights_prepare() would take, and the same info, without taking it: no weight is read. The model's
 *  matrices then say what they would be, and hold nothing: good for sizes only. */
int eng_weights_measure(struct eng_model *model, const char *quant, struct eng_weights_need *need, struct eng_error *err) ENG_MUST_CHECK;

uint64_t eng_weights_settle(struct eng_model *model); /* eng_model_settle() */

void eng_weights_release(struct eng_model *model);

#endif
