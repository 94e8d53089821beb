/** plan_file.h - plan files of tests: written below a scratch folder that goes away with plan_files_end(). */
#ifndef MB_TESTS_PLAN_FILE_H
#define MB_TESTS_PLAN_FILE_H

#include "harness/plan.h"

struct plan_files { char dir[64]; };

void plan_files_begin(struct plan_files *files);
void plan_files_end(const struct plan_files *files);

/** plan_file_write() - bytes into NAME of the folder; the path into path[256]. */
void plan_file_write(const struct plan_files *files, const char *name, const void *bytes, size_t n, char path[256]);

/** plan_load_text() - the plan in @text as "p.yaml" of the folder; NULL on failure, with the reason in *err: the folder's name is
 *  taken out of it, so that it begins with "p.yaml:". */
struct mb_plan *plan_load_text(const struct plan_files *files, const char *text, struct mb_error *err);

#endif
