/* placement.c - see placement.h. */
#include "base/placement.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu_list.h"

/* A core that may be used, on its way into the order in which threads get them. */
struct candidate {
    const struct eng_core *core;
    uint32_t i;          /* place in hwloc's order */
    cpu_set_t cpus;      /* the usable ones */
};

static int fast_first_then_by_node(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->core->speed != y->core->speed)
        return x->core->speed > y->core->speed ? -1 : 1;
    if (x->core->node != y->core->node)
        return x->core->node < y->core->node ? -1 : 1;
    return (x->i > y->i) - (x->i < y->i);
}

uint32_t eng_placement_spread(const struct eng_topology *t, const cpu_set_t *usable, enum eng_core_choice choice, cpu_set_t *sets,
                              uint32_t n_threads)
{
    struct candidate *order = calloc(t->n_cores ? t->n_cores : 1, sizeof *order);
    cpu_set_t all;
    uint32_t n = 0;
    int32_t wanted = choice == ENG_CORES_EFFICIENCY ? INT32_MAX : INT32_MIN;
    CPU_ZERO(&all);
    for (uint32_t i = 0; order && i < t->n_cores; i++) {
        const struct eng_core *core = &t->cores[i];
        order[n] = (struct candidate){.core = core, .i = i};
        CPU_AND(&order[n].cpus, &core->cpus, usable);
        if (CPU_COUNT(&order[n].cpus) == 0)
            continue;
        wanted = choice == ENG_CORES_EFFICIENCY ? (core->speed < wanted ? core->speed : wanted) : (core->speed > wanted ? core->speed : wanted);
        n++;
    }
    uint32_t n_kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (choice == ENG_CORES_ANY || order[i].core->speed == wanted)
            order[n_kept++] = order[i];
    if (n_kept)
        qsort(order, n_kept, sizeof *order, fast_first_then_by_node);
    for (uint32_t i = 0; n_kept && i < n_threads; i++) {
        sets[i] = order[i % n_kept].cpus;
        CPU_OR(&all, &all, &sets[i]);
    }
    free(order);
    return n_kept ? (uint32_t)CPU_COUNT(&all) : 0;
}

static int parse_choice(const char *mask, enum eng_core_choice *choice)
{
    static const char *const names[] = {"cores", "performance", "efficiency"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(mask, names[i]) == 0) {
            *choice = (enum eng_core_choice)i;
            return 1;
        }
    }
    return 0;
}

/* Everywhere within the processors that were named. */
static int place_within(struct eng_placement *p, const char *mask, const cpu_set_t *usable, uint32_t n_threads, struct eng_error *err)
{
    cpu_set_t wanted;
    char list[128];
    int rc = eng_cpu_list_parse(mask, &wanted, err);
    if (rc != ENG_OK)
        return eng_fail(err, rc, "cpu_mask: %s; or cores, performance, efficiency, all", err ? err->text : "");
    for (size_t i = 0; i < CPU_SETSIZE; i++) {
        if (CPU_ISSET(i, &wanted) && !CPU_ISSET(i, usable))
            return eng_fail(err, ENG_ENOTSUP, "cpu_mask %s: processor %zu is not one that this process may use; those are %s", mask, i,
                            eng_cpu_list_format(usable, list, sizeof list));
    }
    for (uint32_t i = 0; i < n_threads; i++)
        p->sets[i] = wanted;
    p->n_usable = (uint32_t)CPU_COUNT(&wanted);
    return ENG_OK;
}

static int place_on_cores(struct eng_placement *p, const char *mask, enum eng_core_choice choice, const cpu_set_t *usable, uint32_t n_threads,
                          struct eng_error *err)
{
    struct eng_topology t;
    int rc = eng_topology_load(&t, NULL, err);
    if (rc == ENG_OK && choice != ENG_CORES_ANY && t.n_kinds < 2)
        rc = eng_fail(err, ENG_ENOTSUP, "cpu_mask %s: this machine has one kind of cores", mask);
    if (rc == ENG_OK) {
        const uint32_t n = eng_placement_spread(&t, usable, choice, p->sets, n_threads);
        if (n == 0)
            rc = eng_fail(err, ENG_ENOTSUP, "cpu_mask %s: no core of this kind may be used by this process", mask);
        p->n_usable = n;
    }
    eng_topology_release(&t);
    return rc;
}

int eng_placement_open(struct eng_placement *p, const char *mask, uint32_t n_threads, struct eng_error *err)
{
    enum eng_core_choice choice = ENG_CORES_ANY;
    struct eng_error ours = {0};
    cpu_set_t usable;
    *p = (struct eng_placement){0};
    eng_cpus_usable(&usable);
    p->n_usable = (uint32_t)CPU_COUNT(&usable);
    mask = mask && strcmp(mask, "auto") != 0 ? mask : "cores";
    int rc = ENG_OK;
    if (strcmp(mask, "all") != 0 && !(strcmp(mask, "cores") == 0 && eng_topology_is_plain(""))) {
        p->sets = calloc(n_threads, sizeof *p->sets);
        if (!p->sets)
            return eng_fail(err, ENG_ENOMEM, "cpu_mask: no memory for %u threads", n_threads);
        rc = parse_choice(mask, &choice) ? place_on_cores(p, mask, choice, &usable, n_threads, &ours)
                                         : place_within(p, mask, &usable, n_threads, &ours);
        if (rc == ENG_ENOTSUP && strcmp(mask, "cores") == 0) { /* nobody asked for it: threads run where the system puts them */
            free(p->sets);
            *p = (struct eng_placement){.n_usable = (uint32_t)CPU_COUNT(&usable)};
            rc = ENG_OK;
        }
    }
    const uint32_t quota = eng_cpu_quota("");
    if (quota && quota < p->n_usable)
        p->n_usable = quota;
    if (rc != ENG_OK) {
        eng_placement_release(p);
        return eng_fail(err, rc, "%s", ours.text);
    }
    return ENG_OK;
}

void eng_placement_release(struct eng_placement *p)
{
    free(p->sets);
    *p = (struct eng_placement){0};
}

int eng_cpu_mask_check(const char *mask, struct eng_error *err)
{
    struct eng_placement p;
    const int rc = eng_placement_open(&p, mask, 1, err);
    eng_placement_release(&p);
    return rc;
}
