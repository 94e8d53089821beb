/*
 * threads_share.c - how prefill grows from 1 to 2 threads (or to N) against how the machine's int8 peak grows, all in turns within one
 * process: the peak with one thread, prefill with one, prefill with N, the peak with N; the next round the other way round.
 *
 *   threads_share MODEL.gguf THREADS ROUNDS
 *
 * The peak is taken twice: "calibrate" is the median of its passes of 20 ms, as `calibrate` prints it; "window" is all operations of those
 * passes over all their time, as prefill's time is all of its time. They differ by what the host took away: a median of short passes
 * leaves a stolen one out, half a second of prefill cannot. Steal is what the host took from the processors during the round, as a share
 * of their time (/proc/stat). It costs prefill more than it costs the peak: at the end of each operator, some 2 ms, all threads wait for
 * the one whose processor is away, while the peak's threads meet every 20 ms. So the bar, 0.95 of what `calibrate` measures, is judged in
 * the rounds that the host left alone; all rounds are printed beside them.
 * Exit 0: met; 1: not met; 3: fewer than ENOUGH quiet rounds, cannot tell.
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"
#include "harness/machine_cpu.h"
#include "harness/proc_load.h"
#include "harness/roofline.h"

#define TOKENS 512
#define PASSES 15        /* of 20 ms: about as long as prefill takes */
#define MOST_ROUNDS 1000
#define BAR 0.95
#define QUIET_SHARE 0.01 /* most steal of a round that the host left alone: 10 of a second's 1000 ms */
#define ENOUGH 9         /* such rounds for a verdict */

struct round { double calibrate, window, prefill, steal; };

struct bench {
    const struct mb_peak *peak;
    struct mb_roofline *roofline;
    struct eng_session *one, *many;
    uint32_t n_threads, n_rounds;
    int32_t ids[TOKENS];
};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int fail(const char *text)
{
    fprintf(stderr, "threads_share: %s\n", text);
    return 2;
}

/* Tokens per second, or 0 with a message. */
static double prefill(const struct bench *b, struct eng_session *s)
{
    struct eng_error err;
    eng_session_reset(s);
    const uint64_t begin_ns = eng_clock_ns();
    if (eng_eval(s, b->ids, TOKENS, NULL, &err)) {
        fail(err.text);
        return 0.0;
    }
    return TOKENS * 1e9 / (double)(eng_clock_ns() - begin_ns);
}

/* Operations per second: the median of the passes, and of all passes together. All passes do the same work: the mean over their time is
 * the harmonic mean of their speeds. */
static bool peak(const struct bench *b, uint32_t n_threads, double *median, double *window)
{
    double v[PASSES], seconds = 0.0;
    uint64_t n_bytes;
    struct mb_error err;
    if (mb_roofline_measure(b->roofline, MB_LIMIT_INT8, b->peak, n_threads, PASSES, v, &n_bytes, &err)) {
        fail(err.text);
        return false;
    }
    for (int i = 0; i < PASSES; i++)
        seconds += 1.0 / v[i];
    qsort(v, PASSES, sizeof *v, by_value);
    *median = v[PASSES / 2];
    *window = PASSES / seconds;
    return true;
}

static bool one_round(const struct bench *b, uint32_t i, struct round *r)
{
    double median[2] = {0}, window[2] = {0}, speed[2] = {0};
    struct mb_cpu_ticks before, after;
    struct mb_error err;
    if (mb_cpu_ticks_read("", &before, &err))
        return fail(err.text), false;
    for (uint32_t k = 0; k < 4; k++) { /* peak 1, prefill 1, prefill N, peak N; or backwards */
        const uint32_t turn = i % 2 ? 3 - k : k, many = turn / 2;
        if (turn == 0 || turn == 3) {
            if (!peak(b, many ? b->n_threads : 1, &median[many], &window[many]))
                return false;
        } else if ((speed[many] = prefill(b, many ? b->many : b->one)) <= 0.0) {
            return false;
        }
    }
    if (mb_cpu_ticks_read("", &after, &err))
        return fail(err.text), false;
    *r = (struct round){median[1] / median[0], window[1] / window[0], speed[1] / speed[0],
                        (double)(after.steal - before.steal) / (double)(after.all > before.all ? after.all - before.all : 1)};
    return true;
}

static double median_of(const struct round *rounds, uint32_t n, size_t offset, double most_steal, uint32_t *n_used)
{
    static double v[MOST_ROUNDS];
    uint32_t used = 0;
    for (uint32_t i = 0; i < n; i++)
        if (rounds[i].steal <= most_steal)
            memcpy(&v[used++], (const char *)&rounds[i] + offset, sizeof *v);
    qsort(v, used, sizeof *v, by_value);
    *n_used = used;
    return used ? v[used / 2] : 0.0;
}

/* The row of all rounds with no more steal than this; returns prefill's growth over that of `calibrate`. */
static double print_row(const char *name, const struct round *rounds, uint32_t n, double most_steal, uint32_t *n_used)
{
    const double calibrate = median_of(rounds, n, offsetof(struct round, calibrate), most_steal, n_used);
    const double window = median_of(rounds, n, offsetof(struct round, window), most_steal, n_used);
    const double grown = median_of(rounds, n, offsetof(struct round, prefill), most_steal, n_used);
    const double steal = median_of(rounds, n, offsetof(struct round, steal), most_steal, n_used);
    if (*n_used == 0) {
        printf("| %s | 0 | | | | | | |\n", name);
        return 0.0;
    }
    printf("| %s | %u | %.1f %% | %.3f | %.3f | %.3f | **%.3f** | %.3f |\n", name, *n_used, 100 * steal, calibrate, window, grown, grown / calibrate,
           grown / window);
    return grown / calibrate;
}

static int run(struct bench *b)
{
    static struct round rounds[MOST_ROUNDS];
    uint32_t n_quiet, n_all;
    if (prefill(b, b->one) <= 0.0 || prefill(b, b->many) <= 0.0) /* warm */
        return 2;
    for (uint32_t i = 0; i < b->n_rounds; i++)
        if (!one_round(b, i, &rounds[i]))
            return 2;
    printf("| rounds | n | steal | int8 peak, `calibrate` | int8 peak, window | prefill | of calibrate's | of the window's |\n"
           "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    const double share = print_row("at most 1 % steal", rounds, b->n_rounds, QUIET_SHARE, &n_quiet);
    (void)print_row("all", rounds, b->n_rounds, 1.0, &n_all);
    return n_quiet < ENOUGH ? 3 : share < BAR;
}

static bool open_session(struct eng_session **s, struct eng_model *m, uint32_t n_threads)
{
    struct eng_error err;
    if (eng_session_open(s, m, &(struct eng_session_params){.n_threads = n_threads, .n_ctx = TOKENS}, &err))
        return fail(err.text), false;
    return true;
}

static const struct mb_peak *best_peak(void)
{
    json_t *flags = mb_machine_cpu_flags("");
    size_t n, i = 0;
    const struct mb_peak *const *peaks = mb_peaks(&n);
    while (i + 1 < n && !mb_peak_possible(peaks[i], flags))
        i++;
    json_decref(flags);
    return peaks[i];
}

int main(int argc, char **argv)
{
    struct bench b = {.n_threads = argc == 4 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0, .n_rounds = argc == 4 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0};
    if (b.n_threads < 2 || b.n_rounds == 0 || b.n_rounds > MOST_ROUNDS)
        return fail("usage: threads_share MODEL.gguf THREADS ROUNDS (from 2 threads, 1 to 1000 rounds)");
    b.peak = best_peak();
    for (int i = 0; i < TOKENS; i++)
        b.ids[i] = 3 + i * 7 % 200;
    struct eng_model *m = NULL;
    struct eng_error err;
    struct mb_error mb_err;
    int rc = 2;
    if (eng_model_open(&m, argv[1], &(struct eng_model_params){.n_threads = b.n_threads}, &err))
        fail(err.text);
    else if (mb_roofline_open(&b.roofline, 0, b.n_threads, &mb_err))
        fail(mb_err.text);
    else if (open_session(&b.one, m, 1) && open_session(&b.many, m, b.n_threads)) {
        (void)eng_model_settle(m); /* as `bench` and `run` do after their warm-up */
        rc = run(&b);
    }
    eng_session_close(b.one);
    eng_session_close(b.many);
    eng_model_close(m);
    mb_roofline_close(b.roofline);
    return rc;
}
