/* chat.c - the text of one chat turn: the model's template is run over the conversation, and what belongs to the turn is cut out. */
#include <stdlib.h>
#include <string.h>

#include "chat/template.h"
#include "model/model.h"

/* Stands for the assistant's answer: no template's own text, and nothing to trim. */
static const char answer[] = "\x01\x02\x01";

/* The text of a special token, NUL-terminated; malloc'ed. */
static char *token_text(const struct eng_model *model, bool bos)
{
    const struct eng_vocab *v = model->vocab;
    const int32_t id = !v ? -1 : bos ? v->bos : v->eos;
    const struct eng_piece *p = id >= 0 && v->pieces[id].data ? &v->pieces[id] : NULL;
    char *text = malloc(p ? p->n + 1 : 1);
    if (!text)
        return NULL;
    if (p)
        memcpy(text, p->data, p->n);
    text[p ? p->n : 0] = '\0';
    return text;
}

static int render(const struct eng_model *model, const struct eng_chat_message *messages, size_t n_messages, const char *bos, const char *eos,
                  char **text, size_t *n_bytes, struct eng_error *err)
{
    const struct eng_template_input input = {model->info.chat_template, messages, n_messages, bos, eos};
    struct eng_error why = {0};
    const int rc = eng_template_render(&input, text, n_bytes, &why);
    if (rc == ENG_ENOTSUP)
        return eng_fail(err, rc, "the model's chat template cannot be run here: %s; give it a plain prompt", why.text);
    return rc == ENG_OK ? rc : eng_fail(err, rc, "%s", why.text);
}

/* What follows the answer in a conversation with one. */
static int cut_later_turn(const char *text, const char *user_text, const char **turn, struct eng_error *err)
{
    const char *at = strstr(text, answer);
    const bool is_clear = at && (strstr(user_text, answer) || !strstr(at + 1, answer));
    if (!is_clear)
        return eng_fail(err, ENG_ENOTSUP, "the model's chat template does not print an answer once, as it is: only a first turn can be made");
    *turn = at + sizeof answer - 1;
    return ENG_OK;
}

static int make_turn(const struct eng_model *model, bool first, const char *user_text, const char *bos, const char *eos, char **text,
                     const char **turn, struct eng_error *err)
{
    const struct eng_chat_message only[] = {{"user", user_text}}, later[] = {{"user", "x"}, {"assistant", answer}, {"user", user_text}};
    const bool adds_bos = model->vocab && model->vocab->add_bos;
    size_t n;
    int rc = render(model, first ? only : later, first ? 1 : 3, bos, eos, text, &n, err);
    if (rc != ENG_OK)
        return rc;
    if (n == 0 || strlen(*text) != n)
        return eng_fail(err, ENG_ENOTSUP, "the model's chat template makes no text; give it a plain prompt");
    *turn = *text;
    if (!first)
        return cut_later_turn(*text, user_text, turn, err);
    if (adds_bos && strncmp(*text, bos, strlen(bos)) == 0)
        *turn += strlen(bos);
    return ENG_OK;
}

int eng_chat_turn(const struct eng_model *model, bool first, const char *user_text, char *buf, size_t cap, size_t *n_bytes,
                  struct eng_error *err)
{
    *n_bytes = 0;
    if (!model->info.chat_template)
        return eng_fail(err, ENG_ENOTSUP, "the model has no chat template; give it a plain prompt");
    char *bos = token_text(model, true), *eos = token_text(model, false), *text = NULL;
    const char *turn = NULL;
    int rc = bos && eos ? make_turn(model, first, user_text, bos, eos, &text, &turn, err)
                        : eng_fail(err, ENG_ENOMEM, "no memory for the chat template");
    if (rc == ENG_OK) {
        const size_t n = strlen(turn);
        *n_bytes = n;
        if (cap)
            memcpy(buf, turn, n < cap ? n + 1 : cap);
        if (n > cap)
            rc = eng_fail(err, ENG_ELIMIT, "the turn has %zu bytes, there is room for %zu", n, cap);
    }
    free(bos);
    free(eos);
    free(text);
    return rc;
}
