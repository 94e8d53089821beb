/* gguf_types.c - names and block sizes of every tensor type of ggml: what the registry knows (types.h), and the few that no weight is
 * kept in (facts from ggml.h and ggml-common.h). Needed to check that a tensor lies inside its file and to name what is refused. */
#include "model/gguf.h"
#include "types/types.h"

struct file_type {
    const char *name; /* NULL: number never used, or withdrawn */
    uint32_t block_elems, block_bytes;
};

static const struct file_type not_weights[] = {
    [9] = {"q8_1", 32, 36}, [15] = {"q8_k", 256, 292}, [24] = {"i8", 1, 1},  [25] = {"i16", 1, 2},
    [26] = {"i32", 1, 4},   [27] = {"i64", 1, 8},      [28] = {"f64", 1, 8},
};

static struct file_type find(uint32_t type)
{
    const struct eng_type_traits *traits = eng_type_traits(type);
    if (traits)
        return (struct file_type){traits->name, traits->block_elems, traits->block_bytes};
    if (type < sizeof not_weights / sizeof *not_weights)
        return not_weights[type];
    return (struct file_type){0};
}

const char *eng_gguf_type_name(uint32_t type)
{
    const char *name = find(type).name;
    return name ? name : "unknown";
}

bool eng_gguf_type_block(uint32_t type, uint32_t *block_elems, uint32_t *block_bytes)
{
    const struct file_type t = find(type);
    if (!t.name)
        return false;
    *block_elems = t.block_elems;
    *block_bytes = t.block_bytes;
    return true;
}
