/* backend_npu_sim.c - the row of a backend that this version does not have yet: listed with its reason, refused at session open. */
#include "backends/backend.h"

const struct eng_backend_ops eng_backend_npu_sim = {
    .info = {.name = "npu-sim", .summary = "an analytic model of a neural processor, fed by the operator trace",
             .unavailable = "not built yet: the NPU simulator comes with a later version"},
};
