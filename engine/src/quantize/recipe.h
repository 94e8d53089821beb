/**
 * recipe.h - which type every tensor of a model gets. One rule book for both uses: `quantize` asks it for the tensors of a file, the
 * loader (--quant) for the matrices of a model, so that a model quantized at load is the model of the quantized file.
 *
 * A recipe is a row of recipes.def: a base type and, in the table of recipe.c, rules (tensor role x condition -> type). After the rules
 * come the fallbacks for rows that the block of the type does not divide. The rules are llama.cpp's (src/llama-quant.cpp of ggml 0.25.3,
 * no importance matrix), checked tensor by tensor against the files that llama-quantize wrote (tests/test_quantize_golden.c).
 */
#ifndef ENG_QUANTIZE_RECIPE_H
#define ENG_QUANTIZE_RECIPE_H

#include "eng/quantize.h"
#include "types/types.h"

enum eng_recipe_id {
#define RECIPE(id, method, alias, file_type, base, summary) ENG_RECIPE_##id,
#include "quantize/recipes.def"
#undef RECIPE
    ENG_RECIPE_N
};

struct eng_recipe {
    enum eng_recipe_id id;
    const char *name, *alias; /* "q4_k_m"; "q4_k" or NULL */
    uint32_t file_type;       /* general.file_type */
    enum eng_type base;
    const char *summary;
};

/** eng_recipe() - row @i; NULL past the last. */
const struct eng_recipe *eng_recipe(size_t i);

/** eng_recipe_find() - by name or alias, in any case. ENG_EINVAL names the nearest; ENG_ENOTSUP when this build does not write its type. */
int eng_recipe_find(const char *name, const struct eng_recipe **recipe, struct eng_error *err) ENG_MUST_CHECK;

/** eng_writable_type() - a single type by name, in any case; errors as above. */
int eng_writable_type(const char *name, enum eng_type *type, struct eng_error *err) ENG_MUST_CHECK;

struct eng_recipe_model {             /* what the rules ask about the model; 0 where a file does not say */
    const char *arch;                 /* never NULL */
    uint32_t n_layers, n_heads, n_heads_kv, n_experts;
};

struct eng_recipe_tensor {
    const char *name;                 /* as in GGUF; borrowed */
    uint64_t ne[4];                   /* elements, fastest first; 1 beyond the last dimension */
    uint32_t type;                    /* as it is: a GGUF type id */
    uint32_t to, wanted;              /* out: the type it gets; the one before the fallback for its row length */
    enum eng_quantize_why why;        /* out */
};

/** eng_recipe_choose() - fill the out fields of tensor[n], all tensors of a model in any order.
 *  @params may be NULL (recipe alone); its types and patterns must be valid (eng_quantize_open() says so by name). ENG_ENOMEM. */
int eng_recipe_choose(const struct eng_recipe *recipe, const struct eng_quantize_params *params, const struct eng_recipe_model *model,
                      struct eng_recipe_tensor *tensor, size_t n, struct eng_error *err) ENG_MUST_CHECK;

/** eng_recipe_may_quantize() - a matrix of weights? Norms, biases, vectors, routers, positions, small recurrent weights are not. */
bool eng_recipe_may_quantize(const struct eng_recipe_tensor *tensor);

#endif
