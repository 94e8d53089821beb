/* bench_flags.c - see bench_flags.h. */
#include "harness/bench_flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum rule { NOTE, REFUSE };

/* Is each item of @list among @known? */
static bool all_among(const char *list, const char *known)
{
    for (const char *p = list;; p++) {
        const size_t n = strcspn(p, ",");
        bool found = false;
        for (const char *k = known; *k && !found; k += strcspn(k, ","), k += *k == ',')
            found = strcspn(k, ",") == n && strncmp(k, p, n) == 0;
        if (!found)
            return false;
        p += n;
        if (!*p)
            return true;
    }
}

int mb_bench_flags_check(const struct mb_bench_flags *flags, struct mb_error *err)
{
    static const struct { size_t offset; const char *name, *harmless; enum rule rule; const char *why; } rows[] = {
#define BENCH_FLAG(id, name, alias, value, harmless, rule, why) {offsetof(struct mb_bench_flags, id), name, harmless, rule, why},
#include "harness/bench_flag.def"
#undef BENCH_FLAG
    };
    for (int pass = 0; pass < 2; pass++) /* refusals before any word */
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const char *value = *(const char *const *)((const char *)flags + rows[i].offset);
            if (!value || all_among(value, rows[i].harmless))
                continue;
            if (pass == 0 && rows[i].rule == REFUSE)
                return mb_fail(err, MB_EINVAL, "%s %s: %s", rows[i].name, value, rows[i].why);
            if (pass == 1)
                fprintf(stderr, "meltbench: %s %s has no effect here: %s\n", rows[i].name, value, rows[i].why);
        }
    return MB_OK;
}

/* Which option @arg is, if its value is a list; -1 otherwise. */
static int list_option(const struct mb_command *command, const char *arg)
{
    struct mb_opt_view view;
    char name[64];
    for (size_t i = 0; mb_opt_view_at(command, i, &view, name); i++)
        if ((strcmp(view.name, arg) == 0 || (view.alias && strcmp(view.alias, arg) == 0)) && view.value_name && strcmp(view.value_name, "LIST") == 0)
            return (int)i;
    return -1;
}

int mb_bench_flags_join(const struct mb_command *command, int argc, char **argv, struct mb_bench_joined *kept)
{
    enum { OPTIONS_MOST = 96 };
    int value_at[OPTIONS_MOST] = {0}, out = 1; /* index of the value in the new argv; 0: not given yet */
    kept->n = 0;
    for (int i = 1; i < argc; i++) {
        const int option = list_option(command, argv[i]);
        const bool pair = option >= 0 && option < OPTIONS_MOST && i + 1 < argc;
        char *joined = NULL;
        if (pair && value_at[option] && kept->n < sizeof(kept->text) / sizeof(kept->text[0]) &&
            asprintf(&joined, "%s,%s", argv[value_at[option]], argv[i + 1]) >= 0) {
            kept->text[kept->n++] = joined;
            argv[value_at[option]] = joined;
            i++;
            continue;
        }
        argv[out++] = argv[i];
        if (pair) {
            value_at[option] = out;
            argv[out++] = argv[++i];
        }
    }
    argv[out] = NULL;
    return out;
}

void mb_bench_flags_free(struct mb_bench_joined *kept)
{
    for (size_t i = 0; i < kept->n; i++)
        free(kept->text[i]);
    kept->n = 0;
}
