/* registry.c - the list of collectors, from collectors.def: declared once, expanded twice. */
#include <string.h>

#include "collectors/collector.h"

#define COLLECTOR(id) extern const struct mb_collector_ops mb_collector_##id;
#include "collectors/collectors.def"
#undef COLLECTOR

static const struct mb_collector_ops *const all[] = {
#define COLLECTOR(id) &mb_collector_##id,
#include "collectors/collectors.def"
#undef COLLECTOR
};

const struct mb_collector_ops *const *mb_collectors(size_t *n)
{
    *n = sizeof(all) / sizeof(all[0]);
    return all;
}

const struct mb_collector_ops *mb_collector_find(const char *name)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    return NULL;
}
