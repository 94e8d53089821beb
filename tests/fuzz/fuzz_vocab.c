/* fuzz_vocab.c - any bytes as the vocabulary of a GGUF file: opened or refused with one line of text, and what opens tokenizes any text into
 * ids of its own, as many as there is room for, and back. */
#include <stdlib.h>
#include <string.h>

#include "fuzz_target.h"
#include "vocab_file.h"

static void use(const struct eng_model *m)
{
    static const char text[] = "Hello,  he'll  123 worlds\xff\n\n<0x41>\xe2\x96\x81<|im_end|></s>\xf0\x9f\x98\x80 the \xe4\xbd\xa0\xe5\xa5\xbd";
    static char back[1 << 20];
    int32_t ids[sizeof(text) + 2];
    size_t n = 0, n_back;
    struct eng_error err = {0};
    const int rc = eng_tokenize(m, text, sizeof(text) - 1, ENG_TOKENIZE_SPECIAL | ENG_TOKENIZE_BOS, ids, sizeof(ids) / sizeof(ids[0]), &n, &err);
    if (rc == ENG_ENOTSUP && m->vocab->refusal)
        return;
    if (rc != ENG_OK || n > sizeof(text) + 1)
        abort();
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || (uint32_t)ids[i] >= m->vocab->n_tokens)
            abort();
    (void)!eng_detokenize(m, ids, n, ENG_DETOKENIZE_START, back, sizeof(back), &n_back, NULL);
    (void)!eng_token_is_eog(m, ids[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct vocab_file v;
    struct eng_error err = {0};
    const int rc = vocab_bytes_open(&v, data, n_bytes, &err);
    if (rc == ENG_OK)
        use(&v.m);
    else if (err.code != rc || !err.text[0] || strchr(err.text, '\n'))
        abort();
    vocab_file_close(&v);
    return 0;
}
