/**
 * plan_inputs.h - files behind a plan: each model is located, hashed and (only when a rule needs it) opened once, each data file
 * hashed once. Ownership: the inputs own all strings and live as long as the plan's cells.
 */
#ifndef MB_HARNESS_PLAN_INPUTS_H
#define MB_HARNESS_PLAN_INPUTS_H

#include <stdbool.h>

#include "harness/plan_draft.h"

struct mb_plan_model {
    char *text;             /* as the plan says it */
    char *label;            /* value of the model axis: catalogue name, file name, or the null script */
    char *path;             /* "" for a null script */
    char sha256[MB_DIGEST_HEX]; /* "" for a path of an unstored plan */
    uint64_t n_bytes;
    bool is_null;           /* a script for the null runner */
    bool was_opened;
    uint32_t n_layers;      /* 0: unknown; see mb_plan_model_layers() */
};

struct mb_plan_file { char *path; char sha256[MB_DIGEST_HEX]; };

struct mb_plan_inputs {
    struct mb_plan_model *models;
    size_t n_models;
    struct mb_plan_file *files;
    size_t n_files;
    bool unstored;          /* see struct mb_plan_env */
};

/** mb_plan_inputs_models() - all models that the draft names. MB_ENOENT says where it looked. */
int mb_plan_inputs_models(struct mb_plan_inputs *inputs, const struct mb_plan_draft *draft, struct mb_error *err) MB_MUST_CHECK;
struct mb_plan_model *mb_plan_inputs_find(const struct mb_plan_inputs *inputs, const char *text);

/** mb_plan_inputs_file() - SHA-256 of a data file; *hex is borrowed until the next call. */
int mb_plan_inputs_file(struct mb_plan_inputs *inputs, const char *path, const char **hex, struct mb_error *err) MB_MUST_CHECK;

/** mb_plan_model_layers() - from the model's header; 0 when it cannot be opened (then the run says why). */
uint32_t mb_plan_model_layers(struct mb_plan_model *model);

void mb_plan_inputs_release(struct mb_plan_inputs *inputs);

#endif
