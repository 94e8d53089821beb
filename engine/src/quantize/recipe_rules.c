/* recipe_rules.c - the rule book of recipe.h as tables. Facts from llama.cpp's src/llama-quant.cpp (ggml 0.25.3) without importance matrix. */
#include "quantize/recipe_rules.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* ---- role ---- */

static const struct {
    const char *part;
    enum eng_tensor_role role;
} roles[] = { /* first match */
    {"attn_qkv.weight", ENG_ROLE_ATTN_V}, {"attn_kv_b.weight", ENG_ROLE_ATTN_V},      {"attn_v.weight", ENG_ROLE_ATTN_V},
    {"attn_k.weight", ENG_ROLE_ATTN_K},   {"attn_q.weight", ENG_ROLE_ATTN_Q},         {"attn_output.weight", ENG_ROLE_ATTN_OUTPUT},
    {"ffn_down", ENG_ROLE_FFN_DOWN},
};

enum eng_tensor_role eng_tensor_role(const char *name)
{
    if (strcmp(name, "output.weight") == 0)
        return ENG_ROLE_HEAD;
    if (strcmp(name, "token_embd.weight") == 0 || strcmp(name, "per_layer_token_embd.weight") == 0)
        return ENG_ROLE_EMBEDDING;
    for (size_t i = 0; i < COUNT(roles); i++)
        if (strstr(name, roles[i].part))
            return roles[i].role;
    return ENG_ROLE_OTHER;
}

/* ---- what is no matrix of weights ---- */

static const char *const kept_parts[] = {
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight",                  /* norms; routers */
    "altup", "laurel", "per_layer_model_proj",                                         /* small ones of gemma3n */
    "ssm_conv1d", "shortconv.conv.weight",                                             /* short convolutions */
    "indexer.k_proj.weight", "indexer.q_proj.weight",                                  /* tiny projections */
    "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", /* rwkv: small and sensitive */
    "time_mix_v0.weight", "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight",
    "time_mix_a2.weight", "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", /* positions; vision and sound */
    ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
};

enum { FIRST_INTEGER = 24, LAST_INTEGER = 28 }; /* i8, i16, i32, i64 and f64: GGUF type ids that hold no weights */

bool eng_recipe_may_quantize(const struct eng_recipe_tensor *t)
{
    static const char ending[] = "weight";
    const size_t n = strlen(t->name), n_ending = sizeof ending - 1;
    if (t->ne[1] <= 1 && t->ne[2] <= 1 && t->ne[3] <= 1)
        return false;
    if (t->type >= FIRST_INTEGER && t->type <= LAST_INTEGER)
        return false;
    if (n < n_ending || strcmp(t->name + n - n_ending, ending) != 0)
        return false;
    if (strcmp(t->name, "position_embd.weight") == 0 || strcmp(t->name, "token_types.weight") == 0)
        return false;
    for (size_t i = 0; i < COUNT(kept_parts); i++)
        if (strstr(t->name, kept_parts[i]))
            return false;
    return true;
}

/* ---- role and condition -> type ---- */

#define R(id) (UINT64_C(1) << ENG_RECIPE_##id)
#define FLOATS (R(F32) | R(F16) | R(BF16))
#define ALL (~FLOATS) /* a float format has no exceptions */
#define IQ4 (R(IQ4_NL) | R(IQ4_XS))
#define EXPERTS_Q5 (R(Q2_K) | R(Q3_K_S) | R(Q3_K_M) | R(Q4_K_S) | R(Q4_K_M) | IQ4)
#define Q3_TO_Q4 (R(Q2_K) | R(Q3_K_S) | R(Q3_K_M) | R(Q3_K_L) | R(Q4_K_S)) /* attn_v of these is q3_k, q4_k or q5_k */
#define F(name) ENG_FACT_##name

static const struct rule {
    uint64_t recipes;
    unsigned roles, need, veto; /* holds when all of need and none of veto are facts */
    enum eng_type type;
} rules[] = {
    {ALL, ENG_ROLE_HEAD, F(FALCON), 0, ENG_TYPE_Q8_0},
    {ALL, ENG_ROLE_HEAD, F(RAGGED), 0, ENG_TYPE_Q8_0},
    {ALL & ~(R(Q8_0) | R(MXFP4_MOE)), ENG_ROLE_HEAD, 0, 0, ENG_TYPE_Q6_K},

    {R(MXFP4_MOE), ~(unsigned)ENG_ROLE_HEAD, F(EXPERT_STACK), 0, ENG_TYPE_MXFP4},
    {R(MXFP4_MOE), ~0u, 0, 0, ENG_TYPE_Q8_0},

    {R(TQ1_0) | R(TQ2_0) | R(Q2_0), ENG_ROLE_EMBEDDING, 0, 0, ENG_TYPE_Q4_K},

    {ALL, ENG_ROLE_ATTN_V | ENG_ROLE_ATTN_K, F(EXPERTS_8), 0, ENG_TYPE_Q8_0},
    {Q3_TO_Q4, ENG_ROLE_ATTN_V, F(70B), 0, ENG_TYPE_Q5_K},
    {R(Q2_K_S), ENG_ROLE_ATTN_V, F(70B) | F(GQA4), 0, ENG_TYPE_Q5_K},
    {R(Q2_K) | R(Q2_K_S), ENG_ROLE_ATTN_V, F(GQA4), 0, ENG_TYPE_Q4_K},
    {R(Q2_K), ENG_ROLE_ATTN_V, 0, 0, ENG_TYPE_Q3_K},
    {R(Q3_K_M), ENG_ROLE_ATTN_V, F(FIRST_2), 0, ENG_TYPE_Q5_K},
    {R(Q3_K_M), ENG_ROLE_ATTN_V, 0, 0, ENG_TYPE_Q4_K},
    {R(Q3_K_L), ENG_ROLE_ATTN_V, 0, 0, ENG_TYPE_Q5_K},
    {IQ4, ENG_ROLE_ATTN_V, F(GQA4), 0, ENG_TYPE_Q5_K},
    {R(Q4_K_M) | R(Q5_K_M), ENG_ROLE_ATTN_V, F(MORE_BITS), 0, ENG_TYPE_Q6_K},
    {R(Q4_K_M), ENG_ROLE_ATTN_V, F(70B), 0, ENG_TYPE_Q5_K},
    {R(Q4_K_S), ENG_ROLE_ATTN_V, F(FIRST_4), 0, ENG_TYPE_Q5_K},

    {R(Q2_K), ENG_ROLE_FFN_DOWN, 0, 0, ENG_TYPE_Q3_K},
    {R(Q2_K_S), ENG_ROLE_FFN_DOWN, F(FIRST_8TH), 0, ENG_TYPE_Q4_K},
    {R(Q3_K_M), ENG_ROLE_FFN_DOWN, F(FIRST_16TH), 0, ENG_TYPE_Q5_K},
    {R(Q3_K_M), ENG_ROLE_FFN_DOWN, F(FALCON), F(MORE_BITS), ENG_TYPE_Q3_K},
    {R(Q3_K_M), ENG_ROLE_FFN_DOWN, 0, 0, ENG_TYPE_Q4_K},
    {R(Q3_K_L), ENG_ROLE_FFN_DOWN, F(FALCON), 0, ENG_TYPE_Q4_K},
    {R(Q3_K_L), ENG_ROLE_FFN_DOWN, 0, 0, ENG_TYPE_Q5_K},
    {R(Q4_K_M), ENG_ROLE_FFN_DOWN, F(FALCON) | F(FIRST_16TH), 0, ENG_TYPE_Q6_K},
    {R(Q4_K_M), ENG_ROLE_FFN_DOWN, F(FALCON) | F(MORE_BITS), 0, ENG_TYPE_Q5_K},
    {R(Q4_K_M), ENG_ROLE_FFN_DOWN, F(FALCON), 0, ENG_TYPE_Q4_K},
    {R(Q4_K_M) | R(Q5_K_M), ENG_ROLE_FFN_DOWN, F(MORE_BITS), 0, ENG_TYPE_Q6_K},
    {R(Q4_K_S), ENG_ROLE_FFN_DOWN, F(FIRST_8TH), F(FALCON), ENG_TYPE_Q5_K},
    {IQ4, ENG_ROLE_FFN_DOWN, F(FIRST_8TH), 0, ENG_TYPE_Q5_K},

    {R(Q3_K_L), ENG_ROLE_ATTN_OUTPUT, F(FALCON), 0, ENG_TYPE_Q4_K},
    {EXPERTS_Q5, ENG_ROLE_ATTN_OUTPUT, F(EXPERTS_8), F(FALCON), ENG_TYPE_Q5_K},
    {R(Q2_K), ENG_ROLE_ATTN_OUTPUT, 0, F(FALCON) | F(EXPERTS_8), ENG_TYPE_Q3_K},
    {R(Q3_K_M), ENG_ROLE_ATTN_OUTPUT, 0, F(FALCON) | F(EXPERTS_8), ENG_TYPE_Q4_K},
    {R(Q3_K_L), ENG_ROLE_ATTN_OUTPUT, 0, F(FALCON) | F(EXPERTS_8), ENG_TYPE_Q5_K},
};

enum eng_type eng_recipe_rule(const struct eng_recipe *recipe, enum eng_tensor_role role, unsigned facts)
{
    for (size_t i = 0; i < COUNT(rules); i++) {
        const struct rule *r = &rules[i];
        if ((r->recipes >> recipe->id & 1) && (r->roles & role) && (facts & r->need) == r->need && !(facts & r->veto))
            return r->type;
    }
    return recipe->base;
}

/* ---- rows that a block does not divide ---- */

static const struct {
    enum eng_type type, instead;
} fallbacks[] = { /* superblocks -> blocks of 32, at least as exact; what is not named, and what does not fit either, becomes f16 */
    {ENG_TYPE_IQ1_S, ENG_TYPE_IQ4_NL},   {ENG_TYPE_IQ1_M, ENG_TYPE_IQ4_NL},  {ENG_TYPE_IQ2_XXS, ENG_TYPE_IQ4_NL},
    {ENG_TYPE_IQ2_XS, ENG_TYPE_IQ4_NL},  {ENG_TYPE_IQ2_S, ENG_TYPE_IQ4_NL},  {ENG_TYPE_IQ3_XXS, ENG_TYPE_IQ4_NL},
    {ENG_TYPE_IQ3_S, ENG_TYPE_IQ4_NL},   {ENG_TYPE_IQ4_XS, ENG_TYPE_IQ4_NL}, {ENG_TYPE_Q1_0, ENG_TYPE_Q4_0},
    {ENG_TYPE_Q2_0, ENG_TYPE_Q4_0},      {ENG_TYPE_Q2_K, ENG_TYPE_Q4_0},     {ENG_TYPE_Q3_K, ENG_TYPE_Q4_0},
    {ENG_TYPE_TQ1_0, ENG_TYPE_Q4_0},     {ENG_TYPE_TQ2_0, ENG_TYPE_Q4_0},    {ENG_TYPE_NVFP4, ENG_TYPE_MXFP4},
    {ENG_TYPE_Q4_K, ENG_TYPE_Q5_0},      {ENG_TYPE_Q5_K, ENG_TYPE_Q5_1},     {ENG_TYPE_Q6_K, ENG_TYPE_Q8_0},
};

static bool divides(enum eng_type type, uint64_t n_cols)
{
    const struct eng_type_traits *traits = eng_type_traits((uint32_t)type);
    return traits && n_cols % traits->block_elems == 0;
}

enum eng_type eng_recipe_fallback(enum eng_type type, uint64_t n_cols)
{
    if (divides(type, n_cols))
        return type;
    for (size_t i = 0; i < COUNT(fallbacks); i++)
        if (fallbacks[i].type == type && divides(fallbacks[i].instead, n_cols))
            return fallbacks[i].instead;
    return ENG_TYPE_F16;
}
