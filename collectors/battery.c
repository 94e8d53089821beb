/* battery.c - energy out of a battery, by its fuel gauge (kernel: Documentation/ABI/testing/sysfs-class-power): laptops and phones. Only while
 * it discharges: on mains it says nothing about what the machine uses. Per battery, as far as the files are there:
 *   NAME/energy   counter: energy_now (uWh = 3600 uJ), counting down
 *   NAME/charge   counter, where there is no energy_now: charge_now or charge_counter (uAh) times the voltage over which it flowed
 *   NAME/power    power: power_now (uW), else current_now x voltage_now with the device's profile (battery_profile.h)
 * Counters make the total; power stands in where the window is too short for them. Gauges say nowhere how often they update: it is seen in
 * the trial (energy_meter.h), and is seconds: runs of minutes are needed. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sysroot.h"
#include "collectors/battery_profile.h"
#include "collectors/energy_collector.h"
#include "collectors/options.h"

#define CLASS_DIR "/sys/class/power_supply"
#define BATTERIES_MAX 4
#define CHANNELS_MAX (2 * BATTERIES_MAX)
#define REST_NS 100000000u          /* a read may ask the embedded controller */
#define COUNT_DOWN_FROM (1ll << 50) /* uWh: what a counter that counts down is taken from */
#define UJ_PER_UWH 3600
#define UJ_PER_UAH_UV 3.6e-3

enum reading { READ_ENERGY, READ_CHARGE, READ_POWER, READ_CURRENT };

struct gauge { /* one channel */
    enum reading reading;
    struct mb_battery_profile profile;
    bool begun;
    double last_uah, last_uv, used_uj; /* READ_CHARGE */
};

struct supply {
    char name[32], status[24]; /* status when opened */
    int status_fd;             /* + 1 */
};

struct battery {
    struct mb_energy_meter meter;
    const char *root;
    char profile_name[200];
    struct gauge gauge[CHANNELS_MAX];
    struct supply supply[BATTERIES_MAX];
    size_t n_supplies;
    size_t spoiled_by;  /* + 1: the supply whose state changed in the trial */
    char became[24];
};

extern const struct mb_collector_ops mb_collector_battery;

static bool read_numbers(const struct mb_energy_channel *c, double v[2])
{
    for (int i = 0; i < 2; i++) {
        int64_t number = 0;
        if (c->fd[i] && mb_sys_pread_i64(c->fd[i] - 1, &number))
            return false;
        v[i] = (double)number;
    }
    return true;
}

/* Charge that left times the mean of the voltages at both ends of the step. */
static bool add_charge(struct gauge *g, double uah, double uv)
{
    if (g->begun)
        g->used_uj += (g->last_uah - uah) * (g->last_uv + uv) / 2 * UJ_PER_UAH_UV;
    g->begun = true;
    g->last_uah = uah;
    g->last_uv = uv;
    return true;
}

static bool read_gauge(void *user, size_t i, int64_t *raw, uint64_t *t_ns)
{
    struct battery *b = user;
    struct gauge *g = &b->gauge[i];
    double v[2];
    (void)t_ns;
    if (!read_numbers(&b->meter.channels[i], v))
        return false;
    switch (g->reading) {
    case READ_ENERGY:
        *raw = COUNT_DOWN_FROM - (int64_t)v[0];
        return true;
    case READ_CHARGE:
        add_charge(g, v[0], v[1]);
        *raw = COUNT_DOWN_FROM + llround(g->used_uj);
        return true;
    case READ_POWER:
        *raw = llabs((long long)v[0]);
        return true;
    default:
        *raw = llround(fabs(v[0]) * g->profile.current_ua_per_unit * v[1] * 1e-6);
        return v[0] * g->profile.current_sign >= 0; /* a current into the battery: not what the machine uses */
    }
}

static void path_of(char *path, size_t cap, const char *supply, const char *file)
{
    snprintf(path, cap, CLASS_DIR "/%s/%s", supply, file);
}

static bool has_number(const struct battery *b, const char *supply, const char *file)
{
    char path[128];
    int64_t value;
    path_of(path, sizeof(path), supply, file);
    return mb_sys_read_i64(b->root, path, &value, NULL) == MB_OK;
}

static struct mb_energy_channel *add_channel(struct battery *b, const char *supply, enum reading reading, const char *file,
                                             const char *second_file)
{
    static const char *const names[] = {"energy", "charge", "power", "power"};
    char path[128];
    struct mb_energy_channel *c = mb_energy_add(&b->meter);
    if (!c)
        return NULL;
    b->gauge[b->meter.n - 1].reading = reading;
    snprintf(c->scope, sizeof(c->scope), "%s/%s", supply, names[reading]);
    c->kind = reading == READ_ENERGY || reading == READ_CHARGE ? MB_ENERGY_COUNTER : MB_ENERGY_POWER;
    c->scale = reading == READ_ENERGY ? UJ_PER_UWH : 1;
    c->rest_ns = REST_NS;
    c->watch_moves = true;
    path_of(path, sizeof(path), supply, file);
    mb_energy_open_fd(c, 0, b->root, path, "run as root");
    if (second_file) {
        path_of(path, sizeof(path), supply, second_file);
        mb_energy_open_fd(c, 1, b->root, path, "run as root");
    }
    return c;
}

static void add_counter(struct battery *b, const char *supply, bool in_total)
{
    static const char *const charges[] = {"charge_now", "charge_counter"};
    struct mb_energy_channel *c = NULL;
    if (has_number(b, supply, "energy_now"))
        c = add_channel(b, supply, READ_ENERGY, "energy_now", NULL);
    for (size_t i = 0; !c && i < 2; i++)
        if (has_number(b, supply, charges[i]) && has_number(b, supply, "voltage_now"))
            c = add_channel(b, supply, READ_CHARGE, charges[i], "voltage_now");
    if (c)
        c->total_set = in_total;
}

static int add_power(struct battery *b, const char *supply, bool in_total, struct mb_error *err)
{
    struct mb_energy_channel *c = NULL;
    if (has_number(b, supply, "power_now")) {
        c = add_channel(b, supply, READ_POWER, "power_now", NULL);
    } else if (has_number(b, supply, "current_now") && has_number(b, supply, "voltage_now")) {
        struct mb_error why = {0};
        c = add_channel(b, supply, READ_CURRENT, "current_now", "voltage_now");
        const int rc = c ? mb_battery_profile_find(b->profile_name, supply, b->root, &b->gauge[b->meter.n - 1].profile, &why) : MB_OK;
        if (rc == MB_EINVAL)
            return mb_fail(err, rc, "%s", why.text);
        if (rc)
            snprintf(c->reason, sizeof(c->reason), "%.230s", why.text);
    }
    if (c)
        c->total_set = in_total ? 2 : 0;
    return MB_OK;
}

/* A battery that the machine runs on: not a mouse's, and there. */
static bool is_battery(const struct battery *b, const char *name)
{
    char path[128], text[32];
    int64_t present = 1;
    path_of(path, sizeof(path), name, "type");
    if (mb_sys_read_text(b->root, path, text, sizeof(text), NULL) || strcmp(text, "Battery") != 0)
        return false;
    path_of(path, sizeof(path), name, "scope");
    if (mb_sys_read_text(b->root, path, text, sizeof(text), NULL) == MB_OK && strcmp(text, "Device") == 0)
        return false;
    path_of(path, sizeof(path), name, "present");
    return mb_sys_read_i64(b->root, path, &present, NULL) || present != 0;
}

static int add_supply(struct battery *b, const char *name, struct mb_error *err)
{
    char path[128];
    if (b->n_supplies == BATTERIES_MAX || strlen(name) >= sizeof(b->supply[0].name) || !is_battery(b, name))
        return MB_OK;
    struct supply *s = &b->supply[b->n_supplies];
    path_of(path, sizeof(path), name, "status");
    const int fd = mb_sys_open(b->root, path, NULL);
    if (fd < 0)
        return MB_OK;
    b->n_supplies++;
    s->status_fd = fd + 1;
    snprintf(s->name, sizeof(s->name), "%s", name);
    if (mb_sys_pread_text(fd, s->status, sizeof(s->status)) < 0)
        s->status[0] = '\0';
    const bool discharging = strcmp(s->status, "Discharging") == 0;
    if (!discharging)
        return MB_OK;
    add_counter(b, name, discharging);
    return add_power(b, name, discharging, err);
}

static int add_supplies(struct battery *b, struct mb_error *err)
{
    char **names;
    size_t n;
    int rc = MB_OK;
    if (mb_sys_list(b->root, CLASS_DIR, "", &names, &n, NULL))
        return mb_fail(err, MB_ENOTSUP, "no " CLASS_DIR ": no battery here");
    for (size_t i = 0; rc == MB_OK && i < n; i++)
        rc = add_supply(b, names[i], err);
    mb_sys_list_free(names, n);
    if (rc)
        return rc;
    if (b->n_supplies == 0)
        return mb_fail(err, MB_ENOTSUP, CLASS_DIR ": no battery that runs this machine");
    for (size_t i = 0; i < b->n_supplies; i++)
        if (strcmp(b->supply[i].status, "Discharging") == 0)
            return b->meter.n ? MB_OK : mb_fail(err, MB_ENOTSUP, "%s has no energy, charge, power or current to read", b->supply[i].name);
    return mb_fail(err, MB_ENOTSUP, "%s is '%s', not discharging: unplug the charger (on mains a battery does not show what the machine uses)",
                   b->supply[0].name, b->supply[0].status);
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct battery *b = state;
    int rc = mb_collector_options_check(env->options, "error profile", err);
    rc = rc ? rc : mb_energy_init(&b->meter, "battery", env, CHANNELS_MAX, err);
    if (rc)
        return rc;
    b->root = env->root;
    b->meter.read = read_gauge;
    b->meter.user = b;
    b->meter.no_total = "no battery counts energy or charge";
    mb_collector_option_text(env->options, "profile", b->profile_name, sizeof(b->profile_name));
    rc = add_supplies(b, err);
    return rc ? rc : mb_energy_any(&b->meter, found, err);
}

/* Any change of any battery's state spoils the trial: power may have come from elsewhere, or gone into a battery. */
static void check_status(struct battery *b)
{
    for (size_t i = 0; !b->spoiled_by && i < b->n_supplies; i++) {
        const struct supply *s = &b->supply[i];
        if (mb_sys_pread_text(s->status_fd - 1, b->became, sizeof(b->became)) < 0)
            b->became[0] = '\0';
        if (strcmp(b->became, s->status) != 0)
            b->spoiled_by = i + 1;
    }
}

static int battery_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_battery, discover, env, why);
}

static int battery_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

static void battery_start(void *state)
{
    struct battery *b = state;
    b->spoiled_by = 0;
    check_status(b);
    mb_energy_start(&b->meter);
}

static void battery_poll(void *state, uint64_t now_ns)
{
    struct battery *b = state;
    if (b->meter.n && now_ns >= b->meter.channels[0].t_next_ns)
        check_status(b);
    mb_energy_poll(&b->meter, now_ns);
}

static void battery_stop(void *state)
{
    struct battery *b = state;
    check_status(b);
    mb_energy_stop(&b->meter);
}

static int battery_read(void *state, struct mb_record *record, struct mb_error *err)
{
    const struct battery *b = state;
    char veto[160];
    if (b->spoiled_by)
        snprintf(veto, sizeof(veto), "%s was '%s' and became '%s': the trial did not run on the battery alone",
                 b->supply[b->spoiled_by - 1].name, b->supply[b->spoiled_by - 1].status, b->became[0] ? b->became : "unreadable");
    return mb_energy_record(&b->meter, b->spoiled_by ? veto : NULL, record, err);
}

static void battery_close(void *state)
{
    struct battery *b = state;
    for (size_t i = 0; i < b->n_supplies; i++)
        close(b->supply[i].status_fd - 1);
    b->n_supplies = 0;
    mb_energy_release(&b->meter);
}

const struct mb_collector_ops mb_collector_battery = {
    .abi = MB_COLLECTOR_ABI,
    .name = "battery",
    .group = "energy",
    .summary = "energy out of a discharging battery: laptops, phones (profile=NAME or FILE: unit and sign of the current)",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct battery),
    .metrics = mb_energy_metrics,
    .probe = battery_probe,
    .open = battery_open,
    .start = battery_start,
    .phase = mb_energy_hook_phase,
    .poll = battery_poll,
    .stop = battery_stop,
    .read = battery_read,
    .close = battery_close,
};
