/* test_chat_template.c - chat templates are run: what they write, what a turn of it is, and the refusal of what cannot be run here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chat/template.h"
#include "gguf_build.h"
#include "model/model.h"
#include "vocab_file.h"

#define SMOLLM2                                                                                                                            \
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI "    \
    "assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "               \
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

/* The same program, spelled in another way: \n as an escape, double quotes, trimmed blocks, fewer literals. */
#define SPELLED                                                                                                                            \
    "{%- for message in messages -%}\n  {%- if loop.first and messages[0][\"role\"] != \"system\" -%}\n{{ \"<|im_start|>system\\nBe "      \
    "brief.<|im_end|>\\n\" }}{%- endif -%}\n{{ \"<|im_start|>\" + message[\"role\"] + \"\\n\" + message[\"content\"] + "                   \
    "\"<|im_end|>\\n\" }}\n{%- endfor -%}{%- if add_generation_prompt -%}{{ \"<|im_start|>assistant\\n\" }}{%- endif -%}"

#define PLAIN                                                                                                                              \
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"      \
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

static void expect(const char *chat_template, bool first, const char *user, const char *want)
{
    const struct eng_model m = {.info = {.chat_template = chat_template}};
    struct eng_error err = {0};
    char text[512];
    size_t n;
    if (eng_chat_turn(&m, first, user, text, sizeof(text), &n, &err) != ENG_OK)
        fail_msg("%s", err.text);
    assert_string_equal(text, want);
    assert_int_equal(n, strlen(want));
}

static void smollm2_first_turn_has_the_default_system_text(void **state)
{
    (void)state;
    /* as recorded in golden/llama_cpp/greedy/smollm2-135m-instruct.f32.json */
    expect(
        SMOLLM2, true, "What is the capital of Japan?",
        "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n<|im_start|>user\nWhat is the "
        "capital of Japan?<|im_end|>\n<|im_start|>assistant\n");
    expect(SPELLED, true, "Hi", "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
}

static void plain_chatml_has_none(void **state)
{
    (void)state;
    expect(PLAIN, true, "Hi", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    expect(PLAIN, true, "", "<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n");
}

static void later_turns_close_the_answer(void **state)
{
    (void)state;
    expect(SMOLLM2, false, "And?", "<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n");
    expect(PLAIN, false, "And?", "<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n");
}

/* ---- the language ---- */

static const struct eng_chat_message one[] = {{"user", "Hi"}}, three[] = {{"user", "Hi \"there\" "}, {"assistant", "Yes."}, {"user", "And?"}};

static void expect_text(const char *name, const char *source, const struct eng_chat_message *messages, size_t n_messages, const char *want)
{
    const struct eng_template_input input = {source, messages, n_messages, "<s>", "</s>"};
    struct eng_error err = {0};
    char *text;
    size_t n;
    if (eng_template_render(&input, &text, &n, &err) != ENG_OK)
        fail_msg("%s: %s", name, err.text);
    if (strcmp(text, want) != 0)
        fail_msg("%s:\nwant '%s'\ngot  '%s'", name, want, text);
    assert_int_equal(n, strlen(want));
    free(text);
}

static void families_are_written_as_jinja_writes_them(void **state)
{
    (void)state;
#define FAMILY(name, source, first, later)                                                                                                 \
    expect_text(name, source, one, 1, first);                                                                                              \
    expect_text(name, source, three, 3, later);
#define CONSTRUCT(name, source, text)
#include "chat_families.def"
#undef FAMILY
#undef CONSTRUCT
}

static void constructs_mean_what_jinja_means(void **state)
{
    (void)state;
#define FAMILY(name, source, first, later)
#define CONSTRUCT(name, source, text) expect_text(name, source, one, 1, text);
#include "chat_families.def"
#undef FAMILY
#undef CONSTRUCT
}

/* ---- turns ---- */

/* Every family's later turn is what its template writes behind the answer. */
static void later_turns_of_families(void **state)
{
    (void)state;
#define FAMILY(name, source, first, later) {name, source, first, later},
#define CONSTRUCT(name, source, text)
    static const struct {
        const char *name, *source, *first, *later;
    } families[] = {
#include "chat_families.def"
    };
#undef FAMILY
#undef CONSTRUCT
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
        const struct eng_model m = {.info = {.chat_template = families[i].source}};
        struct eng_error err = {0};
        char text[1024], want[1024];
        size_t n;
        if (eng_chat_turn(&m, false, "And?", text, sizeof(text), &n, &err) != ENG_OK)
            fail_msg("%s: %s", families[i].name, err.text);
        const char *answer = strstr(families[i].later, "Yes.");
        assert_non_null(answer);
        size_t n_want = 0;
        for (const char *p = answer + 4; *p;) { /* this model has no tokens of these texts */
            const size_t skip = strncmp(p, "<s>", 3) == 0 ? 3 : strncmp(p, "</s>", 4) == 0 ? 4 : 0;
            if (skip == 0)
                want[n_want++] = *p;
            p += skip ? skip : 1;
        }
        want[n_want] = '\0';
        if (strcmp(text, want) != 0)
            fail_msg("%s:\nwant '%s'\ngot  '%s'", families[i].name, want, text);
    }
}

/* bos_token is the token's text; the tokenizer's own BOS is not written twice. */
static void a_bos_that_the_tokenizer_adds_is_left_out(void **state)
{
    (void)state;
    for (int adds = 0; adds < 2; adds++) {
        struct gguf_build *b = gguf_build_new();
        struct vocab_file v;
        struct eng_error err = {0};
        size_t n;
        char text[100];
        gguf_build_vocab(b, "gpt-2");
        gguf_build_bool(b, "tokenizer.ggml.add_bos_token", adds);
        const uint8_t *bytes = gguf_build_bytes(b, &n);
        assert_int_equal(vocab_bytes_open(&v, bytes, n, &err), ENG_OK);
        v.m.info.chat_template = "{{ bos_token }}[{{ messages[0].content }}]{{ eos_token }}";
        assert_int_equal(eng_chat_turn(&v.m, true, "Hi", text, sizeof(text), &n, &err), ENG_OK);
        assert_string_equal(text, adds ? "[Hi]<|im_end|>" : "<|im_start|>[Hi]<|im_end|>");
        vocab_file_close(&v);
        gguf_build_free(b);
    }
}

/* ---- refusals ---- */

static void refused(const char *source, bool first, const char *why)
{
    const struct eng_model m = {.info = {.chat_template = source}};
    struct eng_error err = {0};
    char text[512];
    size_t n;
    const int rc = eng_chat_turn(&m, first, "Hi", text, sizeof(text), &n, &err);
    if (rc != ENG_ENOTSUP || !strstr(err.text, "chat template") || !strstr(err.text, why) || strchr(err.text, '\n'))
        fail_msg("'%s': %d '%s', expected '%s'", source ? source : "none", rc, err.text, why);
}

static void what_cannot_be_run_is_named(void **state)
{
    (void)state;
    refused(NULL, true, "has no chat template");
    refused("", true, "makes no text");
    refused("{{ messages | groupby('role') }}", true, "the filter 'groupby'");
    refused("{% if messages[0].content is divisibleby(3) %}x{% endif %}", true, "the test 'divisibleby'");
    refused("{{ 'a'.zfill(3) }}", true, "the method 'zfill'");
    refused("{{ cycler('a') }}", true, "the function 'cycler'");
    refused("{% include 'x' %}", true, "the statement 'include'");
    refused("{{ 1.5 }}", true, "no small integer");
    refused("{{ messages }}", true, "prints a list");
    refused("{{ 'a' + nothing }}", true, "joins 'nothing', which is not there");
    refused("{{ nothing.part }}", true, "asks 'nothing' for a part");
    refused("{{ raise_exception('only\nFrench') }}", true, "refuses the conversation: only French");
    refused("{% for m in messages %}x", true, "a block has no end");
    refused("{% if true %}x{% endfor %}", true, "do not fit together");
    refused("{% if true %}{% else %}{% elif false %}{% endif %}", true, "do not fit together");
    refused("{{ 'a' ", true, "has no end");
    refused("{{ 'a' 3 }}", true, "cannot be read from '3");
    refused("{{ }}", true, "ends too early");
    refused("{{ 'x' | }}", true, "a filter has no name");
    refused("{{ messages[0].content }}", false, "does not print an answer");
    refused("{% for m in messages %}{{ m.content | upper }}{{ m.content }}{% endfor %}", false, "does not print an answer once");
}

/* A template is a stranger's program: it ends soon, in little memory. */
static void hostile_templates_end(void **state)
{
    (void)state;
    char deep[4000] = "{{ ";
    refused("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", true, "nested deeper");
    refused("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}", true, "more than");
    refused("{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}", true, "MiB");
    refused("{% for a in range(1000000000) %}x{% endfor %}", true, "counts further");
    memset(deep + 3, '(', 3000);
    refused(deep, true, "");
    strcpy(deep + 3000, "1 }}");
    refused(deep, true, "");
    memset(deep + 3, '-', 2990);
    refused(deep, true, "");
    memset(deep, 0, sizeof(deep));
    for (int i = 0; i < 300; i++)
        strcat(deep, "{% if 1 %}");
    refused(deep, true, "nested deeper");
}

static void too_little_room_is_said(void **state)
{
    (void)state;
    const struct eng_model m = {.info = {.chat_template = PLAIN}};
    struct eng_error err = {0};
    char text[10];
    size_t n;
    assert_int_equal(eng_chat_turn(&m, true, "Hi", text, sizeof(text), &n, &err), ENG_ELIMIT);
    assert_int_equal(n, strlen("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"));
    assert_memory_equal(text, "<|im_start", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(smollm2_first_turn_has_the_default_system_text),
        cmocka_unit_test(plain_chatml_has_none),
        cmocka_unit_test(later_turns_close_the_answer),
        cmocka_unit_test(families_are_written_as_jinja_writes_them),
        cmocka_unit_test(constructs_mean_what_jinja_means),
        cmocka_unit_test(later_turns_of_families),
        cmocka_unit_test(a_bos_that_the_tokenizer_adds_is_left_out),
        cmocka_unit_test(what_cannot_be_run_is_named),
        cmocka_unit_test(hostile_templates_end),
        cmocka_unit_test(too_little_room_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
