/* energy_collector.c - see energy_collector.h. */
#include "collectors/energy_collector.h"

#include <stdlib.h>

int mb_energy_hook_probe(const struct mb_collector_ops *ops, mb_energy_discover discover, const struct mb_collect_env *env,
                         struct mb_error *why)
{
    void *state = calloc(1, ops->state_size);
    if (!state)
        return mb_fail(why, MB_ENOMEM, "no memory");
    const int rc = discover(state, env, why, why);
    ops->close(state);
    free(state);
    return rc;
}

int mb_energy_hook_open(void *state, mb_energy_discover discover, const struct mb_collect_env *env, struct mb_error *err)
{
    const int rc = discover(state, env, NULL, err);
    return rc ? rc : mb_energy_ready(state, env, err);
}

void mb_energy_hook_start(void *state)
{
    mb_energy_start(state);
}

void mb_energy_hook_poll(void *state, uint64_t now_ns)
{
    mb_energy_poll(state, now_ns);
}

void mb_energy_hook_phase(void *state, const struct mb_event *event)
{
    mb_energy_phase(state, event);
}

void mb_energy_hook_stop(void *state)
{
    mb_energy_stop(state);
}

int mb_energy_hook_read(void *state, struct mb_record *record, struct mb_error *err)
{
    return mb_energy_record(state, NULL, record, err);
}

void mb_energy_hook_close(void *state)
{
    mb_energy_release(state);
}
