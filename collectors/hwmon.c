/* hwmon.c - energy from hardware monitors: INA2xx on boards, GPU cards (i915, xe, amdgpu), any chip with power or energy attributes. Every
 * channel is reported; a total only where hwmon_channels.h knows which rails add up. */
#include "base/sysroot.h"
#include "collectors/energy_collector.h"
#include "collectors/hwmon_channels.h"
#include "collectors/options.h"

extern const struct mb_collector_ops mb_collector_hwmon;

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct mb_energy_meter *m = state;
    int rc = mb_collector_options_check(env->options, "error", err);
    rc = rc ? rc : mb_energy_init(m, "hwmon", env, HWMON_CHANNELS_MAX, err);
    rc = rc ? rc : hwmon_channels_add(m, env->root, err);
    return rc ? rc : mb_energy_any(m, found, err);
}

static int hwmon_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_hwmon, discover, env, why);
}

static int hwmon_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

const struct mb_collector_ops mb_collector_hwmon = {
    .abi = MB_COLLECTOR_ABI,
    .name = "hwmon",
    .group = "energy",
    .summary = "power and energy rails of hardware monitors (INA2xx, GPU cards, any hwmon power)",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct mb_energy_meter),
    .metrics = mb_energy_metrics,
    .probe = hwmon_probe,
    .open = hwmon_open,
    .start = mb_energy_hook_start,
    .phase = mb_energy_hook_phase,
    .poll = mb_energy_hook_poll,
    .stop = mb_energy_hook_stop,
    .read = mb_energy_hook_read,
    .close = mb_energy_hook_close,
};
