/* fuzz_gguf.c - any bytes as a model file: opened or refused with one line of text, and what opens can be used. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"
#include "model/open.h"
#include "model/weights.h"

static void use(const struct eng_model *m)
{
    static const char text[] = "Hello, 123 worlds\xff\n<|im_end|>";
    int32_t ids[sizeof(text) + 2];
    char back[1 << 16];
    size_t n, n_back;
    float *row = malloc(m->hp.d_model * sizeof(float));
    const int rc = eng_tokenize(m, text, sizeof(text) - 1, 3, ids, sizeof(ids) / sizeof(ids[0]), &n, NULL);
    if ((rc != ENG_OK && rc != ENG_ENOTSUP) || n > sizeof(text) + 1)
        abort();
    (void)!eng_detokenize(m, ids, n, true, back, sizeof(back), &n_back, NULL);
    (void)!eng_chat_turn(m, true, "Hi", back, sizeof(back), &n_back, NULL);
    if (row)
        eng_matrix_row(&m->token_embd, m->hp.n_vocab - 1, row);
    free(row);
}

/* A pass over a few tokens; it may be refused with a sentence, and give any numbers. */
static void evaluate(struct eng_model *m)
{
    enum { MOST_PARAMS = 1 << 22 }; /* larger ones only cost time */
    struct eng_session *s;
    struct eng_error err = {0};
    const int32_t ids[] = {0, (int32_t)m->hp.n_vocab - 1, 0};
    if (m->info.n_params > MOST_PARAMS || m->hp.n_vocab > MOST_PARAMS)
        return;
    int rc = eng_session_open(&s, m, &(struct eng_session_params){.n_ctx = 8, .n_batch = 2, .act = "f32"}, &err);
    if (rc == ENG_OK)
        rc = eng_eval(s, ids, 3, NULL, &err);
    if (rc != ENG_OK && (err.code != rc || !err.text[0] || strchr(err.text, '\n')))
        abort();
    eng_session_close(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct eng_model m = {.arena = eng_arena_new()};
    const struct eng_mapped_file file = {.data = data, .n_bytes = n_bytes, .label = "fuzz"};
    struct eng_error err = {0};
    int rc = eng_open_gguf(&m, &file, NULL, &err);
    if (rc == ENG_OK)
        rc = eng_weights_prepare(&m, NULL, 1, NULL, &err);
    if (rc == ENG_OK) {
        use(&m);
        evaluate(&m);
    } else if (err.code != rc || !err.text[0] || strchr(err.text, '\n')) {
        abort();
    }
    eng_weights_release(&m);
    eng_vocab_release(m.vocab);
    eng_arena_free(m.arena);
    return 0;
}
