/*
 * accuracy.c - multiple choice by likelihood: every choice of a question is scored as the continuation of its context, the best one
 * is the answer. Rules of lm-eval (v0.4, multiple_choice): acc takes the highest log-likelihood, acc_norm the highest
 * log-likelihood per code point of the choice without its delimiter; ties go to the first. Trailing white space of a context moves
 * to the front of the continuation. 0-shot, no chat template.
 *
 * The choices of a question are asked in turn with the same context (the same pointer), so that a runner may keep its work.
 * Subset: the first `limit` questions of each task's file. Metrics: one pair per task (scope = task), and one over all questions
 * of all tasks together (scope "").
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "workloads/settings.h"
#include "workloads/tasks.h"

extern const struct mb_workload_ops mb_workload_accuracy;

enum { BOS_ROOM_TOKENS = 8 /* what a tokenizer may put in front, and a dummy space */ };

struct task_state {
    char *name;
    struct mb_questions questions;
    uint32_t n_scored, n_correct, n_correct_norm;
};

struct accuracy {
    struct task_state *tasks;
    size_t n_tasks;
    size_t i_task, i_question, i_choice; /* next to ask */
    const struct task_state *asked_task; /* the request that score() is about */
    const struct mb_question *asked;
    size_t asked_choice;
    double ll[16];                       /* of the choices of the question under way; dataset.h: at most 16 */
    struct mb_strbuf item;
    uint32_t index;
};

/* lm-eval's _encode_pair(): context loses its trailing white space, the continuation gets it in front. */
static int move_trailing_space(char **context, char **continuation)
{
    size_t n = *context ? strlen(*context) : 0, kept = n;
    while (kept > 0 && strchr(" \t\n\r\v\f", (*context)[kept - 1]))
        kept--;
    if (kept == n)
        return MB_OK;
    struct mb_strbuf sb = {0};
    mb_strbuf_puts(&sb, *context + kept);
    mb_strbuf_puts(&sb, *continuation);
    char *joined = sb.failed ? NULL : mb_strbuf_take(&sb);
    mb_strbuf_release(&sb);
    if (!joined)
        return MB_ENOMEM;
    free(*continuation);
    *continuation = joined;
    return MB_OK;
}

static int prepare_question(struct mb_question *q, uint32_t *n_ctx)
{
    for (size_t i = 0; i < q->n_choices; i++) {
        struct mb_choice *choice = &q->choices[i];
        char **context = choice->context ? &choice->context : &q->context;
        if (move_trailing_space(context, &choice->continuation) != MB_OK)
            return MB_ENOMEM;
        const size_t n = strlen(*context) + strlen(choice->continuation) + BOS_ROOM_TOKENS;
        *n_ctx = n > *n_ctx ? (uint32_t)n : *n_ctx;
    }
    for (size_t i = 0; i < q->n_choices; i++) { /* only now: all choices share the question's */
        char *context = q->choices[i].context ? q->choices[i].context : q->context;
        size_t n = strlen(context);
        while (n > 0 && strchr(" \t\n\r\v\f", context[n - 1]))
            context[--n] = '\0';
    }
    return MB_OK;
}

static int open_task(struct task_state *t, const struct mb_cell *cell, const char *name, size_t limit, struct mb_workload_need *need,
                     struct mb_error *err)
{
    struct mb_task task;
    int rc = mb_task_find(&task, cell, name, err);
    if (rc != MB_OK)
        return rc;
    t->name = strdup(task.name);
    rc = t->name ? mb_questions_read(&t->questions, &task.source, limit, err) : mb_fail(err, MB_ENOMEM, "accuracy: no memory");
    mb_task_release(&task);
    for (size_t i = 0; rc == MB_OK && i < t->questions.n; i++) {
        struct mb_question *q = &t->questions.rows[i];
        need->n_requests += (uint32_t)q->n_choices;
        if (prepare_question(q, &need->n_ctx) != MB_OK)
            rc = mb_fail(err, MB_ENOMEM, "accuracy: no memory");
    }
    return rc;
}

static int refuse_twins(const struct accuracy *s, struct mb_error *err)
{
    for (size_t i = 0; i < s->n_tasks; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(s->tasks[i].name, s->tasks[j].name) == 0)
                return mb_fail(err, MB_EINVAL, "accuracy: task %s is listed twice", s->tasks[i].name);
    return MB_OK;
}

static int accuracy_open(void *state, const struct mb_cell *cell, struct mb_workload_need *need, struct mb_error *err)
{
    struct accuracy *s = state;
    uint32_t limit;
    int rc = mb_setting_u32(cell, &mb_workload_accuracy, "limit", &limit, err);
    if (rc != MB_OK)
        return rc;
    char **names = NULL;
    size_t n = 0;
    rc = mb_setting_list(cell, &mb_workload_accuracy, "tasks", &names, &n, err);
    if (rc != MB_OK)
        return rc;
    *need = (struct mb_workload_need){.max_text_bytes = 1};
    s->tasks = calloc(n, sizeof(*s->tasks));
    if (!s->tasks)
        rc = mb_fail(err, MB_ENOMEM, "accuracy: no memory");
    for (size_t i = 0; rc == MB_OK && i < n; i++) {
        s->n_tasks = i + 1;
        rc = open_task(&s->tasks[i], cell, names[i], limit, need, err);
    }
    if (rc == MB_OK)
        rc = refuse_twins(s, err);
    mb_setting_list_free(names, n);
    return rc;
}

static int accuracy_files(const struct mb_cell *cell, char ***paths, size_t *n, struct mb_error *err)
{
    char **names = NULL;
    size_t n_names = 0;
    int rc = mb_setting_list(cell, &mb_workload_accuracy, "tasks", &names, &n_names, err);
    for (size_t i = 0; rc == MB_OK && i < n_names; i++) {
        struct mb_task task;
        rc = mb_task_find(&task, cell, names[i], err);
        if (rc != MB_OK)
            break;
        char *taken[2] = {task.path, task.labels_path};
        task.path = task.labels_path = NULL;
        for (size_t k = 0; k < 2; k++)
            if (taken[k] && mb_data_add(paths, n, taken[k], err) != MB_OK)
                rc = MB_ENOMEM;
        mb_task_release(&task);
    }
    mb_setting_list_free(names, n_names);
    return rc;
}

static void accuracy_begin(void *state, uint32_t repetition)
{
    (void)repetition;
    struct accuracy *s = state;
    s->i_task = s->i_question = s->i_choice = 0;
    s->index = 0;
    for (size_t i = 0; i < s->n_tasks; i++)
        s->tasks[i].n_scored = s->tasks[i].n_correct = s->tasks[i].n_correct_norm = 0;
}

static void advance(struct accuracy *s)
{
    const struct mb_questions *questions = &s->tasks[s->i_task].questions;
    if (++s->i_choice < questions->rows[s->i_question].n_choices)
        return;
    s->i_choice = 0;
    if (++s->i_question < questions->n)
        return;
    s->i_question = 0;
    s->i_task++;
}

static int accuracy_next(void *state, struct mb_request *rq, struct mb_error *err)
{
    struct accuracy *s = state;
    if (s->i_task == s->n_tasks)
        return 0;
    s->asked_task = &s->tasks[s->i_task];
    s->asked = &s->asked_task->questions.rows[s->i_question];
    s->asked_choice = s->i_choice;
    mb_strbuf_clear(&s->item);
    mb_strbuf_printf(&s->item, "%s/%s", s->asked_task->name, s->asked->id);
    if (s->item.failed)
        return mb_fail(err, MB_ENOMEM, "accuracy: no memory");
    const struct mb_choice *choice = &s->asked->choices[s->asked_choice];
    *rq = (struct mb_request){.kind = MB_REQUEST_SCORE,
                              .index = s->index++,
                              .item = mb_strbuf_text(&s->item),
                              .fresh = true,
                              .context = choice->context ? choice->context : s->asked->context,
                              .continuation = choice->continuation,
                              .top_p = 1.0f};
    advance(s);
    return 1;
}

/* First index of the greatest value. */
static size_t best(const double *value, size_t n)
{
    size_t i_best = 0;
    for (size_t i = 1; i < n; i++)
        if (value[i] > value[i_best])
            i_best = i;
    return i_best;
}

static int judge(struct accuracy *s, struct mb_record *record, struct mb_error *err)
{
    const struct mb_question *q = s->asked;
    struct task_state *t = &s->tasks[s->asked_task - s->tasks];
    double per_char[16];
    for (size_t i = 0; i < q->n_choices; i++)
        per_char[i] = s->ll[i] / q->choices[i].n_chars;
    const size_t given = best(s->ll, q->n_choices);
    t->n_scored++;
    t->n_correct += given == q->gold;
    t->n_correct_norm += best(per_char, q->n_choices) == q->gold;
    char *item = strdup(mb_strbuf_text(&s->item));
    const struct mb_record_answer answer = {.item = item,
                                            .given = q->choices[given].label,
                                            .expected = q->choices[q->gold].label,
                                            .correct = given == q->gold,
                                            .log_likelihood = s->ll[given]};
    const int rc = item ? mb_record_add_answer(record, &answer) : MB_ENOMEM;
    free(item);
    return rc == MB_OK ? rc : mb_fail(err, MB_ENOMEM, "accuracy: no memory for an answer");
}

static int accuracy_score(void *state, const struct mb_request *rq, const struct mb_result *rs, struct mb_record *record,
                          struct mb_error *err)
{
    struct accuracy *s = state;
    if (isnan(rs->log_likelihood))
        return mb_fail(err, MB_EFAILED, "accuracy: NaN log-likelihood for %s, choice %s", rq->item, s->asked->choices[s->asked_choice].label);
    if (rs->n_scored == 0)
        return mb_fail(err, MB_EFAILED, "accuracy: the runner scored no token of %s, choice %s", rq->item,
                       s->asked->choices[s->asked_choice].label);
    s->ll[s->asked_choice] = rs->log_likelihood;
    return s->asked_choice + 1 == s->asked->n_choices ? judge(s, record, err) : MB_OK;
}

static int add_scores(struct mb_record *record, const char *scope, uint32_t n, uint32_t n_correct, uint32_t n_correct_norm)
{
    if (n == 0) {
        const int rc = mb_record_add_absent(record, MB_METRIC_ACCURACY, scope, "accuracy", "no question was answered");
        return rc == MB_OK ? mb_record_add_absent(record, MB_METRIC_ACCURACY_NORM, scope, "accuracy", "no question was answered") : rc;
    }
    int rc = mb_record_add_metric(record, MB_METRIC_ACCURACY, scope, "accuracy", MB_ORIGIN_MEASURED, (double)n_correct / n);
    if (rc == MB_OK)
        rc = mb_record_add_metric(record, MB_METRIC_ACCURACY_NORM, scope, "accuracy", MB_ORIGIN_MEASURED, (double)n_correct_norm / n);
    return rc == MB_OK ? mb_record_add_metric(record, MB_METRIC_N_QUESTIONS, scope, "accuracy", MB_ORIGIN_MEASURED, n) : rc;
}

static int accuracy_end(void *state, struct mb_record *record, struct mb_error *err)
{
    struct accuracy *s = state;
    uint32_t n = 0, n_correct = 0, n_correct_norm = 0;
    int rc = MB_OK;
    for (size_t i = 0; rc == MB_OK && i < s->n_tasks; i++) {
        const struct task_state *t = &s->tasks[i];
        rc = add_scores(record, t->name, t->n_scored, t->n_correct, t->n_correct_norm);
        n += t->n_scored;
        n_correct += t->n_correct;
        n_correct_norm += t->n_correct_norm;
    }
    if (rc == MB_OK)
        rc = add_scores(record, "", n, n_correct, n_correct_norm);
    return rc == MB_OK ? rc : mb_fail(err, rc, "accuracy: no memory for the scores");
}

static void accuracy_close(void *state)
{
    struct accuracy *s = state;
    for (size_t i = 0; i < s->n_tasks; i++) {
        free(s->tasks[i].name);
        mb_questions_release(&s->tasks[i].questions);
    }
    free(s->tasks);
    mb_strbuf_release(&s->item);
    *s = (struct accuracy){0};
}

static const struct mb_workload_option options[] = {
    {"tasks", MB_OPTION_LIST, "mini", 0, 0, false,
     "mini (shipped), arc_easy, openbookqa, piqa (from the data folder), or a question file FILE.jsonl"},
    {"limit", MB_OPTION_INTEGER, "0", 0, 10000000, false, "the first so many questions of each task; 0 = all"},
    MB_SETTING_REPETITIONS,
    MB_SETTING_END,
};

const struct mb_workload_ops mb_workload_accuracy = {
    .abi = MB_WORKLOAD_ABI,
    .name = "accuracy",
    .summary = "multiple choice by likelihood, scored as lm-eval does (acc, acc_norm)",
    .options = options,
    .state_size = sizeof(struct accuracy),
    .files = accuracy_files,
    .open = accuracy_open,
    .begin = accuracy_begin,
    .next = accuracy_next,
    .score = accuracy_score,
    .end = accuracy_end,
    .close = accuracy_close,
    .untimed = true,
};
