/* select.c - which kernel set runs: the environment's wish if this CPU can, else the first of kernels.def that it can. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu_features.h"
#include "kernels/kernel.h"

#define SET(name) extern const struct eng_kernel_set eng_set_##name;
#include "kernels/kernels.def"
#undef SET

static const struct eng_kernel_set *const sets[] = {
#define SET(name) &eng_set_##name,
#include "kernels/kernels.def"
#undef SET
};

#define N_SETS (sizeof(sets) / sizeof(sets[0]))

const struct eng_kernel_set *const *eng_kernel_sets(size_t *n)
{
    *n = N_SETS;
    return sets;
}

bool eng_kernel_set_possible(const struct eng_kernel_set *set)
{
    return (set->cpu_need & ~eng_cpu_features()) == 0;
}

static const struct eng_kernel_set *choose(void)
{
    const char *wish = getenv("ENG_KERNELS");
    for (size_t i = 0; wish && i < N_SETS; i++)
        if (strcmp(wish, sets[i]->name) == 0 && eng_kernel_set_possible(sets[i]))
            return sets[i];
    for (size_t i = 0; i + 1 < N_SETS; i++)
        if (eng_kernel_set_possible(sets[i]))
            return sets[i];
    return sets[N_SETS - 1];
}

/* The one piece of state: written once under pthread_once, constant afterwards. */
static const struct eng_kernel_set *chosen;
static pthread_once_t chosen_once = PTHREAD_ONCE_INIT;

static void choose_once(void)
{
    chosen = choose();
}

const struct eng_kernel_set *eng_kernel_set(void)
{
    pthread_once(&chosen_once, choose_once);
    return chosen;
}

enum eng_act eng_kernel_act(const struct eng_type_traits *traits, enum eng_act act)
{
    return traits->block_elems == 1 ? ENG_ACT_F32 : act;
}

const struct eng_kernel *eng_kernel_find(const struct eng_kernel_set *set, const struct eng_type_traits *traits, bool packed, enum eng_act act)
{
    const struct eng_kernel *k = eng_kernel_act(traits, act) == ENG_ACT_Q8 ? set->q8 : set->f32;
    while (k->w_type != ENG_TYPE_LIMIT && !(packed && k->w_type == traits->type))
        k++;
    return k;
}

const char *eng_kernels_name(void)
{
    return eng_kernel_set()->name;
}

const struct eng_vector_ops *eng_vector(void)
{
    return eng_kernel_set()->vector;
}
