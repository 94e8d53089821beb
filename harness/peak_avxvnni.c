/* peak_avxvnni.c - see peak_avx2.c. */
#define PEAK_AVXVNNI
#include "harness/peak_avx2.c" /* NOLINT: one text, two instruction sets */
