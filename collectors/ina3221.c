/* ina3221.c - the rails of INA3221 power monitors, as NVIDIA's Jetson boards have them. Two drivers:
 *   ina3221 (mainline, JetPack 5 and later)  /sys/bus/i2c/drivers/ina3221/B-AAAA/hwmon/hwmonN/{inK_label,inK_input mV,currK_input mA}, K = 1..3
 *   ina3221x (JetPack 4 and earlier)         /sys/bus/i2c/drivers/ina3221x/B-AAAA/iio:deviceN/{rail_name_K,in_powerK_input mW}, K = 0..2
 * mV x mA of the same instant is uW. A rail labelled NC is not connected. rail_sets.def knows which rails make up a board's total. */
#include <stdio.h>
#include <string.h>

#include "base/sysroot.h"
#include "collectors/energy_collector.h"
#include "collectors/options.h"
#include "collectors/rail_sets.h"

#define DRIVERS_DIR "/sys/bus/i2c/drivers"
#define RAILS_MAX 32
#define RAILS_PER_CHIP 3

struct ina3221 {
    struct mb_energy_meter meter;
    const char *root;
    char no_total[200];
};

extern const struct mb_collector_ops mb_collector_ina3221;

static struct mb_energy_channel *add_rail(struct ina3221 *s, const char *label, const char *chip, int number)
{
    char scope[64];
    if (strcmp(label, "NC") == 0)
        return NULL;
    if (label[0] && !mb_energy_has_scope(&s->meter, label))
        snprintf(scope, sizeof(scope), "%s", label);
    else
        snprintf(scope, sizeof(scope), "%.20s/%d", chip, number);
    struct mb_energy_channel *c = mb_energy_add(&s->meter);
    if (!c)
        return NULL;
    snprintf(c->scope, sizeof(c->scope), "%s", scope);
    c->kind = MB_ENERGY_POWER;
    return c;
}

/* Neither a label nor a value: the driver offers no such channel. */
static bool is_there(const struct ina3221 *s, const char *label, const char *value_path)
{
    int64_t value;
    return label[0] || mb_sys_read_i64(s->root, value_path, &value, NULL) == MB_OK;
}

static void add_hwmon_rails(struct ina3221 *s, const char *dir, const char *chip)
{
    char path[256], label[40];
    int64_t update_ms = 0;
    snprintf(path, sizeof(path), "%s/update_interval", dir);
    if (mb_sys_read_i64(s->root, path, &update_ms, NULL) || update_ms < 0 || update_ms > 60000)
        update_ms = 0;
    for (int k = 1; k <= RAILS_PER_CHIP; k++) {
        snprintf(path, sizeof(path), "%s/in%d_label", dir, k);
        if (mb_sys_read_text(s->root, path, label, sizeof(label), NULL))
            label[0] = '\0';
        snprintf(path, sizeof(path), "%s/in%d_input", dir, k);
        struct mb_energy_channel *c = is_there(s, label, path) ? add_rail(s, label, chip, k) : NULL;
        if (!c)
            continue;
        c->update_ns = c->rest_ns = (uint64_t)update_ms * 1000000u;
        mb_energy_open_fd(c, 0, s->root, path, "run as root");
        snprintf(path, sizeof(path), "%s/curr%d_input", dir, k);
        mb_energy_open_fd(c, 1, s->root, path, "run as root");
    }
}

static void add_iio_rails(struct ina3221 *s, const char *dir, const char *chip)
{
    char path[256], label[40];
    for (int k = 0; k < RAILS_PER_CHIP; k++) {
        snprintf(path, sizeof(path), "%s/rail_name_%d", dir, k);
        if (mb_sys_read_text(s->root, path, label, sizeof(label), NULL))
            label[0] = '\0';
        snprintf(path, sizeof(path), "%s/in_power%d_input", dir, k);
        struct mb_energy_channel *c = is_there(s, label, path) ? add_rail(s, label, chip, k) : NULL;
        if (!c)
            continue;
        c->scale = 1000; /* mW */
        mb_energy_open_fd(c, 0, s->root, path, "run as root");
    }
}

/* Calls @add for each folder of @dir that begins with @prefix. */
static void each_folder(struct ina3221 *s, const char *dir, const char *prefix, const char *chip,
                        void (*add)(struct ina3221 *s, const char *dir, const char *chip))
{
    char **names, path[224];
    size_t n;
    if (mb_sys_list(s->root, dir, prefix, &names, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%.160s/%.40s", dir, names[i]);
        add(s, path, chip);
    }
    mb_sys_list_free(names, n);
}

static void add_chip(struct ina3221 *s, const char *driver, const char *chip)
{
    char dir[160];
    if (!strchr(chip, '-')) /* bind, uevent, ...: a device is called 1-0040 */
        return;
    snprintf(dir, sizeof(dir), DRIVERS_DIR "/%s/%.40s/hwmon", driver, chip);
    each_folder(s, dir, "hwmon", chip, add_hwmon_rails);
    snprintf(dir, sizeof(dir), DRIVERS_DIR "/%s/%.40s", driver, chip);
    each_folder(s, dir, "iio:device", chip, add_iio_rails);
}

static void find_chips(struct ina3221 *s, const char *driver)
{
    char dir[64], **chips;
    size_t n;
    snprintf(dir, sizeof(dir), DRIVERS_DIR "/%s", driver);
    if (mb_sys_list(s->root, dir, "", &chips, &n, NULL))
        return;
    for (size_t i = 0; i < n; i++)
        add_chip(s, driver, chips[i]);
    mb_sys_list_free(chips, n);
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct ina3221 *s = state;
    int rc = mb_collector_options_check(env->options, "error", err);
    rc = rc ? rc : mb_energy_init(&s->meter, "ina3221", env, RAILS_MAX, err);
    if (rc)
        return rc;
    s->root = env->root;
    find_chips(s, "ina3221");
    find_chips(s, "ina3221x");
    if (s->meter.n == 0)
        return mb_fail(err, MB_ENOTSUP, "no INA3221 power monitor with a connected rail under " DRIVERS_DIR " (Jetson boards have them; the "
                                        "Nano 2GB has none)");
    mb_rail_set_choose(&s->meter, env->root, s->no_total, sizeof(s->no_total));
    return mb_energy_any(&s->meter, found, err);
}

static int ina3221_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_ina3221, discover, env, why);
}

static int ina3221_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

const struct mb_collector_ops mb_collector_ina3221 = {
    .abi = MB_COLLECTOR_ABI,
    .name = "ina3221",
    .group = "energy",
    .summary = "power rails of INA3221 monitors (NVIDIA Jetson), the module's total by board",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct ina3221),
    .metrics = mb_energy_metrics,
    .probe = ina3221_probe,
    .open = ina3221_open,
    .start = mb_energy_hook_start,
    .phase = mb_energy_hook_phase,
    .poll = mb_energy_hook_poll,
    .stop = mb_energy_hook_stop,
    .read = mb_energy_hook_read,
    .close = mb_energy_hook_close,
};
