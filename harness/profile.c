/* profile.c - see profile.h. */
#include "harness/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const mb_profile_phase_names[MB_PROFILE_PHASES] = {"prefill", "decode"};

struct mb_profile *mb_profile_new(void)
{
    return calloc(1, sizeof(struct mb_profile));
}

static bool is_attention(const char *op)
{
    return strcmp(op, "attention") == 0;
}

double mb_profile_flop(const struct eng_op_trace *t)
{
    const double m = t->m, n = t->n, k = t->k;
    if (strcmp(t->op, "matmul") == 0)
        return 2 * m * n * k;
    return is_attention(t->op) ? 4 * k * (m * n - m * (m - 1) / 2) : 0;
}

/* FNV-1a over the key's bytes (Fowler, Noll, Vo). */
static uint32_t mix(uint32_t hash, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * 16777619u;
    return hash;
}

static bool same_row(const struct mb_profile_row *a, const struct mb_profile_row *b)
{
    return a->phase == b->phase && a->w_type == b->w_type && a->a_type == b->a_type && a->m == b->m && a->n == b->n && a->k == b->k &&
           strcmp(a->op, b->op) == 0 && strcmp(a->tensor, b->tensor) == 0;
}

static struct mb_profile_row *row_of(struct mb_profile *p, const struct mb_profile_row *key)
{
    const uint32_t shape[6] = {(uint32_t)key->phase, (uint32_t)key->w_type, (uint32_t)key->a_type, key->m, key->n, key->k};
    uint32_t hash = mix(mix(mix(2166136261u, shape, sizeof(shape)), key->op, strlen(key->op)), key->tensor, strlen(key->tensor));
    for (;; hash++) {
        uint16_t *slot = &p->slots[hash % MB_PROFILE_SLOTS];
        if (*slot == 0) {
            if (p->n_rows == MB_PROFILE_MAX_ROWS)
                return NULL;
            p->rows[p->n_rows] = *key;
            *slot = (uint16_t)++p->n_rows;
        }
        if (same_row(&p->rows[*slot - 1], key))
            return &p->rows[*slot - 1];
    }
}

void mb_profile_add(struct mb_profile *p, enum mb_profile_phase phase, const struct eng_op_trace *t)
{
    const struct mb_profile_row key = {.phase = phase, .op = t->op, .tensor = t->tensor ? t->tensor : "", .w_type = t->w_type, .a_type = t->a_type,
                                       .m = t->m, .n = is_attention(t->op) ? 0 : t->n, .k = t->k, .bound_ns = (double)NAN};
    struct mb_profile_row *row = row_of(p, &key);
    if (!row) {
        p->n_lost++;
        p->lost_ns += t->t_end_ns - t->t_begin_ns;
        return;
    }
    row->calls++;
    row->total_ns += t->t_end_ns - t->t_begin_ns;
    row->flop += mb_profile_flop(t);
    row->n_bytes += (double)t->bytes_read + (double)t->bytes_written;
}

static double bound_ns(const struct mb_profile_row *row, const struct mb_profile_limits *limits)
{
    const bool int8 = strcmp(row->op, "matmul") == 0 && row->a_type == ENG_TYPE_Q8_0;
    const double compute = row->flop * 1e9 / (int8 ? limits->int8_per_s : limits->f32_per_s);
    return fmax(compute, row->n_bytes * 1e9 / limits->read_bytes_per_s);
}

static int by_time(const void *a, const void *b)
{
    const struct mb_profile_row *x = a, *y = b;
    if (x->phase != y->phase)
        return x->phase < y->phase ? -1 : 1;
    return (x->total_ns < y->total_ns) - (x->total_ns > y->total_ns);
}

void mb_profile_finish(struct mb_profile *p, const struct mb_profile_limits *limits)
{
    for (size_t i = 0; limits && i < p->n_rows; i++)
        p->rows[i].bound_ns = bound_ns(&p->rows[i], limits);
    qsort(p->rows, p->n_rows, sizeof(*p->rows), by_time);
    memset(p->slots, 0, sizeof(p->slots)); /* rows have moved */
}

uint64_t mb_profile_traced_ns(const struct mb_profile *p, enum mb_profile_phase phase)
{
    uint64_t ns = 0;
    for (size_t i = 0; i < p->n_rows; i++)
        ns += p->rows[i].phase == phase ? p->rows[i].total_ns : 0;
    return ns;
}
