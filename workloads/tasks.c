/* tasks.c - see tasks.h. Prompts are those of lm-eval's task files of the same name (0-shot). */
#include "workloads/tasks.h"

#include <stdlib.h>
#include <string.h>

#include "workloads/settings.h"

static const struct task_row {
    const char *name, *file, *labels_file;
    enum mb_question_layout layout;
    const char *prompt;
} rows[] = {
    {"mini", "mini.jsonl", NULL, MB_LAYOUT_NEUTRAL, NULL}, /* shipped */
    {"arc_easy", "arc_easy.jsonl", NULL, MB_LAYOUT_ARC, "Question: %s\nAnswer:"},
    {"openbookqa", "openbookqa.jsonl", NULL, MB_LAYOUT_ARC, "%s"},
    {"piqa", "piqa_valid.jsonl", "piqa_valid-labels.lst", MB_LAYOUT_PIQA, "Question: %s\nAnswer:"},
};
enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

static bool is_question_file(const char *name)
{
    const size_t n = strlen(name);
    return n > 6 && strcmp(name + n - 6, ".jsonl") == 0;
}

static char *stem_of(const char *name)
{
    const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
    return strndup(base, strlen(base) - strlen(".jsonl"));
}

static int unknown_task(const char *name, struct mb_error *err)
{
    const char *names[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++)
        names[i] = rows[i].name;
    const char *nearest = mb_nearest(name, names, N_ROWS);
    return mb_fail(err, MB_EINVAL, "accuracy: no task \"%.60s\"%s%s%s; known: mini, arc_easy, openbookqa, piqa, or a FILE.jsonl", name,
                   nearest ? " (did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?)" : "");
}

int mb_task_find(struct mb_task *task, const struct mb_cell *cell, const char *name, struct mb_error *err)
{
    *task = (struct mb_task){0};
    const struct task_row *row = NULL;
    for (size_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            row = &rows[i];
    if (!row && !is_question_file(name))
        return unknown_task(name, err);
    int rc = mb_data_locate(cell, row ? row->file : name, &task->path, err);
    if (rc == MB_OK && row && row->labels_file)
        rc = mb_data_locate(cell, row->labels_file, &task->labels_path, err);
    if (rc != MB_OK) {
        mb_task_release(task);
        return row ? mb_fail_context(err, "task %s", name) : rc;
    }
    task->name = row ? strdup(name) : stem_of(name);
    if (!task->name) {
        mb_task_release(task);
        return mb_fail(err, MB_ENOMEM, "accuracy: no memory for a task");
    }
    task->source = (struct mb_question_source){row ? row->layout : MB_LAYOUT_NEUTRAL, row ? row->prompt : NULL, task->path, task->labels_path};
    return MB_OK;
}

void mb_task_release(struct mb_task *task)
{
    free(task->name);
    free(task->path);
    free(task->labels_path);
    *task = (struct mb_task){0};
}
