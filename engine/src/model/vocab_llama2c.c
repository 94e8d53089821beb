/* vocab_llama2c.c - tokenizer.bin of llama2.c (Karpathy 2023): sentencepiece pieces with scores; ids 0 <unk>, 1 <s>, 2 </s>,
 * 3..258 the bytes as "<0xNN>", then text. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/vocab.h"

enum { ID_UNKNOWN = 0, ID_BOS = 1, ID_EOS = 2, ID_FIRST_BYTE = 3, N_BYTES = 256, MAX_PIECE_BYTES = 65535, ENTRY_BYTES = 8 };

struct loader {
    const struct eng_mapped_file *file;
    struct eng_arena *arena;
    struct eng_error *err;
    struct eng_vocab *v;
};

static int no_memory(const struct loader *l)
{
    return eng_fail(l->err, ENG_ENOMEM, "%s: no memory for the vocabulary", l->file->label);
}

static int read_piece(struct loader *l, uint32_t id, size_t *pos, int32_t longest)
{
    const struct eng_mapped_file *f = l->file;
    float score;
    int32_t n;
    if (f->n_bytes - *pos < ENTRY_BYTES) {
        return eng_fail(l->err, ENG_EFORMAT,
                        "%s: truncated: token %" PRIu32 " of %" PRIu32 " begins at byte %zu, the file ends at byte %zu", f->label, id,
                        l->v->n_tokens, *pos, f->n_bytes);
    }
    memcpy(&score, f->data + *pos, 4);
    memcpy(&n, f->data + *pos + 4, 4);
    if (!isfinite(score))
        return eng_fail(l->err, ENG_EFORMAT, "%s: score of token %" PRIu32 " at byte %zu is not finite", f->label, id, *pos);
    if (n < 0 || n > longest || (size_t)n > f->n_bytes - *pos - ENTRY_BYTES) {
        return eng_fail(l->err, ENG_EFORMAT,
                        "%s: token %" PRIu32 " at byte %zu has %" PRId32 " bytes; the longest should have %" PRId32
                        " and the file ends at byte %zu",
                        f->label, id, *pos, n, longest, f->n_bytes);
    }
    l->v->scores[id] = score;
    l->v->pieces[id] = (struct eng_piece){.data = (const char *)f->data + *pos + ENTRY_BYTES, .n = (uint32_t)n, .kind = ENG_TOKEN_NORMAL};
    *pos += ENTRY_BYTES + (size_t)n;
    return ENG_OK;
}

static int read_pieces(struct loader *l)
{
    const struct eng_mapped_file *f = l->file;
    int32_t longest = 0;
    size_t pos = sizeof longest;
    if (f->n_bytes < sizeof longest)
        return eng_fail(l->err, ENG_EFORMAT, "%s: %zu bytes is too short for a tokenizer", f->label, f->n_bytes);
    memcpy(&longest, f->data, sizeof longest);
    if (longest < 1 || longest > MAX_PIECE_BYTES) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: longest token of %" PRId32 " bytes at byte 0; allowed are 1 to %d", f->label, longest,
                        MAX_PIECE_BYTES);
    }
    for (uint32_t i = 0; i < l->v->n_tokens; i++) { /* ids 0..258 may be longer than "longest", which counts text only */
        int rc = read_piece(l, i, &pos, i < ID_FIRST_BYTE + N_BYTES ? MAX_PIECE_BYTES : longest);
        if (rc != ENG_OK)
            return rc;
    }
    if (pos == f->n_bytes)
        return ENG_OK;
    return eng_fail(l->err, ENG_EFORMAT, "%s: %zu bytes follow the last of %" PRIu32 " tokens at byte %zu: not this model's tokenizer?",
                    f->label, f->n_bytes - pos, l->v->n_tokens, pos);
}

/* The mapping goes away after loading: move the texts into the arena. */
static int keep_pieces(struct loader *l)
{
    char *out = eng_arena_alloc(l->arena, l->file->n_bytes, 1);
    if (!out)
        return no_memory(l);
    for (uint32_t i = 0; i < l->v->n_tokens; i++) {
        struct eng_piece *p = &l->v->pieces[i];
        memcpy(out, p->data, p->n);
        p->data = out;
        out += p->n;
    }
    return ENG_OK;
}

static int mark_special(struct loader *l)
{
    struct eng_vocab *v = l->v;
    char *bytes = eng_arena_alloc(l->arena, N_BYTES, 1);
    if (!bytes)
        return no_memory(l);
    v->pieces[ID_UNKNOWN].kind = ENG_TOKEN_UNKNOWN;
    v->pieces[ID_BOS].kind = v->pieces[ID_EOS].kind = ENG_TOKEN_CONTROL;
    v->pieces[ID_BOS].is_eog = v->pieces[ID_EOS].is_eog = true; /* stories are separated by <s>: run.c stops at it */
    for (int b = 0; b < N_BYTES; b++) {
        struct eng_piece *p = &v->pieces[ID_FIRST_BYTE + b];
        char expected[8];
        snprintf(expected, sizeof expected, "<0x%02X>", b);
        if (p->n != 6 || memcmp(p->data, expected, 6) != 0) {
            return eng_fail(l->err, ENG_ENOTSUP, "%s: token %d is '%.*s', expected %s (byte fallback)", l->file->label, ID_FIRST_BYTE + b,
                            p->n < 32 ? (int)p->n : 32, p->data, expected);
        }
        bytes[b] = (char)b;
        *p = (struct eng_piece){.data = bytes + b, .n = 1, .kind = ENG_TOKEN_BYTE};
        v->byte_symbol[b] = (uint32_t)(ID_FIRST_BYTE + b);
    }
    return ENG_OK;
}

static int load(struct loader *l)
{
    struct eng_vocab *v = l->v;
    if (v->n_tokens < ID_FIRST_BYTE + N_BYTES) {
        return eng_fail(l->err, ENG_ENOTSUP, "%s: a vocabulary of %" PRIu32 " has no byte fallback, which needs %d tokens", l->file->label,
                        v->n_tokens, ID_FIRST_BYTE + N_BYTES);
    }
    if (v->n_tokens > l->file->n_bytes / ENTRY_BYTES) {
        return eng_fail(l->err, ENG_EFORMAT, "%s: %zu bytes cannot hold %" PRIu32 " tokens", l->file->label, l->file->n_bytes, v->n_tokens);
    }
    v->pieces = eng_arena_alloc(l->arena, v->n_tokens, sizeof *v->pieces);
    v->scores = eng_arena_alloc(l->arena, v->n_tokens, sizeof *v->scores);
    if (!v->pieces || !v->scores)
        return no_memory(l);
    int rc = read_pieces(l);
    if (rc == ENG_OK)
        rc = keep_pieces(l);
    if (rc == ENG_OK)
        rc = mark_special(l);
    if (rc == ENG_OK)
        rc = eng_vocab_index_reserve(v, v->n_tokens, l->arena, l->err);
    if (rc != ENG_OK)
        return rc;
    for (uint32_t i = v->n_tokens; i-- > ID_FIRST_BYTE + N_BYTES;) {
        if (v->pieces[i].n)
            (void)eng_vocab_index_add(v, i); /* downwards: of equal pieces the first is found, as in run.c's sorted table */
    }
    return ENG_OK;
}

int eng_vocab_from_llama2c(struct eng_vocab **out, const struct eng_mapped_file *file, uint32_t n_tokens, struct eng_arena *arena,
                           struct eng_error *err)
{
    struct loader l = {.file = file, .arena = arena, .err = err};
    *out = NULL;
    l.v = eng_arena_alloc(arena, 1, sizeof *l.v);
    if (!l.v)
        return no_memory(&l);
    *l.v = (struct eng_vocab){.algorithm = ENG_VOCAB_SCORED,
                              .n_tokens = n_tokens,
                              .n_symbols = n_tokens,
                              .bos = ID_BOS,
                              .eos = ID_EOS,
                              .pad = -1,
                              .replacement = -1,
                              .add_space_prefix = true,
                              .add_bos = true};
    int rc = load(&l);
    if (rc == ENG_OK)
        *out = l.v;
    return rc;
}
