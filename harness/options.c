/* options.c - command lines from rows; see options.h. Nothing here knows a single option by name but --help. */
#include "harness/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 64, MAX_OPTIONS = 96 };

static size_t n_rows(const struct mb_command *command)
{
    size_t n = 0;
    while (command->rows && command->rows[n].name)
        n++;
    return n;
}

static void axis_view(const struct mb_command *command, size_t i, struct mb_opt_view *view, char name[MAX_NAME])
{
    const struct mb_axis_row *row = &mb_axis_rows[i];
    snprintf(name, MAX_NAME, "--%s", row->key);
    for (char *p = name; *p; p++)
        if (*p == '_')
            *p = '-';
    *view = (struct mb_opt_view){.name = name, .alias = row->short_flag, .value_name = "LIST", .help = row->help, .kind = MB_OPT_AXIS,
                                 .offset = command->axis_offset + i * sizeof(const char *)};
}

bool mb_opt_view_at(const struct mb_command *command, size_t i, struct mb_opt_view *view, char name[MAX_NAME])
{
    const size_t n = n_rows(command), n_axes = command->takes_axes ? MB_AXIS_N : 0;
    if (i < n) {
        const struct mb_opt_row *row = &command->rows[i];
        *view = (struct mb_opt_view){.name = row->name, .alias = row->alias, .value_name = row->value_name, .help = row->help,
                                     .kind = row->kind, .offset = row->offset, .min = row->min, .max = row->max};
    } else if (i < n + n_axes) {
        axis_view(command, i - n, view, name);
    } else if (i == n + n_axes) {
        *view = (struct mb_opt_view){.name = "--help", .alias = "-h", .help = "print this text and exit", .kind = MB_OPT_FLAG};
    } else {
        return false;
    }
    return true;
}

/* Is text[n] this name? '_' counts as '-' in long names. */
static bool is_name(const char *name, const char *text, size_t n)
{
    if (!name || strlen(name) != n)
        return false;
    const bool is_long = strncmp(name, "--", 2) == 0;
    for (size_t i = 0; i < n; i++)
        if (name[i] != (is_long && i >= 2 && text[i] == '_' ? '-' : text[i]))
            return false;
    return true;
}

static bool find_option(const struct mb_command *command, const char *text, size_t n, struct mb_opt_view *view, char name[MAX_NAME],
                        size_t *i_option)
{
    for (size_t i = 0; mb_opt_view_at(command, i, view, name); i++) {
        if (is_name(view->name, text, n) || is_name(view->alias, text, n)) {
            *i_option = i;
            return true;
        }
    }
    return false;
}

static int fail_unknown(const struct mb_command *command, const char *text, size_t n, struct mb_error *err)
{
    static const char *const no_names[] = {""};
    char names[MAX_OPTIONS][MAX_NAME], word[MAX_NAME];
    const char *candidates[2 * MAX_OPTIONS] = {0};
    struct mb_opt_view view;
    size_t n_candidates = 0;
    for (size_t i = 0; i < MAX_OPTIONS && mb_opt_view_at(command, i, &view, names[i]); i++) {
        candidates[n_candidates++] = view.name;
        if (view.alias)
            candidates[n_candidates++] = view.alias;
    }
    snprintf(word, sizeof(word), "%.*s", (int)n, text);
    const char *nearest = n < MAX_NAME ? mb_nearest(word, n_candidates ? candidates : no_names, n_candidates) : NULL;
    if (nearest)
        return mb_fail(err, MB_EINVAL, "%s: unknown option %s; did you mean %s?", command->name, word, nearest);
    return mb_fail(err, MB_EINVAL, "%s: unknown option %s", command->name, word);
}

static int store_unsigned(const struct mb_opt_view *view, const char *value, uint64_t type_max, uint64_t *out, struct mb_error *err)
{
    char *end;
    errno = 0;
    const unsigned long long v = strtoull(value, &end, 10);
    const bool bounded = view->min != 0 || view->max != 0; /* a row without bounds has both 0 */
    const uint64_t max = bounded && view->max < (double)type_max ? (uint64_t)view->max : type_max;
    const uint64_t min = view->min > 0 ? (uint64_t)view->min : 0;
    if (*value < '0' || *value > '9' || *end || errno || v < min || v > max)
        return mb_fail(err, MB_EINVAL, "%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, view->name, value, min, max);
    *out = v;
    return MB_OK;
}

static int store_float(const struct mb_opt_view *view, const char *value, float *out, struct mb_error *err)
{
    char *end;
    errno = 0;
    const double v = strtod(value, &end);
    const bool bounded = view->min != 0 || view->max != 0;
    if (end == value || *end || !isfinite(v))
        return mb_fail(err, MB_EINVAL, "%s: '%s' is not a number", view->name, value);
    if (bounded && (v < view->min || v > view->max))
        return mb_fail(err, MB_EINVAL, "%s: %s is not between %g and %g", view->name, value, view->min, view->max);
    *out = (float)v;
    return MB_OK;
}

static int append(const struct mb_opt_view *view, const char *value, struct mb_opt_texts *texts, struct mb_error *err)
{
    if (texts->n == MB_OPT_TEXTS_MAX)
        return mb_fail(err, MB_EINVAL, "%s: given more than %d times", view->name, MB_OPT_TEXTS_MAX);
    texts->text[texts->n++] = value;
    return MB_OK;
}

static int store(const struct mb_opt_view *view, const char *value, void *options, struct mb_error *err)
{
    void *field = (char *)options + view->offset;
    uint64_t number = 0;
    int rc;
    switch (view->kind) {
    case MB_OPT_FLAG:
        *(bool *)field = true;
        return MB_OK;
    case MB_OPT_U32:
        if ((rc = store_unsigned(view, value, UINT32_MAX, &number, err)))
            return rc;
        *(uint32_t *)field = (uint32_t)number;
        return MB_OK;
    case MB_OPT_U64:
        return store_unsigned(view, value, UINT64_MAX, (uint64_t *)field, err);
    case MB_OPT_F32:
        return store_float(view, value, (float *)field, err);
    case MB_OPT_TEXTS:
        return append(view, value, field, err);
    case MB_OPT_TEXT:
    case MB_OPT_AXIS:
        *(const char **)field = value;
        return MB_OK;
    }
    return mb_fail(err, MB_EINVAL, "%s: an option row of unknown kind", view->name);
}

struct cursor {
    int argc, i;
    char **argv;
    bool given[MAX_OPTIONS];
};

static int take_value(const struct mb_command *command, const struct mb_opt_view *view, const char *equals, struct cursor *at,
                      const char **value, struct mb_error *err)
{
    if (view->kind == MB_OPT_FLAG)
        return equals ? mb_fail(err, MB_EINVAL, "%s takes no value", view->name) : MB_OK;
    if (equals) {
        *value = equals + 1;
        return MB_OK;
    }
    struct mb_opt_view other;
    char name[MAX_NAME];
    size_t i_other;
    const char *next = at->i + 1 < at->argc ? at->argv[at->i + 1] : NULL;
    if (!next)
        return mb_fail(err, MB_EINVAL, "%s needs a value (%s)", view->name, view->value_name ? view->value_name : "TEXT");
    if (find_option(command, next, strlen(next), &other, name, &i_other))
        return mb_fail(err, MB_EINVAL, "%s needs a value (%s); %s is an option (to give it as the value, write %s=%s)", view->name,
                       view->value_name ? view->value_name : "TEXT", next, view->name, next);
    *value = next;
    at->i++;
    return MB_OK;
}

/* One option at argv[i]; 1 when it was --help. */
static int parse_option(const struct mb_command *command, struct cursor *at, void *options, struct mb_error *err)
{
    const char *arg = at->argv[at->i], *equals = strchr(arg, '='), *value = "";
    const size_t n = equals ? (size_t)(equals - arg) : strlen(arg);
    struct mb_opt_view view;
    char name[MAX_NAME];
    size_t i_option;
    if (!find_option(command, arg, n, &view, name, &i_option))
        return fail_unknown(command, arg, n, err);
    if (strcmp(view.name, "--help") == 0) {
        mb_opt_print_help(command, stdout);
        return 1;
    }
    int rc = take_value(command, &view, equals, at, &value, err);
    if (rc)
        return rc;
    if (view.kind == MB_OPT_AXIS && i_option < MAX_OPTIONS) {
        if (at->given[i_option])
            return mb_fail(err, MB_EINVAL, "%s is given twice; give its values as one list, separated by commas", view.name);
        at->given[i_option] = true;
    }
    return store(&view, value, options, err);
}

/* "[--] PLAN [SECTION] DB...": how many operands there may be. */
static void count_operands(const char *spec, int *least, int *most)
{
    *least = *most = 0;
    for (const char *p = spec ? spec : ""; *p;) {
        const size_t n = strcspn(p, " ");
        if (n) {
            *least += *p != '[';
            *most = memmem(p, n, "...", 3) || *most == -1 ? -1 : *most + 1;
        }
        p += n;
        p += strspn(p, " ");
    }
}

static int check_operands(const struct mb_command *command, int n, char **argv, struct mb_error *err)
{
    int least, most;
    count_operands(command->operands, &least, &most);
    if (n < least)
        return mb_fail(err, MB_EINVAL, "%s needs %s", command->name, command->operands);
    if (most >= 0 && n > most)
        return mb_fail(err, MB_EINVAL, "%s: unexpected argument '%s'%s%s", command->name, argv[1 + most],
                       most ? "; expected only " : "", most ? command->operands : "");
    return MB_OK;
}

int mb_opt_parse(const struct mb_command *command, int argc, char **argv, void *options, int *n_operands, struct mb_error *err)
{
    struct cursor at = {.argc = argc, .argv = argv, .i = 1};
    int n = 0;
    bool ended = false;
    for (; at.i < argc; at.i++) {
        char *arg = argv[at.i];
        if (!ended && strcmp(arg, "--") == 0) {
            ended = true;
        } else if (ended || arg[0] != '-' || arg[1] == '\0') {
            argv[1 + n++] = arg;
        } else {
            const int rc = parse_option(command, &at, options, err);
            if (rc)
                return rc;
        }
    }
    *n_operands = n;
    return check_operands(command, n, argv, err);
}
