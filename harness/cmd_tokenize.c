/*
 * cmd_tokenize.c - `meltbench tokenize`: text in, ids and pieces out, or with --decode ids in and bytes out. Only the vocabulary of the
 * model is opened, so any architecture will do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"
#include "harness/catalogue.h"
#include "harness/options.h"

struct tokenize_options {
    const char *model, *text, *file;
    bool special, no_bos, ids, decode;
};

static const struct mb_opt_row tokenize_rows[] = {
    {"--model", "-m", MB_OPT_TEXT, offsetof(struct tokenize_options, model), "MODEL", 0, 0, "model file, or a name of the catalogue"},
    {"--prompt", "-p", MB_OPT_TEXT, offsetof(struct tokenize_options, text), "TEXT", 0, 0, "the text; without -p and -f it comes from standard input"},
    {"--file", "-f", MB_OPT_TEXT, offsetof(struct tokenize_options, file), "FILE", 0, 0, "read the text from a file; - = standard input"},
    {"--special", NULL, MB_OPT_FLAG, offsetof(struct tokenize_options, special), NULL, 0, 0,
     "recognise special tokens written in the text, and begin with the model's begin-of-text token where it asks for one, as `generate` does; "
     "with --decode: print special tokens"},
    {"--no-bos", NULL, MB_OPT_FLAG, offsetof(struct tokenize_options, no_bos), NULL, 0, 0, "with --special: no begin-of-text token in front"},
    {"--ids", NULL, MB_OPT_FLAG, offsetof(struct tokenize_options, ids), NULL, 0, 0, "print ids only, one a line"},
    {"--decode", NULL, MB_OPT_FLAG, offsetof(struct tokenize_options, decode), NULL, 0, 0,
     "the input is ids, separated by spaces, lines or commas; print the bytes that they stand for"},
    {0},
};

static int tokenize_main(int argc, char **argv);

const struct mb_command mb_command_tokenize = {
    .name = "tokenize",
    .summary = "print the token ids and pieces of a text, or the text of ids",
    .description = "One line a token: its id, a tab, and its piece in double quotes, where \\n, \\t, \\r, \\\", \\\\ and \\xNN stand for line ends, "
                   "tabs, quotes, backslashes and bytes that are no printable UTF-8. Any bytes are a text, nothing is trimmed.",
    .rows = tokenize_rows,
    .run = tokenize_main,
};

/* ---- input ---- */

struct bytes {
    char *data; /* malloc'ed */
    size_t n;
};

static int read_all(FILE *in, const char *name, struct bytes *out, struct mb_error *err)
{
    size_t cap = 1 << 16, n;
    out->data = malloc(cap);
    while (out->data && (n = fread(out->data + out->n, 1, cap - out->n, in)) > 0) {
        out->n += n;
        if (out->n < cap)
            continue;
        char *more = realloc(out->data, cap *= 2);
        if (!more)
            free(out->data);
        out->data = more;
    }
    if (!out->data)
        return mb_fail(err, MB_ENOMEM, "%s: no memory for %zu bytes", name, cap);
    return ferror(in) ? mb_fail_errno(err, MB_EIO, "%s", name) : MB_OK;
}

static int read_input(const struct tokenize_options *o, struct bytes *out, struct mb_error *err)
{
    if (o->text) {
        out->n = strlen(o->text);
        out->data = strdup(o->text);
        return out->data ? MB_OK : mb_fail(err, MB_ENOMEM, "no memory for the text");
    }
    const bool is_stdin = !o->file || strcmp(o->file, "-") == 0;
    FILE *in = is_stdin ? stdin : fopen(o->file, "rb");
    if (!in)
        return mb_fail_errno(err, MB_ENOENT, "%s", o->file);
    const int rc = read_all(in, is_stdin ? "standard input" : o->file, out, err);
    if (!is_stdin)
        fclose(in);
    return rc;
}

/* ---- output ---- */

/* Length of the printable UTF-8 character at p[0..n), 0 when it must be escaped: C0 and C1 controls too, they move cursors. */
static size_t printable(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f;
    const size_t len = p[0] >= 0xc2 && p[0] < 0xe0 ? 2 : p[0] >= 0xe0 && p[0] < 0xf0 ? 3 : p[0] >= 0xf0 && p[0] < 0xf5 ? 4 : 0;
    if (len == 0 || len > n || (p[0] == 0xc2 && p[1] < 0xa0) || (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

static void print_piece(const char *piece, size_t n)
{
    putchar('"');
    for (size_t i = 0; i < n;) {
        const unsigned char c = (unsigned char)piece[i];
        const size_t len = printable((const unsigned char *)piece + i, n - i);
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (len)
            fwrite(piece + i, 1, len, stdout);
        else if (c == '\n' || c == '\t' || c == '\r')
            printf("\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
        else
            printf("\\x%02x", c);
        i += len ? len : 1;
    }
    putchar('"');
}

static int fail_engine(struct mb_error *err, const char *path, const struct eng_error *e)
{
    return mb_fail(err, e->code == ENG_ENOMEM ? MB_ENOMEM : MB_EFAILED, "%s: %s", path, e->text);
}

static int print_tokens(const struct tokenize_options *o, const struct eng_model *m, const int32_t *ids, size_t n, struct eng_error *e)
{
    char piece[UINT16_MAX + 1];
    for (size_t i = 0; i < n; i++) {
        printf("%" PRId32, ids[i]);
        if (!o->ids) {
            size_t n_piece = 0;
            const int rc = eng_detokenize(m, &ids[i], 1, ENG_DETOKENIZE_SPECIAL, piece, sizeof(piece), &n_piece, e);
            if (rc)
                return rc;
            putchar('\t');
            print_piece(piece, n_piece);
        }
        putchar('\n');
    }
    return ENG_OK;
}

/* ---- both ways ---- */

static int encode(const struct tokenize_options *o, const struct eng_model *m, const struct bytes *text, struct eng_error *e)
{
    const unsigned flags = o->special ? ENG_TOKENIZE_SPECIAL | (o->no_bos ? 0 : ENG_TOKENIZE_BOS) : 0;
    const size_t cap = text->n + 2;
    size_t n = 0;
    int32_t *ids = malloc(cap * sizeof(*ids));
    if (!ids) {
        snprintf(e->text, sizeof(e->text), "no memory for the ids of %zu bytes", text->n);
        return e->code = ENG_ENOMEM;
    }
    int rc = eng_tokenize(m, text->data, text->n, flags, ids, cap, &n, e);
    if (!rc)
        rc = print_tokens(o, m, ids, n, e);
    free(ids);
    return rc;
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',' || c == '[' || c == ']';
}

static int parse_ids(const struct bytes *text, int32_t **ids, size_t *n, struct mb_error *err)
{
    size_t n_line = 1;
    *n = 0;
    *ids = malloc((text->n / 2 + 1) * sizeof(**ids));
    if (!*ids)
        return mb_fail(err, MB_ENOMEM, "no memory for the ids of %zu bytes", text->n);
    for (size_t i = 0; i < text->n;) {
        if (is_separator(text->data[i])) {
            n_line += text->data[i++] == '\n';
            continue;
        }
        size_t end = i;
        int64_t id = 0;
        bool is_id = true;
        for (; end < text->n && !is_separator(text->data[end]); end++) {
            is_id = is_id && text->data[end] >= '0' && text->data[end] <= '9' && id <= INT32_MAX;
            id = is_id ? 10 * id + (text->data[end] - '0') : 0;
        }
        if (!is_id || id > INT32_MAX)
            return mb_fail(err, MB_EINVAL, "line %zu: '%.*s' is not a token id", n_line, end - i < 40 ? (int)(end - i) : 40, text->data + i);
        (*ids)[(*n)++] = (int32_t)id;
        i = end;
    }
    return MB_OK;
}

static int decode(const struct tokenize_options *o, const struct eng_model *m, const int32_t *ids, size_t n, struct eng_error *e)
{
    const unsigned flags = ENG_DETOKENIZE_START | (o->special ? ENG_DETOKENIZE_SPECIAL : 0);
    size_t n_bytes = 0;
    int rc = eng_detokenize(m, ids, n, flags, NULL, 0, &n_bytes, e);
    if (rc != ENG_ELIMIT)
        return rc;
    char *text = malloc(n_bytes + 1);
    if (!text) {
        snprintf(e->text, sizeof(e->text), "no memory for %zu bytes", n_bytes);
        return e->code = ENG_ENOMEM;
    }
    rc = eng_detokenize(m, ids, n, flags, text, n_bytes + 1, &n_bytes, e);
    if (!rc)
        fwrite(text, 1, n_bytes, stdout);
    free(text);
    return rc;
}

static int run(const struct tokenize_options *o, const char *path, const struct eng_model *m, struct mb_error *err)
{
    struct eng_error e = {0};
    struct bytes input = {0};
    int32_t *ids = NULL;
    size_t n = 0;
    int rc = read_input(o, &input, err);
    if (!rc && o->decode)
        rc = parse_ids(&input, &ids, &n, err);
    if (!rc && (o->decode ? decode(o, m, ids, n, &e) : encode(o, m, &input, &e)))
        rc = fail_engine(err, path, &e);
    if (!rc && (fflush(stdout) != 0 || ferror(stdout)))
        rc = mb_fail_errno(err, MB_EIO, "standard output");
    free(ids);
    free(input.data);
    return rc;
}

static int check(const struct tokenize_options *o, struct mb_error *err)
{
    if (!o->model)
        return mb_fail(err, MB_EINVAL, "which model? give -m FILE or a catalogue name (smollm2-135m)");
    if (o->text && o->file)
        return mb_fail(err, MB_EINVAL, "give the text with -p TEXT or with -f FILE, not both");
    if (o->no_bos && (!o->special || o->decode))
        return mb_fail(err, MB_EINVAL, "--no-bos takes back what --special adds to a text; it means nothing here");
    if (o->ids && o->decode)
        return mb_fail(err, MB_EINVAL, "--ids and --decode exclude each other: one prints ids, the other reads them");
    return MB_OK;
}

static int tokenize_main(int argc, char **argv)
{
    struct tokenize_options o = {0};
    struct mb_error err = {0};
    struct eng_model *model = NULL;
    char path[4096];
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_tokenize, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc)
        rc = check(&o, &err);
    if (!rc)
        rc = mb_model_locate(o.model, path, sizeof(path), &err);
    if (!rc) {
        const struct eng_model_params params = {.vocab_only = true};
        struct eng_error e = {0};
        if (eng_model_open(&model, path, &params, &e))
            rc = mb_fail(&err, MB_EFAILED, "%s", e.text);
    }
    if (!rc)
        rc = run(&o, path, model, &err);
    eng_model_close(model);
    return rc ? mb_complain(&mb_command_tokenize, &err) : 0;
}
