/* hwmon_channels.c - see hwmon_channels.h. */
#include "collectors/hwmon_channels.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sysroot.h"

#define CLASS_DIR "/sys/class/hwmon"
#define NUMBER_MAX 64 /* channel numbers on one chip */

struct chip {
    const char *root;
    char dir[96];   /* CLASS_DIR "/hwmonN" */
    char name[32];
    uint64_t update_ns;
    bool has_energy[NUMBER_MAX], has_power[NUMBER_MAX], has_average[NUMBER_MAX], has_in[NUMBER_MAX], has_curr[NUMBER_MAX];
    bool any_power;
};

static void mark(bool *row, const char *file, const char *prefix, const char *suffix)
{
    const size_t n = strlen(prefix);
    char *end;
    if (strncmp(file, prefix, n) != 0 || file[n] < '0' || file[n] > '9')
        return;
    const unsigned long number = strtoul(file + n, &end, 10);
    if (number < NUMBER_MAX && strcmp(end, suffix) == 0)
        row[number] = true;
}

static int scan_chip(struct chip *c, const char *root, const char *entry)
{
    char path[128], text[32];
    char **names;
    size_t n;
    memset(c, 0, sizeof(*c));
    c->root = root;
    snprintf(c->dir, sizeof(c->dir), CLASS_DIR "/%.40s", entry);
    const int rc = mb_sys_list(root, c->dir, "", &names, &n, NULL);
    if (rc)
        return rc;
    for (size_t i = 0; i < n; i++) {
        mark(c->has_energy, names[i], "energy", "_input");
        mark(c->has_power, names[i], "power", "_input");
        mark(c->has_average, names[i], "power", "_average");
        mark(c->has_in, names[i], "in", "_input");
        mark(c->has_curr, names[i], "curr", "_input");
    }
    mb_sys_list_free(names, n);
    for (size_t i = 0; i < NUMBER_MAX; i++)
        c->any_power = c->any_power || c->has_power[i] || c->has_average[i];
    snprintf(path, sizeof(path), "%s/name", c->dir);
    if (mb_sys_read_text(root, path, c->name, sizeof(c->name), NULL) || !c->name[0])
        snprintf(c->name, sizeof(c->name), "%.31s", entry);
    int64_t update_ms = 0;
    snprintf(path, sizeof(path), "%s/update_interval", c->dir);
    if (mb_sys_read_i64(root, path, &update_ms, NULL) == MB_OK && update_ms > 0 && update_ms < 3600000)
        c->update_ns = (uint64_t)update_ms * 1000000u;
    snprintf(path, sizeof(path), "%s/device/type", c->dir); /* only a power supply's device has a type of this kind */
    const bool supply = mb_sys_read_text(root, path, text, sizeof(text), NULL) == MB_OK &&
                        (strcmp(text, "Battery") == 0 || strcmp(text, "Mains") == 0 || strcmp(text, "UPS") == 0 ||
                         strncmp(text, "USB", 3) == 0);
    return supply || strcmp(c->name, "ina3221") == 0 ? MB_ENOTSUP : MB_OK;
}

static void read_label(const struct chip *c, const char *prefix, size_t number, char *label, size_t cap)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s%zu_label", c->dir, prefix, number);
    if (mb_sys_read_text(c->root, path, label, cap, NULL))
        label[0] = '\0';
}

/* Label; else chip/attribute; with the entry's own number behind it where another channel has that name already. */
static void name_channel(const struct mb_energy_meter *m, const struct chip *c, const char *prefix, size_t number, const char *label,
                         char *scope, size_t cap)
{
    if (label[0])
        snprintf(scope, cap, "%.31s", label);
    else
        snprintf(scope, cap, "%.20s/%s%zu", c->name, prefix, number);
    if (mb_energy_has_scope(m, scope))
        snprintf(scope, cap, "%.20s/%s%zu@%.20s", c->name, prefix, number, c->dir + sizeof(CLASS_DIR));
}

static void open_attribute(struct mb_energy_channel *channel, int slot, const struct chip *c, const char *prefix, size_t number,
                           const char *suffix)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s%zu_%s", c->dir, prefix, number, suffix);
    mb_energy_open_fd(channel, slot, c->root, path, "run as root");
}

static void add_channel(struct mb_energy_meter *m, const struct chip *c, enum mb_energy_kind kind, const char *prefix, size_t number,
                        const char *suffix)
{
    char label[32], scope[64];
    read_label(c, prefix, number, label, sizeof(label));
    if (strcmp(label, "NC") == 0)
        return;
    name_channel(m, c, prefix, number, label, scope, sizeof(scope));
    struct mb_energy_channel *channel = mb_energy_add(m);
    if (!channel)
        return;
    snprintf(channel->scope, sizeof(channel->scope), "%s", scope);
    channel->kind = kind;
    channel->update_ns = channel->rest_ns = c->update_ns;
    channel->at_edges = true;
    open_attribute(channel, 0, c, prefix, number, suffix);
    if (strcmp(prefix, "in") == 0)
        open_attribute(channel, 1, c, "curr", number, "input");
}

/* Voltage and current of the same number belong together unless their labels say otherwise. */
static bool is_pair(const struct chip *c, size_t number)
{
    char in_label[32], curr_label[32];
    if (c->any_power || !c->has_in[number] || !c->has_curr[number])
        return false;
    read_label(c, "in", number, in_label, sizeof(in_label));
    read_label(c, "curr", number, curr_label, sizeof(curr_label));
    return !in_label[0] || !curr_label[0] || strcmp(in_label, curr_label) == 0;
}

static void add_chip(struct mb_energy_meter *m, const struct chip *c)
{
    for (size_t i = 0; i < NUMBER_MAX; i++) {
        if (c->has_energy[i])
            add_channel(m, c, MB_ENERGY_COUNTER, "energy", i, "input");
        else if (c->has_power[i])
            add_channel(m, c, MB_ENERGY_POWER, "power", i, "input");
        else if (c->has_average[i])
            add_channel(m, c, MB_ENERGY_POWER, "power", i, "average");
        else if (is_pair(c, i))
            add_channel(m, c, MB_ENERGY_POWER, "in", i, "input");
    }
}

/* i915 and xe count energy: the driver extends a 32-bit register and catches one wrap between reads, so polls must go on. */
static bool is_graphics(const char *chip)
{
    static const char *const drivers[] = {"amdgpu", "i915", "xe", "nouveau", "radeon"};
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
        if (strcmp(chip, drivers[i]) == 0)
            return true;
    return false;
}

int hwmon_channels_add(struct mb_energy_meter *m, const char *root, struct mb_error *err)
{
    char **names;
    size_t n;
    bool only_graphics = true;
    if (mb_sys_list(root, CLASS_DIR, "hwmon", &names, &n, NULL))
        return mb_fail(err, MB_ENOTSUP, "no " CLASS_DIR ": no hardware monitor here");
    for (size_t i = 0; i < n; i++) {
        struct chip c;
        const size_t n_before = m->n;
        if (scan_chip(&c, root, names[i]) == MB_OK)
            add_chip(m, &c);
        only_graphics = only_graphics && (m->n == n_before || is_graphics(c.name));
    }
    mb_sys_list_free(names, n);
    if (m->n == 0)
        return mb_fail(err, MB_ENOTSUP, CLASS_DIR ": %zu chip%s, none with power, energy, or voltage and current", n, n == 1 ? "" : "s");
    if (m->n + m->n_beyond > 1)
        return MB_OK;
    if (only_graphics)
        m->no_total = "a graphics card only: what the processor and the rest took is not in it";
    else
        m->channels[0].total_set = 1;
    return MB_OK;
}
