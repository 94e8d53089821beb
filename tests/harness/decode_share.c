/*
 * decode_share.c - how much of the memory's read limit decoding uses, both measured in turns of a second in one process: neighbours on
 * the same host change what either can do from minute to minute, but less between two turns.
 *
 *   decode_share THREADS ROUNDS NAME=MODEL.gguf [NAME=MODEL.gguf ...]
 *
 * A round is 128 tokens decoded behind one, and passes of `calibrate`'s read limit before and after, whose mean counts. Bytes of a token: what matrices and attention
 * read, from the operator trace, without vectors of activations. Prints rows of a Markdown table; exit 1 when a median is below 0.75.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"
#include "harness/machine_cpu.h"
#include "harness/roofline.h"

#define TOKENS 128
#define MOST_ROUNDS 1000
#define BAR 0.75
#define READ_BYTES ((uint64_t)1 << 30) /* beyond any cache here */

struct bench {
    struct mb_roofline *roofline;
    const struct mb_peak *peak;
    uint32_t n_threads, n_rounds;
};

static double weights_and_cache; /* bytes of the tokens under way */

static void count_bytes(void *user, const struct eng_op_trace *t)
{
    (void)user;
    if (strcmp(t->op, "matmul") == 0 || strcmp(t->op, "attention") == 0) /* less x or q, f32 */
        weights_and_cache += (double)t->bytes_read - 4.0 * t->m * t->k;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nanoseconds of TOKENS tokens, or 0 with a message. */
static double decode_ns(struct eng_session *s)
{
    struct eng_error err;
    int32_t id = 3;
    eng_session_reset(s);
    int rc = eng_eval(s, &id, 1, NULL, &err);
    weights_and_cache = 0.0;
    const uint64_t begin_ns = eng_clock_ns();
    for (id = 4; id < 4 + TOKENS && !rc; id++)
        rc = eng_eval(s, &id, 1, NULL, &err);
    if (rc)
        fprintf(stderr, "decode_share: %s\n", err.text);
    return rc ? 0.0 : (double)(eng_clock_ns() - begin_ns);
}

static struct eng_session *open_session(struct eng_model *m, uint32_t n_threads, bool traced)
{
    struct eng_session *s;
    struct eng_error err;
    const struct eng_session_params p = {.n_threads = n_threads, .n_ctx = 2 * TOKENS, .tracer.op = traced ? count_bytes : NULL};
    if (eng_session_open(&s, m, &p, &err))
        fprintf(stderr, "decode_share: %s\n", err.text);
    return s;
}

/* Bytes that a token reads, the mean of TOKENS. */
static double token_bytes(struct eng_model *m, uint32_t n_threads)
{
    struct eng_session *s = open_session(m, n_threads, true);
    if (!s)
        return 0.0;
    const bool fine = decode_ns(s) > 0.0;
    eng_session_close(s);
    return fine ? weights_and_cache / TOKENS : 0.0;
}

static bool read_limit(const struct bench *b, double *value)
{
    double values[3];
    uint64_t n_bytes;
    struct mb_error err;
    if (mb_roofline_measure(b->roofline, MB_LIMIT_READ, b->peak, b->n_threads, 3, values, &n_bytes, &err)) {
        fprintf(stderr, "decode_share: %s\n", err.text);
        return false;
    }
    qsort(values, 3, sizeof *values, by_value);
    *value = values[1];
    return true;
}

static int measure(const struct bench *b, const char *name, struct eng_model *m)
{
    static double speed[MOST_ROUNDS], limit[MOST_ROUNDS], share[MOST_ROUNDS];
    const double bytes = token_bytes(m, b->n_threads);
    struct eng_session *s = bytes > 0.0 ? open_session(m, b->n_threads, false) : NULL;
    double before = 0.0, after = 0.0;
    (void)eng_model_settle(m); /* as `bench` and `run` do after their warm-up */
    bool fine = s != NULL && decode_ns(s) > 0.0 && read_limit(b, &before);
    for (uint32_t i = 0; i < b->n_rounds && fine; i++, before = after) {
        const double ns = decode_ns(s);
        fine = ns > 0.0 && read_limit(b, &after);
        limit[i] = (before + after) / 2;
        speed[i] = TOKENS * 1e9 / ns;
        share[i] = speed[i] * bytes / limit[i];
    }
    eng_session_close(s);
    if (!fine)
        return 2;
    qsort(speed, b->n_rounds, sizeof *speed, by_value);
    qsort(limit, b->n_rounds, sizeof *limit, by_value);
    qsort(share, b->n_rounds, sizeof *share, by_value);
    const uint32_t mid = b->n_rounds / 2, low = b->n_rounds / 4, high = b->n_rounds * 3 / 4;
    printf("| %s | %.1f | %.1f | %.1f | %.1f | **%.2f** (%.2f to %.2f) |\n", name, bytes / 1e6, speed[mid], speed[mid] * bytes / 1e9, limit[mid] / 1e9,
           share[mid], share[low], share[high]);
    fflush(stdout);
    return share[mid] < BAR;
}

static int run(const struct bench *b, char *const *models, int n_models)
{
    int worst = 0;
    printf("| format | MB a token | tok/s | GB/s | read limit GB/s | share of it (quartiles) |\n| --- | ---: | ---: | ---: | ---: | --- |\n");
    for (int i = 0; i < n_models; i++) {
        const char *equals = strchr(models[i], '=');
        char name[64];
        struct eng_model *m = NULL;
        struct eng_error err;
        snprintf(name, sizeof name, "%.*s", equals ? (int)(equals - models[i]) : 0, models[i]);
        int rc = 2;
        if (!equals || eng_model_open(&m, equals + 1, &(struct eng_model_params){.n_threads = b->n_threads}, &err))
            fprintf(stderr, "decode_share: %s: %s\n", models[i], equals ? err.text : "NAME=MODEL.gguf is wanted");
        else
            rc = measure(b, name, m);
        eng_model_close(m);
        worst = rc > worst ? rc : worst;
    }
    return worst;
}

int main(int argc, char **argv)
{
    struct bench b = {.n_threads = argc > 3 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0, .n_rounds = argc > 3 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0};
    if (b.n_threads == 0 || b.n_rounds == 0 || b.n_rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: decode_share THREADS ROUNDS NAME=MODEL.gguf ... (1 to %d rounds)\n", MOST_ROUNDS);
        return 2;
    }
    json_t *flags = mb_machine_cpu_flags("");
    size_t n;
    const struct mb_peak *const *peaks = mb_peaks(&n);
    for (size_t i = 0; i < n && !b.peak; i++)
        b.peak = mb_peak_possible(peaks[i], flags) ? peaks[i] : NULL;
    json_decref(flags);
    struct mb_error err;
    int rc = mb_roofline_open(&b.roofline, READ_BYTES, b.n_threads, &err);
    if (rc)
        fprintf(stderr, "decode_share: %s\n", err.text);
    rc = rc ? 2 : run(&b, argv + 3, argc - 3);
    mb_roofline_close(b.roofline);
    return rc;
}
