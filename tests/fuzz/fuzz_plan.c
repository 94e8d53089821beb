/* fuzz_plan.c - any bytes as a plan file: a plan, or one line that begins with the file's name. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"
#include "harness/plan_draft.h"

static void must(bool promise)
{
    if (!promise)
        abort();
}

/* Only plans that touch no file but the shipped ones are expanded: a fuzzer would find paths that never end. */
static bool is_harmless(const struct mb_plan_draft *draft)
{
    for (size_t b = 0; b < draft->n_blocks; b++) {
        const struct mb_plan_block *block = &draft->blocks[b];
        size_t n = 1;
        for (int a = 0; a < MB_AXIS_N; a++)
            n *= block->axis[a].n < 64 ? block->axis[a].n : 64;
        for (size_t i = 0; i < block->axis[MB_AXIS_MODEL].n; i++)
            if (strncmp(block->axis[MB_AXIS_MODEL].items[i].text, "null", 4) != 0)
                return false;
        for (size_t w = 0; w < block->n_work; w++)
            if (strcmp(block->work[w].ops->name, "micro") != 0 || json_array_size(block->work[w].options) * n > 256)
                return false;
    }
    return true;
}

static void check_plan(const struct mb_plan *plan)
{
    for (size_t i = 0; i < plan->n_cells; i++) {
        must(strlen(plan->cells[i].hash) == 64 && plan->cells[i].config_json && plan->cells[i].label);
        for (int a = 0; a < MB_AXIS_N; a++)
            must(plan->cells[i].cell.axis[a] && strcmp(plan->cells[i].cell.axis[a], "auto") != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct mb_plan_draft draft = {.protocol = {.repetitions = 5, .warmup = -1, .timeout_s = 600}};
    struct mb_error err = {0};
    struct mb_plan *plan = NULL;
    int rc = mb_plan_check_bytes(&draft, "fuzz.yaml", (const char *)data, n_bytes, &err);
    if (!rc && is_harmless(&draft))
        rc = mb_plan_expand(&plan, &draft, NULL, &err);
    if (rc)
        must(err.code == rc && err.text[0] && !strchr(err.text, '\n') && strstr(err.text, "fuzz") == err.text);
    else if (plan)
        check_plan(plan);
    mb_plan_free(plan);
    mb_plan_draft_release(&draft);
    return 0;
}
