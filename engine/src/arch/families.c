/* families.c - families that need no code of their own: one row each. Facts: llama.cpp's graph of each model (llama-model.cpp and models/
 * of commit 0c1e57098) and the papers; checked against the golden zoo (tests/test_zoo.c). */
#include "arch/arch.h"

const struct eng_arch eng_arch_llama = {
    .name = "llama", .norm = ENG_NORM_RMS, .rope = ENG_ROPE_PAIRS, .activation = ENG_SILU,
    .ignored = ENG_KEYS_WINDOW, /* Mistral's files carry it; llama.cpp computes full attention */
};
