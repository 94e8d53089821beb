/* detokenizer.c - ids to bytes. Exact: no clean-up of spaces, no repair of UTF-8 that a token cuts in two. */
#include <inttypes.h>
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

static bool is_hidden(const struct eng_piece *p)
{
    return p->kind == ENG_TOKEN_CONTROL || p->kind == ENG_TOKEN_UNKNOWN;
}

/* The space that the tokenizer of such a vocabulary puts in front of a text: nobody wrote it. */
static bool is_put_in_front(const struct eng_vocab *v, const int32_t *ids, size_t i, unsigned flags)
{
    const struct eng_piece *p = &v->pieces[ids[i]];
    if (!v->add_space_prefix || p->n == 0 || p->data[0] != ' ')
        return false;
    return i == 0 ? flags & ENG_DETOKENIZE_START : ids[i - 1] == v->bos && !(flags & ENG_DETOKENIZE_SPECIAL);
}

int eng_detokenize(const struct eng_model *model, const int32_t *ids, size_t n_ids, unsigned flags, char *buf, size_t cap, size_t *n_bytes,
                   struct eng_error *err)
{
    const struct eng_vocab *v = model->vocab;
    struct text_sink sink = {.buf = buf, .cap = cap};
    *n_bytes = 0;
    if (v->algorithm == ENG_VOCAB_NONE)
        return eng_fail(err, ENG_ENOTSUP, "ids cannot be turned into text: %s", v->refusal);
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= v->n_tokens) {
            return eng_fail(err, ENG_EINVAL, "token id %" PRId32 " at position %zu is outside the vocabulary of %" PRIu32, ids[i], i,
                            v->n_tokens);
        }
        const struct eng_piece *p = &v->pieces[ids[i]];
        if (is_hidden(p) && !(flags & ENG_DETOKENIZE_SPECIAL))
            continue;
        const size_t n_skip = is_put_in_front(v, ids, i, flags);
        add(&sink, p->data + n_skip, p->n - n_skip);
    }
    *n_bytes = sink.n;
    if (sink.n < cap)
        buf[sink.n] = '\0';
    if (sink.n > cap)
        return eng_fail(err, ENG_ELIMIT, "the text has %zu bytes, there is room for %zu", sink.n, cap);
    return ENG_OK;
}
