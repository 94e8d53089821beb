/* tokenizer.c - text to ids: special tokens first, then words, then merges. All state is local: reentrant. */
#include <stdlib.h>
#include <string.h>

#include "model/bpe.h"
#include "model/model.h"
#include "model/pretokenizer.h"

enum { MAX_TEXT_BYTES = 1 << 30 };

struct job {
    const struct eng_vocab *v;
    struct eng_bpe bpe;
    struct eng_token_sink sink;
    struct eng_error *err;
};

/* Control and unknown tokens need the flag; user-defined ones are part of the vocabulary and always count, as in llama.cpp. */
static int32_t special_at(const struct eng_vocab *v, const char *text, size_t n_bytes, bool parse_special)
{
    if (!v->special_first_byte[(uint8_t)text[0]])
        return -1;
    for (uint32_t i = 0; i < v->n_specials; i++) {
        const struct eng_piece *p = &v->pieces[v->specials[i]];
        if (!parse_special && p->kind != ENG_TOKEN_USER)
            continue;
        if (p->n <= n_bytes && memcmp(p->data, text, p->n) == 0)
            return v->specials[i];
    }
    return -1;
}

static int add_words(struct job *job, const char *text, size_t n_bytes)
{
    struct eng_splitter splitter;
    int rc = eng_splitter_open(&splitter, job->v->pattern, text, n_bytes, job->err);
    size_t begin, end;
    while (rc == ENG_OK && eng_splitter_next(&splitter, &begin, &end)) {
        rc = eng_bpe_word(&job->bpe, job->v, text + begin, end - begin, &job->sink, job->err);
    }
    eng_splitter_close(&splitter);
    return rc;
}

/* Sentencepiece puts a space in front of every text, so that a first word looks like any other; merges may cross spaces. */
static int add_scored(struct job *job, const char *text, size_t n_bytes)
{
    char *spaced = malloc(n_bytes + 1);
    if (!spaced)
        return eng_fail(job->err, ENG_ENOMEM, "no memory to tokenize %zu bytes", n_bytes);
    spaced[0] = ' ';
    memcpy(spaced + 1, text, n_bytes);
    int rc = eng_bpe_word(&job->bpe, job->v, spaced, n_bytes + 1, &job->sink, job->err);
    free(spaced);
    return rc;
}

/* Text without special tokens. */
static int add_plain(struct job *job, const char *text, size_t n_bytes)
{
    if (n_bytes == 0)
        return ENG_OK;
    return job->v->algorithm == ENG_VOCAB_SCORED ? add_scored(job, text, n_bytes) : add_words(job, text, n_bytes);
}

static int add_text(struct job *job, const char *text, size_t n_bytes, bool parse_special)
{
    size_t plain = 0, pos = 0;
    while (pos < n_bytes) {
        int32_t id = special_at(job->v, text + pos, n_bytes - pos, parse_special);
        if (id < 0) {
            pos++;
            continue;
        }
        int rc = add_plain(job, text + plain, pos - plain);
        if (rc != ENG_OK)
            return rc;
        eng_token_sink_add(&job->sink, id);
        pos += job->v->pieces[id].n;
        plain = pos;
    }
    return add_plain(job, text + plain, n_bytes - plain);
}

int eng_tokenize(const struct eng_model *model, const char *text, size_t n_bytes, unsigned flags, int32_t *ids, size_t cap, size_t *n,
                 struct eng_error *err)
{
    const struct eng_vocab *v = model->vocab;
    struct job job = {.v = v, .sink = {.ids = ids, .cap = cap}, .err = err};
    *n = 0;
    if (n_bytes > MAX_TEXT_BYTES)
        return eng_fail(err, ENG_EINVAL, "a text of %zu bytes is too long to tokenize; the limit is %d", n_bytes, MAX_TEXT_BYTES);
    if ((flags & ENG_TOKENIZE_BOS) && v->add_bos && v->bos >= 0)
        eng_token_sink_add(&job.sink, v->bos);
    int rc = add_text(&job, text, n_bytes, flags & ENG_TOKENIZE_SPECIAL);
    eng_bpe_free(&job.bpe);
    *n = job.sink.n;
    if (rc == ENG_OK && job.sink.n > cap)
        rc = eng_fail(err, ENG_ELIMIT, "the text has %zu tokens, there is room for %zu", job.sink.n, cap);
    return rc;
}

bool eng_token_is_eog(const struct eng_model *model, int32_t id)
{
    return id >= 0 && (uint32_t)id < model->vocab->n_tokens && model->vocab->pieces[id].is_eog;
}
