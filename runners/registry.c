/* registry.c - the list of runners, from runners.def: declared once, expanded twice. */
#include <string.h>

#include "runners/runner.h"

#define RUNNER(id) extern const struct mb_runner_ops mb_runner_##id;
#include "runners/runners.def"
#undef RUNNER

static const struct mb_runner_ops *const all[] = {
#define RUNNER(id) &mb_runner_##id,
#include "runners/runners.def"
#undef RUNNER
};

const struct mb_runner_ops *const *mb_runners(size_t *n)
{
    *n = sizeof(all) / sizeof(all[0]);
    return all;
}

const struct mb_runner_ops *mb_runner_find(const char *name)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}
