/* test_chat_template.c - one chat turn as text: the templates that are known, and the refusal of all others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/model.h"

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

static void other_templates_are_refused(void **state)
{
    (void)state;
    static const char *const others[] = {
        NULL,
        "",
        "{{ messages[0]['content'] }}",
        "{% for message in messages %}<|im_start|>{{ message.role }}<|im_end|>{% endfor %}",
        PLAIN "x",
        "{% set x = 1 %}" PLAIN,
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>' + '\n'}}{% "
        "endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n' + tools + "
        "'<|im_end|>\n' }}"
        "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if "
        "add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    };
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        const struct eng_model m = {.info = {.chat_template = others[i]}};
        struct eng_error err = {0};
        char text[512];
        size_t n;
        const int rc = eng_chat_turn(&m, true, "Hi", text, sizeof(text), &n, &err);
        if (rc != ENG_ENOTSUP || !strstr(err.text, "template"))
            fail_msg("template %zu: %d '%s'", i, rc, err.text);
    }
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
        cmocka_unit_test(other_templates_are_refused),
        cmocka_unit_test(too_little_room_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
