/* odpm.c - the on-device power monitor of Pixel phones (6 and later): /sys/bus/iio/devices/iio:deviceN with a name like s2mpg1x-odpm. One file
 * a chip, energy_value, counts uWs per rail and says when (odpm_text.h): energy and power refer to the chip's own times. Rails are reported
 * one by one; which of them add up differs from phone to phone: no total. Root, or the shell where the phone allows it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "collectors/energy_collector.h"
#include "collectors/odpm_text.h"
#include "collectors/options.h"

#define IIO_DIR "/sys/bus/iio/devices"
#define CHIPS_MAX 4
#define TEXT_BYTES 2048
#define REST_NS 20000000u /* a read goes to the chip */

struct chip {
    int fd; /* + 1 */
    struct mb_odpm_rail rails[MB_ODPM_RAILS_MAX]; /* of the latest read */
    size_t n;
};

struct odpm {
    struct mb_energy_meter meter;
    struct chip chip[CHIPS_MAX];
    size_t n_chips;
    struct { size_t chip; char name[40]; uint64_t begin_ms, begin_ns; } rail[CHIPS_MAX * MB_ODPM_RAILS_MAX];
    uint64_t t_ns, t_next_ns; /* of the latest read of all */
};

extern const struct mb_collector_ops mb_collector_odpm;

static void read_chip(struct chip *c)
{
    char text[TEXT_BYTES];
    const int n = mb_sys_pread_text(c->fd - 1, text, sizeof(text) - 1);
    if (n > 0 && n < TEXT_BYTES - 2)
        memcpy(text + n, "\n", 2); /* pread cut it off with the blanks; a full buffer is a text that goes on */
    c->n = n > 0 ? mb_odpm_parse(text, c->rails) : 0;
}

static void read_all(struct odpm *o)
{
    for (size_t i = 0; i < o->n_chips; i++)
        read_chip(&o->chip[i]);
    o->t_ns = mb_clock_ns();
}

/* The chip's milliseconds on our clock: both agree where the trial begins. */
static bool read_rail(void *user, size_t i, int64_t *raw, uint64_t *t_ns)
{
    struct odpm *o = user;
    const struct chip *c = &o->chip[o->rail[i].chip];
    for (size_t k = 0; k < c->n; k++) {
        const struct mb_odpm_rail *rail = &c->rails[k];
        if (strcmp(rail->name, o->rail[i].name) != 0)
            continue;
        if (o->rail[i].begin_ns == 0) {
            o->rail[i].begin_ns = o->t_ns;
            o->rail[i].begin_ms = rail->t_ms;
        }
        if (rail->t_ms < o->rail[i].begin_ms || rail->uws > INT64_MAX)
            return false;
        *raw = (int64_t)rail->uws;
        *t_ns = rail->t_ms ? o->rail[i].begin_ns + (rail->t_ms - o->rail[i].begin_ms) * 1000000u : o->t_ns;
        return true;
    }
    return false;
}

static void add_rail(struct odpm *o, size_t i_chip, const char *name)
{
    char scope[64];
    snprintf(scope, sizeof(scope), "%s", name);
    if (mb_energy_has_scope(&o->meter, scope))
        snprintf(scope, sizeof(scope), "%s@%zu", name, i_chip);
    struct mb_energy_channel *c = mb_energy_add(&o->meter);
    if (!c)
        return;
    snprintf(c->scope, sizeof(c->scope), "%s", scope);
    c->kind = MB_ENERGY_COUNTER;
    o->rail[o->meter.n - 1].chip = i_chip;
    snprintf(o->rail[o->meter.n - 1].name, sizeof(o->rail[0].name), "%s", name);
}

static void add_chip(struct odpm *o, const char *root, const char *device, struct mb_error *why)
{
    char path[128], name[64];
    snprintf(path, sizeof(path), IIO_DIR "/%.40s/name", device);
    if (o->n_chips == CHIPS_MAX || mb_sys_read_text(root, path, name, sizeof(name), NULL) || !strstr(name, "odpm"))
        return;
    snprintf(path, sizeof(path), IIO_DIR "/%.40s/energy_value", device);
    const int fd = mb_sys_open(root, path, why);
    if (fd < 0)
        return;
    struct chip *c = &o->chip[o->n_chips++];
    c->fd = fd + 1;
    read_chip(c);
    for (size_t i = 0; i < c->n; i++)
        add_rail(o, o->n_chips - 1, c->rails[i].name);
    if (c->n == 0)
        mb_fail(why, MB_EFORMAT, "%s names no rail with its energy", path);
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct odpm *o = state;
    struct mb_error why = {0};
    char **names;
    size_t n;
    int rc = mb_collector_options_check(env->options, "error", err);
    rc = rc ? rc : mb_energy_init(&o->meter, "odpm", env, CHIPS_MAX * MB_ODPM_RAILS_MAX, err);
    if (rc)
        return rc;
    o->meter.read = read_rail;
    o->meter.user = o;
    if (mb_sys_list(env->root, IIO_DIR, "iio:device", &names, &n, NULL) == MB_OK) {
        for (size_t i = 0; i < n; i++)
            add_chip(o, env->root, names[i], &why);
        mb_sys_list_free(names, n);
    }
    if (o->meter.n == 0 && why.text[0])
        return mb_fail(err, MB_ENOTSUP, "%.200s%s", why.text, why.code == MB_ENOTSUP ? "; run as root" : "");
    return o->meter.n ? mb_energy_any(&o->meter, found, err)
                      : mb_fail(err, MB_ENOTSUP, "no on-device power monitor under " IIO_DIR " (Pixel 6 and later have one)");
}

static int odpm_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_odpm, discover, env, why);
}

static int odpm_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

static void odpm_start(void *state)
{
    struct odpm *o = state;
    for (size_t i = 0; i < o->meter.n; i++)
        o->rail[i].begin_ns = 0;
    o->t_next_ns = 0;
    read_all(o);
    mb_energy_start(&o->meter);
}

static void odpm_poll(void *state, uint64_t now_ns)
{
    struct odpm *o = state;
    if (now_ns < o->t_next_ns)
        return;
    o->t_next_ns = now_ns + REST_NS - REST_NS / 8;
    read_all(o);
    mb_energy_poll(&o->meter, now_ns);
}

static void odpm_stop(void *state)
{
    struct odpm *o = state;
    read_all(o);
    mb_energy_stop(&o->meter);
}

static void odpm_close(void *state)
{
    struct odpm *o = state;
    for (size_t i = 0; i < o->n_chips; i++)
        close(o->chip[i].fd - 1);
    o->n_chips = 0;
    mb_energy_release(&o->meter);
}

const struct mb_collector_ops mb_collector_odpm = {
    .abi = MB_COLLECTOR_ABI,
    .name = "odpm",
    .group = "energy",
    .summary = "energy rails of a Pixel phone's on-device power monitor",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct odpm),
    .metrics = mb_energy_metrics,
    .probe = odpm_probe,
    .open = odpm_open,
    .start = odpm_start,
    .phase = mb_energy_hook_phase,
    .poll = odpm_poll,
    .stop = odpm_stop,
    .read = mb_energy_hook_read,
    .close = odpm_close,
};
