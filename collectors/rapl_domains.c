/* rapl_domains.c - see rapl_domains.h. */
#include "collectors/rapl_domains.h"

#include <string.h>

static bool adds_up(const char *scope)
{
    const char *slash = strchr(scope, '/');
    return strncmp(scope, "package", 7) == 0 && (!slash || strcmp(slash, "/dram") == 0);
}

void mb_rapl_choose_total(struct mb_energy_meter *m)
{
    m->no_total = "no package zone: nothing that may be added up";
    for (size_t i = 0; i < m->n; i++)
        m->channels[i].total_set = adds_up(m->channels[i].scope);
}
