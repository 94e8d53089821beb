/* pi_pmic.c - the rails of the power chip of a Raspberry Pi 5 (firmware command pmic_read_adc): current x voltage of the instant, rail by
 * rail. Total = the sum of all rails. Not in it: the 5 V rail (USB, HAT, NVMe, fan) and what the chip itself loses: no sensor sees them.
 * Boards before the Pi 5 have no such chip. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/energy_collector.h"
#include "collectors/options.h"
#include "collectors/pmic_reply.h"
#include "collectors/vcio.h"

#define COMMAND "pmic_read_adc"
#define REST_NS 10000000u /* one answer has all rails, and takes the firmware's time */

struct pi_pmic {
    struct mb_energy_meter meter;
    int fd; /* + 1 */
    struct mb_pmic_rail rails[MB_PMIC_RAILS_MAX];
    size_t n_rails;
    uint64_t t_ns, t_next_ns; /* of the latest answer */
};

extern const struct mb_collector_ops mb_collector_pi_pmic;

static int ask(struct pi_pmic *p)
{
    char reply[MB_VCIO_REPLY_BYTES];
    const int rc = mb_vcio_command(p->fd - 1, COMMAND, reply);
    p->t_ns = mb_clock_ns();
    p->n_rails = rc ? 0 : mb_pmic_parse(reply, p->rails);
    return rc;
}

static const struct mb_pmic_rail *whole_rail(const struct pi_pmic *p, const char *name)
{
    for (size_t i = 0; i < p->n_rails; i++)
        if (strcmp(p->rails[i].name, name) == 0 && p->rails[i].has_amps && p->rails[i].has_volts)
            return &p->rails[i];
    return NULL;
}

static bool read_rail(void *user, size_t i, int64_t *raw, uint64_t *t_ns)
{
    const struct pi_pmic *p = user;
    const struct mb_pmic_rail *rail = whole_rail(p, p->meter.channels[i].scope);
    *t_ns = p->t_ns;
    if (rail)
        *raw = llround(rail->amps * rail->volts * 1e6);
    return rail != NULL;
}

static int discover(void *state, const struct mb_collect_env *env, struct mb_error *found, struct mb_error *err)
{
    struct pi_pmic *p = state;
    int rc = mb_collector_options_check(env->options, "error", err);
    rc = rc ? rc : mb_energy_init(&p->meter, "pi_pmic", env, MB_PMIC_RAILS_MAX, err);
    if (rc)
        return rc;
    p->meter.read = read_rail;
    p->meter.user = p;
    const int fd = mb_vcio_open(env->root, err);
    if (fd < 0)
        return fd;
    p->fd = fd + 1;
    if (ask(p))
        return mb_fail(err, MB_ENOTSUP, "the firmware does not answer to " COMMAND ": only the Raspberry Pi 5 has these sensors");
    for (size_t i = 0; i < p->n_rails; i++) {
        if (!whole_rail(p, p->rails[i].name))
            continue;
        struct mb_energy_channel *c = mb_energy_add(&p->meter);
        snprintf(c->scope, sizeof(c->scope), "%s", p->rails[i].name);
        c->kind = MB_ENERGY_POWER;
        c->total_set = 1;
    }
    if (p->meter.n == 0)
        return mb_fail(err, MB_ENOTSUP, "the firmware's answer to " COMMAND " names no rail with current and voltage");
    return mb_energy_any(&p->meter, found, err);
}

static int pi_pmic_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    return mb_energy_hook_probe(&mb_collector_pi_pmic, discover, env, why);
}

static int pi_pmic_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    return mb_energy_hook_open(state, discover, env, err);
}

static void pi_pmic_start(void *state)
{
    struct pi_pmic *p = state;
    p->t_next_ns = 0;
    mb_energy_start(&p->meter);
}

static void pi_pmic_poll(void *state, uint64_t now_ns)
{
    struct pi_pmic *p = state;
    if (now_ns < p->t_next_ns)
        return;
    p->t_next_ns = now_ns + REST_NS - REST_NS / 8;
    (void)ask(p); /* no answer: every rail fails to read, and is counted */
    mb_energy_poll(&p->meter, now_ns);
}

static void pi_pmic_stop(void *state)
{
    struct pi_pmic *p = state;
    (void)ask(p);
    mb_energy_stop(&p->meter);
}

static void pi_pmic_close(void *state)
{
    struct pi_pmic *p = state;
    if (p->fd)
        close(p->fd - 1);
    p->fd = 0;
    mb_energy_release(&p->meter);
}

const struct mb_collector_ops mb_collector_pi_pmic = {
    .abi = MB_COLLECTOR_ABI,
    .name = "pi_pmic",
    .group = "energy",
    .summary = "power rails of a Raspberry Pi 5; the 5 V rail (USB, HAT, NVMe, fan) has no sensor",
    .flags = MB_COLLECTOR_POLLED,
    .state_size = sizeof(struct pi_pmic),
    .metrics = mb_energy_metrics,
    .probe = pi_pmic_probe,
    .open = pi_pmic_open,
    .start = pi_pmic_start,
    .phase = mb_energy_hook_phase,
    .poll = pi_pmic_poll,
    .stop = pi_pmic_stop,
    .read = mb_energy_hook_read,
    .close = pi_pmic_close,
};
