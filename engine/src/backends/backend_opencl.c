/* backend_opencl.c - the row of a backend that this version does not have yet: listed with its reason, refused at session open. */
#include "backends/backend.h"

const struct eng_backend_ops eng_backend_opencl = {
    .info = {.name = "opencl", .summary = "a graphics processor through OpenCL",
             .unavailable = "not built yet: the OpenCL backend comes with a later version"},
};
