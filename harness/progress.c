/* progress.c - see progress.h. */
#include "harness/progress.h"

#include <stdarg.h>
#include <string.h>

#include "base/strbuf.h"

#define LINE_COLUMNS 110 /* longer labels are cut: a redrawn line must not wrap */

void mb_progress_begin(struct mb_progress *p, FILE *out, bool tty, uint64_t now_ns)
{
    *p = (struct mb_progress){.out = out, .tty = tty, .last_ns = now_ns};
}

/* The row of a workload; beyond the table all share the last row. */
static struct mb_progress_kind *kind_of(struct mb_progress *p, const char *workload)
{
    for (uint32_t i = 0; i < p->n_kinds; i++)
        if (strcmp(p->kinds[i].workload, workload) == 0)
            return &p->kinds[i];
    if (p->n_kinds < MB_PROGRESS_WORKLOADS)
        p->kinds[p->n_kinds++] = (struct mb_progress_kind){.workload = workload};
    return &p->kinds[p->n_kinds - 1];
}

void mb_progress_expect(struct mb_progress *p, const char *workload, uint32_t n)
{
    kind_of(p, workload)->n_left += n;
}

void mb_progress_spent(struct mb_progress *p, const char *workload, uint64_t ns, uint32_t n_done)
{
    struct mb_progress_kind *k = kind_of(p, workload);
    k->spent_ns += ns;
    k->n_done += n_done;
    k->n_left -= n_done < k->n_left ? n_done : k->n_left;
}

void mb_progress_drop(struct mb_progress *p, const char *workload, uint32_t n)
{
    struct mb_progress_kind *k = kind_of(p, workload);
    k->n_left -= n < k->n_left ? n : k->n_left;
}

uint64_t mb_progress_left_ns(const struct mb_progress *p)
{
    double spent = 0, done = 0, left_ns = 0;
    for (uint32_t i = 0; i < p->n_kinds; i++) {
        spent += p->kinds[i].n_done ? (double)p->kinds[i].spent_ns : 0;
        done += p->kinds[i].n_done;
    }
    if (done == 0)
        return UINT64_MAX;
    for (uint32_t i = 0; i < p->n_kinds; i++) {
        const struct mb_progress_kind *k = &p->kinds[i];
        left_ns += k->n_left * (k->n_done ? (double)k->spent_ns / k->n_done : spent / done);
    }
    return (uint64_t)left_ns;
}

char *mb_progress_duration(uint64_t ns, char *buf, size_t cap)
{
    const uint64_t s = (ns + 500000000u) / 1000000000u;
    if (s < 60)
        snprintf(buf, cap, "%u s", (unsigned)s);
    else if (s < 3600)
        snprintf(buf, cap, "%u min %02u s", (unsigned)(s / 60), (unsigned)(s % 60));
    else
        snprintf(buf, cap, "%llu h %02u min", (unsigned long long)(s / 3600), (unsigned)(s % 3600 / 60));
    return buf;
}

static void describe(const struct mb_plan_cell *cell, const struct mb_record *last, char *buf, size_t cap)
{
    if (!last)
        snprintf(buf, cap, "opening");
    else if (last->status != MB_TRIAL_OK)
        snprintf(buf, cap, "%s %u: %s", mb_trial_kind_name(last->kind), last->repetition, mb_trial_status_name(last->status));
    else if (last->kind == MB_TRIAL_MEASURED && cell->stopping.most)
        snprintf(buf, cap, "repetition %u of %u to %u: %.2f s", last->repetition + 1, cell->repetitions, cell->stopping.most,
                 (double)(last->t_end_ns - last->t_begin_ns) / 1e9);
    else if (last->kind == MB_TRIAL_MEASURED)
        snprintf(buf, cap, "repetition %u/%u: %.2f s", last->repetition + 1, cell->repetitions, (double)(last->t_end_ns - last->t_begin_ns) / 1e9);
    else
        snprintf(buf, cap, "%s: %.2f s", mb_trial_kind_name(last->kind), (double)(last->t_end_ns - last->t_begin_ns) / 1e9);
}

void mb_progress_show(struct mb_progress *p, const struct mb_plan_cell *cell, const struct mb_record *last, uint64_t now_ns, bool must)
{
    if (!p->out || (!p->tty && !must && now_ns - p->last_ns < MB_PROGRESS_PLAIN_NS))
        return;
    char what[80], left[40];
    const uint64_t left_ns = mb_progress_left_ns(p);
    struct mb_strbuf line = {0};
    describe(cell, last, what, sizeof(what));
    mb_progress_duration(left_ns, left, sizeof(left));
    mb_strbuf_printf(&line, "[%u/%u] %s left  %s  %s", p->n_cells_done < p->n_cells ? p->n_cells_done + 1 : p->n_cells, p->n_cells,
                     left_ns != UINT64_MAX ? left : "?", what, cell->label ? cell->label : "");
    if (p->tty)
        fprintf(p->out, "\r\033[K%.*s", LINE_COLUMNS, mb_strbuf_text(&line));
    else
        fprintf(p->out, "%s\n", mb_strbuf_text(&line));
    mb_strbuf_release(&line);
    fflush(p->out);
    p->drawn = p->tty;
    p->last_ns = now_ns;
}

void mb_progress_end(struct mb_progress *p)
{
    if (p->out && p->drawn)
        fputs("\r\033[K", p->out);
    p->drawn = false;
    if (p->out)
        fflush(p->out);
}

void mb_progress_say(struct mb_progress *p, const char *fmt, ...)
{
    if (!p->out)
        return;
    mb_progress_end(p);
    va_list ap;
    va_start(ap, fmt);
    vfprintf(p->out, fmt, ap);
    va_end(ap);
    fputc('\n', p->out);
    fflush(p->out);
}
