/* nvml.c - energy of NVIDIA graphics cards by NVIDIA's management library, loaded when it is there (its functions are declared here after
 * NVIDIA's NVML API reference: no header is needed to build).
 *   nvmlDeviceGetTotalEnergyConsumption   mJ since the driver was loaded, Volta and later: the counter. It moves every 10 to 100 ms: seen in
 *                                         the trial
 *   nvmlDeviceGetPowerUsage               mW, where there is no counter: the mean of the last second on most cards
 * No total: a card's energy is not the machine's. On Jetson boards the library starts and answers "not supported" to everything: absent,
 * not zero; ina3221.c has their rails. With a root in front (tests) the library is looked for under it. */
#include <stdio.h>
#include <string.h>

#include "base/lazy_library.h"
#include "collectors/energy_collector.h"
#include "collectors/options.h"

#define LIBRARY "libnvidia-ml.so.1"
#define CARDS_MAX 16
#define REST_NS 20000000u          /* a query goes to the driver */
#define AVERAGED_NS 1000000000u    /* of nvmlDeviceGetPowerUsage */
#define NVML_SUCCESS 0

enum { INIT, SHUTDOWN, COUNT, HANDLE, POWER, ERROR_TEXT, N_NEEDED };

typedef void *nvml_device;

struct nvml {
    struct mb_energy_meter meter;
    mb_lazy_function f[N_NEEDED];
    mb_lazy_function energy; /* or NULL: a library from before Volta */
    bool started;
    nvml_device card[CARDS_MAX];
};

extern const struct mb_collector_ops mb_collector_nvml;

static int get_energy(const struct nvml *s, nvml_device card, int64_t *mj)
{
    unsigned long long value = 0;
    const int rc = s->energy ? ((int (*)(nvml_device, unsigned long long *))s->energy)(card, &value) : -1;
    *mj = (int64_t)value;
    return rc;
}

static int get_power(const struct nvml *s, nvml_device card, int64_t *mw)
{
    unsigned value = 0;
    const int rc = ((int (*)(nvml_device, unsigned *))s->f[POWER])(card, &value);
    *mw = value;
    return rc;
}

static bool read_card(void *user, size_t i, int64_t *raw, uint64_t *t_ns)
{
    const struct nvml *s = user;
    (void)t_ns;
    return (s->meter.channels[i].kind == MB_ENERGY_COUNTER ? get_energy : get_power)(s, s->card[i], raw) == NVML_SUCCESS;
}

static const char *error_text(const struct nvml *s, int rc)
{
    const char *text = ((const char *(*)(int))s->f[ERROR_TEXT])(rc);
    return text ? text : "no reason given";
}

static int load(struct nvml *s, const char *root, struct mb_error *err)
{
    static const char *const needed[N_NEEDED] = {"nvmlInit_v2", "nvmlShutdown", "nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2",
                                                 "nvmlDeviceGetPowerUsage", "nvmlErrorString"};
    static const char *const energy[] = {"nvmlDeviceGetTotalEnergyConsumption"};
    char path[256];
    snprintf(path, sizeof(path), "%s%s", root, root[0] ? "/lib/" LIBRARY : LIBRARY);
    const char *const files[] = {path, NULL};
    struct mb_lazy_library library = {"energy of NVIDIA cards", "libnvidia-ml1", files, needed, N_NEEDED};
    const int rc = mb_lazy_load(&library, s->f, err);
    if (rc)
        return rc;
    library.names = energy;
    library.n = 1;
    if (mb_lazy_load(&library, &s->energy, NULL))
        s->energy = NULL;
    return MB_OK;
}

static void add_card(struct nvml *s, unsigned number, int *last_error)
{
    nvml_device card = NULL;
    int64_t value;
    *last_error = ((int (*)(unsigned, nvml_device *))s->f[HANDLE])(number, &card);
    if (*last_error != NVML_SUCCESS)
        return;
    const bool counter = get_energy(s, card, &value) == NVML_SUCCESS;
    *last_error = counter ? NVML_SUCCESS : get_power(s, card, &value);
    if (*last_error != NVML_SUCCESS)
        return;
    struct mb_energy_channel *c = mb_energy_add(&s->meter);
    if (!c)
        return;
    s->card[s->meter.n - 1] = card;
    snprintf(c->scope, sizeof(c->scope), counter ? "gpu%u" : "gpu%u/power-1s-average", number);
    c->kind = counter ? MB_ENERGY_COUNTER : MB_ENERGY_POWER;
    c->scale = 1000; /* mJ, mW */
    c->rest_ns = REST_NS;
    c->update_ns = counter ? 0 : AVERAGED_NS;
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct nvml *s = state;
    unsigned n = 0;
    int rc = mb_collector_options_check(env->options, "error", err);
    rc = rc ? rc : mb_energy_init(&s->meter, "nvml", env, CARDS_MAX, err);
    rc = rc ? rc : load(s, env->root, err);
    if (rc)
        return rc;
    s->meter.read = read_card;
    s->meter.user = s;
    s->meter.no_total = "graphics cards only: what the processor and the rest took is not in it";
    int error = ((int (*)(void))s->f[INIT])();
    s->started = error == NVML_SUCCESS;
    if (s->started)
        error = ((int (*)(unsigned *))s->f[COUNT])(&n);
    if (error != NVML_SUCCESS)
        return mb_fail(err, MB_ENOTSUP, LIBRARY " is here but does not start: %.200s", error_text(s, error));
    for (unsigned i = 0; i < n; i++)
        add_card(s, i, &error);
    if (s->meter.n == 0 && n)
        return mb_fail(err, MB_ENOTSUP, LIBRARY " is here, but gives neither energy nor power of %u card%s (%.100s): usual on Jetson boards, "
                                        "whose rails ina3221 reads", n, n == 1 ? "" : "s", error_text(s, error));
    return s->meter.n ? mb_energy_any(&s->meter, found, err) : mb_fail(err, MB_ENOTSUP, LIBRARY " is here, but there is no card");
}

static int nvml_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_nvml, discover, env, why);
}

static int nvml_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

static void nvml_close(void *state)
{
    struct nvml *s = state;
    if (s->started)
        ((int (*)(void))s->f[SHUTDOWN])();
    s->started = false;
    mb_energy_release(&s->meter);
}

const struct mb_collector_ops mb_collector_nvml = {
    .abi = MB_COLLECTOR_ABI,
    .name = "nvml",
    .group = "energy",
    .summary = "energy of NVIDIA graphics cards (libnvidia-ml)",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct nvml),
    .metrics = mb_energy_metrics,
    .probe = nvml_probe,
    .open = nvml_open,
    .start = mb_energy_hook_start,
    .phase = mb_energy_hook_phase,
    .poll = mb_energy_hook_poll,
    .stop = mb_energy_hook_stop,
    .read = mb_energy_hook_read,
    .close = nvml_close,
};
