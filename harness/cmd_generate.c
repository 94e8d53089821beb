/*
 * cmd_generate.c - `meltbench generate`: one prompt through one configuration, the text on standard output as it is made, the figures
 * on request on standard error. It is a plan of one cell with one repetition, so a crash of the engine is a sentence here too.
 *
 * The engine's process writes the text of each token into a pipe (worker_link.h) and this one passes it on: two write(2) a token, of
 * which one delays the next token, some microseconds beside the milliseconds that a token takes (docs/overhead.md). Nothing else that
 * meltbench measures is watched like this. The record at the end holds the text once more; the two have to be the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "base/write_all.h"
#include "harness/direct.h"
#include "harness/options.h"

struct generate_options {
    const char *axis[MB_AXIS_N];
    const char *prompt, *prompt_file, *db, *temperature, *top_p;
    uint32_t n_gen, top_k;
    uint64_t seed;
    bool ignore_eos, chat, stats;
};

static const struct mb_opt_row generate_rows[] = {
    {"--prompt", "-p", MB_OPT_TEXT, offsetof(struct generate_options, prompt), "TEXT", 0, 0,
     "the prompt as it is: special tokens recognised, no template, no escapes, no trimming"},
    {"--file", "-f", MB_OPT_TEXT, offsetof(struct generate_options, prompt_file), "FILE", 0, 0, "read the prompt from a file; - = standard input"},
    {"--n-predict", "-n", MB_OPT_U32, offsetof(struct generate_options, n_gen), "N", 1, 1 << 20, "generate at most N tokens (128)"},
    {"--chat", NULL, MB_OPT_FLAG, offsetof(struct generate_options, chat), NULL, 0, 0, "wrap the prompt as a user turn in the model's chat template"},
    {"--ignore-eos", NULL, MB_OPT_FLAG, offsetof(struct generate_options, ignore_eos), NULL, 0, 0, "go on after end-of-text"},
    {"--temp", "--temperature", MB_OPT_TEXT, offsetof(struct generate_options, temperature), "X", 0, 0, "sampling temperature; 0 = greedy (0)"},
    {"--top-k", NULL, MB_OPT_U32, offsetof(struct generate_options, top_k), "N", 0, 1 << 20, "sample among the N likeliest tokens; 0 = all (0)"},
    {"--top-p", NULL, MB_OPT_TEXT, offsetof(struct generate_options, top_p), "X", 0, 0, "sample among the likeliest tokens that hold this probability (1)"},
    {"--seed", "-s", MB_OPT_U64, offsetof(struct generate_options, seed), "N", 0, 9.0e18, "seed of the sampler (42)"},
    {"--stats", NULL, MB_OPT_FLAG, offsetof(struct generate_options, stats), NULL, 0, 0,
     "print load time, time to first token, rates, memory, accepted drafts and kept tokens on standard error"},
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct generate_options, db), "FILE", 0, 0, "also store the run in this database"},
    {0},
};

static double span_ms(const struct mb_record *r, enum mb_event_kind from, enum mb_event_kind to, bool last)
{
    const uint64_t a = mb_record_stamp(r, from, 0, false), b = mb_record_stamp(r, to, 0, last);
    return a && b >= a ? (double)(b - a) / 1e6 : (double)NAN;
}

static void print_figure(const char *name, double value, const char *unit)
{
    if (isnan(value))
        fprintf(stderr, "  %-16s unknown\n", name);
    else
        fprintf(stderr, "  %-16s %.2f %s\n", name, value, unit);
}

static void print_share(const char *name, double part, double whole, const char *what)
{
    if (!isnan(part) && !isnan(whole))
        fprintf(stderr, "  %-16s %.0f of %.0f %s\n", name, part, whole, what);
}

static void print_stats(const struct mb_plan_cell *cell, const struct mb_record *r)
{
    const double n_prompt = mb_record_value(r, MB_METRIC_N_PROMPT, ""), n_gen = mb_record_value(r, MB_METRIC_N_GEN, "");
    const double prefill_ms = span_ms(r, MB_EVENT_PREFILL_BEGIN, MB_EVENT_PREFILL_END, false);
    const double decode_ms = span_ms(r, MB_EVENT_TOKEN, MB_EVENT_TOKEN, true), mib = 1 << 20;
    fprintf(stderr, "\n%s\n", cell->label);
    print_figure("load", span_ms(r, MB_EVENT_LOAD_BEGIN, MB_EVENT_LOAD_END, false), "ms");
    print_figure("TTFT", span_ms(r, MB_EVENT_REQUEST_BEGIN, MB_EVENT_TOKEN, false), "ms");
    fprintf(stderr, "  %-16s %.0f prompt, %.0f generated\n", "tokens", n_prompt, n_gen);
    print_figure("prefill", n_prompt * 1e3 / prefill_ms, "tok/s");
    print_figure("decode", n_gen > 1 && decode_ms > 0 ? (n_gen - 1) * 1e3 / decode_ms : (double)NAN, "tok/s");
    print_figure("weights", mb_record_value(r, MB_METRIC_WEIGHT_BYTES, "") / mib, "MiB");
    print_figure("KV cache", mb_record_value(r, MB_METRIC_KV_BYTES, "") / mib, "MiB");
    print_figure("peak RSS", mb_record_value(r, MB_METRIC_RSS_PEAK_BYTES, "") / mib, "MiB");
    print_share("accepted drafts", mb_record_value(r, MB_METRIC_EXIT_ACCEPTED, ""), mb_record_value(r, MB_METRIC_EXIT_DRAFTED, ""), "drafted tokens");
    print_share("kept tokens", mb_record_value(r, MB_METRIC_KEPT_TOKENS, ""), mb_record_value(r, MB_METRIC_SEEN_TOKENS, ""), "seen tokens");
}

struct generate_state {
    bool stats, ended;           /* ended: the newline behind the text is out */
    struct mb_utf8_stream utf8;  /* the record's text is UTF-8, so this is too; the rest of a character waits here for its other tokens */
    struct mb_strbuf shown;      /* the text so far */
    char failure[700];
};

static bool put_out(struct generate_state *st, const char *bytes, size_t n)
{
    if (mb_write_all(STDOUT_FILENO, bytes, n))
        return true;
    snprintf(st->failure, sizeof(st->failure), "cannot write to standard output: %s", strerror(errno));
    return false;
}

static bool show_text(void *user, const char *bytes, size_t n)
{
    struct generate_state *st = user;
    const size_t n_before = st->shown.n_bytes;
    mb_utf8_add(&st->utf8, bytes, n, &st->shown);
    return put_out(st, mb_strbuf_text(&st->shown) + n_before, st->shown.n_bytes - n_before);
}

static void end_text(struct generate_state *st)
{
    const size_t n_before = st->shown.n_bytes;
    mb_utf8_end(&st->utf8, &st->shown);
    mb_strbuf_add(&st->shown, "\n", 1);
    st->ended = put_out(st, mb_strbuf_text(&st->shown) + n_before, st->shown.n_bytes - n_before);
}

/* Was the record's text shown, all of it and nothing else? */
static void compare_texts(struct generate_state *st, const char *given)
{
    const char *shown = mb_strbuf_text(&st->shown);
    size_t n = 0;
    while (given[n] && given[n] == shown[n])
        n++;
    if (given[n] || strcmp(shown + n, "\n") != 0)
        snprintf(st->failure, sizeof(st->failure), "the text above is not the one of the record: they differ from byte %zu on", n);
}

static void take_answer(void *user, const struct mb_plan_cell *cell, const struct mb_record *record)
{
    struct generate_state *st = user;
    if (record->kind != MB_TRIAL_MEASURED)
        return;
    if (st->failure[0])
        return; /* the reason why the repetition failed */
    if (record->status != MB_TRIAL_OK) {
        snprintf(st->failure, sizeof(st->failure), "%s", record->reason ? record->reason : "failed");
        return;
    }
    end_text(st);
    if (st->ended)
        compare_texts(st, record->n_answers ? record->answers[0].given : "");
    if (st->stats)
        print_stats(cell, record);
}

/* The whole of a file or of standard input; freed by the caller. */
static char *read_prompt(const char *path, struct mb_error *err)
{
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    char *text = NULL;
    size_t cap = 0;
    if (!in) {
        mb_fail_errno(err, MB_ENOENT, "%s", path);
        return NULL;
    }
    const ssize_t n = getdelim(&text, &cap, '\0', in);
    int rc = MB_OK;
    if (ferror(in))
        rc = mb_fail_errno(err, MB_EIO, "%s", path);
    else if (n > 0 && text[n - 1] == '\0')
        rc = mb_fail(err, MB_EINVAL, "%s: a prompt is text, and byte %zd of this is zero", path, n);
    else if (n < 0)
        rc = mb_fail(err, MB_EINVAL, "%s: nothing to read", path);
    if (in != stdin)
        fclose(in);
    if (rc) {
        free(text);
        text = NULL;
    }
    return text;
}

static int generate_main(int argc, char **argv);

const struct mb_command mb_command_generate = {
    .name = "generate",
    .summary = "generate text from one prompt with one configuration",
    .description = "Prints the generated text while it is made, token by token, special tokens included. With --stats the figures of the same run follow "
                   "on standard error. After a failure the text so far stays, and a sentence on standard error says why it ends.",
    .rows = generate_rows,
    .takes_axes = true,
    .axis_offset = offsetof(struct generate_options, axis),
    .run = generate_main,
};

static int plan_of_flags(const struct generate_options *o, const char *prompt, struct mb_plan **plan, struct mb_error *err)
{
    if (!*prompt)
        return mb_fail(err, MB_EINVAL, "the prompt is empty: there is nothing to go on from");
    json_t *options = json_pack("{s:s,s:i,s:i,s:i,s:s,s:i,s:s}", "text", prompt, "max_gen", (int)o->n_gen, "chat", (int)o->chat, "ignore_eos",
                                (int)o->ignore_eos, "temperature", o->temperature, "top_k", (int)o->top_k, "top_p", o->top_p);
    if (!options)
        return mb_fail(err, MB_EINVAL, "the prompt is not valid UTF-8");
    const struct mb_protocol protocol = {.repetitions = 1, .warmup = 0, .order = MB_ORDER_LISTED, .seed = o->seed, .timeout_s = 3600};
    const struct mb_plan_env env = {.unstored = !o->db};
    int rc = mb_plan_single(plan, "generate", o->axis, NULL, "prompt", options, &protocol, "default", &env, err);
    json_decref(options);
    if (!rc && (*plan)->n_cells != 1)
        rc = mb_fail(err, MB_EINVAL, "generate runs one configuration, these flags name %zu; `meltbench bench` takes lists", (*plan)->n_cells);
    if (!rc && (*plan)->cells[0].refused)
        rc = mb_fail(err, MB_ENOTSUP, "%s", (*plan)->cells[0].refused);
    return rc;
}

static int generate_main(int argc, char **argv)
{
    struct generate_options o = {.n_gen = 128, .temperature = "0", .top_p = "1", .seed = 42};
    struct generate_state st = {0};
    struct mb_error err = {0};
    struct mb_plan *plan = NULL;
    struct mb_session_result result = {0};
    char *from_file = NULL;
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_generate, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc && !o.axis[MB_AXIS_MODEL])
        rc = mb_fail(&err, MB_EINVAL, "which model? give -m FILE or a catalogue name (smollm2-135m)");
    if (!rc && !o.prompt == !o.prompt_file)
        rc = mb_fail(&err, MB_EINVAL, "give the prompt with -p TEXT or with -f FILE");
    if (!rc && o.prompt_file) {
        from_file = read_prompt(o.prompt_file, &err);
        rc = from_file ? MB_OK : err.code;
    }
    if (!rc)
        rc = plan_of_flags(&o, o.prompt ? o.prompt : from_file, &plan, &err);
    if (!rc) {
        st.stats = o.stats;
        const struct mb_text_sink text = {show_text, &st};
        struct mb_session_options so = {.quiet = true, .no_warmup = true, .stop_at_once = true, .text = &text, .on_trial = take_answer, .user = &st};
        rc = mb_direct_run(plan, o.db, &so, &result, &err);
    }
    if (st.shown.n_bytes > 0 && !st.ended)
        end_text(&st);
    if (!rc && st.failure[0])
        rc = mb_fail(&err, MB_EFAILED, "%s", st.failure);
    free(from_file);
    mb_strbuf_release(&st.shown);
    mb_plan_free(plan);
    return rc ? mb_complain(&mb_command_generate, &err) : mb_direct_exit(&result);
}
