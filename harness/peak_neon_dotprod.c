/* peak_neon_dotprod.c - see peak_neon.c. */
#define PEAK_DOTPROD
#include "harness/peak_neon.c" /* NOLINT: one text, three instruction sets */
