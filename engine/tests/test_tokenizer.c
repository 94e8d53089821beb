/* test_tokenizer.c - rules of both tokenizers on small vocabularies made here: words, merges against a plain reference, special
 * tokens, bytes that are no UTF-8, room for the answer. Real vocabularies are compared in test_tokenizer_golden.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gguf_build.h"
#include "llama2c_build.h"
#include "model/model.h"
#include "vocab_file.h"

enum { BYTE = 3, HE = 259, LL, HELL, HELLO, SPACE_HELLO };

struct fixture {
    struct eng_model bpe, scored; /* vocabularies only */
    struct eng_arena *arena;
};

static int open_vocabularies(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct gguf_build *b = gguf_build_new();
    struct eng_gguf g;
    struct eng_error err = {0};
    struct eng_mapped_file file = {.label = "tok.bin"};
    size_t n;
    f->arena = eng_arena_new();
    gguf_build_vocab(b, "smollm");
    gguf_build_bool(b, "tokenizer.ggml.add_bos_token", true);
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    if (eng_gguf_parse(&g, "vocab", bytes, n, &err) != ENG_OK || eng_vocab_from_gguf(&f->bpe.vocab, &g, f->arena, &err) != ENG_OK)
        fail_msg("%s", err.text);
    uint8_t *tokenizer = llama2c_build_tokenizer(&file.n_bytes);
    file.data = tokenizer;
    if (eng_vocab_from_llama2c(&f->scored.vocab, &file, LLAMA2C_VOCAB, f->arena, &err) != ENG_OK)
        fail_msg("%s", err.text);
    free(tokenizer);
    eng_gguf_release(&g);
    gguf_build_free(b);
    *state = f;
    return 0;
}

static int close_vocabularies(void **state)
{
    struct fixture *f = *state;
    eng_vocab_release(f->bpe.vocab);
    eng_arena_free(f->arena);
    free(f);
    return 0;
}

static void expect(const struct eng_model *m, const char *text, unsigned flags, const int32_t *want, size_t n_want)
{
    struct eng_error err = {0};
    int32_t ids[256];
    size_t n;
    if (eng_tokenize(m, text, strlen(text), flags, ids, 256, &n, &err) != ENG_OK)
        fail_msg("%s", err.text);
    assert_int_equal(n, n_want);
    assert_memory_equal(ids, want, n * sizeof(*ids));
}

#define EXPECT(m, text, flags, ...)                                                                                                        \
    expect(m, text, flags, (const int32_t[]){__VA_ARGS__}, sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

static void merges_follow_their_ranks(void **state)
{
    const struct eng_model *m = &((struct fixture *)*state)->bpe;
    EXPECT(m, "hello", 0, HELLO);
    EXPECT(m, " hello", 0, SPACE_HELLO);
    EXPECT(m, "hell", 0, HELL);
    EXPECT(m, "lll", 0, LL, BYTE + 'l'); /* of equal pairs the leftmost */
    EXPECT(m, "hhe", 0, BYTE + 'h', HE);
    EXPECT(m, "hello hello", ENG_TOKENIZE_BOS, 1, HELLO, SPACE_HELLO);
}

static void words_are_cut_before_merging(void **state)
{
    const struct eng_model *m = &((struct fixture *)*state)->bpe;
    EXPECT(m, "  hello", 0, BYTE + ' ', SPACE_HELLO);        /* the last space belongs to the word */
    EXPECT(m, "he1ll", 0, HE, BYTE + '1', LL);               /* a digit stands alone */
    EXPECT(m, "hel'll", 0, HE, BYTE + 'l', BYTE + '\'', LL); /* 'll is a word of its own: its ll does not see the l before */
    EXPECT(m,
           "h\xe2\x80\x8a"
           "e",
           0, BYTE + 'h', BYTE + 0xe2, BYTE + 0x80, BYTE + 0x8a, BYTE + 'e'); /* U+200A is white space */
    expect(m, "", 0, NULL, 0);
}

static void special_tokens_need_the_flag(void **state)
{
    const struct eng_model *m = &((struct fixture *)*state)->bpe;
    struct eng_error err = {0};
    int32_t ids[32];
    size_t n, n_bytes;
    char text[64];
    EXPECT(m, "he<|im_end|>ll", ENG_TOKENIZE_SPECIAL, HE, 2, LL);
    EXPECT(m, "<|im_start|><|im_end|>", ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, 1, 1, 2);
    EXPECT(m, "<|im_end", ENG_TOKENIZE_SPECIAL, BYTE + '<', BYTE + '|', BYTE + 'i', BYTE + 'm', BYTE + '_', BYTE + 'e', BYTE + 'n',
           BYTE + 'd');
    assert_int_equal(eng_tokenize(m, "<|im_end|>", 10, 0, ids, 32, &n, &err), ENG_OK);
    assert_int_equal(n, 10);
    assert_int_equal(eng_detokenize(m, (const int32_t[]){HE, 2, LL}, 3, true, text, sizeof(text), &n_bytes, &err), ENG_OK);
    assert_string_equal(text, "he<|im_end|>ll");
    assert_int_equal(eng_detokenize(m, (const int32_t[]){HE, 2, LL}, 3, false, text, sizeof(text), &n_bytes, &err), ENG_OK);
    assert_string_equal(text, "hell");
    assert_true(eng_token_is_eog(m, 0)); /* <|endoftext|>, by its text */
    assert_false(eng_token_is_eog(m, 1));
    assert_true(eng_token_is_eog(m, 2));
    assert_false(eng_token_is_eog(m, -1));
    assert_false(eng_token_is_eog(m, 264));
}

/* A vocabulary for one test; released by close_small(). */
struct small {
    struct eng_model m;
    struct eng_arena *arena;
};

static struct small open_small(const char *pre, const char *const *tokens, const int32_t *kinds, size_t n_tokens, const char *const *merges,
                               size_t n_merges, uint32_t eos)
{
    struct small s = {.arena = eng_arena_new()};
    struct gguf_build *b = gguf_build_new();
    struct eng_gguf g;
    struct eng_error err = {0};
    size_t n;
    gguf_build_str(b, "tokenizer.ggml.model", "gpt2");
    if (pre)
        gguf_build_str(b, "tokenizer.ggml.pre", pre);
    gguf_build_strs(b, "tokenizer.ggml.tokens", tokens, n_tokens);
    if (kinds)
        gguf_build_i32s(b, "tokenizer.ggml.token_type", kinds, n_tokens);
    gguf_build_strs(b, "tokenizer.ggml.merges", merges, n_merges);
    gguf_build_u32(b, "tokenizer.ggml.eos_token_id", eos);
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    if (eng_gguf_parse(&g, "vocab", bytes, n, &err) != ENG_OK || eng_vocab_from_gguf(&s.m.vocab, &g, s.arena, &err) != ENG_OK)
        fail_msg("%s", err.text);
    eng_gguf_release(&g);
    gguf_build_free(b);
    return s;
}

static void close_small(struct small *s)
{
    eng_vocab_release(s->m.vocab);
    eng_arena_free(s->arena);
}

/* User-defined tokens are found without the flag; of two that fit, the longer one is taken. */
static void user_tokens_are_part_of_the_vocabulary(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "b", "<x>", "<x><y>", "<c>"};
    static const int32_t kinds[] = {1, 1, ENG_TOKEN_USER, ENG_TOKEN_USER, ENG_TOKEN_CONTROL};
    struct small s = open_small(NULL, tokens, kinds, 5, NULL, 0, 1);
    EXPECT(&s.m, "a<x>b", 0, 0, 2, 1);
    EXPECT(&s.m, "<x><y>b", 0, 3, 1);
    EXPECT(&s.m, "a<c>b", ENG_TOKENIZE_SPECIAL, 0, 4, 1);
    EXPECT(&s.m, "a<c>b", 0, 0, 1);         /* bytes without a token are dropped, as llama.cpp does */
    assert_true(eng_token_is_eog(&s.m, 1)); /* the header's end of text, whatever it is called */
    assert_false(eng_token_is_eog(&s.m, 0));
    close_small(&s);
}

/* smollm splits digits off first, so the spaces before one are a word of their own; gpt-2 gives the last space to the number. */
static void a_digit_ends_a_run_of_spaces(void **state)
{
    (void)state;
    static const char *const tokens[] = {"\xc4\xa0", "1", "\xc4\xa0\xc4\xa0", "11"}, *const merges[] = {"\xc4\xa0 \xc4\xa0", "1 1"};
    struct small s = open_small("smollm", tokens, NULL, 4, merges, 2, 0);
    EXPECT(&s.m, "  11", 0, 2, 1, 1);
    close_small(&s);
    s = open_small("gpt-2", tokens, NULL, 4, merges, 2, 0);
    EXPECT(&s.m, "  11", 0, 0, 0, 3);
    close_small(&s);
}

/* A merge may lead through a text that is no token; if it ends there, its bytes come out. */
static void merges_may_pass_through_what_is_no_token(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "b", "c", "abc"}, *const merges[] = {"a b", "ab c"};
    struct small s = open_small("smollm", tokens, NULL, 4, merges, 2, 0);
    EXPECT(&s.m, "abcab", 0, 3, 0, 1);
    close_small(&s);
}

/* Tokens in the order of their merges are what the loader hopes for; the meaning must not depend on it. */
static void merges_mean_the_same_in_any_order_of_tokens(void **state)
{
    (void)state;
    static const char *const merges[] = {"a b", "b c", "ab c"};
    static const struct {
        const char *tokens[8];
        size_t n;
        int32_t abc, bc, ab;
    } rows[] = {
        {{"a", "b", "c", "ab", "bc", "abc"}, 6, 5, 4, 3},              /* as training leaves them */
        {{"abc", "bc", "ab", "c", "b", "a"}, 6, 0, 1, 2},              /* backwards */
        {{"bc", "a", "b", "ab", "c", "abc"}, 6, 5, 0, 3},              /* one out of its place */
        {{"a", "b", "c", "ab", "bc", "abc", "ab"}, 7, 5, 4, 6},        /* twins: the later one is found */
        {{"a", "b", "c", "ab", "ab", "bc", "abc"}, 7, 6, 5, 4},        /* twins in a row */
        {{"a", "b", "c", "a b", "ab", "bc", "\xe2\x82\xac", "abc"}, 8, 7, 5, 4}, /* a space, and a sign that stands for no byte */
        {{"a", "b", "c", "zz", "ab", "yy", "bc", "abc"}, 8, 7, 6, 4},  /* others between */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct small s = open_small("smollm", rows[i].tokens, NULL, rows[i].n, merges, 3, 0);
        EXPECT(&s.m, "abc", 0, rows[i].abc);
        EXPECT(&s.m, "ab", 0, rows[i].ab);
        EXPECT(&s.m, "bcab", 0, rows[i].bc, rows[i].ab);
        close_small(&s);
    }
}

/* After "b c" the loader expects the token behind "bc"; what stands there may have the right text and still not be what the merge makes. */
static void what_stands_next_is_not_always_what_a_merge_makes(void **state)
{
    (void)state;
    static const char *const merges[] = {"b c", "a b"};
    static const char *const twins[] = {"a", "b", "c", "bc", "ab", "ab"}, *const special[] = {"a", "b", "c", "bc", "ab"};
    static const int32_t kinds[] = {1, 1, 1, 1, ENG_TOKEN_CONTROL};
    struct small s = open_small("smollm", twins, NULL, 6, merges, 2, 0);
    EXPECT(&s.m, "ab", 0, 5); /* of twins the later one */
    close_small(&s);
    s = open_small("smollm", special, kinds, 5, merges, 2, 0);
    EXPECT(&s.m, "ab", 0, 0, 1); /* merged into bytes that are no ordinary token: they come out */
    close_small(&s);
}

/* "a b c" is cut into "a" and "b c", and a space is no sign of the alphabet, also where a token has that text. */
static void a_merge_of_what_is_no_bytes_is_refused(void **state)
{
    (void)state;
    static const char *const tokens[] = {"a", "b", "c", "bc", "ab c"}, *const merges[] = {"b c", "a b c"};
    struct eng_error err = {0};
    struct eng_vocab *v;
    struct eng_gguf g;
    size_t n;
    struct gguf_build *b = gguf_build_new();
    gguf_build_str(b, "tokenizer.ggml.model", "gpt2");
    gguf_build_strs(b, "tokenizer.ggml.tokens", tokens, 5);
    gguf_build_strs(b, "tokenizer.ggml.merges", merges, 2);
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    struct eng_arena *arena = eng_arena_new();
    assert_int_equal(eng_gguf_parse(&g, "vocab", bytes, n, &err), ENG_OK);
    assert_int_equal(eng_vocab_from_gguf(&v, &g, arena, &err), ENG_EFORMAT);
    assert_non_null(strstr(err.text, "merge 1 at byte"));
    eng_gguf_release(&g);
    eng_arena_free(arena);
    gguf_build_free(b);
}

/* ---- merges against the plain way: look at all pairs, merge the best, start again ---- */

struct plain {
    uint32_t id[128];
    size_t n;
};

static void merge_plainly(const struct eng_vocab *v, struct plain *p)
{
    for (;;) {
        size_t best = SIZE_MAX;
        uint32_t best_id = 0;
        double best_cost = 0;
        for (size_t i = 0; i + 1 < p->n; i++) {
            uint32_t merged = ENG_NO_SYMBOL;
            double cost = 0;
            if (v->algorithm == ENG_VOCAB_BYTE_BPE) {
                const struct eng_merge *m = eng_vocab_find_merge(v, p->id[i], p->id[i + 1]);
                if (m) {
                    merged = m->merged;
                    cost = m->rank;
                }
            } else {
                char text[64];
                const struct eng_piece *a = &v->pieces[p->id[i]], *b = &v->pieces[p->id[i + 1]];
                if (a->kind != ENG_TOKEN_BYTE && b->kind != ENG_TOKEN_BYTE) {
                    memcpy(text, a->data, a->n);
                    memcpy(text + a->n, b->data, b->n);
                    merged = eng_vocab_find(v, text, a->n + b->n);
                    cost = merged == ENG_NO_SYMBOL ? 0 : -(double)v->scores[merged];
                }
            }
            if (merged != ENG_NO_SYMBOL && (best == SIZE_MAX || cost < best_cost)) {
                best = i;
                best_id = merged;
                best_cost = cost;
            }
        }
        if (best == SIZE_MAX)
            return;
        p->id[best] = best_id;
        memmove(&p->id[best + 1], &p->id[best + 2], (p->n - best - 2) * sizeof(p->id[0]));
        p->n--;
    }
}

static void merges_equal_the_plain_way(void **state)
{
    struct fixture *f = *state;
    uint32_t random = 7;
    for (int trial = 0; trial < 4000; trial++) {
        const bool scored = trial % 2;
        const struct eng_model *m = scored ? &f->scored : &f->bpe;
        const char *alphabet = scored ? "abc x" : "helo";
        const size_t n_alphabet = strlen(alphabet);
        char text[64];
        struct plain plain = {.n = 0};
        struct eng_error err = {0};
        int32_t ids[70];
        size_t n_text = 1 + (size_t)trial % 60, n;
        if (scored)
            plain.id[plain.n++] = eng_vocab_find(m->vocab, " ", 1);
        for (size_t i = 0; i < n_text; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = alphabet[(random >> 16) % n_alphabet];
            const uint32_t piece = eng_vocab_find(m->vocab, text + i, 1);
            plain.id[plain.n++] = piece == ENG_NO_SYMBOL ? m->vocab->byte_symbol[(uint8_t)text[i]] : piece;
        }
        merge_plainly(m->vocab, &plain);
        assert_int_equal(eng_tokenize(m, text, n_text, 0, ids, 70, &n, &err), ENG_OK);
        assert_int_equal(n, plain.n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(ids[i], plain.id[i]);
    }
}

static void scored_pieces_and_byte_fallback(void **state)
{
    const struct eng_model *m = &((struct fixture *)*state)->scored;
    enum { AB = 259, BC, SPACE_A, ABC, SPACE, A, B, C, E_ACUTE };
    EXPECT(m, "bab", 0, SPACE, B, AB);
    EXPECT(m, "abc", ENG_TOKENIZE_BOS, 1, SPACE, ABC); /* ab (score 0) before bc (-1) and " a" (-2), then abc */
    EXPECT(m, "\xc3\xa9", 0, SPACE, E_ACUTE);
    EXPECT(m, "\xc3", 0, SPACE, BYTE + 0xc3);
    EXPECT(m, "x\n", 0, SPACE, BYTE + 'x', BYTE + '\n');
    expect(m, "", 0, NULL, 0);
    struct eng_error err = {0};
    char text[32];
    size_t n;
    assert_int_equal(eng_detokenize(m, (const int32_t[]){1, SPACE_A, B}, 3, false, text, sizeof(text), &n, &err), ENG_OK);
    assert_string_equal(text, "ab"); /* the space after BOS was put there by the tokenizer */
    assert_int_equal(eng_detokenize(m, (const int32_t[]){SPACE_A, B}, 2, false, text, sizeof(text), &n, &err), ENG_OK);
    assert_string_equal(text, " ab");
}

/* Any bytes: no failure, at most one token a byte (and two more), and the same bytes come back. */
static void any_bytes_round_trip(void **state)
{
    struct fixture *f = *state;
    uint32_t random = 99;
    for (int trial = 0; trial < 3000; trial++) {
        const bool scored = trial % 2;
        const struct eng_model *m = scored ? &f->scored : &f->bpe;
        char text[80], back[96];
        int32_t ids[90];
        size_t n_text = (size_t)trial % 80, n, n_back;
        struct eng_error err = {0};
        for (size_t i = 0; i < n_text; i++) {
            random = random * 1664525u + 1013904223u;
            text[i] = (char)(random >> 20 & (trial % 3 ? 0xff : 0x7f));
        }
        assert_int_equal(eng_tokenize(m, text, n_text, 3, ids, n_text + 2, &n, &err), ENG_OK);
        assert_int_equal(ids[0], 1);
        assert_int_equal(eng_detokenize(m, ids + 1, n - 1, true, back, sizeof(back), &n_back, &err), ENG_OK);
        const size_t spaces = scored && n_text;
        assert_int_equal(n_back, n_text + spaces);
        assert_memory_equal(back + spaces, text, n_text);
    }
}

static void an_invalid_byte_is_a_symbol_between_words(void **state)
{
    const struct eng_model *m = &((struct fixture *)*state)->bpe;
    EXPECT(m, "he\xffll", 0, HE, BYTE + 0xff, LL);
    EXPECT(m, "\xe2\x82", 0, BYTE + 0xe2, BYTE + 0x82);                  /* cut short */
    EXPECT(m, "\xed\xa0\x80", 0, BYTE + 0xed, BYTE + 0xa0, BYTE + 0x80); /* a surrogate */
    EXPECT(m, "\xc0\x80", 0, BYTE + 0xc0, BYTE + 0x80);                  /* overlong */
}

static void long_words_are_not_quadratic(void **state)
{
    const struct eng_model *m = &((struct fixture *)*state)->bpe;
    const size_t n_text = 1 << 20; /* the square would be 10^12 steps */
    char *text = malloc(n_text);
    int32_t *ids = malloc((n_text + 2) * sizeof(*ids));
    struct eng_error err = {0};
    size_t n;
    memset(text, 'l', n_text);
    assert_int_equal(eng_tokenize(m, text, n_text, 0, ids, n_text + 2, &n, &err), ENG_OK);
    assert_int_equal(n, n_text / 2);
    memset(text, ' ', n_text - 1);
    text[n_text - 1] = 'h';
    assert_int_equal(eng_tokenize(m, text, n_text, 0, ids, n_text + 2, &n, &err), ENG_OK);
    assert_int_equal(n, n_text);
    free(ids);
    free(text);
}

/* ---- the other tokenizers ---- */

static struct vocab_file open_built(struct gguf_build *b)
{
    struct vocab_file v;
    struct eng_error err = {0};
    size_t n;
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    if (vocab_bytes_open(&v, bytes, n, &err) != ENG_OK)
        fail_msg("%s", err.text);
    gguf_build_free(b);
    return v;
}

static uint32_t piece(const struct eng_model *m, const char *text)
{
    const uint32_t id = eng_vocab_find(m->vocab, text, strlen(text));
    assert_true(id < m->vocab->n_tokens);
    return id;
}

static void sentencepiece_pieces_spaces_and_bytes(void **state)
{
    (void)state;
    for (int prefix = 0; prefix < 2; prefix++) {
        struct gguf_build *b = gguf_build_new();
        gguf_build_vocab_spm(b, prefix);
        struct vocab_file v = open_built(b);
        const struct eng_model *m = &v.m;
        const int32_t hello = (int32_t)piece(m, prefix ? " hello" : "hello"), the = (int32_t)piece(m, " the"), space = (int32_t)piece(m, " ");
        const int32_t user = (int32_t)m->vocab->n_tokens - 3, turn = user + 1, a = (int32_t)piece(m, "a");
        EXPECT(m, "hello the", 0, hello, the);
        EXPECT(m, "hello the", ENG_TOKENIZE_BOS, 1, hello, the);
        EXPECT(m, "hello\xe2\x96\x81the", 0, hello, the); /* U+2581 is a space */
        if (prefix) { /* a space stands in front of every piece of text */
            EXPECT(m, "a<turn>a", ENG_TOKENIZE_SPECIAL, space, a, turn, space, a);
            EXPECT(m, "a\n\na", 0, space, a, user, space, a);
        } else {
            EXPECT(m, "a<turn>a", ENG_TOKENIZE_SPECIAL, a, turn, a);
            EXPECT(m, "\xc3\xa9x\xff", 0, (int32_t)piece(m, "\xc3\xa9"), BYTE + 'x', BYTE + 0xff);
            EXPECT(m, "\xf0hello", 0, BYTE + 0xf0, BYTE + 'h', BYTE + 'e', BYTE + 'l', (int32_t)piece(m, "l"), (int32_t)piece(m, "o"));
        }
        vocab_file_close(&v);
    }
}

static void rwkv_takes_the_longest_token(void **state)
{
    (void)state;
    struct gguf_build *b = gguf_build_new();
    gguf_build_vocab_rwkv(b);
    struct vocab_file v = open_built(b);
    const struct eng_model *m = &v.m;
    EXPECT(m, "the the hello", 0, 257, 258, 1 + ' ', 260);
    EXPECT(m, "h\n\n\n12", 0, 1 + 'h', 263, 1 + '\n', 264);
    EXPECT(m, "\xe4\xbd\xa0\\x", 0, 265, 1 + 0xa0, 266);
    EXPECT(m, "a<end>", ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, 1 + 'a', 0);
    EXPECT(m, "<end>", 0, 1 + '<', 1 + 'e', 1 + 'n', 1 + 'd', 1 + '>'); /* a control token is no text */
    vocab_file_close(&v);
}

/* Runs that a pattern could walk again and again, through one word pattern of each shape. The square of their length would take hours. */
static void no_pattern_is_quadratic(void **state)
{
    (void)state;
    static const char *const patterns[] = {"gpt-2",          "smollm",      "llama-bpe", "qwen2",   "deepseek-llm", "deepseek-coder",
                                           "deepseek-v3", "falcon",    "default", "bloom",        "viking",         "tekken", "gpt-4o", "jais-2"};
    static const char *const runs[] = {" ", "\n", "a", "1", "!", "\n ", "aA", "\xff", "\xf0\x9f\x98\x80", "\xcc\x81"};
    const size_t n_text = 1 << 17;
    char *text = malloc(n_text);
    int32_t *ids = malloc((n_text + 2) * sizeof(*ids));
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        struct gguf_build *b = gguf_build_new();
        gguf_build_vocab(b, patterns[i]);
        struct vocab_file v = open_built(b);
        for (size_t k = 0; k < sizeof(runs) / sizeof(*runs); k++) {
            const size_t n_run = strlen(runs[k]);
            struct eng_error err = {0};
            size_t n, n_back;
            for (size_t at = 0; at < n_text; at++)
                text[at] = runs[k][at % n_run];
            text[n_text - 1] = '1'; /* what comes after a run decides where it ends */
            if (eng_tokenize(&v.m, text, n_text, 0, ids, n_text + 2, &n, &err) != ENG_OK)
                fail_msg("%s: %s", patterns[i], err.text);
            assert_int_equal(eng_detokenize(&v.m, ids, n, 0, NULL, 0, &n_back, &err), ENG_ELIMIT);
            assert_int_equal(n_back, n_text);
        }
        vocab_file_close(&v);
    }
    free(ids);
    free(text);
}

static void too_little_room_is_said(void **state)
{
    const struct eng_model *m = &((struct fixture *)*state)->bpe;
    struct eng_error err = {0};
    int32_t ids[4] = {-7, -7, -7, -7};
    size_t n;
    char text[4] = "###";
    assert_int_equal(eng_tokenize(m, "hello hello he", 14, 0, ids, 2, &n, &err), ENG_ELIMIT);
    assert_int_equal(n, 4); /* hello, " hello", " ", he */
    assert_int_equal(ids[1], SPACE_HELLO);
    assert_int_equal(ids[2], -7);
    assert_int_equal(eng_tokenize(m, "hello", 5, 0, NULL, 0, &n, &err), ENG_ELIMIT);
    assert_int_equal(n, 1);
    assert_int_equal(eng_detokenize(m, (const int32_t[]){HELLO}, 1, false, text, 3, &n, &err), ENG_ELIMIT);
    assert_int_equal(n, 5);
    assert_memory_equal(text, "hel", 3);
    assert_int_equal(eng_detokenize(m, (const int32_t[]){264}, 1, false, text, 3, &n, &err), ENG_EINVAL);
    assert_int_equal(eng_detokenize(m, (const int32_t[]){-1}, 1, false, text, 3, &n, &err), ENG_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_follow_their_ranks),    cmocka_unit_test(words_are_cut_before_merging),
        cmocka_unit_test(special_tokens_need_the_flag), cmocka_unit_test(user_tokens_are_part_of_the_vocabulary),
        cmocka_unit_test(a_digit_ends_a_run_of_spaces), cmocka_unit_test(merges_may_pass_through_what_is_no_token),
        cmocka_unit_test(merges_mean_the_same_in_any_order_of_tokens), cmocka_unit_test(what_stands_next_is_not_always_what_a_merge_makes),
        cmocka_unit_test(a_merge_of_what_is_no_bytes_is_refused),
        cmocka_unit_test(merges_equal_the_plain_way),   cmocka_unit_test(scored_pieces_and_byte_fallback),
        cmocka_unit_test(any_bytes_round_trip),         cmocka_unit_test(an_invalid_byte_is_a_symbol_between_words),
        cmocka_unit_test(long_words_are_not_quadratic), cmocka_unit_test(too_little_room_is_said),
        cmocka_unit_test(sentencepiece_pieces_spaces_and_bytes), cmocka_unit_test(rwkv_takes_the_longest_token),
        cmocka_unit_test(no_pattern_is_quadratic),
    };
    return cmocka_run_group_tests(tests, open_vocabularies, close_vocabularies);
}
