/* test_run_engine.c - the engine as a runner: order of events, exact lengths, a second trial like the first, two at once, what it reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine_rig.h"

static const struct mb_request eight = {.kind = MB_REQUEST_GENERATE, .index = 3, .item = "micro/pp20+tg8", .fresh = true, .text = "what the sea said",
                                        .n_prompt = 20, .max_gen = 8, .ignore_eos = true, .top_p = 1.0f};

static void events_come_in_order_within_the_call(void **state)
{
    (void)state;
    struct engine_rig r;
    engine_rig_open(&r, 64, MB_OK, NULL);
    assert_int_equal(r.n_events, 2);
    assert_int_equal(r.events[0].kind, MB_EVENT_LOAD_BEGIN);
    assert_int_equal(r.events[1].kind, MB_EVENT_LOAD_END);
    assert_true(r.events[1].t_ns > r.events[0].t_ns);
    const uint64_t before = mb_clock_ns();
    assert_int_equal(engine_rig_run(&r, &eight), MB_OK);
    const uint64_t after = mb_clock_ns();
    uint32_t n_tokens = 0;
    bool seen[MB_EVENT_N] = {false};
    for (size_t i = 0; i < r.n_events; i++) {
        const struct mb_event *e = &r.events[i];
        assert_true(e->t_ns >= (i ? r.events[i - 1].t_ns : before) && e->t_ns <= after); /* one clock for both */
        assert_int_equal(e->request, 3);
        seen[e->kind] = true;
        if (e->kind == MB_EVENT_TOKEN) {
            assert_int_equal(e->index, n_tokens);
            assert_int_equal(e->value, r.tokens[n_tokens]);
            n_tokens++;
        }
        if (e->kind == MB_EVENT_PREFILL_BEGIN)
            assert_int_equal(e->value, 20);
    }
    assert_int_equal(n_tokens, 8);
    assert_int_equal(r.events[0].kind, MB_EVENT_REQUEST_BEGIN);
    assert_int_equal(r.events[r.n_events - 1].kind, MB_EVENT_REQUEST_END);
    assert_true(seen[MB_EVENT_PREFILL_BEGIN] && seen[MB_EVENT_PREFILL_END] && seen[MB_EVENT_DETOKENIZE_END]);
    engine_rig_close(&r);
}

static void lengths_are_exact_and_the_text_repeats(void **state)
{
    (void)state;
    struct engine_rig r;
    struct mb_request rq = eight;
    engine_rig_open(&r, 128, MB_OK, NULL);
    for (uint32_t n = 1; n <= 100; n += 33) {
        rq.n_prompt = n;
        assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
        assert_int_equal(r.result.n_prompt, n);
        assert_int_equal(r.result.n_gen, 8);
        assert_int_equal(r.result.n_seen, n + 7); /* the last token is not in the cache yet */
        assert_int_equal(r.result.n_kept, n + 7);
    }
    uint32_t repeated[8];
    rq.text = "abcabcabcabc";
    rq.n_prompt = 12;
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    memcpy(repeated, r.tokens, sizeof(repeated));
    rq.text = "abc"; /* repeated to the length, it is the same prompt */
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_memory_equal(r.tokens, repeated, sizeof(repeated));
    rq.text = "abcabcabcabcXYZ"; /* and cut to it */
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_memory_equal(r.tokens, repeated, sizeof(repeated));
    rq.text = "";
    assert_int_equal(engine_rig_run(&r, &rq), MB_EINVAL);
    engine_rig_close(&r);
}

/* Depth d and prompt p of a text go through the same positions as a prompt of d + p: the same tokens must come out. */
static void depth_is_in_the_cache_before_the_clock_starts(void **state)
{
    (void)state;
    struct engine_rig r;
    struct mb_request rq = eight;
    uint32_t whole[8];
    engine_rig_open(&r, 128, MB_OK, "act", "f32", "cache_type_k", "f32", "cache_type_v", "f32", NULL);
    rq.n_prompt = 48;
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    memcpy(whole, r.tokens, sizeof(whole));
    rq.n_prompt = 18; /* no multiple of the text's 16 tokens */
    rq.n_depth = 30;
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_memory_equal(r.tokens, whole, sizeof(whole));
    assert_int_equal(r.result.n_prompt, 18); /* only what was timed is counted */
    assert_int_equal(r.result.n_seen, 48 + 7);
    for (size_t i = 0; i < r.n_events; i++)
        if (r.events[i].kind == MB_EVENT_PREFILL_BEGIN)
            assert_int_equal(r.events[i].value, 18);
    rq.n_depth = 128;
    assert_int_not_equal(engine_rig_run(&r, &rq), MB_OK); /* does not fit: said, not crashed */
    assert_true(r.err.text[0]);
    engine_rig_close(&r);
}

static void a_prefill_alone_gives_no_token(void **state)
{
    (void)state;
    struct engine_rig r;
    struct mb_request rq = eight;
    rq.max_gen = 0;
    engine_rig_open(&r, 64, MB_OK, NULL);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_gen, 0);
    assert_int_equal(r.result.n_seen, 20);
    for (size_t i = 0; i < r.n_events; i++)
        assert_int_not_equal(r.events[i].kind, MB_EVENT_TOKEN);
    engine_rig_close(&r);
}

static void reset_makes_the_next_trial_like_the_first(void **state)
{
    (void)state;
    struct engine_rig r;
    uint32_t first[8];
    struct mb_request rq = eight;
    rq.temperature = 0.9f;
    rq.seed = 5;
    engine_rig_open(&r, 128, MB_OK, "early_exit", "none", NULL);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    memcpy(first, r.tokens, sizeof(first));
    r.ops->reset(r.state);
    assert_true(engine_rig_figure(&r, MB_METRIC_KEPT_TOKENS) == 0.0);
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_memory_equal(r.tokens, first, sizeof(first));
    rq.fresh = false; /* a conversation goes on: the cache is kept */
    rq.n_prompt = 0;
    rq.text = "more";
    assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_int_equal(r.result.n_seen, 20 + 8 + 4 + 7); /* the token that was left over first */
    engine_rig_close(&r);
}

static void two_at_once_do_not_meet(void **state)
{
    (void)state;
    struct engine_rig a, b;
    uint32_t alone[8];
    struct mb_request other = eight;
    other.text = "something else altogether";
    engine_rig_open(&a, 64, MB_OK, NULL);
    assert_int_equal(engine_rig_run(&a, &eight), MB_OK);
    memcpy(alone, a.tokens, sizeof(alone));
    engine_rig_open(&b, 200, MB_OK, "quant", "q4_0", "threads", "2", NULL);
    assert_int_equal(engine_rig_run(&b, &other), MB_OK);
    assert_int_equal(engine_rig_run(&a, &eight), MB_OK);
    assert_memory_equal(a.tokens, alone, sizeof(alone));
    engine_rig_close(&b);
    assert_int_equal(engine_rig_run(&a, &eight), MB_OK);
    assert_memory_equal(a.tokens, alone, sizeof(alone));
    engine_rig_close(&a);
}

static void it_reports_what_it_holds(void **state)
{
    (void)state;
    struct engine_rig file, requantized, drafting;
    struct mb_runner_facts facts = {0};
    engine_rig_open(&file, 64, MB_OK, NULL);
    engine_rig_open(&requantized, 128, MB_OK, "quant", "q4_0", "cache_type_k", "f32", "cache_type_v", "f32", NULL);
    engine_rig_open(&drafting, 64, MB_OK, "early_exit", "verify:layer=1,draft=3", NULL);
    file.ops->facts(file.state, &facts);
    assert_string_equal(facts.arch, "llama");
    assert_int_equal(facts.n_layers, 3);
    assert_int_equal(facts.n_ctx_train, 256);
    assert_non_null(strstr(facts.tensor_types, "\"q8_0\""));
    assert_non_null(strstr(facts.tensors, "[\"blk.2.ffn_down.weight\",64,96,\"q8_0\",6528,\"q8_0\",6528]")); /* the last matrix of the last layer */
    assert_null(strstr(facts.tensors, "blk.3."));
    requantized.ops->facts(requantized.state, &facts);
    assert_non_null(strstr(facts.tensors, "[\"blk.2.ffn_down.weight\",64,96,\"q4_0\",3456,\"q8_0\",6528]"));
    file.ops->facts(file.state, &facts);
    assert_true((double)facts.weight_bytes == engine_rig_figure(&file, MB_METRIC_WEIGHT_BYTES));
    assert_true(engine_rig_figure(&requantized, MB_METRIC_WEIGHT_BYTES) < engine_rig_figure(&file, MB_METRIC_WEIGHT_BYTES));
    /* K and V, 3 layers, 2 heads of 16, of 2 or 4 bytes, per token */
    assert_true(engine_rig_figure(&file, MB_METRIC_KV_BYTES) >= 64 * 2 * 3 * 2 * 16 * 2);
    assert_true(engine_rig_figure(&requantized, MB_METRIC_KV_BYTES) >= 128 * 2 * 3 * 2 * 16 * 4);
    assert_int_equal(engine_rig_run(&file, &eight), MB_OK);
    assert_true(isnan(engine_rig_figure(&file, MB_METRIC_EXIT_DRAFTED))); /* says nothing about what it does not do */
    for (int trial = 0; trial < 2; trial++) {                            /* counts of the trial, not since the model was opened */
        drafting.ops->reset(drafting.state);
        assert_int_equal(engine_rig_run(&drafting, &eight), MB_OK);
        assert_true(engine_rig_figure(&drafting, MB_METRIC_EXIT_DRAFTED) == drafting.result.n_drafted);
        assert_true(engine_rig_figure(&drafting, MB_METRIC_EXIT_ACCEPTED) == drafting.result.n_accepted);
        assert_true(drafting.result.n_drafted > 0);
        assert_memory_equal(drafting.tokens, file.tokens, 8 * sizeof(uint32_t)); /* and what it says is greedy's */
    }
    engine_rig_close(&file);
    engine_rig_close(&requantized);
    engine_rig_close(&drafting);
}

struct told { char text[400]; size_t n, n_puts, n_most; };

static bool tell(void *user, const char *bytes, size_t n)
{
    struct told *t = user;
    assert_true(t->n + n < sizeof(t->text));
    memcpy(t->text + t->n, bytes, n);
    t->n += n;
    return ++t->n_puts < t->n_most;
}

/* Token by token, also where several were accepted together; the whole comes once more in the result. */
static void text_is_told_while_it_is_made(void **state)
{
    (void)state;
    static const char *const exits[] = {"none", "verify:layer=1,draft=3"};
    for (size_t i = 0; i < 2; i++) {
        struct engine_rig r;
        struct told told = {.n_most = 100};
        const struct mb_text_sink sink = {tell, &told};
        struct mb_request rq = eight;
        rq.on_text = &sink;
        rq.max_gen = 40;
        engine_rig_open(&r, 128, MB_OK, "early_exit", exits[i], NULL);
        assert_int_equal(engine_rig_run(&r, &rq), MB_OK);
        assert_int_equal(told.n_puts, 40);
        assert_memory_equal(told.text, r.text, told.n); /* zero bytes included */
        assert_int_equal(r.text[told.n], '\0');
        told = (struct told){.n_most = 3};
        r.ops->reset(r.state);
        assert_int_not_equal(engine_rig_run(&r, &rq), MB_OK);
        assert_non_null(strstr(r.err.text, "after 3 tokens"));
        assert_int_equal(told.n_puts, 3);
        engine_rig_close(&r);
    }
}

static void closing_is_safe_at_every_stage(void **state)
{
    (void)state;
    struct engine_rig r;
    const struct mb_runner_ops *ops = mb_runner_find("engine");
    void *zeroed = calloc(1, ops->state_size);
    ops->close(zeroed);
    free(zeroed);
    engine_rig_open(&r, 64, MB_EIO, "model", "missing.gguf", NULL);
    assert_non_null(strstr(r.err.text, "missing.gguf"));
    engine_rig_close(&r);
    engine_rig_open(&r, 64, MB_ENOTSUP, "backend", "opencl", NULL); /* the model was open already */
    engine_rig_close(&r);
    engine_rig_open(&r, 64, MB_OK, NULL);
    r.ops->close(r.state);
    engine_rig_close(&r); /* twice */
}

static void a_full_cache_is_an_error_and_the_next_request_is_not(void **state)
{
    (void)state;
    struct engine_rig r;
    struct mb_request rq = eight;
    engine_rig_open(&r, 40, MB_OK, NULL);
    rq.max_gen = 100;
    assert_int_not_equal(engine_rig_run(&r, &rq), MB_OK);
    assert_int_equal(engine_rig_run(&r, &eight), MB_OK);
    assert_int_equal(r.result.n_gen, 8);
    engine_rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_come_in_order_within_the_call),
        cmocka_unit_test(lengths_are_exact_and_the_text_repeats),
        cmocka_unit_test(depth_is_in_the_cache_before_the_clock_starts),
        cmocka_unit_test(a_prefill_alone_gives_no_token),
        cmocka_unit_test(reset_makes_the_next_trial_like_the_first),
        cmocka_unit_test(two_at_once_do_not_meet),
        cmocka_unit_test(it_reports_what_it_holds),
        cmocka_unit_test(text_is_told_while_it_is_made),
        cmocka_unit_test(closing_is_safe_at_every_stage),
        cmocka_unit_test(a_full_cache_is_an_error_and_the_next_request_is_not),
    };
    return cmocka_run_group_tests_name("run_engine", tests, engine_rig_begin, engine_rig_end);
}
