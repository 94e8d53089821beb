/*
 * store_night.c - what a night of sampling costs in the database: HOURS (1) of 12 channels at 10 ms in trials of a minute, stored as a run
 * does, one transaction a trial. Values walk as a sensor's do: power in uW, memory in pages, temperature in steps of 1 degree.
 *
 *   store_night FILE.db [HOURS]
 *
 * Prints samples a second by the clock and by CPU time, and bytes of the file after closing. Exit 1 below 1 million a second of CPU time,
 * or above 80 MB an hour. scripts/bench_store.sh
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/rng.h"
#include "db/store.h"
#include "known_run.h"

#define CHANNELS 12
#define PERIOD_NS 10000000u
#define TRIAL_S 60u
#define PER_TRIAL (TRIAL_S * 1000000000ull / PERIOD_NS)
#define LEAST_A_SECOND 1e6
#define MOST_BYTES_AN_HOUR 80e6

static const struct channel { const char *source, *name; int64_t start, step; } channels[CHANNELS] = {
    {"rapl", "power_uw", 12000000, 40000},         {"rapl", "power_uw", 7000000, 30000},          {"hwmon", "power_uw", 3000000, 10000},
    {"hwmon", "power_uw", 900000, 5000},           {"proc_mem", "rss_anon_bytes", 150000000, 4096}, {"proc_mem", "rss_file_bytes", 98000000, 4096},
    {"thermal", "temp_milli_c", 55000, 1000},      {"thermal", "temp_milli_c", 48000, 1000},      {"cpufreq", "freq_khz", 2400000, 100000},
    {"cpufreq", "freq_khz", 1800000, 100000},      {"cpufreq", "freq_khz", 1800000, 100000},      {"hwmon", "power_uw", 14000000, 50000},
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A minute: stamps a few us late, as a sampler's are. */
static void fill(struct mb_record *r, struct mb_rng *rng, uint32_t repetition)
{
    static uint64_t t_ns[PER_TRIAL];
    static int64_t value[PER_TRIAL];
    known_record(r, MB_TRIAL_MEASURED, repetition, (uint64_t)TRIAL_S * 1000000000u);
    for (size_t c = 0; c < CHANNELS; c++) {
        char label[16];
        int64_t v = channels[c].start;
        for (size_t i = 0; i < PER_TRIAL; i++) {
            t_ns[i] = r->t_begin_ns + i * PERIOD_NS + mb_rng_below(rng, 200000);
            value[i] = v += channels[c].step * ((int64_t)mb_rng_below(rng, 3) - 1);
        }
        snprintf(label, sizeof(label), "channel-%zu", c);
        const struct mb_record_stream s = {.name = (char *)(uintptr_t)channels[c].name, .channel = label, .source = (char *)(uintptr_t)channels[c].source,
                                           .t_ns = t_ns, .value = value, .n = PER_TRIAL, .period_ns = PERIOD_NS};
        assert_int_equal(mb_record_add_stream(r, &s), MB_OK);
    }
}

int main(int argc, char **argv)
{
    static const struct known_axes plain = {"m.gguf", "file", "none", "none", 2};
    const double hours = argc > 2 ? strtod(argv[2], NULL) : 1.0;
    if (argc < 2 || argc > 3 || !(hours > 0 && hours <= 24)) {
        fputs("usage: store_night FILE.db [HOURS] (up to 24)\n", stderr);
        return 2;
    }
    struct mb_db *db;
    struct mb_error err;
    struct mb_rng rng = {1};
    if (mb_db_open(&db, argv[1], MB_DB_CREATE, &err)) {
        fprintf(stderr, "store_night: %s\n", err.text);
        return 2;
    }
    const int64_t cell = known_cell(db, known_run_begin(db, "night"), 0, &plain, "micro", "{\"prompt\":4,\"gen\":3}", 5, NULL);
    const uint32_t n_trials = (uint32_t)(hours * 3600 / TRIAL_S + 0.5);
    double wall = 0, cpu = 0;
    for (uint32_t i = 0; i < n_trials; i++) {
        struct mb_record r;
        int64_t id;
        fill(&r, &rng, i);
        const double cpu_begin = cpu_s();
        const uint64_t begin_ns = mb_clock_ns();
        if (mb_db_put_trial(db, cell, &r, &id, &err)) {
            fprintf(stderr, "store_night: %s\n", err.text);
            return 2;
        }
        wall += (double)(mb_clock_ns() - begin_ns) * 1e-9;
        cpu += cpu_s() - cpu_begin;
        mb_record_release(&r);
    }
    mb_db_close(db);
    struct stat st;
    if (stat(argv[1], &st))
        return 2;
    const double n = (double)n_trials * CHANNELS * PER_TRIAL, bytes_an_hour = (double)st.st_size * 3600 / ((double)n_trials * TRIAL_S);
    printf("%.0f samples in %u transactions: %.2f million a second by the clock, %.2f by CPU time; %.1f MB, %.2f bytes a sample, %.1f MB an hour\n", n, n_trials,
           n / wall / 1e6, n / cpu / 1e6, (double)st.st_size / 1e6, (double)st.st_size / n, bytes_an_hour / 1e6);
    return n / cpu < LEAST_A_SECOND || bytes_an_hour > MOST_BYTES_AN_HOUR;
}
