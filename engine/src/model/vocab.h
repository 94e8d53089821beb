/**
 * vocab.h (engine, internal) - vocabulary and merges; tokenizer.c and detokenizer.c read it. Nothing changes after load.
 *
 * Pieces are byte strings: byte-level BPE texts ("Ġthe") are turned into the bytes that they stand for (" the") at load, so that
 * the tokenizer works on the user's bytes directly. Symbols 0..n_tokens-1 are the tokens; further symbols are intermediate
 * results of merges (or single bytes) that are no tokens themselves.
 */
#ifndef ENG_MODEL_VOCAB_H
#define ENG_MODEL_VOCAB_H

#include "base/error.h"
#include "model/arena.h"
#include "model/gguf.h"
#include "model/mapped_file.h"
#include "model/prefix_table.h"

enum eng_token_kind { /* GGUF's tokenizer.ggml.token_type */
                      ENG_TOKEN_NORMAL = 1,
                      ENG_TOKEN_UNKNOWN = 2,
                      ENG_TOKEN_CONTROL = 3,
                      ENG_TOKEN_USER = 4,
                      ENG_TOKEN_UNUSED = 5,
                      ENG_TOKEN_BYTE = 6
};

struct eng_piece {
    const char *data;
    uint32_t n;
    uint8_t kind; /* enum eng_token_kind */
    bool is_eog;
    bool strips_right; /* white space after it in a text belongs to it (a special token of Phi-3) */
};

/* Sets of kinds, as bits. Control and unknown tokens in a text count when the caller asks; user-defined ones always do. */
enum {
    ENG_KINDS_USER = 1 << ENG_TOKEN_USER,
    ENG_KINDS_SPECIAL = 1 << ENG_TOKEN_UNKNOWN | 1 << ENG_TOKEN_CONTROL | 1 << ENG_TOKEN_USER,
    ENG_KINDS_TEXT = 1 << ENG_TOKEN_NORMAL | 1 << ENG_TOKEN_UNUSED | 1 << ENG_TOKEN_BYTE
};

struct eng_merge { /* slot of a hash table; rank UINT32_MAX = free */
    uint32_t left, right, rank, merged;
};

enum eng_vocab_algorithm {
    ENG_VOCAB_BYTE_BPE, /* GPT-2: words from a pattern, then merges by rank */
    ENG_VOCAB_SCORED,   /* sentencepiece BPE: the whole text, merges by the score of the result, bytes as a fallback */
    ENG_VOCAB_LONGEST,  /* RWKV: always the longest token that fits */
    ENG_VOCAB_NONE      /* a tokenizer that is not known here: ids only */
};

struct eng_vocab {
    enum eng_vocab_algorithm algorithm;
    uint32_t n_tokens, n_symbols; /* n_tokens <= n_symbols */
    struct eng_piece *pieces;     /* [n_symbols] */
    const char *refusal;          /* NULL: text can be tokenized; else why not */
    int32_t bos, eos, pad;        /* -1: none */
    bool add_bos;
    int32_t replacement;              /* for a byte that is no token: U+FFFD, or the unknown token; -1: none, the byte is dropped */
    uint32_t byte_symbol[256];        /* the symbol of a single byte (SCORED: the byte-fallback token); ENG_NO_SYMBOL: none */
    struct eng_prefix_table specials; /* control, unknown and user-defined tokens */

    uint32_t *piece_index; /* hash table: symbol + 1, 0 = free. Special tokens are not in it */
    uint64_t piece_mask;

    struct eng_pretokenizer *pretokenizer; /* BYTE_BPE */
    struct eng_merge *merges;              /* BYTE_BPE: hash table */
    uint64_t merge_mask;

    float *scores;         /* SCORED: [n_tokens] */
    uint8_t *inner_pairs;  /* SCORED: bit [256 * a + b]: byte b follows byte a inside some piece. NULL: as if all did */
    bool add_space_prefix; /* SCORED: text begins with a space that nobody wrote, after a special token too */
    bool space_mark;       /* SCORED: U+2581 in a text is a space, as it is in the file's pieces */
    bool trust_lead_byte;  /* SCORED: a character is as long as its first byte says, even where it is no UTF-8 (llama.cpp) */

    struct eng_prefix_table longest; /* LONGEST: all tokens that are no special ones */
};

/** eng_vocab_from_gguf() - keys tokenizer.ggml.*. Memory from @arena, apart from the pattern. A tokenizer or pre-tokenizer that is not
 *  known is no failure: ids keep their meaning, and vocab->refusal says why text cannot be tokenized. */
int eng_vocab_from_gguf(struct eng_vocab **out, const struct eng_gguf *g, struct eng_arena *arena, struct eng_error *err) ENG_MUST_CHECK;

/** eng_vocab_from_llama2c() - tok512.bin / tokenizer.bin: i32 longest piece, then n_tokens x (f32 score, i32 n, n bytes). */
int eng_vocab_from_llama2c(struct eng_vocab **out, const struct eng_mapped_file *file, uint32_t n_tokens, struct eng_arena *arena,
                           struct eng_error *err) ENG_MUST_CHECK;

void eng_vocab_release(struct eng_vocab *vocab); /* what is outside the arena; accepts NULL */

/* ---- for the loaders ---- */

/** eng_vocab_index_reserve() - room for @n symbols in the piece table; keeps what is in it. */
int eng_vocab_index_reserve(struct eng_vocab *vocab, uint32_t n, struct eng_arena *arena, struct eng_error *err) ENG_MUST_CHECK;
/** eng_vocab_index_add() - of two equal pieces the later one is found; false when it has replaced an equal one. */
bool eng_vocab_index_add(struct eng_vocab *vocab, uint32_t symbol);
/** eng_vocab_find_specials() - fill specials and mark the end-of-generation tokens by their known texts. */
int eng_vocab_find_specials(struct eng_vocab *vocab, struct eng_arena *arena, struct eng_error *err) ENG_MUST_CHECK;

/* ---- for the tokenizer ---- */

#define ENG_NO_SYMBOL UINT32_MAX

/** eng_vocab_find() - symbol of these bytes, or ENG_NO_SYMBOL. */
uint32_t eng_vocab_find(const struct eng_vocab *vocab, const char *bytes, size_t n);
/** eng_vocab_find_merge() - NULL when the pair does not merge. */
const struct eng_merge *eng_vocab_find_merge(const struct eng_vocab *vocab, uint32_t left, uint32_t right);
/** eng_vocab_merge_slot() - where the pair is, or the free slot where it belongs. */
struct eng_merge *eng_vocab_merge_slot(struct eng_merge *merges, uint64_t mask, uint32_t left, uint32_t right);

#endif
