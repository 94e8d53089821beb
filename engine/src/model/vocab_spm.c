/* vocab_spm.c - sentencepiece vocabularies (Kudo & Richardson 2018) as GGUF has them: pieces with scores, U+2581 for a space, "<0xNN>" for
 * bytes that no piece covers. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "model/vocab_load.h"

static const char space_mark[3] = {'\xe2', '\x96', '\x81'}; /* U+2581 */

/* Copies @text with a space for every mark; returns the bytes written. */
static uint32_t put_spaces(struct eng_gguf_str text, char *out)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.n;) {
        if (text.n - i >= 3 && memcmp(text.data + i, space_mark, 3) == 0) {
            out[n++] = ' ';
            i += 3;
        } else {
            out[n++] = text.data[i++];
        }
    }
    return n;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of "<0xNN>", or -1. */
static int byte_value(struct eng_gguf_str text)
{
    if (text.n != 6 || memcmp(text.data, "<0x", 3) != 0 || text.data[5] != '>')
        return -1;
    const int high = hex_digit(text.data[3]), low = hex_digit(text.data[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

static int read_scores(struct eng_vocab_load *l)
{
    const struct eng_gguf_kv *scores;
    int rc = eng_gguf_get_array(l->g, "tokenizer.ggml.scores", true, ENG_GGUF_F32, &scores, l->err);
    if (rc != ENG_OK)
        return rc;
    if (scores->n != l->v->n_tokens) {
        return eng_fail(l->err, ENG_EFORMAT,
                        "%s: key 'tokenizer.ggml.scores' at byte %" PRIu64 " has %" PRIu64 " entries for %" PRIu32 " tokens", l->g->label,
                        eng_gguf_offset(l->g, scores->data), scores->n, l->v->n_tokens);
    }
    l->v->scores = eng_arena_alloc(l->arena, l->v->n_tokens, sizeof *l->v->scores);
    if (!l->v->scores)
        return eng_vocab_no_memory(l);
    memcpy(l->v->scores, scores->data, l->v->n_tokens * sizeof *l->v->scores);
    for (uint32_t i = 0; i < l->v->n_tokens; i++) {
        if (isnan(l->v->scores[i])) {
            return eng_fail(l->err, ENG_EFORMAT, "%s: score of token %" PRIu32 " at byte %" PRIu64 " is not a number", l->g->label, i,
                            eng_gguf_offset(l->g, scores->data) + 4 * (uint64_t)i);
        }
    }
    return ENG_OK;
}

static void note_pairs(uint8_t *pairs, const struct eng_piece *p)
{
    for (uint32_t i = 1; i < p->n; i++) {
        const unsigned pair = (unsigned)(uint8_t)p->data[i - 1] << 8 | (uint8_t)p->data[i];
        pairs[pair >> 3] |= (uint8_t)(1u << (pair & 7));
    }
}

/* Special tokens keep their text, for it is compared with the user's; they and bytes are no result of a merge. A piece with a plain space in
 * it can never be met in a text whose spaces are marks: it is left out of the index too. */
static void read_piece(struct eng_vocab_load *l, uint32_t id, struct eng_gguf_str text, char *out)
{
    struct eng_piece *p = &l->v->pieces[id];
    const int byte = p->kind == ENG_TOKEN_BYTE || p->kind == ENG_TOKEN_NORMAL ? byte_value(text) : -1;
    p->data = out;
    if (ENG_KINDS_SPECIAL >> p->kind & 1) {
        memcpy(out, text.data, text.n);
        p->n = (uint32_t)text.n;
    } else if (byte >= 0) {
        out[0] = (char)byte;
        p->n = 1;
        p->kind = ENG_TOKEN_BYTE;
        l->v->byte_symbol[byte] = id;
    } else {
        p->n = put_spaces(text, out);
        if (p->n == 0 || memchr(text.data, ' ', text.n))
            return;
        (void)eng_vocab_index_add(l->v, id);
        note_pairs(l->v->inner_pairs, p);
    }
}

int eng_vocab_load_spm(struct eng_vocab_load *l)
{
    struct eng_vocab *v = l->v;
    v->add_space_prefix = v->add_bos = v->space_mark = v->trust_lead_byte = true;
    v->bos = v->n_tokens > 1 ? 1 : -1; /* sentencepiece's own ids, where the file has no keys */
    v->eos = v->n_tokens > 2 ? 2 : -1;
    int rc = eng_gguf_get_bool(l->g, "tokenizer.ggml.add_space_prefix", false, &v->add_space_prefix, l->err);
    if (rc == ENG_OK)
        rc = read_scores(l);
    if (rc != ENG_OK)
        return rc;
    char *out = eng_arena_alloc(l->arena, (size_t)l->n_text_bytes, 1);
    v->inner_pairs = eng_arena_alloc(l->arena, 65536 / 8, 1);
    if (!out || !v->inner_pairs)
        return eng_vocab_no_memory(l);
    const uint8_t *cursor = l->tokens->data;
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        read_piece(l, i, eng_gguf_next_str(&cursor), out);
        out += v->pieces[i].n;
    }
    return ENG_OK;
}
