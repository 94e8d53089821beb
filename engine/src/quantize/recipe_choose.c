/* recipe_choose.c - see recipe.h: the rows of recipes.def by name, and a type for every tensor. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "quantize/recipe_rules.h"

static const struct eng_recipe recipes[] = {
#define RECIPE(id, method, alias, file_type, base, summary) {ENG_RECIPE_##id, method, alias, file_type, base, summary},
#include "quantize/recipes.def"
#undef RECIPE
};

const struct eng_recipe *eng_recipe(size_t i)
{
    return i < ENG_RECIPE_N ? &recipes[i] : NULL;
}

static int fail_name(const char *what, const char *name, const char *const *known, size_t n, struct eng_error *err)
{
    const char *near = eng_nearest(name, known, n);
    if (near)
        return eng_fail(err, ENG_EINVAL, "unknown %s '%.60s': did you mean '%s'?", what, name, near);
    return eng_fail(err, ENG_EINVAL, "unknown %s '%.60s'", what, name);
}

static bool is_written(enum eng_type type)
{
    const struct eng_type_traits *traits = eng_type_traits((uint32_t)type);
    return traits && traits->encode;
}

int eng_recipe_find(const char *name, const struct eng_recipe **recipe, struct eng_error *err)
{
    const char *known[2 * ENG_RECIPE_N];
    size_t n = 0;
    *recipe = NULL;
    for (size_t i = 0; i < ENG_RECIPE_N; i++) {
        if (strcasecmp(recipes[i].name, name) == 0 || (recipes[i].alias && strcasecmp(recipes[i].alias, name) == 0)) {
            if (!is_written(recipes[i].base))
                return eng_fail(err, ENG_ENOTSUP, "%s: this build does not write its type", recipes[i].name);
            *recipe = &recipes[i];
            return ENG_OK;
        }
        known[n++] = recipes[i].name;
        if (recipes[i].alias)
            known[n++] = recipes[i].alias;
    }
    return fail_name("format", name, known, n, err);
}

int eng_writable_type(const char *name, enum eng_type *type, struct eng_error *err)
{
    const char *known[ENG_TYPE_LIMIT];
    size_t n = 0;
    for (uint32_t id = 0; id < ENG_TYPE_LIMIT; id++) {
        const struct eng_type_traits *traits = eng_type_traits(id);
        if (!traits)
            continue;
        if (strcasecmp(traits->name, name) == 0 && !traits->encode)
            return eng_fail(err, ENG_ENOTSUP, "type %s can be read but not written", traits->name);
        if (strcasecmp(traits->name, name) == 0) {
            *type = traits->type;
            return ENG_OK;
        }
        if (traits->encode)
            known[n++] = traits->name;
    }
    return fail_name("type", name, known, n, err);
}

/* ---- what the rules ask ---- */

static int layer_of(const char *name) /* "blk.12.attn_v.weight" -> 12; -1 outside the layers */
{
    char *end;
    if (strncmp(name, "blk.", 4) != 0)
        return -1;
    const long i = strtol(name + 4, &end, 10);
    return end != name + 4 && *end == '.' && i >= 0 && i < 1 << 20 ? (int)i : -1;
}

/* Layer by layer, then by name: the order in which positions are counted. */
static int by_layer(const void *a, const void *b)
{
    const struct eng_recipe_tensor *x = *(struct eng_recipe_tensor *const *)a, *y = *(struct eng_recipe_tensor *const *)b;
    const int i = layer_of(x->name), j = layer_of(y->name);
    return i != j ? (i > j) - (i < j) : strcmp(x->name, y->name);
}

/* Models of this many layers count as "70B" (llama.cpp's model types). llama's 65B has the layers but not the grouped heads. */
static const struct {
    const char *arch;
    uint32_t n_layers;
} large[] = {{"llama", 80}, {"qwen2", 80}, {"deci", 80}, {"olmo", 80}, {"jais2", 68}};

static unsigned model_facts(const struct eng_recipe_model *m)
{
    unsigned facts = strcmp(m->arch, "falcon") == 0 ? ENG_FACT_FALCON : 0;
    if (m->n_heads_kv && m->n_heads / m->n_heads_kv >= 4)
        facts |= ENG_FACT_GQA4;
    if (m->n_experts == 8)
        facts |= ENG_FACT_EXPERTS_8;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        if (m->n_layers == large[i].n_layers && strcmp(m->arch, large[i].arch) == 0 &&
            (strcmp(m->arch, "llama") != 0 || m->n_heads != m->n_heads_kv))
            facts |= ENG_FACT_70B;
    return facts;
}

static unsigned position_facts(uint32_t i, uint32_t n)
{
    unsigned facts = 0;
    facts |= i < 2 ? ENG_FACT_FIRST_2 : 0;
    facts |= i < 4 ? ENG_FACT_FIRST_4 : 0;
    facts |= i < n / 8 ? ENG_FACT_FIRST_8TH : 0;
    facts |= i < n / 16 ? ENG_FACT_FIRST_16TH : 0;
    if (i < n / 8 || i >= 7 * (uint64_t)n / 8 || (i - n / 8) % 3 == 2)
        facts |= ENG_FACT_MORE_BITS;
    return facts;
}

struct choosing {
    const struct eng_recipe *recipe;
    const struct eng_quantize_params *params; /* may be NULL */
    const struct eng_recipe_model *model;
    unsigned model_facts;
    bool tied;
    uint32_t n_attn_v, i_attn_v, i_ffn_down; /* so far */
};

static unsigned tensor_facts(struct choosing *c, const struct eng_recipe_tensor *t, enum eng_tensor_role role)
{
    const struct eng_type_traits *base = eng_type_traits((uint32_t)c->recipe->base);
    unsigned facts = c->model_facts;
    if (base && t->ne[0] % base->block_elems != 0)
        facts |= ENG_FACT_RAGGED;
    if (t->ne[2] > 1 || strstr(t->name, "_exps.")) /* a loaded model has them row under row */
        facts |= ENG_FACT_EXPERT_STACK;
    if (role == ENG_ROLE_ATTN_V)
        facts |= position_facts(c->i_attn_v++, c->n_attn_v);
    if (role == ENG_ROLE_FFN_DOWN) { /* with experts a layer has several: then its name counts */
        const uint32_t i = c->i_ffn_down++;
        facts |= position_facts(c->model->n_experts > 1 ? (uint32_t)layer_of(t->name) : i, c->model->n_layers);
    }
    return facts;
}

static bool asked_for(const struct choosing *c, const struct eng_recipe_tensor *t, enum eng_tensor_role role, enum eng_type *type)
{
    const struct eng_quantize_params *p = c->params;
    const char *name = NULL;
    if (!p)
        return false;
    for (size_t i = 0; i < p->n_overrides && !name; i++)
        if (fnmatch(p->overrides[i].pattern, t->name, 0) == 0)
            name = p->overrides[i].type;
    if (!name && role == ENG_ROLE_EMBEDDING)
        name = p->embedding_type;
    if (!name && (role == ENG_ROLE_HEAD || (role == ENG_ROLE_EMBEDDING && c->tied)))
        name = p->output_type;
    return name && eng_writable_type(name, type, NULL) == ENG_OK;
}

static void choose(struct choosing *c, struct eng_recipe_tensor *t)
{
    const enum eng_tensor_role role = eng_tensor_role(t->name);
    const enum eng_tensor_role as = role == ENG_ROLE_EMBEDDING && c->tied ? ENG_ROLE_HEAD : role;
    enum eng_type wanted;
    t->to = t->wanted = t->type;
    t->why = ENG_QUANTIZE_KEPT;
    if (!eng_recipe_may_quantize(t))
        return;
    const unsigned facts = tensor_facts(c, t, as);
    if (asked_for(c, t, role, &wanted)) {
        t->why = ENG_QUANTIZE_OVERRIDE;
    } else {
        wanted = c->params && c->params->pure ? c->recipe->base : eng_recipe_rule(c->recipe, as, facts);
        t->why = wanted == c->recipe->base ? ENG_QUANTIZE_BASE : ENG_QUANTIZE_RECIPE;
    }
    t->wanted = wanted;
    t->to = eng_recipe_fallback(wanted, t->ne[0]);
    if (t->to != t->wanted)
        t->why = ENG_QUANTIZE_FALLBACK;
}

int eng_recipe_choose(const struct eng_recipe *recipe, const struct eng_quantize_params *params, const struct eng_recipe_model *model,
                      struct eng_recipe_tensor *tensor, size_t n, struct eng_error *err)
{
    struct choosing c = {.recipe = recipe, .params = params, .model = model, .model_facts = model_facts(model), .tied = true};
    struct eng_recipe_tensor **order = malloc((n + 1) * sizeof *order);
    if (!order)
        return eng_fail(err, ENG_ENOMEM, "no memory to choose types");
    for (size_t i = 0; i < n; i++) {
        const enum eng_tensor_role role = eng_tensor_role(tensor[i].name);
        order[i] = &tensor[i];
        c.n_attn_v += role == ENG_ROLE_ATTN_V;
        c.tied = c.tied && role != ENG_ROLE_HEAD;
    }
    qsort(order, n, sizeof *order, by_layer);
    for (size_t i = 0; i < n; i++)
        choose(&c, order[i]);
    free(order);
    return ENG_OK;
}
