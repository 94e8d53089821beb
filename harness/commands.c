/* commands.c - the list of subcommands, from commands.def: declared once, expanded twice; and how a fault is told to the user. */
#include <ctype.h>
#include <string.h>

#include "harness/options.h"

static const struct mb_command *const all[] = {
#define COMMAND(id) &mb_command_##id,
#include "harness/commands.def"
#undef COMMAND
};

enum { N_ALL = sizeof(all) / sizeof(all[0]), MAX_LINES = 3 };

const struct mb_command *const *mb_commands(size_t *n)
{
    *n = N_ALL;
    return all;
}

const struct mb_command *mb_command_find(const char *name, struct mb_error *err)
{
    const char *names[N_ALL + 1];
    for (size_t i = 0; i < N_ALL; i++) {
        names[i] = all[i]->name;
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    }
    names[N_ALL] = "help";
    const char *nearest = mb_nearest(name, names, N_ALL + 1);
    if (nearest)
        mb_fail(err, MB_EINVAL, "unknown command '%s'; did you mean '%s'?", name, nearest);
    else
        mb_fail(err, MB_EINVAL, "unknown command '%s'", name);
    return NULL;
}

/* What a user typed may hold control bytes: they never reach the terminal. At most @n_max lines. */
static void print_clean(const char *text, int n_max, FILE *out)
{
    int n_lines = 1;
    for (const char *p = text; *p; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '\n' && (p[1] == '\0' || ++n_lines > n_max))
            break;
        fputc(c != '\n' && (c < 0x20 || c == 0x7f) ? '?' : c, out);
    }
    fputc('\n', out);
}

int mb_complain(const struct mb_command *command, const struct mb_error *err)
{
    const bool usage = err->code == MB_EINVAL;
    fputs("meltbench: ", stderr);
    print_clean(err->text[0] ? err->text : mb_status_name(err->code), usage ? MAX_LINES - 1 : MAX_LINES, stderr);
    if (usage && command)
        fprintf(stderr, "try: meltbench %s --help\n", command->name);
    else if (usage)
        fputs("try: meltbench help\n", stderr);
    return mb_status_exit(err->code);
}
