/* rapl_domains.c - see rapl_domains.h. */
#include "collectors/rapl_domains.h"

#include <string.h>

static bool is_package(const char *scope)
{
    return strncmp(scope, "package", 7) == 0 && !strchr(scope, '/');
}

static bool adds_up(const char *scope)
{
    const char *slash = strchr(scope, '/');
    return is_package(scope) || (slash && strncmp(scope, "package", 7) == 0 && strcmp(slash, "/dram") == 0);
}

void mb_rapl_choose_total(struct mb_energy_meter *m)
{
    bool any_package = false;
    m->no_total = "no package zone: nothing that may be added up";
    for (size_t i = 0; i < m->n; i++)
        any_package = any_package || is_package(m->channels[i].scope);
    for (size_t i = 0; i < m->n; i++)
        m->channels[i].total_set = any_package && adds_up(m->channels[i].scope);
}
