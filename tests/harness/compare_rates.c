/*
 * compare_rates.c - the table of docs/statistics.md, "Verdicts": rates of false alarms and of found slow-downs. No test: cmake --build build --target compare_rates
 *   compare_rates [COMPARISONS]     2000 take some five minutes
 */
#include <stdio.h>
#include <stdlib.h>

#include "compare_sim.h"

static void line(const char *name, const char *scatter, size_t n, size_t n_runs, double min_effect, size_t n_comparisons)
{
    static const double slow[] = {1, 1.02, 1.03, 1.05};
    char side[40];
    snprintf(side, sizeof(side), n_runs ? "%zu, last %zu" : "%zu", n, n_runs);
    printf("| %s | %s | %g %% |", name, side, 100 * min_effect);
    for (size_t i = 0; i < sizeof(slow) / sizeof(slow[0]); i++) {
        const struct compare_sim how = {.scatter = scatter, .slow = slow[i], .n = n, .n_runs = n_runs, .rule = {.confidence = 0.95, .min_effect = min_effect}, .first_draw = 10000};
        const struct compare_sim_count c = compare_sim(&how, n_comparisons, mb_compare_judge);
        if (i == 0)
            printf(" %.2f %% | %.1f %% |", 100.0 * (double)c.n_alarms / (double)n_comparisons,
                   100.0 * (double)c.n_same / (double)n_comparisons / COMPARE_SIM_ROWS);
        else
            printf(" %.1f %% |", 100.0 * (double)c.n_worse / (double)n_comparisons);
    }
    putchar('\n');
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    static const size_t counts[] = {7, 10, 20, 40}, runs[] = {5, 10, 20};
    static const struct { const char *name, *scatter; } noises[] = {
        {"1 %", COMPARE_SIM_SCATTER}, {"1 %, process 0.3 %", COMPARE_SIM_PROCESS},
        {"2 %, process 0.3 %", "trial_sd=0.02,token_sd=0.05,outlier=0.05,outlier_by=1.3,drift=0.02,process_sd=0.003"},
        {"1 %, process 1 %", COMPARE_SIM_SCATTER ",process_sd=0.01"}};
    if (n < 1 || n > 1000000) {
        fputs("compare_rates: give a number of comparisons, 1 to 1000000\n", stderr);
        return 2;
    }
    puts("| repetitions scatter by | n a side | minimum effect | false alarms | rows called the same | finds 2 % | 3 % | 5 % |\n"
         "| --- | --: | --: | --: | --: | --: | --: | --: |");
    for (size_t k = 0; k < sizeof(noises) / sizeof(noises[0]); k++)
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
            line(noises[k].name, noises[k].scatter, counts[i], 0, 0.01, (size_t)n);
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        line(noises[3].name, noises[3].scatter, 10, runs[i], 0.01, (size_t)n);
    line(noises[0].name, noises[0].scatter, 10, 0, 0, (size_t)n);
    line(noises[1].name, noises[1].scatter, 10, 0, 0, (size_t)n);
    return 0;
}
