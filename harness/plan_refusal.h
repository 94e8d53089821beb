/** plan_refusal.h - refusals that need the model; the others are mb_cell_refusal() of plan.h. */
#ifndef MB_HARNESS_PLAN_REFUSAL_H
#define MB_HARNESS_PLAN_REFUSAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/cell.h"

/** mb_cell_layer_refusal() - NULL, or that the early-exit method's layer is not below the model's. @n_layers is asked only for a
 *  method that has a layer; 0 means unknown. */
const char *mb_cell_layer_refusal(const struct mb_cell *cell, uint32_t (*n_layers)(void *user), void *user, char *buf, size_t cap);

#endif
