/* help.c - help text, manual page and version, all from the command, option and status rows. Help fits 100 columns. */
#include <string.h>

#include "build_info.h"
#include "harness/options.h"

enum { WIDTH = 100, TEXT_COLUMN = 30, NAME_CAP = 64, LABEL_CAP = 160 };

static const struct { const char *name, *meaning; } environment[] = {
    {"MELTBENCH_MODELS", "folder searched first for models of the catalogue"},
    {"XDG_CACHE_HOME", "models are kept in its meltbench folder (default ~/.cache)"},
    {"XDG_STATE_HOME", "doctor --tune keeps old values of settings in its meltbench folder while they are changed (default ~/.local/state)"},
    {"MELTBENCH_DATA", "folder of real data sets, where --data is not given"},
    {"MELTBENCH_SHARE", "folder of the data sets that come with meltbench, where they are not in their usual place"},
    {"MELTBENCH_SYSROOT", "prefix of /sys and /proc for `run`: a test double of a machine"},
    {"MELTBENCH_NULL", "appended to every script of the null runner (runners/README.md): simulated scatter and slow-downs, for tests"},
};

static const struct { int code; const char *meaning; } exits[] = {
    {0, "everything worked (cells that were only skipped included)"},
    {1, "something failed: a cell, a file, the database"},
    {2, "the command line or the plan is wrong"},
    {3, "a regression was found"},
    {4, "a measurement is invalid under --strict"},
    {5, "accuracy is below its band"},
    {77, "this machine or build does not offer what was asked for"},
    {130, "interrupted by Ctrl-C; what was measured is kept"},
};

/* Words of @text from @column on, continued at @indent; ends with a newline. */
static void print_wrapped(FILE *out, const char *text, size_t column, size_t indent)
{
    for (const char *p = text; *p;) {
        const size_t n = strcspn(p, " ");
        if (column > indent && column + 1 + n > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            fputc(' ', out);
            column++;
        }
        fwrite(p, 1, n, out);
        column += n;
        p += n;
        p += strspn(p, " ");
    }
    fputc('\n', out);
}

static void print_row(FILE *out, const char *label, const char *text)
{
    size_t column = (size_t)fprintf(out, "  %s", label);
    if (column + 2 > TEXT_COLUMN) {
        fputc('\n', out);
        column = 0;
    }
    fprintf(out, "%*s", (int)(TEXT_COLUMN - column), "");
    print_wrapped(out, text, TEXT_COLUMN, TEXT_COLUMN);
}

/* "-t, --threads LIST": what is typed */
static void label_of(const struct mb_opt_view *view, char label[LABEL_CAP])
{
    const bool short_first = view->alias && strncmp(view->alias, "--", 2) != 0;
    const char *first = short_first ? view->alias : view->name, *second = short_first ? view->name : view->alias;
    snprintf(label, LABEL_CAP, "%s%s%s%s%s", first, second ? ", " : "", second ? second : "", view->value_name ? " " : "",
             view->value_name ? view->value_name : "");
}

/* What the row's own sentence leaves out: the default of an axis. */
static void text_of(const struct mb_opt_view *view, char *text, size_t cap)
{
    const int i_axis = view->kind == MB_OPT_AXIS ? mb_axis_find(view->name + 2) : -1;
    if (i_axis >= 0 && mb_axis_rows[i_axis].def)
        snprintf(text, cap, "%s (default %s)", view->help, mb_axis_rows[i_axis].def);
    else
        snprintf(text, cap, "%s", view->help);
}

void mb_opt_print_help(const struct mb_command *command, FILE *out)
{
    struct mb_opt_view view;
    char name[NAME_CAP], label[LABEL_CAP], text[512];
    fprintf(out, "usage: meltbench %s [options]%s%s\n\n", command->name, command->operands ? " " : "",
            command->operands ? command->operands : "");
    print_wrapped(out, command->summary, 0, 0);
    if (command->description) {
        fputc('\n', out);
        print_wrapped(out, command->description, 0, 0);
    }
    fputs("\noptions:\n", out);
    for (size_t i = 0; mb_opt_view_at(command, i, &view, name); i++) {
        label_of(&view, label);
        text_of(&view, text, sizeof(text));
        print_row(out, label, text);
    }
    if (command->takes_axes) {
        fputc('\n', out);
        print_wrapped(out, "LIST: values separated by commas; key=value belongs to the method before it (none,verify:layer=20,draft=4); "
                      "numbers also as 1-4, 256-1024+256, 1-8*2. `meltbench list` names every choice.", 0, 0);
    }
}

void mb_help_commands(FILE *out)
{
    size_t n;
    char label[LABEL_CAP];
    const struct mb_command *const *commands = mb_commands(&n);
    fputs("usage: meltbench COMMAND [options]\n\n"
          "Benchmarks language models on edge devices: latency, memory, energy and accuracy from one run.\n\ncommands:\n", out);
    for (size_t i = 0; i < n; i++) {
        if (commands[i]->hidden)
            continue;
        snprintf(label, sizeof(label), "%s%s%s", commands[i]->name, commands[i]->operands ? " " : "",
                 commands[i]->operands ? commands[i]->operands : "");
        print_row(out, label, commands[i]->summary);
    }
    print_row(out, "help [COMMAND]", "print this table, or the options of a command");
    fputs("\n`meltbench COMMAND --help` prints its options, `meltbench --version` what this binary is.\n", out);
}

void mb_help_version(FILE *out)
{
    fprintf(out, "meltbench %s\ncommit %s\ncompiler %s\nbuild type %s\nflags %s\nsanitizer %s\n", MB_VERSION, MB_COMMIT, MB_COMPILER,
            MB_BUILD_TYPE, MB_C_FLAGS[0] ? MB_C_FLAGS : "none", MB_SANITIZER[0] ? MB_SANITIZER : "none");
}

/* roff: a backslash and a leading dot or quote are commands, '-' would become a hyphen. */
static void man_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (const char *p = text; *p; p++) {
        if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-')
            fputs("\\-", out);
        else
            fputc(*p, out);
    }
}

static void man_entry(FILE *out, const char *label, const char *text)
{
    fputs(".TP\n.B ", out);
    man_text(out, label);
    fputc('\n', out);
    man_text(out, text);
    fputc('\n', out);
}

static void man_command(FILE *out, const struct mb_command *command)
{
    struct mb_opt_view view;
    char name[NAME_CAP], label[LABEL_CAP], text[512];
    fputs(".SS ", out);
    man_text(out, command->name);
    if (command->operands) {
        fputc(' ', out);
        man_text(out, command->operands);
    }
    fputc('\n', out);
    man_text(out, command->summary);
    fputs(".\n", out);
    if (command->description) {
        fputs(".PP\n", out);
        man_text(out, command->description);
        fputc('\n', out);
    }
    for (size_t i = 0; mb_opt_view_at(command, i, &view, name); i++) {
        label_of(&view, label);
        text_of(&view, text, sizeof(text));
        man_entry(out, label, text);
    }
}

static void man_tail(FILE *out)
{
    char label[32];
    fputs(".SH LISTS\nValues are separated by commas. An item key=value belongs to the method before it: "
          "none,verify:layer=20,draft=4 is two methods. Numbers may be ranges: 1\\-4, 256\\-1024+256, 1\\-8*2.\n.SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
        snprintf(label, sizeof(label), "%d", exits[i].code);
        man_entry(out, label, exits[i].meaning);
    }
    fputs(".SH ENVIRONMENT\n", out);
    for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
        man_entry(out, environment[i].name, environment[i].meaning);
}

void mb_help_man(FILE *out)
{
    size_t n;
    const struct mb_command *const *commands = mb_commands(&n);
    fputs(".TH MELTBENCH 1 \"\" \"meltbench " MB_VERSION "\"\n.SH NAME\nmeltbench \\- benchmark language models on edge devices\n"
          ".SH SYNOPSIS\n.B meltbench\n.I COMMAND\n[options]\n.SH DESCRIPTION\n"
          "Runs a plan of cells (model, backend, quantization, token reduction, early exit, threads), measures latency, memory, energy "
          "and accuracy of the same configuration in the same run, keeps every sample in SQLite, and prints reports.\n"
          ".SH COMMANDS\n", out);
    for (size_t i = 0; i < n; i++)
        if (!commands[i]->hidden)
            man_command(out, commands[i]);
    man_tail(out);
}
