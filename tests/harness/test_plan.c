/* Plans: what a file becomes, in which order, under which hash; and what every kind of fault in it is answered with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan_file.h"

static struct plan_files files;

static int begin(void **state)
{
    (void)state;
    plan_files_begin(&files);
    return 0;
}

static int end(void **state)
{
    (void)state;
    plan_files_end(&files);
    return 0;
}

#define NULL_MODEL "models: [\"null:token_us=1\"]\n"
#define MICRO "workloads: [micro: {prompt: 8, gen: 4}]\n"

static struct mb_plan *load(const char *text)
{
    struct mb_error err;
    struct mb_plan *plan = plan_load_text(&files, text, &err);
    if (!plan)
        fail_msg("%s", err.text);
    return plan;
}

static void defaults_fill_what_is_not_said(void **state)
{
    (void)state;
    struct mb_plan *plan = load(NULL_MODEL MICRO);
    assert_string_equal(plan->name, "p");
    assert_int_equal(plan->n_cells, 1);
    assert_int_equal(plan->protocol.repetitions, 5);
    assert_int_equal(plan->protocol.warmup, -1);
    assert_int_equal(plan->protocol.timeout_s, 600);
    assert_int_equal(plan->period_ns, 25000000);
    assert_string_equal(plan->collect, "latency,memory,energy,counters,thermal");
    const struct mb_plan_cell *cell = &plan->cells[0];
    assert_string_equal(cell->cell.runner, "null");
    assert_string_equal(cell->cell.model_path, "");
    assert_string_equal(cell->model_sha256, "");
    assert_string_equal(cell->cell.axis[MB_AXIS_BACKEND], "cpu");
    assert_string_equal(cell->cell.axis[MB_AXIS_CACHE_TYPE_K], "f16");
    assert_true(atoi(cell->cell.axis[MB_AXIS_THREADS]) >= 1); /* never "auto" */
    assert_int_equal(json_integer_value(json_object_get(cell->cell.options, "prompt")), 8);
    assert_int_equal(json_integer_value(json_object_get(cell->cell.options, "depth")), 0);
    assert_null(json_object_get(cell->cell.options, "repetitions"));
    assert_string_equal(cell->label, "micro");
    assert_null(cell->refused);
    mb_plan_free(plan);
}

static void protocol_and_collect_are_read(void **state)
{
    (void)state;
    struct mb_plan *plan = load("name: all of it\n" NULL_MODEL
                                "workloads: [micro: {prompt: 8, gen: 4, repetitions: 2}, micro: {prompt: 16}]\n"
                                "protocol: {repetitions: 7, warmup: 3, order: listed, seed: 99, timeout_s: 30, cooldown: 5, memory_limit_mib: 700}\n"
                                "collect: [memory, \"synthetic:constant=2,ramp=3\", wrap=4, \"sampler:jitter=50\"]\ncollect_period_ms: 50\n");
    assert_string_equal(plan->name, "all of it");
    assert_int_equal(plan->protocol.warmup, 3);
    assert_int_equal(plan->protocol.order, MB_ORDER_LISTED);
    assert_int_equal(plan->protocol.seed, 99);
    assert_int_equal(plan->protocol.timeout_s, 30);
    assert_int_equal(plan->protocol.memory_limit_mib, 700);
    assert_int_equal(plan->protocol.cooldown.fixed_s, 5);
    assert_int_equal(plan->protocol.cooldown.timeout_s, 0);
    assert_string_equal(plan->collect, "memory,synthetic:constant=2,ramp=3,wrap=4,sampler:jitter=50");
    assert_int_equal(plan->period_ns, 50000000);
    assert_int_equal(plan->cells[0].repetitions, 2); /* a workload's own number wins */
    assert_int_equal(plan->cells[1].repetitions, 7);
    assert_int_equal(plan->cells[0].cell.seed, 99);
    mb_plan_free(plan);
}

static void repetitions_may_be_a_rule(void **state)
{
    (void)state;
    struct mb_plan *plan = load(NULL_MODEL "workloads: [micro: {prompt: 8, repetitions: 2}, micro: {prompt: 16}, perplexity: {chunks: 1}]\n"
                                "protocol: {repetitions: auto}\n");
    assert_int_equal(plan->cells[0].repetitions, 2); /* a workload's own number is exact */
    assert_int_equal(plan->cells[0].stopping.most, 0);
    assert_int_equal(plan->cells[1].repetitions, 6);
    assert_int_equal(plan->cells[1].stopping.most, 60);
    assert_int_equal(plan->cells[1].stopping.budget_s, 120);
    assert_true(plan->cells[1].stopping.target == 0.02);
    assert_int_equal(plan->cells[2].repetitions, 1); /* a score is the same every time */
    assert_int_equal(plan->cells[2].stopping.most, 0);
    mb_plan_free(plan);
    plan = load(NULL_MODEL MICRO "protocol: {repetitions: {min: 70, target_rel_interval: 0.01}}\n");
    assert_int_equal(plan->cells[0].repetitions, 70);
    assert_int_equal(plan->cells[0].stopping.most, 70); /* no less than min */
    assert_non_null(strstr(plan->text, "\"stopping\":{\"budget_s\":120,\"least_s\":0,\"most\":70,\"target\":0.01"));
    mb_plan_free(plan);
    plan = load(NULL_MODEL MICRO "protocol: {replace_invalid: 9, throttled: keep}\n");
    assert_int_equal(plan->cells[0].replace_invalid, 9);
    assert_false(plan->protocol.mark_throttled);
    assert_non_null(strstr(plan->text, "\"replace_invalid\":9,"));
    assert_non_null(strstr(plan->text, "\"throttled\":\"keep\""));
    mb_plan_free(plan);
    plan = load(NULL_MODEL MICRO "protocol: {cooldown: {below_c: 45.5, headroom_c: 20}}\n");
    assert_int_equal(plan->protocol.cooldown.below_milli_c, 45500);
    assert_int_equal(plan->protocol.cooldown.headroom_milli_c, 20000);
    assert_int_equal(plan->protocol.cooldown.timeout_s, 300);
    assert_non_null(strstr(plan->text, "\"cooldown\":{\"below_milli_c\":45500,"));
    mb_plan_free(plan);
    plan = load(NULL_MODEL MICRO "protocol: {page_cache: cold}\n");
    assert_non_null(strstr(plan->text, "\"page_cache\":\"cold\""));
    assert_non_null(strstr(plan->cells[0].config_json, "\"page_cache\":\"cold\"")); /* another thing to measure: another hash */
    mb_plan_free(plan);
    plan = load(NULL_MODEL MICRO "protocol: {page_cache: as-is}\n");
    assert_null(strstr(plan->cells[0].config_json, "page_cache"));
    mb_plan_free(plan);
    plan = load(NULL_MODEL MICRO "protocol: {order: interleaved}\n");
    assert_int_equal(plan->protocol.order, MB_ORDER_INTERLEAVED);
    assert_non_null(strstr(plan->text, "\"order\":\"interleaved\""));
    mb_plan_free(plan);
    plan = load(NULL_MODEL MICRO "protocol: {repetitions: 5}\n"); /* a setting that is off is not in the text: hashes of old plans stay */
    assert_null(strstr(plan->text, "stopping"));
    assert_null(strstr(plan->text, "invalid"));
    assert_null(strstr(plan->text, "throttled"));
    assert_true(plan->protocol.mark_throttled);
    assert_int_equal(plan->cells[0].replace_invalid, 5);
    mb_plan_free(plan);
}

/* Labels of all cells, one a line: order and values at a glance. */
static void assert_labels(const char *text, const char *labels)
{
    struct mb_plan *plan = load(text);
    char all[4096] = "";
    for (size_t i = 0; i < plan->n_cells; i++) {
        strcat(all, plan->cells[i].label);
        strcat(all, "\n");
    }
    assert_string_equal(all, labels);
    mb_plan_free(plan);
}

static void cells_come_in_the_documented_order(void **state)
{
    (void)state;
    assert_labels("models: [null, \"null:token_us=2\"]\naxes: {quant: [file, q8_0], threads: 1}\n"
                  "workloads: [micro: {prompt: \"4-8*2\", gen: [1, 2]}, micro: {prompt: 99}]\n",
                  "null quant=file micro(prompt=4,gen=1)\nnull quant=file micro(prompt=4,gen=2)\n"
                  "null quant=file micro(prompt=8,gen=1)\nnull quant=file micro(prompt=8,gen=2)\n"
                  "null quant=file micro(prompt=99,gen=128)\n"
                  "null quant=q8_0 micro(prompt=4,gen=1)\nnull quant=q8_0 micro(prompt=4,gen=2)\n"
                  "null quant=q8_0 micro(prompt=8,gen=1)\nnull quant=q8_0 micro(prompt=8,gen=2)\n"
                  "null quant=q8_0 micro(prompt=99,gen=128)\n"
                  "null:token_us=2 quant=file micro(prompt=4,gen=1)\nnull:token_us=2 quant=file micro(prompt=4,gen=2)\n"
                  "null:token_us=2 quant=file micro(prompt=8,gen=1)\nnull:token_us=2 quant=file micro(prompt=8,gen=2)\n"
                  "null:token_us=2 quant=file micro(prompt=99,gen=128)\n"
                  "null:token_us=2 quant=q8_0 micro(prompt=4,gen=1)\nnull:token_us=2 quant=q8_0 micro(prompt=4,gen=2)\n"
                  "null:token_us=2 quant=q8_0 micro(prompt=8,gen=1)\nnull:token_us=2 quant=q8_0 micro(prompt=8,gen=2)\n"
                  "null:token_us=2 quant=q8_0 micro(prompt=99,gen=128)\n");
}

static void all_spellings_of_a_list_are_one(void **state)
{
    (void)state;
    static const char *const spellings[] = {
        "axes: {threads: 1, early_exit: [none, \"verify:layer=20,draft=4\"]}\n", "axes: {threads: 1, early_exit: [none, verify:layer=20, draft=4]}\n",
        "axes: {threads: 1, early-exit: \"none,verify:draft=4,layer=20\"}\n", "axes:\n  threads: 1\n  early_exit:\n    - none\n    - verify\n",
        "axes: {threads: 1, early_exit: \"none, verify:layer=20\"}\n",
    };
    char hash[MB_DIGEST_HEX] = "";
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
        char text[512];
        snprintf(text, sizeof(text), NULL_MODEL "%s" MICRO, spellings[i]);
        struct mb_plan *plan = load(text);
        assert_int_equal(plan->n_cells, 2);
        assert_string_equal(plan->cells[1].cell.axis[MB_AXIS_EARLY_EXIT], "verify:layer=20,draft=4");
        if (i > 0)
            assert_string_equal(plan->hash, hash);
        memcpy(hash, plan->hash, sizeof(hash));
        mb_plan_free(plan);
    }
}

static void sweeps_override_and_are_united(void **state)
{
    (void)state;
    assert_labels(NULL_MODEL "axes: {threads: 2, quant: q4_0}\n"
                  "workloads: [micro: {prompt: 8, gen: 4}]\n"
                  "sweeps:\n"
                  "  - axes: {threads: [1, 2]}\n"
                  "  - axes: {quant: [q4_0, q8_0]}\n"                 /* threads=2 quant=q4_0 is there already */
                  "  - workloads: [micro: {prompt: 16, gen: 4}]\n"
                  "  - models: [null]\n",
                  "null:token_us=1 threads=1 quant=q4_0 micro(prompt=8)\n"
                  "null:token_us=1 threads=2 quant=q4_0 micro(prompt=8)\n"
                  "null:token_us=1 threads=2 quant=q8_0 micro(prompt=8)\n"
                  "null:token_us=1 threads=2 quant=q4_0 micro(prompt=16)\n"
                  "null threads=2 quant=q4_0 micro(prompt=8)\n");
}

static void autos_are_resolved(void **state)
{
    (void)state;
    struct mb_plan *plan = load(NULL_MODEL "axes: {act: [q8, f32], cache_type_k: [auto, f32], threads: auto}\n" MICRO);
    assert_int_equal(plan->n_cells, 3); /* q8 f16, q8 f32, f32 f32 (twice the same) */
    assert_string_equal(plan->cells[0].cell.axis[MB_AXIS_CACHE_TYPE_K], "f16");
    assert_string_equal(plan->cells[1].cell.axis[MB_AXIS_CACHE_TYPE_K], "f32");
    assert_string_equal(plan->cells[1].cell.axis[MB_AXIS_CACHE_TYPE_V], "f16");
    assert_string_equal(plan->cells[2].cell.axis[MB_AXIS_ACT], "f32");
    assert_string_equal(plan->cells[2].cell.axis[MB_AXIS_CACHE_TYPE_V], "f32");
    for (size_t i = 0; i < plan->n_cells; i++)
        assert_null(strstr(plan->cells[i].config_json, "auto"));
    mb_plan_free(plan);
}

static void more_threads_than_cores_is_said(void **state)
{
    (void)state;
    struct mb_plan *plan = load(NULL_MODEL "axes: {threads: [1, 4096]}\n" MICRO);
    assert_null(strstr(plan->cells[0].label, "warning"));
    assert_non_null(strstr(plan->cells[1].label, "[warning: more threads than the "));
    assert_null(plan->cells[1].refused);
    mb_plan_free(plan);
}

/* Sorted keys, no spaces: everything that is measured, and the hashes of the data (here of the text that micro cuts prompts from). */
static void configurations_are_canonical(void **state)
{
    (void)state;
    static const char head[] = "{\"axes\":{\"act\":\"q8\",\"backend\":\"cpu\",\"cache_type_k\":\"f16\",\"cache_type_v\":\"f16\","
                               "\"cpu_mask\":\"cores\",\"early_exit\":\"none\",\"model\":\"null:token_us=1\",\"quant\":\"file\",\"threads\":\"3\","
                               "\"token_reduction\":\"none\"},\"data\":[\"";
    static const char tail[] = "\"],\"options\":{\"depth\":0,\"gen\":4,\"prompt\":8},\"runner\":\"null\",\"seed\":7,\"workload\":\"micro\"}";
    char hex[MB_DIGEST_HEX];
    struct mb_error err = {0};
    struct mb_plan *plan = load(NULL_MODEL "axes: {threads: 3}\n" MICRO "protocol: {seed: 7}\n");
    const char *config = plan->cells[0].config_json;
    assert_int_equal(strncmp(config, head, strlen(head)), 0);
    assert_int_equal(mb_digest_file(MB_SOURCE_DIR "/workloads/data/text.txt", hex, NULL, &err), MB_OK);
    assert_int_equal(strncmp(config + strlen(head), hex, 64), 0);
    assert_string_equal(config + strlen(head) + 64, tail);
    mb_plan_free(plan);
}

static void hash_of(const char *text, char hash[MB_DIGEST_HEX])
{
    struct mb_plan *plan = load(text);
    memcpy(hash, plan->cells[0].hash, MB_DIGEST_HEX);
    mb_plan_free(plan);
}

/* The hash is the resume key and joins runs: it moves with what is measured and with nothing else. */
static void hashes_cover_what_is_measured(void **state)
{
    (void)state;
    char first[MB_DIGEST_HEX], other[MB_DIGEST_HEX];
    hash_of(NULL_MODEL "axes: {threads: 1}\n" MICRO, first);
    static const char *const same[] = {
        "name: other\n" NULL_MODEL "axes: {threads: 1}\n" MICRO "protocol: {repetitions: 9, order: listed, timeout_s: 1}\ncollect: []\n",
        "workloads:\n  - micro: {gen: 4, prompt: 8, repetitions: 3}\n" NULL_MODEL "axes: {threads: [1, 2]}\n",
    };
    static const char *const different[] = {
        NULL_MODEL "axes: {threads: 2}\n" MICRO,
        NULL_MODEL "axes: {threads: 1}\n" MICRO "protocol: {seed: 1}\n",
        NULL_MODEL "axes: {threads: 1}\nworkloads: [micro: {prompt: 8, gen: 5}]\n",
        ("models: [null]\naxes: {threads: 1}\n" MICRO),
    };
    for (size_t i = 0; i < 2; i++) {
        hash_of(same[i], other);
        assert_string_equal(other, first);
    }
    for (size_t i = 0; i < 4; i++) {
        hash_of(different[i], other);
        assert_string_not_equal(other, first);
    }
}

static void hashes_cover_files(void **state)
{
    (void)state;
    char path[256], text[1024], first[MB_DIGEST_HEX], other[MB_DIGEST_HEX];
    plan_file_write(&files, "m.gguf", "not a model", 11, path);
    snprintf(text, sizeof(text), "models: [%s]\naxes: {threads: 1}\n" MICRO, path);
    struct mb_plan *plan = load(text);
    assert_string_equal(plan->cells[0].cell.axis[MB_AXIS_MODEL], "m.gguf");
    assert_string_equal(plan->cells[0].cell.runner, "engine");
    assert_int_equal(plan->cells[0].model_bytes, 11);
    memcpy(first, plan->cells[0].hash, sizeof(first));
    mb_plan_free(plan);
    plan_file_write(&files, "m.gguf", "not a model!", 12, path);
    hash_of(text, other);
    assert_string_not_equal(other, first);
    /* data: the text of a perplexity cell */
    static const char words[] = "words and words and words and words and words and words and words\n";
    plan_file_write(&files, "t.txt", words, strlen(words), path);
    snprintf(text, sizeof(text), NULL_MODEL "axes: {threads: 1}\nworkloads: [perplexity: {file: %s, ctx: 8}]\n", path);
    hash_of(text, first);
    plan_file_write(&files, "t.txt", words, strlen(words) - 1, path);
    hash_of(text, other);
    assert_string_not_equal(other, first);
}

static void files_of_one_name_are_told_apart(void **state)
{
    (void)state;
    char a[256], b[256], text[1024], command[128];
    snprintf(command, sizeof(command), "mkdir '%s/sub'", files.dir);
    assert_int_equal(system(command), 0);
    plan_file_write(&files, "m.gguf", "one", 3, a);
    plan_file_write(&files, "sub/m.gguf", "two", 3, b);
    snprintf(text, sizeof(text), "models: [%s, %s]\n" MICRO, a, b);
    struct mb_plan *plan = load(text);
    assert_int_equal(plan->n_cells, 2);
    assert_string_not_equal(plan->cells[0].cell.axis[MB_AXIS_MODEL], plan->cells[1].cell.axis[MB_AXIS_MODEL]);
    mb_plan_free(plan);
}

static const struct { const char *text, *message; } faults[] = {
    {"nmae: x\n" NULL_MODEL MICRO, "p.yaml:1:1: unknown key 'nmae'; did you mean 'name'?"},
    {NULL_MODEL "axes: {thread: 2}\n" MICRO, "p.yaml:2:8: unknown key 'thread'; did you mean 'threads'?"},
    {NULL_MODEL "axes: {zzz: 2}\n" MICRO, "p.yaml:2:8: unknown key 'zzz'; known here: backend, threads,"},
    {NULL_MODEL "axes: {model: x}\n" MICRO, "p.yaml:2:8: models are named under the key 'models'"},
    {NULL_MODEL "axes: [threads]\n" MICRO, "p.yaml:2:7: axes: expected a map, found a list"},
    {NULL_MODEL "axes:\n" MICRO, "p.yaml:2:6: axes: expected a map, found nothing"},
    {NULL_MODEL "axes: {threads: two}\n" MICRO, "p.yaml:2:17: threads: 'two'"},
    {NULL_MODEL "axes: {threads: 0}\n" MICRO, "p.yaml:2:17: threads: '0' is not a positive number"},
    {NULL_MODEL "axes: {threads: 4-1}\n" MICRO, "p.yaml:2:17: threads: '4-1': the range runs backwards"},
    {NULL_MODEL "axes: {threads: []}\n" MICRO, "p.yaml:2:17: threads: an empty list"},
    {NULL_MODEL "axes: {threads: }\n" MICRO, "p.yaml:2:17: threads has no value"},
    {NULL_MODEL "axes: {threads: {a: 1}}\n" MICRO, "p.yaml:2:17: threads: expected a value or a list, found a map"},
    {NULL_MODEL "axes: {threads: [1, [2]]}\n" MICRO, "p.yaml:2:21: threads: expected a value, found a list"},
    {NULL_MODEL "axes: {quant: [file, q9_0]}\n" MICRO, "p.yaml:2:22: quant: "},
    {NULL_MODEL "axes: {early_exit: \"verfy:layer=2\"}\n" MICRO, "p.yaml:2:20: early_exit: "},
    {NULL_MODEL "axes: {early_exit: \"verify:layr=2\"}\n" MICRO, "p.yaml:2:20: early_exit: "},
    {NULL_MODEL "axes: {early_exit: \"verify:layer=0\"}\n" MICRO, "p.yaml:2:20: early_exit: "},
    {NULL_MODEL "axes: {early_exit: \"layer=2\"}\n" MICRO, "p.yaml:2:20: early_exit: 'layer=2': a setting needs its method"},
    {"runner: engin\n" NULL_MODEL MICRO, "p.yaml:1:9: unknown runner 'engin'; did you mean 'engine'?"},
    {MICRO, "p.yaml:1:1: no models"},
    {NULL_MODEL, "p.yaml:1:1: no workloads"},
    {"models: []\n" MICRO, "p.yaml:1:9: models: an empty list"},
    {"models: [\"\"]\n" MICRO, "p.yaml:1:10: models: an empty name"},
    {NULL_MODEL "workloads: micro\n", "p.yaml:2:12: workloads: expected a list, found a value"},
    {NULL_MODEL "workloads: []\n", "p.yaml:2:12: workloads: an empty list"},
    {NULL_MODEL "workloads: [mirco]\n", "p.yaml:2:13: unknown workload 'mirco'; did you mean 'micro'?"},
    {NULL_MODEL "workloads: [micro: {promt: 2}]\n", "p.yaml:2:21: micro: unknown option 'promt'; did you mean 'prompt'?"},
    {NULL_MODEL "workloads: [micro: {prompt: -2}]\n", "p.yaml:2:29: prompt: '-2' is not a whole number from 0"},
    {NULL_MODEL "workloads: [micro: {prompt: 99999999}]\n", "p.yaml:2:29: prompt: '99999999' is not a whole number"},
    {NULL_MODEL "workloads: [micro: {prompt: x}]\n", "p.yaml:2:29: prompt: 'x'"},
    {NULL_MODEL "workloads: [micro: 512]\n", "p.yaml:2:20: micro: expected a map, found a value"},
    {NULL_MODEL "workloads:\n  - micro:\n    prompt: 2\n", "p.yaml:4:5: a workload is one name with its options"},
    {NULL_MODEL "workloads: [prompt: {max_gen: 5}]\n", "p.yaml:2:13: prompt needs the option 'text'"},
    {NULL_MODEL "workloads: [chat: {conversations: [1, 2]}]\n", "p.yaml:2:36: conversations takes one value, not a list"},
    {NULL_MODEL "workloads: [chat: {temperature: hot}]\n", "p.yaml:2:13: "},
    {NULL_MODEL MICRO "protocol: {repetition: 3}\n", "p.yaml:3:12: unknown key 'repetition'; did you mean 'repetitions'?"},
    {NULL_MODEL MICRO "protocol: {repetitions: 0}\n", "p.yaml:3:25: repetitions: '0' is not a whole number from 1"},
    {NULL_MODEL MICRO "protocol: {repetitions: 1e3}\n", "p.yaml:3:25: repetitions: '1e3'"},
    {NULL_MODEL MICRO "protocol: {repetitions: often}\n", "p.yaml:3:25: repetitions: 'often' is not a whole number from 1"},
    {NULL_MODEL MICRO "protocol: {repetitions: {mni: 3}}\n", "p.yaml:3:26: unknown key 'mni'; did you mean 'min'?"},
    {NULL_MODEL MICRO "protocol: {repetitions: {min: 9, max: 8}}\n", "p.yaml:3:39: max: 8 is less than the min of 9"},
    {NULL_MODEL MICRO "protocol: {repetitions: {max: 5}}\n", "p.yaml:3:31: max: 5 is less than the min of 6"},
    {NULL_MODEL MICRO "protocol: {repetitions: {target_rel_interval: 1.5}}\n", "p.yaml:3:47: target_rel_interval: '1.5' is not a number from 0 to 1"},
    {NULL_MODEL MICRO "protocol: {rules: lax}\n", "p.yaml:3:19: rules: no profile 'lax'; there are quick, strict, mlperf-edge"},
    {NULL_MODEL MICRO "protocol: {repetitions: {target_rel_interval: nan}}\n", "p.yaml:3:47: target_rel_interval: 'nan'"},
    {NULL_MODEL MICRO "protocol: {repetitions: {target_rel_interval: 2%}}\n", "p.yaml:3:47: target_rel_interval: '2%'"},
    {NULL_MODEL MICRO "protocol: {repetitions: {budget_s: 0}}\n", "p.yaml:3:36: budget_s: '0' is not a whole number from 1"},
    {NULL_MODEL MICRO "protocol: {repetitions: [3, 4]}\n", "p.yaml:3:25: repetitions: expected a value, found a list"},
    {NULL_MODEL MICRO "protocol: {replace_invalid: -1}\n", "p.yaml:3:29: replace_invalid: '-1' is not a whole number from 0"},
    {NULL_MODEL MICRO "protocol: {throttled: drop}\n", "p.yaml:3:23: throttled: 'drop' is neither invalid nor keep"},
    {NULL_MODEL MICRO "protocol: {page_cache: hot}\n", "p.yaml:3:24: page_cache: 'hot' is none of as-is, warm, cold"},
    {NULL_MODEL MICRO "protocol: {warmup: some}\n", "p.yaml:3:20: warmup: 'some' is neither auto nor a whole number"},
    {NULL_MODEL MICRO "protocol: {order: random}\n", "p.yaml:3:19: order: 'random' is none of shuffled, listed, interleaved"},
    {NULL_MODEL MICRO "protocol: {cooldown: {timeout_s: 9}}\n", "p.yaml:3:22: cooldown: give below_c, headroom_c or both"},
    {NULL_MODEL MICRO "protocol: {cooldown: {below: 9}}\n", "p.yaml:3:23: unknown key 'below'; did you mean 'below_c'?"},
    {NULL_MODEL MICRO "protocol: {cooldown: {below_c: 0}}\n", "p.yaml:3:32: below_c: '0' is not a number from 1 to 150"},
    {NULL_MODEL MICRO "protocol: {cooldown: {below_c: 50, timeout_s: 0}}\n", "p.yaml:3:47: timeout_s: '0' is not a whole number from 1"},
    {NULL_MODEL MICRO "protocol: {cooldown: [1]}\n", "p.yaml:3:22: cooldown: expected a value, found a list"},
    {NULL_MODEL MICRO "protocol: {seed: 99999999999999999999}\n", "p.yaml:3:18: seed: '99999999999999999999'"},
    {NULL_MODEL MICRO "collect: [memry]\n", "p.yaml:3:11: collect: unknown collector or group 'memry'; did you mean 'memory'?"},
    {NULL_MODEL MICRO "collect: [memory, baud=9600]\n", "p.yaml:3:19: collect: unknown collector or group 'baud'"},
    {NULL_MODEL MICRO "collect_period_ms: 0\n", "p.yaml:3:20: collect_period_ms: '0' is not a whole number from 1"},
    {NULL_MODEL MICRO "sweeps: {axes: 1}\n", "p.yaml:3:9: sweeps: expected a list, found a map"},
    {NULL_MODEL MICRO "sweeps: [{axis: {threads: 1}}]\n", "p.yaml:3:11: unknown key 'axis'; did you mean 'axes'?"},
    {MICRO "sweeps: [{axes: {threads: 1}}]\n", "p.yaml:2:10: no models"},
    {"- a\n- b\n", "p.yaml:1:1: a plan: expected a map, found a list"},
    {"just words\n", "p.yaml:1:1: a plan: expected a map, found a value"},
    {"name: \"\"\n" NULL_MODEL MICRO, "p.yaml:1:7: name: expected 1 to 200 bytes"},
};

static void faults_name_place_and_remedy(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct mb_error err;
        struct mb_plan *plan = plan_load_text(&files, faults[i].text, &err);
        if (plan || err.code != MB_EINVAL || strncmp(err.text, faults[i].message, strlen(faults[i].message)) != 0)
            fail_msg("plan %zu:\n%sgave: %s", i, faults[i].text, plan ? "a plan" : err.text);
        assert_null(strchr(err.text, '\n'));
    }
}

static void nearest_names_come_from_the_engine_too(void **state)
{
    (void)state;
    struct mb_error err;
    assert_null(plan_load_text(&files, NULL_MODEL "axes: {early_exit: verfy}\n" MICRO, &err));
    assert_non_null(strstr(err.text, "verify"));
    assert_null(plan_load_text(&files, NULL_MODEL "axes: {token_reduction: \"streaming:sinks=4\"}\n" MICRO, &err));
    assert_non_null(strstr(err.text, "sink"));
}

static void huge_plans_are_refused_at_once(void **state)
{
    (void)state;
    struct mb_error err;
    assert_null(plan_load_text(&files, NULL_MODEL "workloads: [micro: {prompt: 1-4096, gen: 1-4096}]\n", &err));
    assert_non_null(strstr(err.text, "more than 4096 combinations"));
    assert_null(plan_load_text(&files, NULL_MODEL "axes: {threads: 1-4096}\nworkloads: [micro: {prompt: 1-512}]\n", &err));
    assert_non_null(strstr(err.text, "more than 65536 cells"));
}

static void missing_files_say_where_they_were_sought(void **state)
{
    (void)state;
    struct mb_error err;
    assert_null(plan_load_text(&files, "models: [/nowhere/m.gguf]\n" MICRO, &err));
    assert_int_equal(err.code, MB_ENOENT);
    assert_non_null(strstr(err.text, "p.yaml:1:10: model /nowhere/m.gguf: no such file"));
    assert_null(plan_load_text(&files, NULL_MODEL "workloads: [accuracy: {tasks: [no_such_task_xyz]}]\n", &err));
    assert_non_null(strstr(err.text, "p.yaml:2:13: "));
    setenv("MELTBENCH_DATA", "/nowhere", 1);
    assert_null(plan_load_text(&files, NULL_MODEL "workloads: [accuracy: {tasks: [arc_easy]}]\n", &err));
    unsetenv("MELTBENCH_DATA");
    assert_int_equal(err.code, MB_ENOENT);
    assert_non_null(strstr(err.text, "arc_easy"));
}

static void flags_make_the_plan_that_a_file_makes(void **state)
{
    (void)state;
    const char *axis[MB_AXIS_N] = {[MB_AXIS_MODEL] = "null:token_us=1,prefill_us=2", [MB_AXIS_THREADS] = "1-2",
                                   [MB_AXIS_EARLY_EXIT] = "none,verify:layer=20,draft=4"};
    struct mb_plan *single = NULL;
    struct mb_error err = {0};
    json_t *options = json_pack("{s:i, s:[i, i], s:s}", "prompt", 8, "gen", 4, 5, "depth", "0");
    assert_int_equal(mb_plan_single(&single, "bench", axis, NULL, "micro", options, NULL, "memory", NULL, &err), MB_OK);
    json_decref(options);
    struct mb_plan *file = load("models: [\"null:token_us=1,prefill_us=2\"]\naxes: {threads: [1, 2], early_exit: [none, verify]}\n"
                                "workloads: [micro: {prompt: 8, gen: [4, 5]}]\n");
    assert_int_equal(single->n_cells, 8);
    assert_int_equal(file->n_cells, 8);
    for (size_t i = 0; i < 8; i++)
        assert_string_equal(single->cells[i].hash, file->cells[i].hash);
    assert_string_equal(single->collect, "memory");
    mb_plan_free(single);
    mb_plan_free(file);
}

static void faults_in_flags_have_no_place(void **state)
{
    (void)state;
    static const struct { const char *threads, *exit, *model, *workload, *options, *collect, *runner, *message; } rows[] = {
        {"0", NULL, "null", "micro", "{}", "", NULL, "threads: '0' is not a positive number"},
        {NULL, "verfy", "null", "micro", "{}", "", NULL, "early_exit: "},
        {NULL, NULL, NULL, "micro", "{}", "", NULL, "no model: give one with -m"},
        {NULL, NULL, "null", "mirco", "{}", "", NULL, "unknown workload 'mirco'"},
        {NULL, NULL, "null", "micro", "{\"promt\": 1}", "", NULL, "micro: unknown option 'promt'; did you mean 'prompt'?"},
        {NULL, NULL, "null", "micro", "{\"prompt\": {}}", "", NULL, "prompt: expected a text, a number, or a list"},
        {NULL, NULL, "null", "micro", "{\"prompt\": []}", "", NULL, "micro: prompt has an empty list"},
        {NULL, NULL, "null", "micro", "{}", "memry", NULL, "collect: unknown collector or group 'memry'"},
        {NULL, NULL, "null", "micro", "{}", "", "nul", "unknown runner 'nul'; did you mean 'null'?"},
        {NULL, NULL, "\xff\xfe", "micro", "{}", "", NULL, "model: the value is not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *axis[MB_AXIS_N] = {[MB_AXIS_MODEL] = rows[i].model, [MB_AXIS_THREADS] = rows[i].threads, [MB_AXIS_EARLY_EXIT] = rows[i].exit};
        struct mb_plan *plan = NULL;
        struct mb_error err = {0};
        json_t *options = json_loads(rows[i].options, 0, NULL);
        const int rc = mb_plan_single(&plan, "x", axis, rows[i].runner, rows[i].workload, options, NULL, rows[i].collect, NULL, &err);
        json_decref(options);
        if (rc != MB_EINVAL || plan || strncmp(err.text, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("row %zu gave: %s", i, plan ? "a plan" : err.text);
    }
}

/* Any byte of a plan may be wrong: a plan or a sentence comes out, and nothing worse. */
static void bytes_of_chance_are_survived(void **state)
{
    (void)state;
    static const char good[] = "name: x\n" NULL_MODEL "axes: {threads: [1, 2], early_exit: \"none,verify:layer=2\"}\n"
                               "workloads:\n  - micro: {prompt: 1-8*2}\n  - perplexity\nprotocol: {warmup: 2}\ncollect: [memory]\n";
    char text[sizeof(good)];
    size_t n_plans = 0;
    for (size_t i = 0; i + 1 < sizeof(good); i++) {
        for (const char *c = "0-:,[{\"'x\n"; *c; c++) {
            struct mb_error err;
            memcpy(text, good, sizeof(good));
            text[i] = *c;
            struct mb_plan *plan = plan_load_text(&files, text, &err);
            n_plans += plan != NULL;
            assert_true(plan || err.text[0]);
            mb_plan_free(plan);
        }
    }
    assert_true(n_plans > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_fill_what_is_not_said),
        cmocka_unit_test(protocol_and_collect_are_read),
        cmocka_unit_test(repetitions_may_be_a_rule),
        cmocka_unit_test(cells_come_in_the_documented_order),
        cmocka_unit_test(all_spellings_of_a_list_are_one),
        cmocka_unit_test(sweeps_override_and_are_united),
        cmocka_unit_test(autos_are_resolved),
        cmocka_unit_test(more_threads_than_cores_is_said),
        cmocka_unit_test(configurations_are_canonical),
        cmocka_unit_test(hashes_cover_what_is_measured),
        cmocka_unit_test(hashes_cover_files),
        cmocka_unit_test(files_of_one_name_are_told_apart),
        cmocka_unit_test(faults_name_place_and_remedy),
        cmocka_unit_test(nearest_names_come_from_the_engine_too),
        cmocka_unit_test(huge_plans_are_refused_at_once),
        cmocka_unit_test(missing_files_say_where_they_were_sought),
        cmocka_unit_test(flags_make_the_plan_that_a_file_makes),
        cmocka_unit_test(faults_in_flags_have_no_place),
        cmocka_unit_test(bytes_of_chance_are_survived),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
