/* registry.c (types) - from a GGUF type number to its traits. */
#include "types/types.h"

#define TYPE(name) extern const struct eng_type_traits eng_type_##name;
#include "types/types.def"
#undef TYPE

static const struct eng_type_traits *const rows[] = {
#define TYPE(name) &eng_type_##name,
#include "types/types.def"
#undef TYPE
};

const struct eng_type_traits *eng_type_traits(uint32_t type)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((uint32_t)rows[i]->type == type)
            return rows[i];
    return NULL;
}

size_t eng_type_row_bytes(const struct eng_type_traits *traits, size_t n_cols)
{
    size_t n_bytes;
    if (n_cols % traits->block_elems != 0 || __builtin_mul_overflow(n_cols / traits->block_elems, (size_t)traits->block_bytes, &n_bytes))
        return 0;
    return n_bytes;
}

const char *eng_type_name(enum eng_type type)
{
    const struct eng_type_traits *traits = eng_type_traits((uint32_t)type);
    return traits ? traits->name : "unknown";
}
