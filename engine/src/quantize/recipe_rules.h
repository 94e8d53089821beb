/** recipe_rules.h (private to quantize/) - the two steps of recipe_choose.c that are tables: role and condition -> type, and fallbacks. */
#ifndef ENG_QUANTIZE_RECIPE_RULES_H
#define ENG_QUANTIZE_RECIPE_RULES_H

#include "quantize/recipe.h"

enum eng_tensor_role { /* what a name says; bits, because a rule may hold for several */
    ENG_ROLE_OTHER = 1,
    ENG_ROLE_EMBEDDING = 2,
    ENG_ROLE_HEAD = 4,        /* output.weight, and the embedding when the model has none */
    ENG_ROLE_ATTN_Q = 8,
    ENG_ROLE_ATTN_K = 16,
    ENG_ROLE_ATTN_V = 32,     /* also fused qkv and MLA's kv_b, which hold v */
    ENG_ROLE_ATTN_OUTPUT = 64,
    ENG_ROLE_FFN_DOWN = 128
};

enum eng_tensor_fact { /* what a rule may ask; i of n = layer of ffn_down, or position among the attn_v-like tensors */
    ENG_FACT_FALCON = 1,        /* architecture falcon */
    ENG_FACT_GQA4 = 2,          /* at least 4 query heads on a KV head */
    ENG_FACT_EXPERTS_8 = 4,     /* exactly 8 experts */
    ENG_FACT_70B = 8,           /* the 80-layer models whose attn_v is eight times smaller than attn_q */
    ENG_FACT_RAGGED = 16,       /* the base type's block does not divide the row */
    ENG_FACT_EXPERT_STACK = 32, /* three dimensions */
    ENG_FACT_FIRST_2 = 64,      /* i < 2 */
    ENG_FACT_FIRST_4 = 128,     /* i < 4 */
    ENG_FACT_FIRST_8TH = 256,   /* i < n / 8 */
    ENG_FACT_FIRST_16TH = 512,  /* i < n / 16 */
    ENG_FACT_MORE_BITS = 1024   /* first and last eighth, and every third between */
};

/** eng_tensor_role() - never HEAD for an embedding: whether it is tied is known to the caller. */
enum eng_tensor_role eng_tensor_role(const char *name);

/** eng_recipe_rule() - the first rule that holds, or the base type. */
enum eng_type eng_recipe_rule(const struct eng_recipe *recipe, enum eng_tensor_role role, unsigned facts);

/** eng_recipe_fallback() - @type, or what takes its place in rows of @n_cols. */
enum eng_type eng_recipe_fallback(enum eng_type type, uint64_t n_cols);

#endif
