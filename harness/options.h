/**
 * options.h - command lines from rows: one row = parsing, --help and man page. Axis rows (base/axis.def) become flags by themselves.
 */
#ifndef MB_HARNESS_OPTIONS_H
#define MB_HARNESS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/axis.h"
#include "base/error.h"

enum mb_opt_kind { MB_OPT_FLAG /* bool */, MB_OPT_TEXT /* const char * */, MB_OPT_U32, MB_OPT_U64, MB_OPT_F32, MB_OPT_AXIS /* const char *axis[] */,
                   MB_OPT_TEXTS /* struct mb_opt_texts: may be given again */ };

#define MB_OPT_TEXTS_MAX 64
struct mb_opt_texts { const char *text[MB_OPT_TEXTS_MAX]; size_t n; }; /* in the order given */

struct mb_opt_row {
    const char *name;        /* "--db"; NULL ends the list */
    const char *alias;       /* "-o" or a second long name, or NULL */
    enum mb_opt_kind kind;
    size_t offset;           /* into the command's options struct */
    const char *value_name;  /* "FILE"; NULL for FLAG */
    double min, max;         /* numbers */
    const char *help;        /* one sentence with the default */
};

struct mb_command {
    const char *name, *operands; /* "run", "PLAN"; "[SECTION]" may be left out, "DB..." may be repeated; NULL: none */
    const char *summary;         /* one line */
    const char *description;     /* paragraph for --help and the man page */
    const struct mb_opt_row *rows;
    bool takes_axes;             /* adds a flag per axis row, stored in `const char *axis[MB_AXIS_N]` at axis_offset */
    size_t axis_offset;
    int (*run)(int argc, char **argv); /* exit code */
    bool hidden;
};

/** mb_opt_parse() - fill *options from argv[1..]; operands are moved to the front of argv[1..] and counted in *n_operands, which
 *  is checked against command->operands. What is not given stays as it is: defaults are the caller's initializer.
 *  "--" ends options; "--name=value" and "--name value"; '_' and '-' are the same in long names. --help prints to stdout and
 *  returns 1 (the caller exits 0). A value may begin with '-' unless it is an option of this command (then write --name=value).
 *  Axis values are only stored: they are lists (mb_axis_list_expand()), so giving such a flag twice is an error.
 *  Errors: MB_EINVAL, one sentence naming the nearest known option. */
int mb_opt_parse(const struct mb_command *command, int argc, char **argv, void *options, int *n_operands, struct mb_error *err) MB_MUST_CHECK;

void mb_opt_print_help(const struct mb_command *command, FILE *out);

#define COMMAND(id) extern const struct mb_command mb_command_##id;
#include "harness/commands.def"
#undef COMMAND

/** mb_commands() - every subcommand; *n receives their number. Rows are declared in commands.def; each cmd_<name>.c defines
 *  `const struct mb_command mb_command_<name>`. */
const struct mb_command *const *mb_commands(size_t *n);

/** mb_command_find() - by name, or NULL with the nearest name in err->text. */
const struct mb_command *mb_command_find(const char *name, struct mb_error *err);

/** mb_opt_view_at() - option i of a command, as it is written: its own rows, then the axes it takes, then --help. false past the
 *  end. @name[64] is storage for view->name. For the parser, help, man page and tests alike. */
struct mb_opt_view { const char *name, *alias, *value_name, *help; enum mb_opt_kind kind; size_t offset; double min, max; };
bool mb_opt_view_at(const struct mb_command *command, size_t i, struct mb_opt_view *view, char name[64]);

/** mb_help_commands() - the table of commands; mb_help_man() - the whole manual page in troff; mb_help_version() - version, commit,
 *  compiler, build type, flags, sanitizer. All from rows. */
void mb_help_commands(FILE *out);
void mb_help_man(FILE *out);
void mb_help_version(FILE *out);

/** mb_complain() - "meltbench: <sentence>" on stderr, at most three lines; for usage errors plus "try: meltbench CMD --help". Returns the exit code. */
int mb_complain(const struct mb_command *command, const struct mb_error *err);

#endif
