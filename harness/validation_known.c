/*
 * validation_known.c - known work through the collectors and the event path that a run uses: 64 MiB touched page by page, a counted loop,
 * a thread that computes, a source of 10 W (a file, as hwmon would be), tokens at scripted times.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "collectors/sampler.h"
#include "harness/plan.h"
#include "harness/proc_load.h"
#include "harness/stats.h"
#include "harness/trial.h"
#include "harness/validation.h"

#define TOUCHED_BYTES ((size_t)64 << 20)
#define LOOP_TURNS 200000000u
#define SPIN_NS 200000000u
#define WATT_NS 1200000000u /* above 100 polls, which the collector wants */
#define TOKENS 100
#define TOKEN_TRIALS 5
#define TOKEN_US 1000

/* A trial around @work; the record is the caller's to release, also after an error. */
static int trial(struct mb_collect_set *set, void (*work)(void *user), void *user, struct mb_record *r, struct mb_error *err)
{
    *r = (struct mb_record){0};
    mb_collect_start(set);
    r->t_begin_ns = mb_clock_ns();
    work(user);
    r->t_end_ns = mb_clock_ns();
    mb_collect_stop(set);
    return mb_collect_read(set, r, err);
}

static int collect(const struct mb_collect_env *env, const char *selection, void (*work)(void *user), void *user, struct mb_record *r,
                   struct mb_error *err)
{
    struct mb_collect_set *set = NULL;
    *r = (struct mb_record){0};
    int rc = mb_collect_open(&set, selection, env, err);
    if (!rc)
        rc = trial(set, work, user, r, err);
    mb_collect_close(set);
    return rc;
}

static struct mb_collect_env own_process(const struct mb_validation *v)
{
    return (struct mb_collect_env){.root = v->root, .pid = getpid(), .period_ns = 10000000u, .max_samples = 4096, .options = ""};
}

/* Long enough for polls: the sampler touches its stack in the first one. */
static void nothing(void *unused)
{
    (void)unused;
    mb_validation_sleep(50000000u);
}

/* --- memory ---------------------------------------------------------------------------------------------------- */

struct pages { unsigned char *at; size_t page_bytes; };

static void touch(void *user)
{
    const struct pages *p = user;
    for (size_t i = 0; i < TOUCHED_BYTES; i += p->page_bytes)
        p->at[i] = 1;
}

static const struct memory_figure { enum mb_metric metric; const char *source, *unit, *what; bool in_pages; double bound; } memory_figures[] = {
    {MB_METRIC_RSS_ANON_BYTES, "proc_mem", "bytes", "rise of RssAnon", false, 1}, /* one mapping: one page */
    {MB_METRIC_MINOR_FAULTS, "proc_mem", "faults", "minor faults", true, 16},
    {MB_METRIC_PAGE_FAULTS, "perf_event", "faults", "page faults", true, 16},
};
enum { N_MEMORY_FIGURES = sizeof(memory_figures) / sizeof(memory_figures[0]) };

struct memory_seen { double value[N_MEMORY_FIGURES]; char note[N_MEMORY_FIGURES][200]; };

/* The record is gone afterwards, so that the next trial finds the heap as this one did. */
static int see_memory(struct mb_collect_set *set, void (*work)(void *user), void *user, struct memory_seen *seen, struct mb_error *err)
{
    struct mb_record r;
    const int rc = trial(set, work, user, &r, err);
    for (size_t i = 0; i < N_MEMORY_FIGURES && !rc; i++)
        seen->value[i] = mb_validation_metric(&r, memory_figures[i].metric, memory_figures[i].source, seen->note[i], sizeof(seen->note[i]));
    mb_record_release(&r);
    return rc;
}

static int check_memory(struct mb_validation *v, struct mb_error *err)
{
    const struct mb_collect_env env = own_process(v);
    struct pages p = {.page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
    struct memory_seen warm, before, after;
    struct mb_collect_set *set = NULL;
    p.at = mmap(NULL, TOUCHED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p.at == MAP_FAILED)
        return mb_fail_errno(err, MB_ENOMEM, "no 64 MiB to touch");
    (void)madvise(p.at, TOUCHED_BYTES, MADV_NOHUGEPAGE); /* a fault for each page */
    int rc = mb_collect_open(&set, "proc_mem,perf_event", &env, err);
    if (!rc)
        rc = see_memory(set, nothing, NULL, &warm, err); /* what a trial itself touches is there then */
    if (!rc)
        rc = see_memory(set, nothing, NULL, &before, err);
    if (!rc)
        rc = see_memory(set, touch, &p, &after, err);
    for (size_t i = 0; i < N_MEMORY_FIGURES && !rc; i++) {
        const struct memory_figure *f = &memory_figures[i];
        const double unit = f->in_pages ? 1.0 : (double)p.page_bytes;
        rc = mb_validation_check(v, f->source, f->unit, (double)(TOUCHED_BYTES / p.page_bytes) * unit, after.value[i] - before.value[i], f->bound * unit,
                                 after.note[i], err, "64 MiB touched: %s", f->what);
    }
    mb_collect_close(set);
    munmap(p.at, TOUCHED_BYTES);
    return rc;
}

/* --- processor ------------------------------------------------------------------------------------------------- */

/* Two instructions a turn where we know how to write them; 0 elsewhere. */
static double count_loop(void)
{
    uint64_t n = LOOP_TURNS;
#if defined(__x86_64__)
    __asm__ volatile("1: sub $1, %0\n\tjnz 1b" : "+r"(n) : : "cc");
    return 2.0 * LOOP_TURNS;
#elif defined(__aarch64__)
    __asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(n) : : "cc");
    return 2.0 * LOOP_TURNS;
#else
    return n ? 0.0 : 0.0;
#endif
}

static void counted_loop(void *user)
{
    *(double *)user = count_loop();
}

static double process_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void spin(void *user)
{
    const double begin_ns = process_cpu_ns();
    while (process_cpu_ns() - begin_ns < SPIN_NS)
        continue;
    *(double *)user = process_cpu_ns() - begin_ns;
}

/* Taken by the host from all processors since boot: it goes on in the task clock, not in the CPU time of a process. One tick is added for
 * what has not been counted yet. */
static double stolen_ns(const struct mb_validation *v)
{
    struct mb_cpu_ticks ticks;
    return mb_cpu_ticks_read(v->root, &ticks, NULL) ? 0.0 : (double)(ticks.steal + 1) * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

static int check_counters(struct mb_validation *v, struct mb_error *err)
{
    const struct mb_collect_env env = own_process(v);
    struct mb_record r;
    char note[200];
    double n_instructions = 0, cpu_ns = 0;
    int rc = collect(&env, "perf_event", counted_loop, &n_instructions, &r, err);
    if (!rc) {
        double seen = mb_validation_metric(&r, MB_METRIC_INSTRUCTIONS, "perf_event", note, sizeof(note));
        if (n_instructions <= 0) {
            seen = NAN;
            snprintf(note, sizeof(note), "no loop of known length for this processor");
        }
        rc = mb_validation_check(v, "perf_event", "instructions", n_instructions, seen, n_instructions * 1e-3, note, err, "a loop of %u turns: instructions",
                                 LOOP_TURNS);
    }
    mb_record_release(&r);
    const double stolen_before_ns = stolen_ns(v);
    if (!rc)
        rc = collect(&env, "perf_event", spin, &cpu_ns, &r, err);
    if (!rc) {
        const double seen = mb_validation_metric(&r, MB_METRIC_CPU_TIME_NS, "perf_event", note, sizeof(note)), stolen = stolen_ns(v) - stolen_before_ns;
        if (!note[0])
            snprintf(note, sizeof(note), "expected: by CLOCK_PROCESS_CPUTIME_ID, which leaves out what the host steals; %.0f ms were", stolen * 1e-6);
        rc = mb_validation_check(v, "perf_event", "ns", cpu_ns, seen, cpu_ns * 0.01 + stolen, note, err, "%u ms of computing: task clock", SPIN_NS / 1000000u);
        mb_record_release(&r);
    }
    return rc;
}

/* --- energy ---------------------------------------------------------------------------------------------------- */

static bool put_file(const char *root, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/sys/class/hwmon/hwmon0/%s", root, name);
    FILE *f = fopen(path, "w");
    const bool ok = f && fputs(text, f) >= 0;
    return f && fclose(f) == 0 && ok;
}

static bool make_source(const char *root)
{
    static const char *const dirs[] = {"", "/sys", "/sys/class", "/sys/class/hwmon", "/sys/class/hwmon/hwmon0"};
    char path[200];
    for (size_t i = 1; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", root, dirs[i]);
        if (mkdir(path, 0700))
            return false;
    }
    return put_file(root, "name", "ten_watt\n") && put_file(root, "power1_input", "10000000\n");
}

static void remove_source(const char *root)
{
    static const char *const paths[] = {"/sys/class/hwmon/hwmon0/name", "/sys/class/hwmon/hwmon0/power1_input", "/sys/class/hwmon/hwmon0",
                                        "/sys/class/hwmon", "/sys/class", "/sys", ""};
    char path[200];
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", root, paths[i]);
        (void)remove(path);
    }
}

static void rest(void *unused)
{
    (void)unused;
    mb_validation_sleep(WATT_NS);
}

/* The energy of whatever channel the collector found: there is one. */
static double only_energy(const struct mb_record *r, char *note, size_t n)
{
    snprintf(note, n, "the collector reported no energy");
    for (size_t i = 0; i < r->n_metrics; i++)
        if (r->metrics[i].metric == MB_METRIC_ENERGY_UJ) {
            snprintf(note, n, "%s", r->metrics[i].reason ? r->metrics[i].reason : "a file that says 10 W, polled every 10 ms: no sensor of this machine");
            if (!isnan(r->metrics[i].value))
                return r->metrics[i].value;
        }
    return NAN;
}

static int check_energy(struct mb_validation *v, struct mb_error *err)
{
    char root[64], note[200];
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof(root), "%.40s/mb-watt-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(root) || !make_source(root))
        return mb_validation_check(v, "hwmon", "uJ", NAN, NAN, NAN, strerror(errno), err, "a source of 10 W: energy");
    struct mb_collect_env env = own_process(v);
    env.root = root;
    struct mb_record r;
    int rc = collect(&env, "hwmon:error=20", rest, NULL, &r, err); /* a busy machine polls late: the figure is wanted all the same */
    if (!rc) {
        const double expected = 10.0 * (double)(r.t_end_ns - r.t_begin_ns) * 1e-3, seen = only_energy(&r, note, sizeof(note));
        rc = mb_validation_check(v, "hwmon", "uJ", expected, seen, expected * 0.01, note, err, "a source of 10 W for %u ms: energy", WATT_NS / 1000000u);
    }
    mb_record_release(&r);
    remove_source(root);
    return rc;
}

/* --- tokens ---------------------------------------------------------------------------------------------------- */

/* How far the stamps of the tokens are behind the script's times. A stamp can only be late: the least late one shows when the script began. */
static size_t stamp_errors(const struct mb_record *r, double error_ns[TOKENS])
{
    double least_ns = INFINITY;
    size_t n = 0;
    for (size_t i = 0; i < r->n_events && n < TOKENS; i++)
        if (r->events[i].kind == MB_EVENT_TOKEN) {
            error_ns[n] = (double)(r->events[i].t_ns - r->t_begin_ns) - (double)n * TOKEN_US * 1e3;
            least_ns = fmin(least_ns, error_ns[n++]);
        }
    for (size_t i = 0; i < n; i++)
        error_ns[i] -= least_ns;
    return n;
}

static size_t count_above(const double error_ns[TOKENS], double bound_ns)
{
    size_t n = 0;
    for (size_t i = 0; i < TOKENS; i++)
        n += error_ns[i] > bound_ns;
    return n;
}

static int check_tokens(struct mb_validation *v, struct mb_error *err)
{
    const double bound_ns = 1000.0 + (double)mb_clock_resolution_ns();
    char script[60], note[240];
    snprintf(script, sizeof(script), "null:token_us=%d", TOKEN_US);
    const char *const axis[MB_AXIS_N] = {[MB_AXIS_MODEL] = script};
    const struct mb_protocol protocol = {.repetitions = 1, .order = MB_ORDER_LISTED, .timeout_s = 60};
    const struct mb_plan_env env = {.unstored = true};
    json_t *options = json_pack("{s:i, s:i, s:i}", "prompt", 1, "gen", TOKENS, "depth", 0);
    struct mb_plan *plan = NULL;
    struct mb_site *site = NULL;
    struct mb_record r = {0};
    int rc = options ? mb_plan_single(&plan, "validation", axis, "null", "micro", options, &protocol, "none", &env, err)
                     : mb_fail(err, MB_ENOMEM, "no memory for a cell");
    if (!rc) {
        const struct mb_site_setup setup = {.cell = &plan->cells[0].cell, .collect = "none", .root = v->root, .period_ns = 10000000u, .max_samples = 16,
                                            .unstored = true};
        rc = mb_site_open(&site, &setup, err);
    }
    double least_ns = NAN;
    size_t n_late = TOKENS;
    for (int i = 0; i < TOKEN_TRIALS && !rc; i++) { /* a busy machine is late itself: the best of a few counts */
        double error_ns[TOKENS];
        rc = mb_site_trial(site, MB_TRIAL_MEASURED, (uint32_t)i, &r, err);
        if (!rc && stamp_errors(&r, error_ns) == TOKENS) {
            const size_t n = count_above(error_ns, bound_ns);
            least_ns = fmin(least_ns, mb_stats_median(error_ns, TOKENS)); /* of a NaN and a number fmin() takes the number */
            n_late = n < n_late ? n : n_late;
        }
        mb_record_release(&r);
        r = (struct mb_record){0};
    }
    if (!rc) {
        snprintf(note, sizeof(note), "median, the best of %d trials; %zu of its %d tokens above the bound, where the processor was elsewhere", TOKEN_TRIALS, n_late, TOKENS);
        rc = mb_validation_check(v, "null runner", "ns", 0.0, least_ns, bound_ns, note, err, "%d tokens, one each %d us: error of a stamp", TOKENS, TOKEN_US);
    }
    mb_record_release(&r);
    mb_site_close(site);
    mb_plan_free(plan);
    json_decref(options);
    return rc;
}

int mb_validate_known(struct mb_validation *v, struct mb_error *err)
{
    int rc = check_memory(v, err);
    if (!rc)
        rc = check_counters(v, err);
    if (!rc)
        rc = check_energy(v, err);
    return rc ? rc : check_tokens(v, err);
}
