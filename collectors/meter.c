/* meter.c - any meter that prints its readings as lines of numbers on a serial line: a microcontroller with an INA219 or INA226, a USB
 * power meter with a text log. Options:
 *   tty=PATH     the line; without it the collector is not available
 *   baud=N       115200
 *   format=F     columns separated by /: a unit each, or - for one to skip; V/A/W is the default. Known: s ms us (its own clock),
 *                V mV uV, A mA uA, W mW uW. Power is the W column where there is one, else V x A.
 *   accuracy=P   limit of error in percent (data sheet), a part of energy_error_uj
 *   error=P      of the window rule (energy_meter.h)
 * Columns may be separated by commas, semicolons, tabs or blanks. A line with another number of columns, or with something that is no
 * number, is counted as damaged and left out; one that begins with a letter or # (a heading, a comment) is passed over. Without a clock column
 * the readings that came within one poll are spread evenly over the time since the poll before. */
#include <ctype.h>
#include <math.h>
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

#define COLUMNS_MAX 16
#define FIRST_LINE_MS 3000u
#define BATCH_MAX 64 /* readings of one poll */
#define SEPARATORS ",;\t "

enum quantity { SKIP, SECONDS, VOLTS, AMPERES, WATTS, QUANTITIES };

struct column { enum quantity quantity; double scale; };

static const struct { const char *unit; struct column column; } units[] = {
    {"-", {SKIP, 1}},       {"s", {SECONDS, 1}},     {"ms", {SECONDS, 1e-3}}, {"us", {SECONDS, 1e-6}}, {"V", {VOLTS, 1}},
    {"mV", {VOLTS, 1e-3}},  {"uV", {VOLTS, 1e-6}},   {"A", {AMPERES, 1}},     {"mA", {AMPERES, 1e-3}}, {"uA", {AMPERES, 1e-6}},
    {"W", {WATTS, 1}},      {"mW", {WATTS, 1e-3}},   {"uW", {WATTS, 1e-6}},
};

struct meter {
    struct mb_meter_log log;
    struct mb_line_source lines;
    char tty[200], format[64];
    double baud;
    struct column columns[COLUMNS_MAX];
    size_t n_columns;
    bool given[QUANTITIES];
    double t_first_s; /* of its own clock, in this trial */
    uint64_t t_origin_ns, t_poll_ns;
};

static int add_column(struct meter *m, const char *unit, size_t n, struct mb_error *err)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].unit) != n || strncmp(units[i].unit, unit, n) != 0)
            continue;
        const enum quantity q = units[i].column.quantity;
        if (m->n_columns == COLUMNS_MAX || (q != SKIP && m->given[q]))
            break;
        m->columns[m->n_columns++] = units[i].column;
        m->given[q] = true;
        return MB_OK;
    }
    return mb_fail(err, MB_EINVAL, "option 'format=%s': at most %d columns separated by /, each once: s ms us V mV uV A mA uA W mW uW, or - to skip",
                   m->format, COLUMNS_MAX);
}

static int parse_options(struct meter *m, const char *text, struct mb_error *err)
{
    int rc = mb_collector_options_check(text, "tty baud format accuracy error", err);
    if (rc == MB_OK)
        rc = mb_collector_option_number(text, "baud", 1200, 2e6, 115200, &m->baud, err);
    if (!mb_collector_option_text(text, "format", m->format, sizeof(m->format)))
        snprintf(m->format, sizeof(m->format), "V/A/W");
    for (const char *p = m->format; rc == MB_OK && p;) {
        const size_t n = strcspn(p, "/");
        rc = add_column(m, p, n, err);
        p = p[n] ? p + n + 1 : NULL;
    }
    if (rc)
        return rc;
    if (!m->given[WATTS] && !(m->given[VOLTS] && m->given[AMPERES]))
        return mb_fail(err, MB_EINVAL, "option 'format=%s': power needs a W column, or V and A", m->format);
    return mb_collector_option_text(text, "tty", m->tty, sizeof(m->tty))
               ? MB_OK
               : mb_fail(err, MB_ENOTSUP, "not asked for: name its serial line, meter:tty=/dev/ttyUSB0,format=V/A/W");
}

/* One number in front of a separator or the end; false for anything else, also what strtod() takes beyond decimals. */
static bool parse_number(const char **p, double *value)
{
    char *end;
    const char *begin = *p + strspn(*p, " ");
    if (!isdigit((unsigned char)*begin) && !strchr("+-.", *begin))
        return false;
    *value = strtod(begin, &end);
    if (end == begin || !isfinite(*value) || (*end && !strchr(SEPARATORS, *end)) || memchr(begin, 'x', (size_t)(end - begin)))
        return false; /* 0x10 is no reading */
    end += strspn(end, " ");
    *p = end + (*end && strchr(SEPARATORS, *end));
    return true;
}

static bool parse_line(const struct meter *m, const char *line, double value[QUANTITIES])
{
    const char *p = line;
    for (size_t i = 0; i < m->n_columns; i++) {
        double number = 0;
        if (m->columns[i].quantity == SKIP) {
            p += strspn(p, " ");
            const size_t n = strcspn(p, SEPARATORS);
            if (!p[n] && i + 1 < m->n_columns)
                return false;
            p += n + (p[n] != '\0');
        } else if (!parse_number(&p, &number))
            return false;
        value[m->columns[i].quantity] = number * m->columns[i].scale;
    }
    if (!m->given[WATTS])
        value[WATTS] = value[VOLTS] * value[AMPERES];
    return p[strspn(p, SEPARATORS)] == '\0' && fabs(value[WATTS]) < 1e9;
}

static bool is_heading(const char *line)
{
    return line[0] == '\0' || line[0] == '#' || isalpha((unsigned char)line[0]);
}

static bool take_first(void *user, char *line)
{
    double value[QUANTITIES];
    return parse_line(user, line, value);
}

static int meter_probe(const struct mb_collect_env *env, struct mb_error *why)
{
    struct meter m = {0};
    int rc = parse_options(&m, env->options, why);
    if (rc == MB_OK)
        rc = mb_serial_probe(m.tty, why);
    if (rc == MB_OK)
        mb_fail(why, MB_OK, "serial line %s, columns %s", m.tty, m.format);
    return rc;
}

static int meter_open(void *state, const struct mb_collect_env *env, struct mb_error *err)
{
    static const char *const scope = "input";
    struct meter *m = state;
    int rc = parse_options(m, env->options, err);
    if (rc)
        return rc;
    const int fd = mb_serial_open(m->tty, (unsigned)m->baud, err);
    if (fd < 0)
        return fd;
    mb_line_attach(&m->lines, fd);
    rc = mb_meter_log_open(&m->log, "meter", env, &scope, 1, err);
    mb_meter_log_total(&m->log, 0, NULL);
    if (rc == MB_OK && mb_line_await(&m->lines, FIRST_LINE_MS, take_first, m, err))
        rc = mb_fail_context(err, "%s at %.0f baud, format %s", m->tty, m->baud, m->format);
    return rc;
}

static void meter_start(void *state)
{
    struct meter *m = state;
    mb_line_drop(&m->lines, true);
    m->t_poll_ns = mb_clock_ns();
    mb_meter_log_start(&m->log, m->t_poll_ns);
}

static void take_batch(struct meter *m, double (*batch)[QUANTITIES], size_t n, uint64_t now_ns)
{
    for (size_t i = 0; i < n; i++) {
        const double uw = batch[i][WATTS] * 1e6;
        uint64_t t_ns = m->t_poll_ns + (now_ns - m->t_poll_ns) * (i + 1) / n, arrival_ns = t_ns;
        if (m->given[SECONDS]) {
            if (m->log.n_good == 0) {
                m->t_first_s = batch[i][SECONDS];
                m->t_origin_ns = now_ns;
            }
            t_ns = m->t_origin_ns + (uint64_t)llround(fmax((batch[i][SECONDS] - m->t_first_s) * 1e9, -(double)m->t_origin_ns));
            arrival_ns = now_ns;
        }
        mb_meter_log_add(&m->log, t_ns, arrival_ns, &uw);
    }
    m->t_poll_ns = n ? now_ns : m->t_poll_ns;
}

static void meter_poll(void *state, uint64_t now_ns)
{
    struct meter *m = state;
    double batch[BATCH_MAX][QUANTITIES];
    char *line;
    size_t n = 0;
    enum mb_line kind = MB_LINE_NONE;
    while (n < BATCH_MAX && ((kind = mb_line_next(&m->lines, &line)) == MB_LINE_WHOLE || kind == MB_LINE_TOO_LONG)) {
        if (kind == MB_LINE_WHOLE && parse_line(m, line, batch[n]))
            n++;
        else if (kind == MB_LINE_TOO_LONG || !is_heading(line))
            mb_meter_log_bad(&m->log);
    }
    take_batch(m, batch, n, now_ns);
    if (kind == MB_LINE_GONE)
        m->log.gone = MB_LINE_GONE_TEXT;
}

static void meter_stop(void *state)
{
    struct meter *m = state;
    mb_meter_log_stop(&m->log, mb_clock_ns());
}

static int meter_read(void *state, struct mb_record *record, struct mb_error *err)
{
    return mb_meter_log_read(&((struct meter *)state)->log, record, err);
}

static void meter_close(void *state)
{
    struct meter *m = state;
    mb_line_close(&m->lines);
    mb_meter_log_close(&m->log);
}

extern const struct mb_collector_ops mb_collector_meter;
const struct mb_collector_ops mb_collector_meter = {
    .abi = MB_COLLECTOR_ABI,
    .name = "meter",
    .group = "energy",
    .summary = "a meter that prints lines of numbers on a serial line: tty=PATH, baud=N, format=V/A/W, accuracy=PERCENT, error=PERCENT",
    .flags = MB_COLLECTOR_POLLED | MB_COLLECTOR_NAMED,
    .state_size = sizeof(struct meter),
    .metrics = mb_energy_metrics,
    .probe = meter_probe,
    .open = meter_open,
    .start = meter_start,
    .phase = mb_energy_hook_phase,
    .poll = meter_poll,
    .stop = meter_stop,
    .read = meter_read,
    .close = meter_close,
};
