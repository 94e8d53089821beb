/* chat.c - the text of one chat turn. Templates are Jinja programs; instead of running them, the known ones are recognised as a
 * whole, apart from spaces and quoting: a template that differs in anything else may write something else, so it is refused.
 * Known: ChatML (<|im_start|>role\ntext<|im_end|>\n) as SmolLM2 has it, with or without a default system turn. */
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

struct text_sink {
    char *buf;
    size_t cap, n;
};

static void add(struct text_sink *sink, const char *bytes, size_t n)
{
    if (sink->n < sink->cap) {
        size_t room = sink->cap - sink->n;
        memcpy(sink->buf + sink->n, bytes, n < room ? n : room);
    }
    sink->n += n;
}

static void add_text(struct text_sink *sink, const char *text)
{
    add(sink, text, strlen(text));
}

/* Outside quotes: no white space, no trim marks. Quotes become '. Inside: \n becomes a newline. Joined literals are one literal. */
static void normalise(const char *from, char *to)
{
    char quote = '\0', *begin = to;
    for (; *from; from++) {
        char c = *from;
        if (!quote && strchr(" \t\r\n", c))
            continue;
        if (!quote && c == '-' && ((to > begin && (to[-1] == '%' || to[-1] == '{')) || from[1] == '%' || from[1] == '}'))
            continue;
        if (quote && c == '\\' && from[1] == 'n') {
            *to++ = '\n';
            from++;
            continue;
        }
        bool is_quote = quote ? c == quote : c == '\'' || c == '"';
        if (!is_quote) {
            *to++ = c;
            continue;
        }
        quote = quote ? '\0' : c;
        if (quote && to - begin >= 2 && to[-1] == '+' && to[-2] == '\'')
            to -= 2; /* 'a' + 'b' */
        else
            *to++ = '\'';
    }
    *to = '\0';
}

static const char *skip(const char *text, const char *prefix)
{
    size_t n = strlen(prefix);
    return text && strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

/* Is the normalised template ChatML? *system is its default system text, [*n_system] bytes, 0 when it has none. */
static bool match_chatml(const char *t, const char **system, size_t *n_system)
{
    *n_system = 0;
    t = skip(t, "{%formessageinmessages%}");
    const char *text = skip(t, "{%ifloop.firstandmessages[0]['role']!='system'%}{{'<|im_start|>system\n");
    if (text) {
        const char *end = strstr(text, "<|im_end|>\n'}}{%endif%}");
        if (!end || memchr(text, '\'', (size_t)(end - text)))
            return false;
        *system = text;
        *n_system = (size_t)(end - text);
        t = skip(end, "<|im_end|>\n'}}{%endif%}");
    }
    t = skip(t, "{{'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>\n'}}{%endfor%}");
    t = skip(t, "{%ifadd_generation_prompt%}{{'<|im_start|>assistant\n'}}{%endif%}");
    return t && *t == '\0';
}

int eng_chat_turn(const struct eng_model *model, bool first, const char *user_text, char *buf, size_t cap, size_t *n_bytes,
                  struct eng_error *err)
{
    const char *template = model->info.chat_template, *system = "";
    size_t n_system = 0;
    *n_bytes = 0;
    if (!template)
        return eng_fail(err, ENG_ENOTSUP, "the model has no chat template; give it a plain prompt");
    char *normal = malloc(strlen(template) + 1);
    if (!normal)
        return eng_fail(err, ENG_ENOMEM, "no memory for the chat template");
    normalise(template, normal);
    struct text_sink sink = {.buf = buf, .cap = cap};
    bool known = match_chatml(normal, &system, &n_system);
    if (known) {
        if (!first)
            add_text(&sink, "<|im_end|>\n");
        if (first && n_system) {
            add_text(&sink, "<|im_start|>system\n");
            add(&sink, system, n_system);
            add_text(&sink, "<|im_end|>\n");
        }
        add_text(&sink, "<|im_start|>user\n");
        add_text(&sink, user_text);
        add_text(&sink, "<|im_end|>\n<|im_start|>assistant\n");
    }
    free(normal);
    if (!known)
        return eng_fail(err, ENG_ENOTSUP, "the model's chat template is none that is known here (ChatML); give it a plain prompt");
    *n_bytes = sink.n;
    if (sink.n < cap)
        buf[sink.n] = '\0';
    return sink.n <= cap ? ENG_OK : eng_fail(err, ENG_ELIMIT, "the turn has %zu bytes, there is room for %zu", sink.n, cap);
}
