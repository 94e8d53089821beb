/* registry.c - the list of workloads, from workloads.def: declared once, expanded twice. */
#include <string.h>

#include "workloads/workload.h"

#define WORKLOAD(id) extern const struct mb_workload_ops mb_workload_##id;
#include "workloads/workloads.def"
#undef WORKLOAD

static const struct mb_workload_ops *const all[] = {
#define WORKLOAD(id) &mb_workload_##id,
#include "workloads/workloads.def"
#undef WORKLOAD
};

const struct mb_workload_ops *const *mb_workloads(size_t *n)
{
    *n = sizeof(all) / sizeof(all[0]);
    return all;
}

const struct mb_workload_ops *mb_workload_find(const char *name)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}
