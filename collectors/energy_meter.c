/* energy_meter.c - see energy_meter.h. The trial: reads, wraps, phase edges; energy_report.c makes the figures. */
#include "collectors/energy_meter.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sysroot.h"
#include "collectors/options.h"

int mb_energy_init(struct mb_energy_meter *m, const char *source, const struct mb_collect_env *env, size_t cap, struct mb_error *err)
{
    double percent;
    memset(m, 0, sizeof(*m));
    const int rc = mb_collector_option_number(env->options, "error", 0.01, 100, MB_ENERGY_TARGET * 100, &percent, err);
    if (rc)
        return rc;
    m->source = source;
    m->origin = MB_ORIGIN_MEASURED;
    m->no_total = "several rails: no rule which add up";
    m->target = percent / 100;
    m->period_ns = env->period_ns;
    m->channels = calloc(cap, sizeof(*m->channels));
    m->cap = cap;
    return m->channels ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory");
}

struct mb_energy_channel *mb_energy_add(struct mb_energy_meter *m)
{
    if (m->n == m->cap) {
        m->n_beyond++;
        return NULL;
    }
    m->channels[m->n].scale = 1;
    return &m->channels[m->n++];
}

static void close_fds(struct mb_energy_channel *c)
{
    for (int i = 0; i < 2; i++) {
        if (c->fd[i])
            close(c->fd[i] - 1);
        c->fd[i] = 0;
    }
}

void mb_energy_open_fd(struct mb_energy_channel *c, int slot, const char *root, const char *path, const char *remedy)
{
    struct mb_error why = {0};
    int64_t value;
    if (c->reason[0])
        return;
    const int fd = mb_sys_open(root, path, &why);
    if (fd < 0)
        snprintf(c->reason, sizeof(c->reason), "%.120s%s%.100s", why.text, fd == MB_ENOTSUP ? "; " : "", fd == MB_ENOTSUP ? remedy : "");
    else if (mb_sys_pread_i64(fd, &value)) {
        snprintf(c->reason, sizeof(c->reason), "%.120s: no number to read", path);
        close(fd);
    } else
        c->fd[slot] = fd + 1;
    if (c->reason[0])
        close_fds(c);
}

bool mb_energy_has_scope(const struct mb_energy_meter *m, const char *scope)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->channels[i].scope, scope) == 0)
            return true;
    return false;
}

int mb_energy_any(const struct mb_energy_meter *m, struct mb_error *found, struct mb_error *err)
{
    char text[480] = "";
    size_t at = 0, n_open = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct mb_energy_channel *c = &m->channels[i];
        n_open += !c->reason[0];
        if (at < sizeof(text) - 100)
            at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s%s", i ? ", " : "", c->scope,
                                   c->reason[0]                    ? " (unreadable)"
                                   : c->kind == MB_ENERGY_COUNTER ? " (energy)"
                                                                   : " (power)");
    }
    if (n_open == 0)
        return mb_fail(err, MB_ENOTSUP, "%s", m->n ? m->channels[0].reason : "no channel");
    mb_fail(found, MB_OK, "%zu channel%s: %s", m->n, m->n == 1 ? "" : "s", text);
    return MB_OK;
}

int mb_energy_ready(struct mb_energy_meter *m, const struct mb_collect_env *env, struct mb_error *err)
{
    bool any_power = false;
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < m->n; i++) {
        if (m->channels[i].reason[0])
            continue;
        any_power = any_power || m->channels[i].kind == MB_ENERGY_POWER;
        rc = mb_series_init(&m->channels[i].power, env->max_samples, err);
    }
    if (rc || !any_power)
        return rc;
    m->intervals = calloc(MB_ENERGY_INTERVALS_MAX, sizeof(*m->intervals));
    return m->intervals ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory");
}

void mb_energy_release(struct mb_energy_meter *m)
{
    for (size_t i = 0; i < m->n; i++) {
        close_fds(&m->channels[i]);
        mb_series_release(&m->channels[i].power);
    }
    free(m->channels);
    free(m->intervals);
    memset(m, 0, sizeof(*m));
}

static bool read_raw(const struct mb_energy_meter *m, const struct mb_energy_channel *c, int64_t *raw, uint64_t *t_ns)
{
    int64_t v[2] = {0, 1};
    bool ok = true;
    *t_ns = 0;
    if (m->read) {
        ok = m->read(m->user, (size_t)(c - m->channels), raw, t_ns);
    } else {
        for (int i = 0; ok && i < 2; i++)
            ok = !c->fd[i] || mb_sys_pread_i64(c->fd[i] - 1, &v[i]) == MB_OK;
        ok = ok && !__builtin_mul_overflow(v[0], v[1], raw); /* mV x mA */
    }
    if (*t_ns == 0)
        *t_ns = mb_clock_ns();
    return ok && (c->kind == MB_ENERGY_POWER || (*raw >= 0 && (c->modulus == 0 || (uint64_t)*raw <= c->modulus)));
}

/* Counted since start. The counter's remainder is known from the total, so one atomic is all that polls and phases share. The total is
 * loaded before the read: it can then only be older than the reading, and the difference stays below one wrap. */
static struct mb_energy_stamp read_total(const struct mb_energy_meter *m, struct mb_energy_channel *c)
{
    const uint64_t before = atomic_load(&c->total);
    struct mb_energy_stamp s = {0};
    int64_t value;
    s.ok = read_raw(m, c, &value, &s.t_ns) && c->begin.ok;
    if (!s.ok)
        return s;
    const uint64_t raw = (uint64_t)value;
    if (c->modulus) {
        const uint64_t expected = (c->raw_begin + before) % c->modulus;
        s.total = before + (raw % c->modulus + c->modulus - expected) % c->modulus;
    } else if (raw >= c->raw_begin + before) {
        s.total = raw - c->raw_begin;
    } else {
        atomic_store(&c->went_back, true);
        s.ok = false;
    }
    return s;
}

static void start_channel(const struct mb_energy_meter *m, struct mb_energy_channel *c)
{
    mb_series_clear(&c->power);
    memset(c->phase_total, 0, sizeof(c->phase_total));
    memset(c->phase_broken, 0, sizeof(c->phase_broken));
    atomic_store(&c->total, 0);
    atomic_store(&c->went_back, false);
    c->integral = (struct mb_trapezoid){0};
    c->sum = c->sum_squares = 0;
    c->least = INFINITY;
    c->most = -INFINITY;
    c->n_reads = c->t_next_ns = c->longest_still_ns = 0;
    c->first_ok = c->last_ok = false;
    c->end = c->edge = c->begin = (struct mb_energy_stamp){0};
    if (c->kind == MB_ENERGY_COUNTER) {
        int64_t raw = 0;
        c->begin.ok = read_raw(m, c, &raw, &c->begin.t_ns);
        c->raw_begin = (uint64_t)raw;
    }
    c->shown = c->moved = c->begin;
}

void mb_energy_start(struct mb_energy_meter *m)
{
    m->tracker = (struct mb_phase_tracker){0};
    memset(m->phase_ns, 0, sizeof(m->phase_ns));
    memset(m->n_phases, 0, sizeof(m->n_phases));
    m->n_intervals = 0;
    for (size_t i = 0; i < m->n; i++)
        if (!m->channels[i].reason[0])
            start_channel(m, &m->channels[i]);
}

static void follow_moves(struct mb_energy_channel *c, const struct mb_energy_stamp *now)
{
    if (c->moved.ok && now->total == c->moved.total)
        return;
    if (c->moved.ok && now->t_ns - c->moved.t_ns > c->longest_still_ns)
        c->longest_still_ns = now->t_ns - c->moved.t_ns;
    c->moved = *now;
}

static void poll_counter(const struct mb_energy_meter *m, struct mb_energy_channel *c)
{
    const struct mb_energy_stamp now = read_total(m, c);
    if (!now.ok) {
        c->power.n_errors++;
        return;
    }
    atomic_store(&c->total, now.total);
    follow_moves(c, &now);
    /* Two reads close together would show the counter's own step as a spike: half a period is the least base of a difference. */
    if (now.t_ns <= c->shown.t_ns || now.t_ns - c->shown.t_ns < m->period_ns / 2 || now.t_ns - c->shown.t_ns < c->update_ns)
        return;
    const double uj = (double)(now.total - c->shown.total) * c->scale;
    mb_series_push(&c->power, now.t_ns, llround(uj * 1e9 / (double)(now.t_ns - c->shown.t_ns)));
    c->shown = now;
}

void mb_energy_take(struct mb_energy_channel *c, bool ok, uint64_t t_ns, int64_t raw)
{
    c->first_ok = c->n_reads == 0 ? ok : c->first_ok;
    c->last_ok = ok;
    c->n_reads++;
    if (!ok) {
        c->power.n_errors++;
        return;
    }
    const double value = (double)raw;
    const struct mb_energy_stamp now = {.ok = true, .t_ns = t_ns, .total = (uint64_t)raw};
    follow_moves(c, &now);
    mb_trapezoid_add(&c->integral, t_ns, value);
    c->sum += value;
    c->sum_squares += value * value;
    c->least = fmin(c->least, value);
    c->most = fmax(c->most, value);
    mb_series_push(&c->power, t_ns, llround(value * c->scale));
}

static void poll_power(const struct mb_energy_meter *m, struct mb_energy_channel *c)
{
    int64_t raw = 0;
    uint64_t t_ns;
    const bool ok = read_raw(m, c, &raw, &t_ns);
    mb_energy_take(c, ok, t_ns, raw);
}

static void poll_channel(const struct mb_energy_meter *m, struct mb_energy_channel *c, uint64_t now_ns)
{
    c->t_next_ns = now_ns + c->rest_ns - c->rest_ns / 8; /* not so late as to miss every other update */
    if (c->kind == MB_ENERGY_COUNTER)
        poll_counter(m, c);
    else
        poll_power(m, c);
}

void mb_energy_poll(struct mb_energy_meter *m, uint64_t now_ns)
{
    for (size_t i = 0; i < m->n; i++)
        if (!m->channels[i].reason[0] && now_ns >= m->channels[i].t_next_ns)
            poll_channel(m, &m->channels[i], now_ns);
}

static void phase_channel(const struct mb_energy_meter *m, struct mb_energy_channel *c, enum mb_phase ended)
{
    if (c->reason[0] || c->kind != MB_ENERGY_COUNTER || !c->at_edges)
        return;
    const struct mb_energy_stamp now = read_total(m, c);
    if (ended != MB_PHASE_NONE && now.ok && c->edge.ok)
        c->phase_total[ended] += now.total - c->edge.total;
    else if (ended != MB_PHASE_NONE)
        c->phase_broken[ended] = true;
    c->edge = now;
}

void mb_energy_phase(struct mb_energy_meter *m, const struct mb_event *event)
{
    enum mb_phase ended;
    if (!mb_phase_advance(&m->tracker, event, &ended))
        return;
    for (size_t i = 0; i < m->n; i++)
        phase_channel(m, &m->channels[i], ended);
    if (ended != MB_PHASE_NONE) {
        m->phase_ns[ended] += event->t_ns - m->t_edge_ns;
        m->n_phases[ended]++;
        if (m->intervals && m->n_intervals < MB_ENERGY_INTERVALS_MAX)
            m->intervals[m->n_intervals] = (struct mb_energy_interval){ended, m->t_edge_ns, event->t_ns};
        m->n_intervals++;
    }
    m->t_edge_ns = event->t_ns;
}

/* The endpoint is read whenever the source updated last. */
void mb_energy_stop(struct mb_energy_meter *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct mb_energy_channel *c = &m->channels[i];
        if (c->reason[0])
            continue;
        if (c->kind == MB_ENERGY_POWER) {
            poll_power(m, c);
            continue;
        }
        c->end = read_total(m, c);
        if (c->end.ok)
            follow_moves(c, &c->end);
    }
}
