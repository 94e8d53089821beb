/* rail_sets.c - see rail_sets.h. */
#include "collectors/rail_sets.h"

#include <stdio.h>
#include <string.h>

#include "base/sysroot.h"

struct rail_set {
    const char *model, *rails;
};

static const struct rail_set rail_sets[] = {
#define RAIL_SET(model, rails) {model, rails},
#include "collectors/rail_sets.def"
#undef RAIL_SET
};

static const char *rails_of(const char *model)
{
    for (size_t i = 0; i < sizeof(rail_sets) / sizeof(rail_sets[0]); i++)
        if (strncmp(model, rail_sets[i].model, strlen(rail_sets[i].model)) == 0)
            return rail_sets[i].rails;
    return NULL;
}

static struct mb_energy_channel *find(struct mb_energy_meter *m, const char *scope, size_t n)
{
    for (size_t i = 0; i < m->n; i++)
        if (strlen(m->channels[i].scope) == n && strncmp(m->channels[i].scope, scope, n) == 0)
            return &m->channels[i];
    return NULL;
}

void mb_rail_set_choose(struct mb_energy_meter *m, const char *root, char *reason, size_t cap)
{
    char model[128] = "";
    m->no_total = reason;
    if (mb_sys_read_text(root, "/proc/device-tree/model", model, sizeof(model), NULL) &&
        mb_sys_read_text(root, "/sys/firmware/devicetree/base/model", model, sizeof(model), NULL))
        model[0] = '\0';
    const char *rails = rails_of(model);
    if (!rails) {
        snprintf(reason, cap, "rails nest, and which of them add up is not known for this board ('%.60s'; rail_sets.def)", model);
        return;
    }
    for (const char *at = rails; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ',')) {
        const int n = (int)strcspn(at, ",");
        if (!find(m, at, (size_t)n)) { /* a sum without it would be too small and not say so */
            snprintf(reason, cap, "rail %.*s, part of this board's total (%s), is not there", n, at, rails);
            return;
        }
    }
    for (const char *at = rails; *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        find(m, at, strcspn(at, ","))->total_set = 1;
}
