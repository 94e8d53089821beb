/* fuzz_tokenizer.c - the first byte chooses; the rest is a text for one of two tokenizers, or a tokenizer.bin of llama2.c.
 * Any text: no failure, at most one token a byte and two more, and the same bytes come back. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"
#include "gguf_build.h"
#include "llama2c_build.h"
#include "model/model.h"

enum { SCORED = 4, PARSE = 8, GPT2 = 16 };

static struct eng_vocab *make_vocab(unsigned how, struct eng_arena *arena)
{
    struct eng_vocab *v = NULL;
    int rc;
    size_t n;
    if (how & SCORED) {
        uint8_t *bytes = llama2c_build_tokenizer(&n);
        const struct eng_mapped_file file = {.data = bytes, .n_bytes = n, .label = "tok"};
        rc = eng_vocab_from_llama2c(&v, &file, LLAMA2C_VOCAB, arena, NULL);
        free(bytes);
    } else {
        struct gguf_build *b = gguf_build_new();
        struct eng_gguf g;
        gguf_build_vocab(b, how & GPT2 ? "gpt-2" : "smollm");
        const uint8_t *bytes = gguf_build_bytes(b, &n);
        rc = eng_gguf_parse(&g, "vocab", bytes, n, NULL);
        if (rc == ENG_OK)
            rc = eng_vocab_from_gguf(&v, &g, arena, NULL);
        eng_gguf_release(&g);
        gguf_build_free(b);
    }
    if (rc != ENG_OK)
        abort();
    return v;
}

/* Made once each: the vocabulary is not what is tested. */
static const struct eng_model *model(unsigned how)
{
    static struct eng_model models[32];
    struct eng_model *m = &models[how & (SCORED | GPT2)];
    if (!m->vocab) {
        m->arena = eng_arena_new();
        m->vocab = make_vocab(how, m->arena);
    }
    return m;
}

static void round_trip(unsigned how, const char *text, size_t n_bytes)
{
    const struct eng_model *m = model(how);
    const size_t n_front = how & SCORED && n_bytes ? 1 : 0;
    int32_t *ids = malloc((n_bytes + 2) * sizeof(*ids));
    char *back = malloc(n_bytes + 2);
    size_t n, n_back;
    if (eng_tokenize(m, text, n_bytes, how & ENG_TOKENIZE_SPECIAL, ids, n_bytes + 2, &n, NULL) != ENG_OK)
        abort();
    if (eng_detokenize(m, ids, n, true, back, n_bytes + 2, &n_back, NULL) != ENG_OK)
        abort();
    if (n_back != n_bytes + n_front || memcmp(back + n_front, text, n_bytes) != 0)
        abort();
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
