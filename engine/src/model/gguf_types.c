/* gguf_types.c - names and block sizes of every tensor type of ggml (facts from ggml.h and ggml-common.h): needed to check
 * that a tensor lies inside its file and to name a type that the engine does not compute with. */
#include "model/gguf.h"

struct file_type {
    const char *name; /* NULL: number never used, or withdrawn */
    uint32_t block_elems, block_bytes;
};

static const struct file_type file_types[] = {
    [0] = {"f32", 1, 4},         [1] = {"f16", 1, 2},         [2] = {"q4_0", 32, 18},      [3] = {"q4_1", 32, 20},
    [6] = {"q5_0", 32, 22},      [7] = {"q5_1", 32, 24},      [8] = {"q8_0", 32, 34},      [9] = {"q8_1", 32, 36},
    [10] = {"q2_k", 256, 84},    [11] = {"q3_k", 256, 110},   [12] = {"q4_k", 256, 144},   [13] = {"q5_k", 256, 176},
    [14] = {"q6_k", 256, 210},   [15] = {"q8_k", 256, 292},   [16] = {"iq2_xxs", 256, 66}, [17] = {"iq2_xs", 256, 74},
    [18] = {"iq3_xxs", 256, 98}, [19] = {"iq1_s", 256, 50},   [20] = {"iq4_nl", 32, 18},   [21] = {"iq3_s", 256, 110},
    [22] = {"iq2_s", 256, 82},   [23] = {"iq4_xs", 256, 136}, [24] = {"i8", 1, 1},         [25] = {"i16", 1, 2},
    [26] = {"i32", 1, 4},        [27] = {"i64", 1, 8},        [28] = {"f64", 1, 8},        [29] = {"iq1_m", 256, 56},
    [30] = {"bf16", 1, 2},       [34] = {"tq1_0", 256, 54},   [35] = {"tq2_0", 256, 66},   [39] = {"mxfp4", 32, 17},
};

static const struct file_type *find(uint32_t type)
{
    if (type >= sizeof file_types / sizeof *file_types || !file_types[type].name)
        return NULL;
    return &file_types[type];
}

const char *eng_gguf_type_name(uint32_t type)
{
    const struct file_type *t = find(type);
    return t ? t->name : "unknown";
}

bool eng_gguf_type_block(uint32_t type, uint32_t *block_elems, uint32_t *block_bytes)
{
    const struct file_type *t = find(type);
    if (!t)
        return false;
    *block_elems = t->block_elems;
    *block_bytes = t->block_bytes;
    return true;
}
