/*
 * eng_mutants.c - damaged copies of model files, opened and run one by one; what went wrong is printed with its number.
 *
 *   eng_mutants [-a] [-n N] [-s SEED] [-m NUMBER] FILE...    N mutants of each file (100), drawn with the seed; -a: every special value of
 *   every field; -m: the one mutant with this number
 * Exit 1 when a copy crashed, hung, took too much memory, or was run with a constant that makes no sense.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mutants.h"

static uint8_t *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    uint8_t *bytes = NULL;
    if (f && fseek(f, 0, SEEK_END) == 0 && ftell(f) > 0) {
        *n = (size_t)ftell(f);
        bytes = malloc(*n);
        rewind(f);
        if (bytes && fread(bytes, 1, *n, f) != *n) {
            free(bytes);
            bytes = NULL;
        }
    }
    if (f)
        fclose(f);
    return bytes;
}

static unsigned long try_one(const struct mutants *m, const char *path, uint64_t number, unsigned long ends[MUTANT_ENDS], int verbose)
{
    char what[160], sentence[400];
    const enum mutant_end end = mutant_try(m, number, what, sentence);
    ends[end]++;
    if (end >= MUTANT_BAD_CONSTANT || verbose)
        printf("%s: -m %llu: %s: %s%s%s\n", path, (unsigned long long)number, mutant_end_names[end], what, *sentence ? ": " : "", sentence);
    fflush(stdout);
    return end >= MUTANT_BAD_CONSTANT;
}

int main(int argc, char **argv)
{
    unsigned long n = 100, n_bad = 0, ends[MUTANT_ENDS] = {0};
    uint64_t seed = 1, only = UINT64_MAX;
    int option, all = 0;
    while ((option = getopt(argc, argv, "an:s:m:")) != -1) {
        if (option == 'a')
            all = 1;
        else if (option == 'n')
            n = strtoul(optarg, NULL, 10);
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
        else if (option == 'm')
            only = strtoull(optarg, NULL, 10);
        else
            return 2;
    }
    for (int i = optind; i < argc; i++) {
        struct mutants m;
        size_t n_bytes = 0;
        uint8_t *bytes = read_file(argv[i], &n_bytes);
        if (!bytes || !mutants_open(&m, bytes, n_bytes)) {
            fprintf(stderr, "%s: not a GGUF file\n", argv[i]);
            return 2;
        }
        const uint64_t end = only != UINT64_MAX ? 1 : all ? m.n_special : n;
        for (uint64_t k = 0; k < end; k++) {
            const uint64_t drawn = (seed + k) * 0x9e3779b97f4a7c15u >> 16;
            const uint64_t number = only != UINT64_MAX ? only : all ? k : drawn % (3 * m.n_special);
            n_bad += try_one(&m, argv[i], number, ends, only != UINT64_MAX);
        }
        mutants_close(&m);
        free(bytes);
    }
    for (int e = 0; e < MUTANT_ENDS; e++)
        printf("%s%lu %s", e ? ", " : "", ends[e], mutant_end_names[e]);
    putchar('\n');
    return n_bad ? 1 : 0;
}
