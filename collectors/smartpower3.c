/* smartpower3.c - ODROID SmartPower 3, a bench supply that measures what it delivers, over its USB serial line. Options:
 *   tty=PATH       the line, /dev/ttyUSB0 or better /dev/serial/by-id/...; without it the collector is not available
 *   baud=N         as set in its menu, 115200 is its default
 *   feeds=WHAT     what feeds the machine under test: 1, 2 (outputs), in (all it draws, itself included), or auto: the output that is on
 *   accuracy=P     limit of error in percent, a part of energy_error_uj; the meter does not tell it
 *   error=P        of the window rule (energy_meter.h)
 * A line is 79 characters: ms, then mV, mA, mW, on of the input, then mV, mA, mW, on, interrupts of output 1 and of output 2, then two
 * checksums in hex over all before them: two's complement of the sum, and exclusive or. A line that does not match is counted and left out.
 * (Format as read by energymon's osp3 driver; no such meter was at hand.) */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collectors/energy_collector.h"
#include "collectors/line_source.h"
#include "collectors/meter_log.h"
#include "collectors/options.h"
#include "collectors/serial_port.h"

#define FIELDS 15           /* before the checksums */
#define CHECKSUM_CHARS 5     /* "14,12" */
#define FIRST_LINE_MS 3000u  /* its slowest interval is 1 s */

enum { INPUT, OUTPUT_1, OUTPUT_2, CHANNELS };
static const char *const scopes[CHANNELS] = {"in", "output-1", "output-2"};

struct reading { uint32_t ms; double uw[CHANNELS]; bool on[CHANNELS]; };

struct smartpower3 {
    struct mb_meter_log log;
    struct mb_line_source lines;
    char tty[200], feeds[8];
    double baud;
    uint32_t last_ms;  /* of 32 bits: wraps after 49.7 days */
    uint64_t t_meter_ns;
    bool on[CHANNELS]; /* in the latest reading */
};

static int parse_options(struct smartpower3 *s, const char *text, struct mb_error *err)
{
    int rc = mb_collector_options_check(text, "tty baud feeds accuracy error", err);
    if (rc == MB_OK)
        rc = mb_collector_option_number(text, "baud", 1200, 2e6, 115200, &s->baud, err);
    if (rc)
        return rc;
    if (!mb_collector_option_text(text, "feeds", s->feeds, sizeof(s->feeds)))
        snprintf(s->feeds, sizeof(s->feeds), "auto");
    if (strcmp(s->feeds, "auto") && strcmp(s->feeds, "in") && strcmp(s->feeds, "1") && strcmp(s->feeds, "2"))
        return mb_fail(err, MB_EINVAL, "option 'feeds=%s': 1, 2, in or auto", s->feeds);
    return mb_collector_option_text(text, "tty", s->tty, sizeof(s->tty))
               ? MB_OK
               : mb_fail(err, MB_ENOTSUP, "not asked for: name its serial line, smartpower3:tty=/dev/ttyUSB0");
}

/* The checksums are over everything before them, the comma too. */
static bool checksums_match(const char *line, size_t n)
{
    unsigned sum = 0, xor = 0;
    for (size_t i = 0; i < n - CHECKSUM_CHARS; i++) {
        sum += (unsigned char)line[i];
        xor ^= (unsigned char)line[i];
    }
    char want[8];
    snprintf(want, sizeof(want), "%02x,%02x", (0u - sum) & 0xffu, xor & 0xffu);
    return strcmp(line + n - CHECKSUM_CHARS, want) == 0;
}

static bool parse_line(const char *line, struct reading *r)
{
    const size_t n = strlen(line);
    unsigned long field[FIELDS];
    if (n < 40 || !checksums_match(line, n))
        return false;
    const char *p = line;
    for (size_t i = 0; i < FIELDS; i++) {
        char *end;
        const bool hex = i == 9 || i == 14; /* interrupts */
        field[i] = strtoul(p, &end, hex ? 16 : 10);
        if (end == p || *end != ',')
            return false;
        p = end + 1;
    }
    if (p != line + n - CHECKSUM_CHARS || field[0] > UINT32_MAX)
        return false;
    r->ms = (uint32_t)field[0];
    for (size_t i = 0; i < CHANNELS; i++) {
        const unsigned long *f = &field[i == INPUT ? 1 : i == OUTPUT_1 ? 5 : 10];
        r->uw[i] = (double)f[2] * 1000.0;
        r->on[i] = f[3] != 0;
    }
    return true;
}

static bool take_first(void *user, char *line)
{
    struct smartpower3 *s = user;
    struct reading r;
    if (!parse_line(line, &r))
        return false;
    memcpy(s->on, r.on, sizeof(s->on));
    return true;
}

static int smartpower3_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct smartpower3 s = {0};
    int rc = parse_options(&s, env->options, why);
    if (rc == MB_OK)
        rc = mb_serial_probe(s.tty, why);
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "serial line %s", s.tty);
    return rc;
}

static int smartpower3_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    struct smartpower3 *s = state;
    int rc = parse_options(s, env->options, err);
    if (rc)
        return rc;
    const int fd = mb_serial_open(s->tty, (unsigned)s->baud, err);
    if (fd < 0)
        return fd;
    mb_line_attach(&s->lines, fd);
    rc = mb_meter_log_open(&s->log, "smartpower3", env, scopes, CHANNELS, err);
    if (rc == MB_OK && mb_line_await(&s->lines, FIRST_LINE_MS, take_first, s, err))
        rc = mb_fail_context(err, "%s at %.0f baud", s->tty, s->baud);
    return rc;
}

static void smartpower3_start(void *state)
{
    struct smartpower3 *s = state;
    mb_line_drop(&s->lines, true);
    mb_meter_log_start(&s->log, mb_clock_ns());
}

static void take_line(struct smartpower3 *s, const char *line, uint64_t now_ns)
{
    struct reading r;
    if (!parse_line(line, &r)) {
        mb_meter_log_bad(&s->log);
        return;
    }
    const uint32_t step_ms = r.ms - s->last_ms;
    if (s->log.n_good == 0)
        s->t_meter_ns = now_ns; /* any beginning will do: the log lays it on our clock */
    else
        s->t_meter_ns += (uint64_t)(int64_t)(int32_t)step_ms * 1000000u;
    s->last_ms = r.ms;
    memcpy(s->on, r.on, sizeof(s->on));
    mb_meter_log_add(&s->log, s->t_meter_ns, now_ns, r.uw);
}

static void smartpower3_poll(void *state, uint64_t now_ns)
{
    struct smartpower3 *s = state;
    char *line;
    (void)now_ns;
    for (;;) {
        const enum mb_line kind = mb_line_next(&s->lines, &line);
        if (kind == MB_LINE_WHOLE)
            take_line(s, line, mb_clock_ns());
        else if (kind == MB_LINE_TOO_LONG)
            mb_meter_log_bad(&s->log);
        else {
            if (kind == MB_LINE_GONE)
                s->log.gone = MB_LINE_GONE_TEXT;
            return;
        }
    }
}

static void smartpower3_stop(void *state)
{
    struct smartpower3 *s = state;
    mb_meter_log_stop(&s->log, mb_clock_ns());
}

static int total_channel(const struct smartpower3 *s)
{
    const char *feeds = s->feeds;
    if (strcmp(feeds, "auto") != 0)
        return strcmp(feeds, "in") == 0 ? INPUT : feeds[0] == '1' ? OUTPUT_1 : OUTPUT_2;
    return s->on[OUTPUT_1] == s->on[OUTPUT_2] ? -1 : s->on[OUTPUT_1] ? OUTPUT_1 : OUTPUT_2;
}

static int smartpower3_read(void *state, struct mb_record *record, struct mb_error *err)
{
    struct smartpower3 *s = state;
    mb_meter_log_total(&s->log, total_channel(s), s->on[OUTPUT_1] ? "both outputs are on: say which feeds the machine, feeds=1 or feeds=2"
                                                                  : "no output is on: say what feeds the machine, feeds=1, 2 or in");
    return mb_meter_log_read(&s->log, record, err);
}

static void smartpower3_close(void *state)
{
    struct smartpower3 *s = state;
    mb_line_close(&s->lines);
    mb_meter_log_close(&s->log);
}

extern const struct mb_collector_ops mb_collector_smartpower3;
const struct mb_collector_ops mb_collector_smartpower3 = {
    .abi = MB_COLLECTOR_ABI,
    .name = "smartpower3",
    .group = "energy",
    .summary = "ODROID SmartPower 3 over its serial line: tty=PATH, baud=N, feeds=1|2|in|auto, accuracy=PERCENT, error=PERCENT",
    .flags = MB_COLLECTOR_POLLED | MB_COLLECTOR_NAMED,
    .state_size = sizeof(struct smartpower3),
    .metrics = mb_energy_metrics,
    .probe = smartpower3_probe,
    .open = smartpower3_open,
    .start = smartpower3_start,
    .phase = mb_energy_hook_phase,
    .poll = smartpower3_poll,
    .stop = smartpower3_stop,
    .read = smartpower3_read,
    .close = smartpower3_close,
};
