/* fuzz_tokenizer.c - the first byte chooses; the rest is a text for one of 17 tokenizers, or a tokenizer.bin of llama2.c.
 * Any text: no failure, at most one token a byte and two more, and the same bytes come back. FUZZ_VOCAB=file.gguf: a real vocabulary. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"
#include "gguf_build.h"
#include "llama2c_build.h"
#include "vocab_file.h"

enum { SCORED = 4, PARSE = 8, KIND_SHIFT = 4, N_KINDS = 16, SPM = 13, SPM_SPACE = 14, RWKV = 15 };

/* Word patterns of the kinds below SPM: one of each shape. */
static const char *const patterns[SPM] = {"smollm", "gpt-2",  "llama-bpe", "qwen2",   "deepseek-llm", "deepseek-coder", "deepseek-v3",
                                          "falcon", "default", "bloom",     "viking",  "tekken",       "gpt-4o"};

static void open_llama2c(struct vocab_file *v)
{
    size_t n;
    uint8_t *bytes = llama2c_build_tokenizer(&n);
    const struct eng_mapped_file file = {.data = bytes, .n_bytes = n, .label = "tok"};
    v->arena = eng_arena_new();
    if (eng_vocab_from_llama2c(&v->m.vocab, &file, LLAMA2C_VOCAB, v->arena, NULL) != ENG_OK)
        abort();
    free(bytes);
}

static void open_kind(struct vocab_file *v, unsigned kind)
{
    struct gguf_build *b = gguf_build_new();
    size_t n;
    if (kind == RWKV)
        gguf_build_vocab_rwkv(b);
    else if (kind >= SPM)
        gguf_build_vocab_spm(b, kind == SPM_SPACE);
    else
        gguf_build_vocab(b, patterns[kind]);
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    if (vocab_bytes_open(v, bytes, n, NULL) != ENG_OK)
        abort();
    gguf_build_free(b);
}

/* Made once each: the vocabulary is not what is tested. */
static const struct eng_model *model(unsigned how)
{
    static struct vocab_file vocabs[N_KINDS + 2];
    const char *real = getenv("FUZZ_VOCAB");
    struct vocab_file *v = &vocabs[real ? N_KINDS + 1 : how & SCORED ? N_KINDS : how >> KIND_SHIFT];
    if (v->m.vocab)
        return &v->m;
    if (real)
        vocab_file_open(v, real);
    else if (how & SCORED)
        open_llama2c(v);
    else
        open_kind(v, how >> KIND_SHIFT);
    return &v->m;
}

/* The text as it comes back: in a sentencepiece vocabulary U+2581 is a space. */
static size_t expected(const struct eng_vocab *v, const char *text, size_t n_bytes, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        const bool mark = v->space_mark && n_bytes - i >= 3 && memcmp(text + i, "\xe2\x96\x81", 3) == 0;
        out[n++] = mark ? ' ' : text[i];
        i += mark ? 2 : 0;
    }
    return n;
}

/* Behind a special token such a vocabulary puts a space that nobody wrote, as llama.cpp does: the text does not come back. */
static bool gains_spaces(const struct eng_vocab *v, const int32_t *ids, size_t n)
{
    bool gains = false;
    for (size_t i = 0; i < n; i++)
        gains = gains || (v->add_space_prefix && ENG_KINDS_SPECIAL >> v->pieces[ids[i]].kind & 1);
    return gains;
}

static void round_trip(unsigned how, const char *text, size_t n_bytes)
{
    const struct eng_model *m = model(how);
    int32_t *ids = malloc((n_bytes + 2) * sizeof(*ids));
    char *back = malloc(n_bytes + 2), *want = malloc(n_bytes + 1);
    size_t n, n_back;
    if (eng_tokenize(m, text, n_bytes, how & 3, ids, n_bytes + 2, &n, NULL) != ENG_OK)
        abort();
    const size_t n_bos = how & ENG_TOKENIZE_BOS && m->vocab->add_bos && m->vocab->bos >= 0;
    if (!gains_spaces(m->vocab, ids + n_bos, n - n_bos)) {
        if (eng_detokenize(m, ids + n_bos, n - n_bos, ENG_DETOKENIZE_SPECIAL | ENG_DETOKENIZE_START, back, n_bytes + 2, &n_back, NULL) != ENG_OK)
            abort();
        const size_t n_want = expected(m->vocab, text, n_bytes, want);
        if (n_back != n_want || memcmp(back, want, n_want) != 0)
            abort();
    }
    free(want);
    free(back);
    free(ids);
}

static void parse(const uint8_t *data, size_t n_bytes)
{
    struct eng_arena *arena = eng_arena_new();
    struct eng_vocab *v;
    struct eng_error err = {0};
    const struct eng_mapped_file file = {.data = data, .n_bytes = n_bytes, .label = "fuzz"};
    const int rc = eng_vocab_from_llama2c(&v, &file, LLAMA2C_VOCAB, arena, &err);
    if (rc != ENG_OK && (err.code != rc || !err.text[0]))
        abort();
    eng_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    if (n_bytes == 0)
        return 0;
    if (data[0] & PARSE)
        parse(data + 1, n_bytes - 1);
    else
        round_trip(data[0], (const char *)data + 1, n_bytes - 1);
    return 0;
}
