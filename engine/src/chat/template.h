/**
 * template.h - runs a model's chat template: the part of Jinja 2 (jinja.palletsprojects.com/templates) that such templates are written in,
 * with Hugging Face's settings (trim_blocks, lstrip_blocks, loop controls, raise_exception).
 *
 * Nothing is approximated: a construct that is not known here, and is reached, ends the rendering with a sentence that names it. A template is
 * a program from a stranger: its steps, its memory, its output and the depth of its calls are limited.
 */
#ifndef ENG_CHAT_TEMPLATE_H
#define ENG_CHAT_TEMPLATE_H

#include "base/error.h"

struct eng_chat_message {
    const char *role, *content;
};

struct eng_template_input {
    const char *source;
    const struct eng_chat_message *messages;
    size_t n_messages;
    const char *bos, *eos; /* texts of the tokens; "" where there is none */
};

/** eng_template_render() - *text receives the rendered prompt with generation prompt, NUL-terminated, malloc'ed; *n_bytes its length.
 *  ENG_ENOTSUP: the template cannot be run here, or refuses the messages itself; the error says why. */
int eng_template_render(const struct eng_template_input *input, char **text, size_t *n_bytes, struct eng_error *err) ENG_MUST_CHECK;

#endif
