/*
 * cmd_quantize.c - `meltbench quantize`: a GGUF file with other weight types. The work is the engine's (eng/quantize.h); here are the
 * command line, the table of a dry run, progress, and Ctrl-C.
 */
#include <eng/quantize.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/catalogue.h"
#include "harness/interrupt.h"
#include "harness/machine.h"
#include "harness/options.h"
#include "harness/progress.h"
#include "runners/open_engine.h"

struct quantize_options {
    struct mb_opt_texts tensor_types;
    const char *output_type, *embedding_type;
    uint32_t n_threads;
    bool pure, dry_run, quiet;
};

static const struct mb_opt_row quantize_rows[] = {
    {"--dry-run", NULL, MB_OPT_FLAG, offsetof(struct quantize_options, dry_run), NULL, 0, 0,
     "print a table of all tensors, what each would become and why, and the sizes; write nothing (OUT may be left out)"},
    {"--tensor-type", NULL, MB_OPT_TEXTS, offsetof(struct quantize_options, tensor_types), "PATTERN=TYPE", 0, 0,
     "matrices whose whole name matches this glob get this type, whatever the format says; may be given again, the first match wins: "
     "--tensor-type 'blk.*.attn_v.weight=q8_0' --tensor-type '*ffn_down*=q6_k'"},
    {"--output-type", NULL, MB_OPT_TEXT, offsetof(struct quantize_options, output_type), "TYPE", 0, 0,
     "type of the output matrix; of the token embedding too when the two are one (as the format says)"},
    {"--embedding-type", "--token-embedding-type", MB_OPT_TEXT, offsetof(struct quantize_options, embedding_type), "TYPE", 0, 0,
     "type of the token embedding (as the format says)"},
    {"--pure", NULL, MB_OPT_FLAG, offsetof(struct quantize_options, pure), NULL, 0, 0, "every matrix in the format's base type: no mixture"},
    {"--threads", "-t", MB_OPT_U32, offsetof(struct quantize_options, n_threads), "N", 1, 1024, "threads (the physical cores)"},
    {"--quiet", "-q", MB_OPT_FLAG, offsetof(struct quantize_options, quiet), NULL, 0, 0, "no progress, no notes"},
    {0},
};

/* ---- the table ----------------------------------------------------------------------------------------------------- */

static double bits_per_weight(uint64_t n_bytes, uint64_t n_weights)
{
    return n_weights ? 8.0 * (double)n_bytes / (double)n_weights : 0.0;
}

/* Names come from a file: no control bytes on the terminal. */
static void put_clean(const char *text, int width)
{
    int n = 0;
    for (; text[n]; n++)
        putchar((unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n]);
    for (; n < width; n++)
        putchar(' ');
}

static const char *shape_of(const struct eng_quantize_row *row, char buf[96])
{
    int n = 0;
    for (uint32_t i = 0; i < row->n_dims; i++)
        n += snprintf(buf + n, 96 - (size_t)n, "%s%" PRIu64, i ? " x " : "", row->ne[i]);
    return buf;
}

static const char *why_of(const struct eng_quantize_row *row, char buf[64])
{
    static const char *const text[] = {[ENG_QUANTIZE_KEPT] = "kept", [ENG_QUANTIZE_BASE] = "format", [ENG_QUANTIZE_RECIPE] = "recipe",
                                       [ENG_QUANTIZE_OVERRIDE] = "override"};
    if (row->why == ENG_QUANTIZE_FALLBACK)
        snprintf(buf, 64, "fallback: %" PRIu64 " columns do not fit %s", row->ne[0], row->wanted);
    else
        snprintf(buf, 64, "%s", text[row->why]);
    return buf;
}

static void print_table(const struct eng_quantize *q)
{
    const struct eng_quantize_row *row;
    char shape[96], why[64];
    int widest = 6, widest_shape = 5;
    for (size_t i = 0; (row = eng_quantize_row(q, i)) != NULL; i++) {
        const int n = (int)strlen(row->name), n_shape = (int)strlen(shape_of(row, shape));
        widest = n > widest ? n : widest;
        widest_shape = n_shape > widest_shape ? n_shape : widest_shape;
    }
    printf("%-*s  %-*s  %-7s  %-7s  %12s  %7s  %s\n", widest, "tensor", widest_shape, "shape", "from", "to", "bytes", "bits", "why");
    for (size_t i = 0; (row = eng_quantize_row(q, i)) != NULL; i++) {
        put_clean(row->name, widest);
        printf("  %-*s  %-7s  %-7s  %12" PRIu64 "  %7.4f  %s\n", widest_shape, shape_of(row, shape), row->from, row->to, row->to_bytes,
               bits_per_weight(row->to_bytes, row->n_weights), why_of(row, why));
    }
}

static void print_totals(const char *path, const struct eng_quantize_totals *t)
{
    printf("%s: %s, %zu tensors (%zu converted, %zu by fallback), %" PRIu64 " weights; %" PRIu64 " -> %" PRIu64 " bytes of file; %.4f -> %.4f "
           "bits per weight\n", path, t->format, t->n_tensors, t->n_converted, t->n_fallback, t->n_weights, t->from_file_bytes, t->to_file_bytes,
           bits_per_weight(t->from_bytes, t->n_weights), bits_per_weight(t->to_bytes, t->n_weights));
}

/* ---- progress and Ctrl-C --------------------------------------------------------------------------------------------- */

struct watch {
    struct mb_interrupt interrupt;
    uint64_t begin_ns, last_ns;
    bool quiet, tty, drawn;
};

static bool show(void *user, const struct eng_quantize_progress *at)
{
    struct watch *w = user;
    const uint64_t now = mb_clock_ns(), pause_ns = w->tty ? 100000000u : MB_PROGRESS_PLAIN_NS;
    if (mb_interrupt_count(&w->interrupt))
        return false;
    if (w->quiet || now - w->last_ns < pause_ns)
        return true;
    char left[40] = "?";
    const double share = at->n_weights ? (double)at->done_weights / (double)at->n_weights : 0.0;
    if (share > 0.0)
        mb_progress_duration((uint64_t)((double)(now - w->begin_ns) * (1.0 - share) / share), left, sizeof(left));
    fprintf(stderr, "%s[%zu/%zu] %3.0f %%  %s left  %.50s %s -> %s%s", w->tty ? "\r\033[K" : "", at->i_tensor + 1, at->n_tensors, 100.0 * share,
            left, at->row->name, at->row->from, at->row->to, w->tty ? "" : "\n");
    fflush(stderr);
    w->last_ns = now;
    w->drawn = w->tty;
    return true;
}

/* ---- the command ------------------------------------------------------------------------------------------------------ */

static int quantize_main(int argc, char **argv);

const struct mb_command mb_command_quantize = {
    .name = "quantize",
    .operands = "IN [OUT] TYPE",
    .summary = "write a model file with other weight types",
    .description = "Reads the GGUF file (or catalogue name) IN and writes OUT with its matrices in the format TYPE, in any case; `meltbench list "
                   "quant` names all of them. Norms, biases, routers and other small tensors stay as they are; rows that a type's block does not "
                   "divide get the next type that fits. Mixtures (q4_k_m, ...), fallbacks and sizes are those of llama.cpp's llama-quantize "
                   "without an importance matrix. Works on the file, not the model: architectures that the engine cannot run are "
                   "quantized as well. OUT appears whole or not at all; what stood there before is replaced at the end. "
                   "Exit: 0 done, 1 failed, 2 a fault in the command line, 77 this build does not read or write a type, 130 interrupted.",
    .rows = quantize_rows,
    .run = quantize_main,
};

/* "PATTERN=TYPE", cut at the last '='. pattern[i] are copies, freed by the caller whatever comes back. */
static int parse_overrides(const struct mb_opt_texts *texts, char **pattern, struct eng_quantize_override *overrides, struct mb_error *err)
{
    for (size_t i = 0; i < texts->n; i++) {
        pattern[i] = strdup(texts->text[i]);
        char *equals = pattern[i] ? strrchr(pattern[i], '=') : NULL;
        if (!pattern[i])
            return mb_fail(err, MB_ENOMEM, "no memory for the patterns");
        if (!equals || equals == pattern[i] || !equals[1])
            return mb_fail(err, MB_EINVAL, "--tensor-type: '%s' is not PATTERN=TYPE", texts->text[i]);
        *equals = '\0';
        overrides[i] = (struct eng_quantize_override){pattern[i], equals + 1};
    }
    return MB_OK;
}

static int write_file(const struct quantize_options *o, struct eng_quantize *q, const char *out, struct mb_error *err)
{
    struct watch w = {.interrupt = {.fd = -1}, .begin_ns = mb_clock_ns(), .quiet = o->quiet, .tty = isatty(2)};
    struct eng_error e = {0};
    w.last_ns = w.tty ? 0 : w.begin_ns;
    int rc = mb_interrupt_open(&w.interrupt, NULL, NULL, err);
    if (rc)
        return rc;
    const struct eng_quantize_run run = {.n_threads = o->n_threads ? o->n_threads : mb_machine_physical_cores(""), .progress = show, .user = &w};
    if (eng_quantize_write(q, out, &run, &e) != ENG_OK)
        rc = e.code == ENG_ECANCELED ? mb_fail(err, MB_EINTR, "%s", e.text) : mb_engine_fail(&e, err);
    if (w.drawn)
        fputs("\r\033[K", stderr);
    mb_interrupt_close(&w.interrupt);
    return rc;
}

static int quantize(const struct quantize_options *o, const char *in, const char *out, const char *type, struct mb_error *err)
{
    struct eng_quantize_override overrides[MB_OPT_TEXTS_MAX];
    char *patterns[MB_OPT_TEXTS_MAX] = {0};
    struct eng_quantize *q = NULL;
    struct eng_error e = {0};
    char path[4096];
    int rc = parse_overrides(&o->tensor_types, patterns, overrides, err);
    if (!rc)
        rc = mb_model_locate(in, path, sizeof(path), err);
    const struct eng_quantize_params params = {.type = type, .output_type = o->output_type, .embedding_type = o->embedding_type,
                                               .overrides = overrides, .n_overrides = o->tensor_types.n, .pure = o->pure};
    if (!rc && eng_quantize_open(&q, path, &params, &e) != ENG_OK)
        rc = mb_engine_fail(&e, err);
    if (!rc) {
        const struct eng_quantize_totals *t = eng_quantize_totals(q);
        if (o->dry_run)
            print_table(q);
        else
            rc = write_file(o, q, out, err);
        if (!rc)
            print_totals(o->dry_run ? path : out, t);
        if (!rc && t->n_requantized && !o->quiet)
            fprintf(stderr, "meltbench: note: %zu tensors were quantized before; converting them again adds a second error to the first\n",
                    t->n_requantized);
    }
    eng_quantize_close(q);
    for (size_t i = 0; i < o->tensor_types.n; i++)
        free(patterns[i]);
    return rc;
}

static int quantize_main(int argc, char **argv)
{
    struct quantize_options o = {0};
    struct mb_error err = {0};
    int n = 0;
    int rc = mb_opt_parse(&mb_command_quantize, argc, argv, &o, &n, &err);
    if (rc == 1)
        return 0;
    if (!rc && n < 3 && !o.dry_run)
        rc = mb_fail(&err, MB_EINVAL, "quantize needs IN OUT TYPE; only --dry-run does without OUT");
    if (!rc)
        rc = quantize(&o, argv[1], n < 3 ? NULL : argv[2], argv[n], &err);
    return rc ? mb_complain(&mb_command_quantize, &err) : 0;
}
