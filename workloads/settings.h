/**
 * settings.h - a workload's options out of its cell: the value of the plan, else the default of the option row, always checked
 * against the row. And where a data file that an option names really lies.
 */
#ifndef MB_WORKLOADS_SETTINGS_H
#define MB_WORKLOADS_SETTINGS_H

#include "workloads/workload.h"

/* Every workload's list has this row: the harness reads it when it expands the plan. */
#define MB_SETTING_REPETITIONS                                                                                                        \
    {                                                                                                                                 \
        "repetitions", MB_OPTION_INTEGER, "0", 0, 100000, false, "measured trials per cell; 0 = the plan's"                           \
    }
#define MB_SETTING_END                                                                                                                \
    {                                                                                                                                 \
        NULL, MB_OPTION_INTEGER, NULL, 0, 0, false, NULL                                                                              \
    }

/* Room for the text of @n_gen tokens: longer than any usual token; what does not fit is cut. */
#define MB_SETTING_TEXT_BYTES(n_gen) ((n_gen) * 32u + 1u)

/** Each finds @key in the workload's rows (it must be there) and in cell->options. MB_EINVAL names workload, key, value and what
 *  is accepted. */
int mb_setting_integer(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, int64_t *value,
                       struct mb_error *err) MB_MUST_CHECK;
int mb_setting_u32(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, uint32_t *value,
                   struct mb_error *err) MB_MUST_CHECK;
/** *value is borrowed from the cell or the row. */
int mb_setting_text(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, const char **value,
                    struct mb_error *err) MB_MUST_CHECK;
/** A TEXT row that holds a decimal number in [min, max]; the plan may also give a JSON number. */
int mb_setting_number(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, double min, double max,
                      double *value, struct mb_error *err) MB_MUST_CHECK;
/** A LIST row: JSON array of texts, or one text with commas. *items is freed with mb_setting_list_free(); at least one item. */
int mb_setting_list(const struct mb_cell *cell, const struct mb_workload_ops *workload, const char *key, char ***items, size_t *n,
                    struct mb_error *err) MB_MUST_CHECK;
void mb_setting_list_free(char **items, size_t n);

/** mb_data_locate() - the file that @name means: with a '/' the path itself; else the shipped one (cell->share_dir), else the one of
 *  the data folder (cell->data_dir). *path is malloc'd. MB_ENOENT says where it looked and how to name a folder. */
int mb_data_locate(const struct mb_cell *cell, const char *name, char **path, struct mb_error *err) MB_MUST_CHECK;

/** mb_data_add() - append a path to the list of ops->files(), which takes it over also when this fails. */
int mb_data_add(char ***paths, size_t *n, char *path, struct mb_error *err) MB_MUST_CHECK;

#endif
