/* tokenizer.c - text to ids: special tokens first; what lies between them is cut into words, and words are merged. All state is local:
 * reentrant. */
#include <stdlib.h>
#include <string.h>

#include "model/bpe.h"
#include "model/model.h"
#include "model/pretokenizer.h"
#include "model/word_cache.h"

enum { MAX_TEXT_BYTES = 1 << 30 };

struct job {
    const struct eng_vocab *v;
    size_t n_text; /* bytes of the whole text */
    struct eng_bpe bpe;
    struct eng_splitter splitter; /* BYTE_BPE; opened for the first text */
    bool words_may_be_tokens;     /* BYTE_BPE: before merging */
    struct eng_word_cache cache;
    char *spaced; /* SCORED: the text with its spaces, as it is merged; words of the cache point into it */
    size_t n_spaced;
    struct eng_token_sink sink;
    struct eng_error *err;
};

/* ---- words ---- */

static int add_word(struct job *job, const char *word, size_t n_bytes)
{
    if (eng_word_cache_copy(&job->cache, word, n_bytes, &job->sink))
        return ENG_OK;
    const size_t first = job->sink.n;
    if (job->words_may_be_tokens) {
        const uint32_t symbol = eng_vocab_find(job->v, word, n_bytes);
        if (symbol < job->v->n_tokens) {
            eng_token_sink_add(&job->sink, (int32_t)symbol);
            return ENG_OK;
        }
    }
    int rc = eng_bpe_word(&job->bpe, job->v, word, n_bytes, &job->sink, job->err);
    if (rc == ENG_OK)
        eng_word_cache_note(&job->cache, word, n_bytes, &job->sink, first);
    return rc;
}

static int add_words(struct job *job, const char *text, size_t n_bytes)
{
    size_t begin, end;
    int rc = job->splitter.pretokenizer ? ENG_OK : eng_splitter_open(&job->splitter, job->v->pretokenizer, job->err);
    if (rc == ENG_OK)
        rc = eng_splitter_begin(&job->splitter, text, n_bytes, job->err);
    while (rc == ENG_OK) {
        const int more = eng_splitter_next(&job->splitter, &begin, &end, job->err);
        if (more <= 0)
            return more;
        rc = add_word(job, text + begin, end - begin);
    }
    return rc;
}

/* The text as sentencepiece sees it: a space in front, so that a first word looks like any other, and U+2581 means a space. */
static char *put_spaces(struct job *job, const char *text, size_t n_bytes, bool space_in_front)
{
    char *begin = job->spaced + job->n_spaced, *out = begin;
    if (space_in_front)
        *out++ = ' ';
    while (n_bytes > 0) {
        const char *mark = job->v->space_mark ? memchr(text, 0xe2, n_bytes) : NULL;
        const size_t n_plain = mark ? (size_t)(mark - text) : n_bytes;
        memcpy(out, text, n_plain);
        out += n_plain;
        text += n_plain;
        n_bytes -= n_plain;
        if (n_bytes >= 3 && memcmp(text, "\xe2\x96\x81", 3) == 0) {
            *out++ = ' ';
            text += 3;
            n_bytes -= 3;
        } else if (n_bytes > 0) {
            *out++ = *text++;
            n_bytes--;
        }
    }
    job->n_spaced += (size_t)(out - begin);
    return begin;
}

static bool may_merge_across(const struct eng_vocab *v, char left, char right)
{
    const unsigned pair = (unsigned)(uint8_t)left << 8 | (uint8_t)right;
    return !v->inner_pairs || v->inner_pairs[pair >> 3] >> (pair & 7) & 1;
}

/* Merges may cross spaces, but never a place whose two bytes stand together in no piece: there the text can be cut, and short words are
 * merged faster than a long text. */
static int add_scored(struct job *job, const char *text, size_t n_bytes, bool space_in_front)
{
    if (!job->spaced) {
        job->spaced = malloc(2 * job->n_text + 2); /* at most one space for each special token and one more */
        if (!job->spaced)
            return eng_fail(job->err, ENG_ENOMEM, "no memory to tokenize %zu bytes", n_bytes);
    }
    const char *spaced = put_spaces(job, text, n_bytes, space_in_front), *end = job->spaced + job->n_spaced, *word = spaced;
    int rc = ENG_OK;
    for (const char *p = spaced; p < end && rc == ENG_OK;) {
        p += eng_bpe_char_length(job->v, p, (size_t)(end - p));
        if (p < end && may_merge_across(job->v, p[-1], p[0]))
            continue;
        rc = add_word(job, word, (size_t)(p - word));
        word = p;
    }
    return rc;
}

static int add_longest(struct job *job, const char *text, size_t n_bytes)
{
    while (n_bytes > 0) {
        const int32_t id = eng_prefix_table_longest(&job->v->longest, text, n_bytes, ENG_KINDS_TEXT);
        const size_t n = id >= 0 ? job->v->pieces[id].n : 1;
        if (id >= 0 || job->v->replacement >= 0)
            eng_token_sink_add(&job->sink, id >= 0 ? id : job->v->replacement);
        text += n;
        n_bytes -= n;
    }
    return ENG_OK;
}

/* ---- the text ---- */

/* Text without special tokens. @after: the special token in front of it, NULL: none. */
static int add_plain(struct job *job, const char *text, size_t n_bytes, const struct eng_piece *after)
{
    if (n_bytes == 0)
        return ENG_OK;
    switch (job->v->algorithm) {
    case ENG_VOCAB_SCORED: /* not after a token of one byte, or there could be more tokens than bytes */
        return add_scored(job, text, n_bytes, job->v->add_space_prefix && (!after || after->n > 1));
    case ENG_VOCAB_LONGEST:
        return add_longest(job, text, n_bytes);
    default:
        return add_words(job, text, n_bytes);
    }
}

static size_t white_space(const char *text, size_t n_bytes)
{
    size_t n = 0;
    while (n < n_bytes && text[n] != '\0' && strchr(" \t\n\v\f\r", text[n]))
        n++;
    return n;
}

static int add_text(struct job *job, const char *text, size_t n_bytes, unsigned kinds)
{
    const struct eng_piece *after = NULL;
    size_t plain = 0, pos = 0;
    while (pos < n_bytes) {
        const int32_t id = eng_prefix_table_longest(&job->v->specials, text + pos, n_bytes - pos, kinds);
        if (id < 0) {
            pos++;
            continue;
        }
        int rc = add_plain(job, text + plain, pos - plain, after);
        if (rc != ENG_OK)
            return rc;
        eng_token_sink_add(&job->sink, id);
        after = &job->v->pieces[id];
        pos += after->n;
        if (after->strips_right)
            pos += white_space(text + pos, n_bytes - pos);
        plain = pos;
    }
    return add_plain(job, text + plain, n_bytes - plain, after);
}

int eng_tokenize(const struct eng_model *model, const char *text, size_t n_bytes, unsigned flags, int32_t *ids, size_t cap, size_t *n,
                 struct eng_error *err)
{
    const struct eng_vocab *v = model->vocab;
    struct job job = {.v = v, .n_text = n_bytes, .sink = {.ids = ids, .cap = cap}, .err = err};
    *n = 0;
    if (v->refusal)
        return eng_fail(err, ENG_ENOTSUP, "text cannot be tokenized: %s", v->refusal);
    if (n_bytes > MAX_TEXT_BYTES)
        return eng_fail(err, ENG_EINVAL, "a text of %zu bytes is too long to tokenize; the limit is %d", n_bytes, MAX_TEXT_BYTES);
    if (v->pretokenizer)
        job.words_may_be_tokens = eng_pretokenizer_rules(v->pretokenizer).ignore_merges;
    eng_word_cache_open(&job.cache, n_bytes);
    if ((flags & ENG_TOKENIZE_BOS) && v->add_bos && v->bos >= 0)
        eng_token_sink_add(&job.sink, v->bos);
    int rc = add_text(&job, text, n_bytes, flags & ENG_TOKENIZE_SPECIAL ? ENG_KINDS_SPECIAL : ENG_KINDS_USER);
    eng_bpe_free(&job.bpe);
    eng_splitter_close(&job.splitter);
    eng_word_cache_close(&job.cache);
    free(job.spaced);
    *n = job.sink.n;
    if (rc == ENG_OK && job.sink.n > cap)
        rc = eng_fail(err, ENG_ELIMIT, "the text has %zu tokens, there is room for %zu", job.sink.n, cap);
    return rc;
}

bool eng_token_is_eog(const struct eng_model *model, int32_t id)
{
    return id >= 0 && (uint32_t)id < model->vocab->n_tokens && model->vocab->pieces[id].is_eog;
}
