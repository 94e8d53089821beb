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

int eng_detokenize(const struct eng_model *model, const int32_t *ids, size_t n_ids, bool special, char *buf, size_t cap, size_t *n_bytes,
                   struct eng_error *err)
{
    const struct eng_vocab *v = model->vocab;
    struct text_sink sink = {.buf = buf, .cap = cap};
    *n_bytes = 0;
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] < 0 || (uint32_t)ids[i] >= v->n_tokens) {
            return eng_fail(err, ENG_EINVAL, "token id %" PRId32 " at position %zu is outside the vocabulary of %" PRIu32, ids[i], i,
                            v->n_tokens);
        }
        const struct eng_piece *p = &v->pieces[ids[i]];
        if (is_hidden(p) && !special)
            continue;
        /* Scored vocabularies put a space in front of every text: the one right after BOS was never written by anybody. */
        bool dummy_space = v->algorithm == ENG_VOCAB_SCORED && i > 0 && ids[i - 1] == v->bos && p->n > 0 && p->data[0] == ' ';
        add(&sink, p->data + dummy_space, p->n - dummy_space);
    }
    *n_bytes = sink.n;
    if (sink.n < cap)
        buf[sink.n] = '\0';
    if (sink.n > cap)
        return eng_fail(err, ENG_ELIMIT, "the text has %zu bytes, there is room for %zu", sink.n, cap);
    return ENG_OK;
}
