/* peak_neon_i8mm.c - see peak_neon.c. */
#define PEAK_I8MM
#include "harness/peak_neon.c" /* NOLINT: one text, three instruction sets */
