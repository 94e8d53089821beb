/* What users see when something is wrong with a model or a configuration: one clear sentence, the right exit code, never more than 3 lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "cli_scene.h"

#define GENERATE "\"$MB\" generate -p hello -n 4 "

static void a_missing_model_says_where_it_looked_and_how_to_get_it(void **state)
{
    (void)state;
    sh_fails(1, "nowhere/meltbench|SmolLM2-135M-Instruct.Q4_1.gguf|scripts/quickstart.sh --model-only", "XDG_CACHE_HOME=\"$DIR/nowhere\" " GENERATE "-m smollm2-135m");
    sh_fails(1, "elsewhere", "XDG_CACHE_HOME=\"$DIR/nowhere\" MELTBENCH_MODELS=elsewhere " GENERATE "-m smollm2-135m");
    sh_fails(1, "no-such.gguf", GENERATE "-m no-such.gguf");
    sh_fails(1, "no-such.gguf", "\"$MB\" bench -m no-such.gguf -o json");
    sh_fails(1, "no-such.gguf", "\"$MB\" eval -m no-such.gguf");
}

static void a_damaged_model_says_what_and_at_which_offset(void **state)
{
    (void)state;
    sh_fails(1, "cut.gguf|truncated|begins at byte", GENERATE "-m $CUT");
    sh_fails(1, "odd.gguf|at byte 8|tensor", GENERATE "-m $ODD");
    sh_fails(1, "cut.gguf|truncated|begins at byte", "\"$MB\" bench -m $CUT -p 8 -n 0 -r 1 -o json | { read -r x; [ \"$x\" = '[]' ] && exit 1; }");
    sh_fails(1, "empty.gguf", ": >empty.gguf; " GENERATE "-m empty.gguf");
    sh_fails(1, "text.gguf", "echo this is no model >text.gguf; " GENERATE "-m text.gguf");
    sh_fails(1, ".", GENERATE "-m .");
}

static void what_this_machine_lacks_is_77_with_the_reason(void **state)
{
    (void)state;
    sh_fails(77, "opencl|not available", GENERATE "-m $TINY --backend opencl");
    sh_fails(77, "npu-sim|not available", GENERATE "-m $TINY --backend npu-sim");
    sh_fails(77, "opencl|not available", "\"$MB\" eval -m $TINY --backend opencl -q");
}

static void choices_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    sh_fails(77, "verify|streaming", GENERATE "-m $TINY --early-exit verify:layer=2,draft=4 --token-reduction streaming:sink=4,window=64");
    sh_fails(77, "layer=9|4 layers", GENERATE "-m $TINY --early-exit verify:layer=9,draft=4");
}

static void an_unknown_value_names_the_nearest_known_one(void **state)
{
    (void)state;
    sh_fails(2, "'opncl'|opencl", GENERATE "-m $TINY --backend opncl");
    sh_fails(2, "q8_0|q4_0", GENERATE "-m $TINY --quant q8_1");
    sh_fails(2, "'verfy'|verify", GENERATE "-m $TINY --early-exit verfy:layer=2");
    sh_fails(2, "layr|layer", GENERATE "-m $TINY --early-exit verify:layr=2");
    sh_fails(2, "'streming'|streaming", GENERATE "-m $TINY --token-reduction streming:sink=4");
    sh_fails(2, "act", GENERATE "-m $TINY --act f16");
    sh_fails(2, "--threads", GENERATE "-m $TINY --thread 2");
    sh_fails(2, "threads", GENERATE "-m $TINY -t 0");
    sh_fails(2, "threads", GENERATE "-m $TINY -t two");
    sh_fails(2, "temperature|'warm'", GENERATE "-m $TINY --temp warm");
    sh_fails(2, "top_p", GENERATE "-m $TINY --top-p 3");
    sh_fails(2, "-n", GENERATE "-m $TINY -n 0");
    sh_fails(2, "--seed", GENERATE "-m $TINY --seed -1");
}

static void a_prompt_longer_than_the_context_is_said(void **state)
{
    (void)state;
    sh_fails(1, "context", "head -c 250000 /dev/zero | tr '\\0' 'x' >long.txt; \"$MB\" generate -m $TINY -f long.txt -n 4");
}

static void a_full_disk_is_not_a_success(void **state)
{
    (void)state;
    sh_fails(1, "standard output", GENERATE "-m $TINY >/dev/full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_model_says_where_it_looked_and_how_to_get_it),
        cmocka_unit_test(a_damaged_model_says_what_and_at_which_offset),
        cmocka_unit_test(what_this_machine_lacks_is_77_with_the_reason),
        cmocka_unit_test(choices_that_contradict_each_other_are_refused),
        cmocka_unit_test(an_unknown_value_names_the_nearest_known_one),
        cmocka_unit_test(a_prompt_longer_than_the_context_is_said),
        cmocka_unit_test(a_full_disk_is_not_a_success),
    };
    return cmocka_run_group_tests_name("errors", tests, scene_begin, scene_end);
}
