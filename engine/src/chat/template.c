/* template.c - runs the segments of a chat template. */
#include "chat/template.h"

#include <stdlib.h>
#include <string.h>

#include "chat/program.h"

enum signal { GO_ON, DO_BREAK, DO_CONTINUE };

/* ---- running ---- */

static enum signal run(struct eng_tm *t, uint32_t from, uint32_t to);

static struct eng_tx reader(struct eng_tm *t, const struct eng_tm_segment *s)
{
    return (struct eng_tx){.t = t, .p = s->begin, .end = s->end};
}

static void check_end(struct eng_tx *x)
{
    if (x->t->rc == ENG_OK && !eng_tx_at_end(x))
        eng_tm_fail(x->t, "it cannot be read from '%.*s'", x->end - x->p < 40 ? (int)(x->end - x->p) : 40, x->p);
}

struct scope {
    size_t n_vars, scope, frame, n_global;
};

static struct scope enter_scope(struct eng_tm *t, bool new_frame)
{
    const struct scope s = {t->n_vars, t->scope, t->frame, t->n_global};
    if (t->n_global == SIZE_MAX)
        t->n_global = t->n_vars;
    t->scope = t->n_vars;
    if (new_frame)
        t->frame = t->n_vars;
    return s;
}

static void leave_scope(struct eng_tm *t, const struct scope *s)
{
    t->n_vars = s->n_vars;
    t->scope = s->scope;
    t->frame = s->frame;
    t->n_global = s->n_global;
}

static enum signal run_if(struct eng_tm *t, uint32_t at)
{
    const struct eng_tm_segment *segments = t->program->segments;
    const uint32_t last = segments[at].last;
    for (; at != last && t->rc == ENG_OK; at = segments[at].next) {
        struct eng_tx x = reader(t, &segments[at]);
        const bool yes = segments[at].kind == TM_ELSE || eng_tv_true(eng_tx_tuple(&x));
        check_end(&x);
        if (yes)
            return run(t, at + 1, segments[at].next);
    }
    return GO_ON;
}

enum { MAX_TARGETS = 4 };

struct targets {
    const char *name[MAX_TARGETS];
    size_t n_name[MAX_TARGETS], n;
};

static void read_targets(struct eng_tx *x, struct targets *targets)
{
    const bool parentheses = eng_tx_symbol(x, "(");
    targets->n = 0;
    do {
        if (targets->n == MAX_TARGETS || !eng_tx_name(x, &targets->name[targets->n], &targets->n_name[targets->n])) {
            eng_tm_fail(x->t, "names to assign to cannot be read");
            return;
        }
        targets->n++;
    } while (eng_tx_symbol(x, ","));
    if (parentheses)
        eng_tx_expect(x, ")");
}

static void assign(struct eng_tm *t, const struct targets *targets, struct eng_tv v)
{
    if (targets->n == 1) {
        eng_tm_set(t, targets->name[0], targets->n_name[0], v);
        return;
    }
    if (v.kind != TV_LIST || v.list->n != targets->n) {
        eng_tm_fail(t, "it unpacks a value that has not %zu parts", targets->n);
        return;
    }
    for (size_t i = 0; i < targets->n; i++)
        eng_tm_set(t, targets->name[i], targets->n_name[i], v.list->items[i]);
}

static struct eng_tv loop_facts(struct eng_tm *t, const struct eng_tv *items, size_t i, size_t n)
{
    struct eng_tv d = eng_tm_dict(t);
    const struct {
        const char *name;
        struct eng_tv value;
    } rows[] = {{"index", eng_tv_int((int64_t)i + 1)},     {"index0", eng_tv_int((int64_t)i)},         {"first", eng_tv_bool(i == 0)},
                {"last", eng_tv_bool(i + 1 == n)},         {"length", eng_tv_int((int64_t)n)},         {"revindex", eng_tv_int((int64_t)(n - i))},
                {"revindex0", eng_tv_int((int64_t)(n - i) - 1)}};
    if (d.kind != TV_DICT)
        return d;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++)
        eng_tm_dict_set(t, d, rows[k].name, strlen(rows[k].name), rows[k].value);
    if (i > 0)
        eng_tm_dict_set(t, d, "previtem", 8, items[i - 1]);
    if (i + 1 < n)
        eng_tm_dict_set(t, d, "nextitem", 8, items[i + 1]);
    return d;
}

/* What the loop goes over: a list, or the keys of a dictionary. */
static struct eng_tv loop_items(struct eng_tm *t, struct eng_tv v)
{
    static const struct eng_tv_args none = {.n = 0};
    if (v.kind == TV_UNDEFINED)
        return eng_tm_list(t, NULL, 0);
    if (v.kind == TV_DICT)
        return eng_tm_method(t, "keys", 4, v, &none);
    if (v.kind != TV_LIST && t->rc == ENG_OK)
        eng_tm_fail(t, "it loops over a value that is no list");
    return v;
}

/* "for x in items if condition": the items that pass. */
static struct eng_tv filter_items(struct eng_tm *t, struct eng_tv v, const struct targets *targets, struct eng_tx *condition)
{
    const struct eng_tx begin = *condition;
    struct eng_tv *kept = eng_tm_alloc(t, (v.list->n + 1) * sizeof *kept);
    const struct scope scope = enter_scope(t, false);
    size_t n = 0;
    for (size_t i = 0; kept && i < v.list->n && eng_tm_step(t); i++) {
        *condition = begin;
        assign(t, targets, v.list->items[i]);
        if (eng_tv_true(eng_tx_expr(condition)))
            kept[n++] = v.list->items[i];
    }
    if (v.list->n == 0) {
        condition->off = true;
        (void)eng_tx_expr(condition);
    }
    leave_scope(t, &scope);
    return eng_tm_list(t, kept, n);
}

static enum signal run_for(struct eng_tm *t, uint32_t at)
{
    const struct eng_tm_segment *segments = t->program->segments, *s = &segments[at];
    struct eng_tx x = reader(t, s);
    struct targets targets;
    enum signal signal = GO_ON;
    read_targets(&x, &targets);
    if (t->rc == ENG_OK && !eng_tx_word(&x, "in"))
        eng_tm_fail(t, "a loop has no 'in'");
    struct eng_tv v = loop_items(t, eng_tx_or(&x));
    if (t->rc == ENG_OK && eng_tx_word(&x, "if"))
        v = filter_items(t, v, &targets, &x);
    check_end(&x);
    if (t->rc != ENG_OK)
        return GO_ON;
    if (v.list->n == 0 && s->next != s->last)
        return run(t, s->next + 1, s->last);
    const struct scope scope = enter_scope(t, false);
    for (size_t i = 0; i < v.list->n && signal != DO_BREAK && eng_tm_step(t); i++) {
        t->n_vars = scope.n_vars;
        eng_tm_set(t, "loop", 4, loop_facts(t, v.list->items, i, v.list->n));
        assign(t, &targets, v.list->items[i]);
        signal = run(t, at + 1, s->next);
    }
    leave_scope(t, &scope);
    return GO_ON;
}

/* Text that goes elsewhere than to the prompt, as a value. */
static struct eng_tv capture(struct eng_tm *t, uint32_t from, uint32_t to)
{
    struct eng_tv_text text = {0}, *before = t->out;
    t->out = &text;
    (void)run(t, from, to);
    t->out = before;
    return eng_tv_str(text.data ? text.data : "", text.n);
}

static uint32_t run_set(struct eng_tm *t, uint32_t at)
{
    const struct eng_tm_segment *s = &t->program->segments[at];
    struct eng_tx x = reader(t, s);
    struct targets targets;
    if (eng_tm_is_block_set(s)) {
        read_targets(&x, &targets);
        check_end(&x);
        const struct scope scope = enter_scope(t, false);
        const struct eng_tv v = capture(t, at + 1, s->next);
        leave_scope(t, &scope);
        assign(t, &targets, v);
        return s->next;
    }
    read_targets(&x, &targets);
    if (t->rc == ENG_OK && targets.n == 1 && eng_tx_symbol(&x, ".")) {
        const char *name;
        size_t n;
        const struct eng_tv object = eng_tm_get(t, targets.name[0], targets.n_name[0]);
        if (!eng_tx_name(&x, &name, &n) || object.kind != TV_DICT)
            eng_tm_fail(t, "it assigns to a part of what is no namespace");
        eng_tx_expect(&x, "=");
        eng_tm_dict_set(t, object, name, n, eng_tx_tuple(&x));
    } else {
        eng_tx_expect(&x, "=");
        assign(t, &targets, eng_tx_tuple(&x));
    }
    check_end(&x);
    return at;
}

static uint32_t define_macro(struct eng_tm *t, uint32_t at)
{
    const struct eng_tm_segment *s = &t->program->segments[at];
    struct eng_tx x = reader(t, s);
    const char *name;
    size_t n;
    if (eng_tx_name(&x, &name, &n))
        eng_tm_set(t, name, n, (struct eng_tv){.kind = TV_MACRO, .i = at});
    else
        eng_tm_fail(t, "a macro has no name");
    return s->next;
}

static struct eng_tv argument(const struct eng_tv_args *args, size_t i, const char *name, size_t n, bool *given)
{
    for (size_t k = 0; k < args->n; k++) {
        const bool matches = args->name[k] ? args->n_name[k] == n && memcmp(args->name[k], name, n) == 0 : k == i;
        if (!matches)
            continue;
        *given = true;
        return args->value[k];
    }
    *given = false;
    return eng_tv_undefined(name, n);
}

static void bind_arguments(struct eng_tm *t, struct eng_tx *x, const struct eng_tv_args *args)
{
    eng_tx_expect(x, "(");
    for (size_t i = 0; t->rc == ENG_OK && !eng_tx_symbol(x, ")"); i++) {
        const char *name;
        size_t n;
        bool given;
        if (!eng_tx_name(x, &name, &n)) {
            eng_tm_fail(t, "the arguments of a macro cannot be read");
            return;
        }
        struct eng_tv v = argument(args, i, name, n, &given);
        if (eng_tx_symbol(x, "=")) {
            x->off = given;
            const struct eng_tv otherwise = eng_tx_expr(x);
            x->off = false;
            v = given ? v : otherwise;
        }
        eng_tm_set(t, name, n, v);
        if (!eng_tx_symbol(x, ",")) {
            eng_tx_expect(x, ")");
            return;
        }
    }
}

struct eng_tv eng_tm_call_macro(struct eng_tm *t, struct eng_tv macro, const struct eng_tv_args *args)
{
    const struct eng_tm_segment *s = &t->program->segments[macro.i];
    struct eng_tx x = reader(t, s);
    const char *name;
    size_t n;
    struct eng_tv v = {0};
    const struct scope scope = enter_scope(t, true);
    (void)eng_tx_name(&x, &name, &n);
    bind_arguments(t, &x, args);
    if (++t->depth > TV_MAX_DEPTH)
        eng_tm_fail(t, "it is nested deeper than %d", TV_MAX_DEPTH);
    else
        v = capture(t, (uint32_t)macro.i + 1, s->next);
    t->depth--;
    leave_scope(t, &scope);
    return v;
}

static void print(struct eng_tm *t, const struct eng_tm_segment *s)
{
    struct eng_tx x = reader(t, s);
    const struct eng_tv v = eng_tx_tuple(&x);
    check_end(&x);
    if (t->rc == ENG_OK)
        eng_tm_print(t, t->out, v);
}

static enum signal run(struct eng_tm *t, uint32_t from, uint32_t to)
{
    const struct eng_tm_segment *segments = t->program->segments;
    enum signal signal = GO_ON;
    if (++t->depth > TV_MAX_DEPTH)
        eng_tm_fail(t, "it is nested deeper than %d", TV_MAX_DEPTH);
    for (uint32_t i = from; i < to && signal == GO_ON && eng_tm_step(t); i++) {
        const struct eng_tm_segment *s = &segments[i];
        switch (s->kind) {
        case TM_TEXT:
            eng_tm_write(t, t->out, s->begin, (size_t)(s->end - s->begin));
            break;
        case TM_PRINT:
            print(t, s);
            break;
        case TM_IF:
            signal = run_if(t, i);
            i = s->last;
            break;
        case TM_FOR:
            signal = run_for(t, i);
            i = s->last;
            break;
        case TM_SET:
            i = run_set(t, i);
            break;
        case TM_MACRO:
            i = define_macro(t, i);
            break;
        case TM_BREAK:
            signal = DO_BREAK;
            break;
        case TM_CONTINUE:
            signal = DO_CONTINUE;
            break;
        default: /* ends of blocks, marks */
            break;
        }
    }
    t->depth--;
    return signal;
}

/* ---- the whole ---- */

static void set_text(struct eng_tm *t, const char *name, const char *text)
{
    eng_tm_set(t, name, strlen(name), eng_tv_str(text, strlen(text)));
}

/* The variables that Hugging Face's apply_chat_template() gives. */
static void set_variables(struct eng_tm *t, const struct eng_template_input *input)
{
    struct eng_tv *messages = eng_tm_alloc(t, (input->n_messages + 1) * sizeof *messages);
    for (size_t i = 0; messages && i < input->n_messages; i++) {
        const struct eng_chat_message *m = &input->messages[i];
        messages[i] = eng_tm_dict(t);
        if (t->rc != ENG_OK)
            return;
        eng_tm_dict_set(t, messages[i], "role", 4, eng_tv_str(m->role, strlen(m->role)));
        eng_tm_dict_set(t, messages[i], "content", 7, eng_tv_str(m->content, strlen(m->content)));
    }
    eng_tm_set(t, "messages", 8, eng_tm_list(t, messages, input->n_messages));
    eng_tm_set(t, "tools", 5, (struct eng_tv){.kind = TV_NONE});
    eng_tm_set(t, "documents", 9, (struct eng_tv){.kind = TV_NONE});
    eng_tm_set(t, "add_generation_prompt", 21, eng_tv_bool(true));
    set_text(t, "bos_token", input->bos);
    set_text(t, "eos_token", input->eos);
}

static void render(struct eng_tm *t, const struct eng_template_input *input, struct eng_tm_program *program)
{
    eng_tm_cut(t, program, input->source, strlen(input->source));
    if (t->rc != ENG_OK)
        return;
    set_variables(t, input);
    (void)run(t, 0, program->n);
}

int eng_template_render(const struct eng_template_input *input, char **text, size_t *n_bytes, struct eng_error *err)
{
    struct eng_tm_program program;
    struct eng_tv_text out = {0};
    struct eng_tm *t = calloc(1, sizeof *t);
    *text = NULL;
    *n_bytes = 0;
    if (!t)
        return eng_fail(err, ENG_ENOMEM, "no memory for the chat template");
    *t = (struct eng_tm){.err = err, .out = &out, .program = &program, .n_global = SIZE_MAX};
    render(t, input, &program);
    int rc = t->rc;
    if (rc == ENG_OK) {
        *text = malloc(out.n + 1);
        if (*text) {
            if (out.n)
                memcpy(*text, out.data, out.n);
            (*text)[out.n] = '\0';
            *n_bytes = out.n;
        } else {
            rc = eng_fail(err, ENG_ENOMEM, "no memory for the chat template");
        }
    }
    eng_tm_free(t);
    free(t);
    return rc;
}
