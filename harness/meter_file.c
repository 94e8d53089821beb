/* meter_file.c - see meter_file.h. */
#include "harness/meter_file.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SEPARATORS ",;\t"

enum { SKIP, TIME_S, VOLTS, AMPERES, WATTS, QUANTITIES };

static const struct { const char *unit; int quantity; double scale; } units[] = {
    {"s", TIME_S, 1},      {"ms", TIME_S, 1e-3}, {"us", TIME_S, 1e-6},  {"V", VOLTS, 1},     {"mV", VOLTS, 1e-3},  {"uV", VOLTS, 1e-6},
    {"A", AMPERES, 1},     {"mA", AMPERES, 1e-3}, {"uA", AMPERES, 1e-6}, {"W", WATTS, 1},     {"mW", WATTS, 1e-3},  {"uW", WATTS, 1e-6},
};

static const struct { const char *name; int quantity; } names[] = {{"time", TIME_S}, {"voltage", VOLTS}, {"current", AMPERES}, {"power", WATTS}};

static bool has(const struct mb_meter_file *m, int quantity)
{
    for (int i = 0; i < m->n_columns; i++)
        if (m->column[i].quantity == quantity)
            return true;
    return false;
}

static bool power_is_known(const struct mb_meter_file *m)
{
    return has(m, TIME_S) && (has(m, WATTS) || (has(m, VOLTS) && has(m, AMPERES)));
}

/* The first column of a quantity counts, further ones are skipped. False: no unit. */
static bool add_unit(struct mb_meter_file *m, const char *unit, size_t n)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strlen(units[i].unit) == n && strncmp(units[i].unit, unit, n) == 0) {
            m->column[m->n_columns].quantity = has(m, units[i].quantity) ? SKIP : units[i].quantity;
            m->column[m->n_columns++].scale = units[i].scale;
            return true;
        }
    return false;
}

static int parse_columns(struct mb_meter_file *m, const char *columns, struct mb_error *err)
{
    for (const char *p = columns; p && m->n_columns < MB_METER_FILE_COLUMNS;) {
        const size_t n = strcspn(p, "/");
        if (n == 1 && *p == '-')
            m->column[m->n_columns++].quantity = SKIP;
        else if (!add_unit(m, p, n))
            return mb_fail(err, MB_EINVAL, "columns '%s': separated by /, each one of s ms us V mV uV A mA uA W mW uW, or - to skip", columns);
        p = p[n] ? p + n + 1 : NULL;
    }
    return power_is_known(m) ? MB_OK : mb_fail(err, MB_EINVAL, "columns '%s': a time is needed, and W or both V and A", columns);
}

static void add_heading(struct mb_meter_file *m, const char *cell, size_t n)
{
    while (n > 0 && (isspace((unsigned char)*cell) || *cell == '"' || *cell == '#')) {
        cell++;
        n--;
    }
    size_t open = n;
    for (size_t i = 0; i < n; i++)
        if (cell[i] == '(' || cell[i] == '[')
            open = i + 1;
    if (open < n && add_unit(m, cell + open, strcspn(cell + open, ")] \"")))
        return;
    for (size_t i = 0; open == n && i < sizeof(names) / sizeof(names[0]); i++)
        if (strncasecmp(cell, names[i].name, strlen(names[i].name)) == 0 && !has(m, names[i].quantity)) {
            m->column[m->n_columns].quantity = names[i].quantity;
            m->column[m->n_columns++].scale = 1;
            return;
        }
    m->column[m->n_columns++].quantity = SKIP;
}

static bool parse_headings(struct mb_meter_file *m)
{
    m->n_columns = 0;
    for (const char *p = m->line; p && m->n_columns < MB_METER_FILE_COLUMNS;) {
        const size_t n = strcspn(p, SEPARATORS);
        add_heading(m, p, n);
        p = p[n] ? p + n + 1 : NULL;
    }
    return power_is_known(m);
}

/* The next line without its end. 1, 0 at the end of the file, negative. */
static int next_line(struct mb_meter_file *m, struct mb_error *err)
{
    errno = 0;
    ssize_t n = getline(&m->line, &m->cap, m->file);
    if (n < 0)
        return ferror(m->file) ? mb_fail_errno(err, MB_EIO, "%s", m->path) : 0;
    m->n_lines++;
    while (n > 0 && (m->line[n - 1] == '\n' || m->line[n - 1] == '\r'))
        m->line[--n] = '\0';
    return 1;
}

static int find_headings(struct mb_meter_file *m, struct mb_error *err)
{
    int rc = 1;
    while (m->n_lines < 100 && (rc = next_line(m, err)) == 1)
        if (parse_headings(m))
            return MB_OK;
    return rc < 0 ? rc : mb_fail(err, MB_EFORMAT, "%s: no heading with a time and W, or V and A, in the first %lld lines; name the columns, "
                                                  "--columns ms/mA/V", m->path, (long long)m->n_lines);
}

int mb_meter_file_open(struct mb_meter_file *m, const char *path, const char *columns, struct mb_error *err)
{
    *m = (struct mb_meter_file){.path = path, .t_last_s = -INFINITY};
    int rc = columns ? parse_columns(m, columns, err) : MB_OK;
    if (rc == MB_OK && !(m->file = fopen(path, "re")))
        rc = mb_fail_errno(err, errno == ENOENT ? MB_ENOENT : MB_EIO, "%s", path);
    if (rc == MB_OK && !columns)
        rc = find_headings(m, err);
    if (rc)
        mb_meter_file_close(m);
    return rc;
}

void mb_meter_file_close(struct mb_meter_file *m)
{
    if (m->file)
        fclose(m->file);
    free(m->line);
    m->file = NULL;
    m->line = NULL;
}

static void note_fault(struct mb_meter_file *m, const char *what)
{
    if (m->n_faults < MB_METER_FILE_FAULTS) {
        m->faults[m->n_faults].line = m->n_lines;
        m->faults[m->n_faults].what = what;
    }
    m->n_faults++;
}

/* NULL when the line is a reading. */
static const char *parse_line(const struct mb_meter_file *m, struct mb_meter_reading *r)
{
    double value[QUANTITIES] = {0};
    const char *p = m->line;
    for (int i = 0; i < m->n_columns; i++) {
        if (!p)
            return "too few columns";
        const size_t n = strcspn(p, SEPARATORS);
        if (m->column[i].quantity != SKIP) {
            char *end;
            const double number = strtod(p, &end);
            if (end == p || !isfinite(number) || end + strspn(end, " ") != p + n)
                return "not a number";
            value[m->column[i].quantity] = number * m->column[i].scale;
        }
        p = p[n] ? p + n + 1 : NULL;
    }
    r->t_s = value[TIME_S];
    r->watts = has(m, WATTS) ? value[WATTS] : value[VOLTS] * value[AMPERES];
    return r->t_s > m->t_last_s ? NULL : "the time does not rise";
}

int mb_meter_file_next(struct mb_meter_file *m, struct mb_meter_reading *r, struct mb_error *err)
{
    int rc;
    while ((rc = next_line(m, err)) == 1) {
        if (m->line[0] == '\0' || m->line[0] == '#')
            continue;
        const char *fault = parse_line(m, r);
        if (!fault) {
            m->t_last_s = r->t_s;
            m->n_readings++;
            return 1;
        }
        note_fault(m, fault);
    }
    return rc;
}

/* --- energy ---------------------------------------------------------------------------------------------------- */

static void add_segment(struct mb_meter_window *w, const struct mb_meter_reading *a, const struct mb_meter_reading *b)
{
    const double t0 = fmax(w->t0_s, a->t_s), t1 = fmin(w->t1_s, b->t_s), slope = (b->watts - a->watts) / (b->t_s - a->t_s);
    if (t1 <= t0)
        return;
    w->joules += (t1 - t0) * (a->watts + slope * ((t0 + t1) / 2 - a->t_s));
    w->gap_max_s = fmax(w->gap_max_s, b->t_s - a->t_s);
}

static void add_reading(struct mb_meter_window *w, const struct mb_meter_reading *r)
{
    if (r->t_s < w->t0_s || r->t_s > w->t1_s)
        return;
    w->least_w = w->n ? fmin(w->least_w, r->watts) : r->watts;
    w->most_w = w->n ? fmax(w->most_w, r->watts) : r->watts;
    w->sum_w += r->watts;
    w->sum_squares_w2 += r->watts * r->watts;
    w->n++;
}

int mb_meter_file_integrate(struct mb_meter_file *m, struct mb_meter_window *windows, size_t n, struct mb_error *err)
{
    struct mb_meter_reading before, now;
    size_t first = 0;
    int rc = mb_meter_file_next(m, &before, err);
    if (rc <= 0)
        return rc < 0 ? rc : mb_fail(err, MB_EFORMAT, "%s: no reading in it", m->path);
    for (size_t i = 0; i < n; i++)
        add_reading(&windows[i], &before);
    const double begin_s = before.t_s;
    while ((rc = mb_meter_file_next(m, &now, err)) == 1) {
        while (first < n && windows[first].t1_s < before.t_s)
            first++;
        for (size_t i = first; i < n && windows[i].t0_s <= now.t_s; i++) {
            add_segment(&windows[i], &before, &now);
            add_reading(&windows[i], &now);
        }
        before = now;
    }
    for (size_t i = 0; i < n; i++)
        windows[i].covered = windows[i].t0_s >= begin_s && windows[i].t1_s <= before.t_s;
    return rc;
}
