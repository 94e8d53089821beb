/**
 * tasks.h - the multiple-choice tasks that `accuracy` knows by name: which files, which layout, which prompt. Add a row in tasks.c.
 */
#ifndef MB_WORKLOADS_TASKS_H
#define MB_WORKLOADS_TASKS_H

#include "workloads/dataset.h"

struct mb_task {
    char *name;                       /* scope of its metrics: "arc_easy"; of a file of your own its stem: "my-set" */
    char *path, *labels_path;         /* found files; labels_path may be NULL */
    struct mb_question_source source; /* borrows the paths */
};

/** mb_task_find() - @name: a row of the table, or a neutral question file (a name that ends in .jsonl; see mb_data_locate()).
 *  MB_EINVAL names the nearest task; MB_ENOENT says which file is missing and how to name its folder. */
int mb_task_find(struct mb_task *task, const struct mb_cell *cell, const char *name, struct mb_error *err) MB_MUST_CHECK;
void mb_task_release(struct mb_task *task);

#endif
