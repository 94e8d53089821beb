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

const struct eng_kernel *eng_kernel_find(const struct eng_kernel_set *set, enum eng_type w_type, enum eng_act act)
{
    for (const struct eng_kernel *const *k = set->kernels; *k; k++)
        if ((*k)->w_type == w_type && ((*k)->act == act || w_type == ENG_TYPE_F32 || w_type == ENG_TYPE_F16))
            return *k;
    return NULL;
}

const char *eng_kernels_name(void)
{
    return eng_kernel_set()->name;
}

const struct eng_vector_ops *eng_vector(void)
{
    return eng_kernel_set()->vector;
}
