/* dataset.c - see dataset.h. */
#include "workloads/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "workloads/textfile.h"

enum { CHOICES_MAX = 16, LINE_LIMIT_BYTES = 1 << 20 };

/* ---- questions: one object into one struct -------------------------------------------------------------------------- */

static void release_question(struct mb_question *q)
{
    for (size_t i = 0; q->choices && i < q->n_choices; i++) {
        free(q->choices[i].context);
        free(q->choices[i].continuation);
        free(q->choices[i].label);
    }
    free(q->choices);
    free(q->context);
    free(q->id);
    *q = (struct mb_question){0};
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text && *text ? text : NULL;
}

static int missing(struct mb_error *err, const char *key, const char *what)
{
    return mb_fail(err, MB_EFORMAT, "\"%s\" is missing or not %s", key, what);
}

static int no_memory(struct mb_error *err)
{
    return mb_fail(err, MB_ENOMEM, "no memory for a data set");
}

/* @prompt has one %s; formats are ours, from the task table, never from a file. */
static char *fill_prompt(const char *prompt, const char *question)
{
    const char *hole = strstr(prompt, "%s");
    struct mb_strbuf sb = {0};
    mb_strbuf_add(&sb, prompt, (size_t)(hole - prompt));
    mb_strbuf_puts(&sb, question);
    mb_strbuf_puts(&sb, hole + 2);
    char *text = sb.failed ? NULL : mb_strbuf_take(&sb);
    mb_strbuf_release(&sb);
    return text;
}

static int alloc_choices(struct mb_question *q, size_t n, const char *key, struct mb_error *err)
{
    if (n < 2 || n > CHOICES_MAX)
        return mb_fail(err, MB_EFORMAT, "\"%s\" has %zu choices; 2 to %d are accepted", key, n, CHOICES_MAX);
    q->choices = calloc(n, sizeof(*q->choices));
    if (!q->choices)
        return no_memory(err);
    q->n_choices = n;
    return MB_OK;
}

/* @text without its delimiter; lm-eval's target_delimiter is one space. */
static int set_choice(struct mb_choice *choice, const char *delimiter, const char *text, const char *label, struct mb_error *err)
{
    struct mb_strbuf sb = {0};
    mb_strbuf_puts(&sb, delimiter);
    mb_strbuf_puts(&sb, text);
    choice->continuation = sb.failed ? NULL : mb_strbuf_take(&sb);
    mb_strbuf_release(&sb);
    choice->label = strdup(label);
    choice->n_chars = (uint32_t)mb_text_code_points(text);
    return choice->continuation && choice->label ? MB_OK : no_memory(err);
}

static int set_identity(struct mb_question *q, const char *id, char *context, struct mb_error *err)
{
    q->id = strdup(id);
    q->context = context;
    return q->id && q->context ? MB_OK : no_memory(err);
}

static int read_neutral_context(struct mb_question *q, const json_t *object, struct mb_error *err)
{
    const json_t *ctx = json_object_get(object, "ctx");
    if (json_is_string(ctx)) {
        q->context = strdup(json_string_value(ctx));
        return q->context ? MB_OK : no_memory(err);
    }
    if (!json_is_array(ctx) || json_array_size(ctx) != q->n_choices)
        return missing(err, "ctx", "a text or a list as long as \"cont\"");
    for (size_t i = 0; i < q->n_choices; i++) {
        const char *text = json_string_value(json_array_get(ctx, i));
        if (!text)
            return missing(err, "ctx", "a text or a list of texts");
        q->choices[i].context = strdup(text);
        if (!q->choices[i].context)
            return no_memory(err);
    }
    return MB_OK;
}

static int read_neutral(struct mb_question *q, const json_t *object, struct mb_error *err)
{
    const char *id = text_of(object, "id");
    const json_t *cont = json_object_get(object, "cont"), *labels = json_object_get(object, "labels"), *gold = json_object_get(object, "gold");
    if (!id)
        return missing(err, "id", "a text");
    if (!json_is_array(cont))
        return missing(err, "cont", "a list of texts");
    q->id = strdup(id);
    int rc = q->id ? alloc_choices(q, json_array_size(cont), "cont", err) : no_memory(err);
    for (size_t i = 0; rc == MB_OK && i < q->n_choices; i++) {
        const char *text = json_string_value(json_array_get(cont, i));
        const char letter[2] = {(char)('A' + i), '\0'};
        const char *label = labels ? json_string_value(json_array_get(labels, i)) : letter;
        if (!text || mb_text_is_blank(text, strlen(text)))
            return missing(err, "cont", "a list of texts that are not blank");
        if (!label || (labels && json_array_size(labels) != q->n_choices))
            return missing(err, "labels", "a list of texts as long as \"cont\"");
        rc = set_choice(&q->choices[i], text[0] == ' ' ? " " : "", text + (text[0] == ' '), label, err);
    }
    if (rc == MB_OK)
        rc = read_neutral_context(q, object, err);
    if (rc != MB_OK)
        return rc;
    if (!json_is_integer(gold) || json_integer_value(gold) < 0 || (size_t)json_integer_value(gold) >= q->n_choices)
        return mb_fail(err, MB_EFORMAT, "\"gold\" must be the index of the right choice, 0 to %zu", q->n_choices - 1);
    q->gold = (size_t)json_integer_value(gold);
    return MB_OK;
}

static int read_arc(struct mb_question *q, const json_t *object, const char *prompt, struct mb_error *err)
{
    const json_t *question = json_object_get(object, "question"), *choices = json_object_get(question, "choices");
    const char *id = text_of(object, "id"), *stem = text_of(question, "stem"), *key = text_of(object, "answerKey");
    if (!id)
        return missing(err, "id", "a text");
    if (!stem)
        return missing(err, "question.stem", "a text");
    if (!json_is_array(choices))
        return missing(err, "question.choices", "a list");
    if (!key)
        return missing(err, "answerKey", "a text");
    int rc = set_identity(q, id, fill_prompt(prompt, stem), err);
    if (rc == MB_OK)
        rc = alloc_choices(q, json_array_size(choices), "question.choices", err);
    key += strspn(key, " \t\n"); /* as OpenBookQA's task does */
    q->gold = q->n_choices;
    for (size_t i = 0; rc == MB_OK && i < q->n_choices; i++) {
        const json_t *choice = json_array_get(choices, i);
        const char *text = text_of(choice, "text"), *label = text_of(choice, "label");
        if (!text || !label)
            return missing(err, "question.choices", "a list of objects with \"text\" and \"label\"");
        if (q->gold == q->n_choices && strcmp(label, key) == 0)
            q->gold = i;
        rc = set_choice(&q->choices[i], " ", text, label, err);
    }
    if (rc == MB_OK && q->gold == q->n_choices)
        rc = mb_fail(err, MB_EFORMAT, "\"answerKey\" is \"%.20s\", which is the label of no choice", key);
    return rc;
}

static int read_piqa(struct mb_question *q, const json_t *object, const char *prompt, size_t index, struct mb_error *err)
{
    static const char *const keys[2] = {"sol1", "sol2"};
    const char *goal = text_of(object, "goal");
    if (!goal)
        return missing(err, "goal", "a text");
    char id[40];
    snprintf(id, sizeof(id), "piqa_valid_%zu", index);
    int rc = set_identity(q, id, fill_prompt(prompt, goal), err);
    if (rc == MB_OK)
        rc = alloc_choices(q, 2, "sol1, sol2", err);
    for (size_t i = 0; rc == MB_OK && i < 2; i++) {
        const char *text = text_of(object, keys[i]);
        rc = text ? set_choice(&q->choices[i], " ", text, keys[i], err) : missing(err, keys[i], "a text");
    }
    return rc;
}

/* ---- questions: a file, line by line ---------------------------------------------------------------------------------- */

static int parse_line(const struct mb_line *line, json_t **object, struct mb_error *err)
{
    if (line->n_bytes > LINE_LIMIT_BYTES)
        return mb_fail(err, MB_EFORMAT, "the line has %zu bytes; at most 1 MiB is accepted", line->n_bytes);
    json_error_t fault;
    *object = json_loadb(line->start, line->n_bytes, 0, &fault);
    if (!*object)
        return mb_fail(err, MB_EFORMAT, "not JSON: %s (column %d)", fault.text, fault.column);
    return json_is_object(*object) ? MB_OK : mb_fail(err, MB_EFORMAT, "not a JSON object");
}

static int read_question(struct mb_question *q, const struct mb_line *line, const struct mb_question_source *source, size_t index,
                         struct mb_error *err)
{
    json_t *object = NULL;
    int rc = parse_line(line, &object, err);
    if (rc == MB_OK && source->layout == MB_LAYOUT_NEUTRAL)
        rc = read_neutral(q, object, err);
    else if (rc == MB_OK && source->layout == MB_LAYOUT_ARC)
        rc = read_arc(q, object, source->prompt, err);
    else if (rc == MB_OK)
        rc = read_piqa(q, object, source->prompt, index, err);
    json_decref(object);
    if (rc != MB_OK)
        release_question(q);
    return rc;
}

static int append_question(struct mb_questions *out, const struct mb_question *q, size_t *cap)
{
    if (out->n == *cap) {
        *cap = *cap ? 2 * *cap : 64;
        struct mb_question *grown = realloc(out->rows, *cap * sizeof(*grown));
        if (!grown)
            return MB_ENOMEM;
        out->rows = grown;
    }
    out->rows[out->n++] = *q;
    return MB_OK;
}

static int read_all(struct mb_questions *out, const struct mb_text *text, const struct mb_question_source *source, size_t limit,
                    struct mb_error *err)
{
    struct mb_line line = {0};
    size_t at = 0, cap = 0;
    while ((limit == 0 || out->n < limit) && mb_text_next_line(text, &at, &line)) {
        if (mb_text_is_blank(line.start, line.n_bytes))
            continue;
        struct mb_question q = {0};
        if (read_question(&q, &line, source, out->n, err) != MB_OK)
            return mb_fail_context(err, "%s:%zu", source->path, line.number);
        if (append_question(out, &q, &cap) != MB_OK) {
            release_question(&q);
            return no_memory(err);
        }
    }
    return MB_OK;
}

static size_t count_lines(const struct mb_text *text)
{
    struct mb_line line = {0};
    size_t at = 0, n = 0;
    while (mb_text_next_line(text, &at, &line))
        n += !mb_text_is_blank(line.start, line.n_bytes);
    return n;
}

/* The second file of PIQA: "0" or "1" a line, as many as there are questions in the whole of the first. */
static int read_piqa_labels(struct mb_questions *out, const char *path, const char *questions_path, size_t n_expected, struct mb_error *err)
{
    struct mb_text text;
    int rc = mb_text_read(&text, path, err);
    if (rc != MB_OK)
        return rc;
    struct mb_line line = {0};
    size_t at = 0, i = 0;
    while (rc == MB_OK && mb_text_next_line(&text, &at, &line)) {
        if (mb_text_is_blank(line.start, line.n_bytes))
            continue;
        if (line.n_bytes != 1 || (line.start[0] != '0' && line.start[0] != '1'))
            rc = mb_fail(err, MB_EFORMAT, "%s:%zu: a label must be 0 or 1", path, line.number);
        else if (i < out->n)
            out->rows[i].gold = line.start[0] == '1';
        i++;
    }
    if (rc == MB_OK && i != n_expected)
        rc = mb_fail(err, MB_EFORMAT, "%s:%zu: %zu labels for the %zu questions of %s", path, line.number, i, n_expected, questions_path);
    mb_text_release(&text);
    return rc;
}

int mb_questions_read(struct mb_questions *out, const struct mb_question_source *source, size_t limit, struct mb_error *err)
{
    *out = (struct mb_questions){0};
    struct mb_text text;
    int rc = mb_text_read(&text, source->path, err);
    if (rc != MB_OK)
        return rc;
    rc = read_all(out, &text, source, limit, err);
    if (rc == MB_OK && source->layout == MB_LAYOUT_PIQA)
        rc = read_piqa_labels(out, source->labels_path, source->path, count_lines(&text), err);
    if (rc != MB_OK)
        mb_questions_release(out);
    mb_text_release(&text);
    return rc;
}

void mb_questions_release(struct mb_questions *questions)
{
    for (size_t i = 0; i < questions->n; i++)
        release_question(&questions->rows[i]);
    free(questions->rows);
    *questions = (struct mb_questions){0};
}

/* ---- conversations ------------------------------------------------------------------------------------------------------- */

static int copy_dialogue(struct mb_dialogue *d, const json_t *turns, size_t number, struct mb_error *err)
{
    if (!json_is_array(turns) || json_array_size(turns) == 0)
        return mb_fail(err, MB_EFORMAT, "conversation %zu is not a list of texts with at least one", number);
    d->turns = calloc(json_array_size(turns), sizeof(*d->turns));
    if (!d->turns)
        return no_memory(err);
    for (size_t i = 0; i < json_array_size(turns); i++) {
        const char *text = json_string_value(json_array_get(turns, i));
        if (!text || mb_text_is_blank(text, strlen(text)))
            return mb_fail(err, MB_EFORMAT, "conversation %zu, turn %zu is not a text, or is blank", number, i + 1);
        d->turns[i] = strdup(text);
        if (!d->turns[i])
            return no_memory(err);
        d->n_turns = i + 1;
    }
    return MB_OK;
}

static int copy_dialogues(struct mb_dialogues *out, const json_t *root, size_t limit, struct mb_error *err)
{
    const size_t n = json_array_size(root);
    if (!json_is_array(root) || n == 0)
        return mb_fail(err, MB_EFORMAT, "not a list of conversations");
    if (limit > n)
        return mb_fail(err, MB_EINVAL, "has %zu conversations, %zu were asked for", n, limit);
    const size_t n_wanted = limit ? limit : n;
    out->rows = calloc(n_wanted, sizeof(*out->rows));
    if (!out->rows)
        return no_memory(err);
    for (size_t i = 0; i < n_wanted; i++) {
        out->n = i + 1;
        const int rc = copy_dialogue(&out->rows[i], json_array_get(root, i), i + 1, err);
        if (rc != MB_OK)
            return rc;
    }
    return MB_OK;
}

int mb_dialogues_read(struct mb_dialogues *out, const char *path, size_t limit, struct mb_error *err)
{
    *out = (struct mb_dialogues){0};
    struct mb_text text;
    int rc = mb_text_read(&text, path, err);
    if (rc != MB_OK)
        return rc;
    json_error_t fault;
    json_t *root = json_loadb(text.bytes, text.n_bytes, 0, &fault);
    if (!root) {
        rc = mb_fail(err, MB_EFORMAT, "%s:%d: not JSON: %s (column %d)", path, fault.line, fault.text, fault.column);
    } else if (copy_dialogues(out, root, limit, err) != MB_OK) {
        rc = mb_fail_context(err, "%s", path);
        mb_dialogues_release(out);
    }
    json_decref(root);
    mb_text_release(&text);
    return rc;
}

void mb_dialogues_release(struct mb_dialogues *dialogues)
{
    for (size_t i = 0; i < dialogues->n; i++) {
        for (size_t j = 0; j < dialogues->rows[i].n_turns; j++)
            free(dialogues->rows[i].turns[j]);
        free(dialogues->rows[i].turns);
    }
    free(dialogues->rows);
    *dialogues = (struct mb_dialogues){0};
}
