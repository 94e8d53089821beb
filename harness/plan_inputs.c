/* plan_inputs.c - see plan_inputs.h. */
#include "harness/plan_inputs.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "eng/engine.h"
#include "harness/catalogue.h"

static int no_memory(struct mb_error *err)
{
    return mb_fail(err, MB_ENOMEM, "no memory for a plan's files");
}

struct mb_plan_model *mb_plan_inputs_find(const struct mb_plan_inputs *inputs, const char *text)
{
    for (size_t i = 0; i < inputs->n_models; i++)
        if (strcmp(inputs->models[i].text, text) == 0)
            return &inputs->models[i];
    return NULL;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What is at the path, and what the catalogue says about it. */
static int identify(struct mb_plan_model *model, bool unstored, struct mb_error *err)
{
    char path[PATH_MAX];
    int rc = mb_model_locate(model->text, path, sizeof(path), err);
    if (rc)
        return rc;
    model->path = realpath(path, NULL);
    if (!model->path)
        return mb_fail_errno(err, MB_ENOENT, "model %s", path);
    if (unstored && strcmp(path, model->text) == 0) { /* given as a path: nobody will ask which file it was */
        model->label = strdup(base_name(model->path));
        return model->label ? MB_OK : no_memory(err);
    }
    if ((rc = mb_digest_file(model->path, model->sha256, &model->n_bytes, err)))
        return rc;
    const struct mb_catalogue_row *named = strcmp(path, model->text) ? mb_catalogue_find(model->text) : NULL;
    if (named && strcmp(named->sha256, model->sha256) != 0)
        return mb_fail(err, MB_EFORMAT, "model %s: %s is not the catalogue's file (its sha256 is %.12s..., expected %.12s...); remove it and run `%s`",
                       named->name, model->path, model->sha256, named->sha256, named->get);
    const struct mb_catalogue_row *known = mb_catalogue_find_sha256(model->sha256);
    model->label = strdup(known ? known->name : base_name(model->path));
    return model->label ? MB_OK : no_memory(err);
}

static int add_model(struct mb_plan_inputs *inputs, const struct mb_plan_text *given, struct mb_error *err)
{
    struct mb_plan_model *grown = realloc(inputs->models, (inputs->n_models + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(err);
    inputs->models = grown;
    struct mb_plan_model *model = &inputs->models[inputs->n_models++];
    *model = (struct mb_plan_model){.text = strdup(given->text)};
    model->is_null = strcmp(given->text, "null") == 0 || strncmp(given->text, "null:", 5) == 0;
    if (!model->text)
        return no_memory(err);
    int rc = MB_OK;
    if (!model->is_null) {
        rc = identify(model, inputs->unstored, err);
    } else if (!(model->label = strdup(given->text)) || !(model->path = strdup(""))) {
        rc = no_memory(err);
    }
    if (rc && given->mark.file)
        return mb_fail_context(err, "%s:%u:%u", given->mark.file, given->mark.line, given->mark.column);
    return rc;
}

/* Two files of one name are told apart by what the plan calls them. */
static int separate_labels(struct mb_plan_inputs *inputs, struct mb_error *err)
{
    for (size_t i = 0; i < inputs->n_models; i++) {
        for (size_t j = 0; j < i; j++) {
            struct mb_plan_model *a = &inputs->models[i], *b = &inputs->models[j];
            if (strcmp(a->label, b->label) != 0 || (*a->sha256 ? strcmp(a->sha256, b->sha256) : strcmp(a->path, b->path)) == 0)
                continue;
            free(a->label);
            a->label = strdup(a->text);
            if (!a->label)
                return no_memory(err);
        }
    }
    return MB_OK;
}

int mb_plan_inputs_models(struct mb_plan_inputs *inputs, const struct mb_plan_draft *draft, struct mb_error *err)
{
    int rc = MB_OK;
    for (size_t b = 0; b < draft->n_blocks; b++) {
        const struct mb_plan_list *models = &draft->blocks[b].axis[MB_AXIS_MODEL];
        for (size_t i = 0; i < models->n && !rc; i++)
            if (!mb_plan_inputs_find(inputs, models->items[i].text))
                rc = add_model(inputs, &models->items[i], err);
    }
    return rc ? rc : separate_labels(inputs, err);
}

int mb_plan_inputs_file(struct mb_plan_inputs *inputs, const char *path, const char **hex, struct mb_error *err)
{
    for (size_t i = 0; i < inputs->n_files; i++) {
        if (strcmp(inputs->files[i].path, path) == 0) {
            *hex = inputs->files[i].sha256;
            return MB_OK;
        }
    }
    struct mb_plan_file *grown = realloc(inputs->files, (inputs->n_files + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(err);
    inputs->files = grown;
    struct mb_plan_file *file = &inputs->files[inputs->n_files];
    *file = (struct mb_plan_file){0};
    const int rc = inputs->unstored ? MB_OK : mb_digest_file(path, file->sha256, NULL, err);
    if (rc)
        return rc;
    if (!(file->path = strdup(path)))
        return no_memory(err);
    inputs->n_files++;
    *hex = file->sha256;
    return MB_OK;
}

uint32_t mb_plan_model_layers(struct mb_plan_model *model)
{
    struct eng_model *opened = NULL;
    struct eng_error ignored = {0};
    if (model->was_opened || model->is_null)
        return model->n_layers;
    model->was_opened = true;
    if (eng_model_open(&opened, model->path, NULL, &ignored))
        return 0;
    model->n_layers = eng_model_info(opened)->n_layers;
    eng_model_close(opened);
    return model->n_layers;
}

void mb_plan_inputs_release(struct mb_plan_inputs *inputs)
{
    for (size_t i = 0; i < inputs->n_models; i++) {
        free(inputs->models[i].text);
        free(inputs->models[i].label);
        free(inputs->models[i].path);
    }
    for (size_t i = 0; i < inputs->n_files; i++)
        free(inputs->files[i].path);
    free(inputs->models);
    free(inputs->files);
    *inputs = (struct mb_plan_inputs){0};
}
