/* llama2c_build.c - see llama2c_build.h. */
#include "llama2c_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t *llama2c_build_model(bool own_classifier, size_t *n)
{
    enum { DIM = 32, HIDDEN = 48, LAYERS = 1, HEADS = 4, HEADS_KV = 2, CONTEXT = 16 };
    const int32_t header[7] = {DIM, HIDDEN, LAYERS, HEADS, HEADS_KV, own_classifier ? -LLAMA2C_VOCAB : LLAMA2C_VOCAB, CONTEXT};
    const size_t d_kv = DIM / HEADS * HEADS_KV, layer = 2 * DIM + 2 * DIM * DIM + 2 * d_kv * DIM + 3 * DIM * HIDDEN;
    const size_t n_floats = (own_classifier ? 2 : 1) * LLAMA2C_VOCAB * DIM + LAYERS * layer + DIM + CONTEXT * (DIM / HEADS);
    uint32_t random = 1;
    *n = sizeof(header) + n_floats * sizeof(float);
    uint8_t *bytes = malloc(*n);
    if (!bytes)
        abort();
    memcpy(bytes, header, sizeof(header));
    for (size_t i = 0; i < n_floats; i++) {
        random = random * 1664525u + 1013904223u;
        const float x = (float)((int32_t)(random >> 16) - 32768) / 32768.0f;
        memcpy(bytes + sizeof(header) + i * sizeof(x), &x, sizeof(x));
    }
    return bytes;
}

static uint8_t *put(uint8_t *to, float score, const char *text)
{
    const int32_t n = (int32_t)strlen(text);
    memcpy(to, &score, 4);
    memcpy(to + 4, &n, 4);
    memcpy(to + 8, text, (size_t)n);
    return to + 8 + n;
}

uint8_t *llama2c_build_tokenizer(size_t *n)
{
    static const char *const pieces[] = {"ab", "bc", " a", "abc", " ", "a", "b", "c", "\xc3\xa9"};
    const int32_t longest = 3;
    uint8_t *bytes = malloc(LLAMA2C_VOCAB * 16), *to = bytes;
    if (!bytes)
        abort();
    memcpy(to, &longest, 4);
    to = put(to + 4, 0.0f, "<unk>");
    to = put(to, 0.0f, "\n<s>\n");
    to = put(to, 0.0f, "\n</s>\n");
    for (unsigned b = 0; b < 256; b++) {
        char text[8];
        snprintf(text, sizeof(text), "<0x%02X>", b);
        to = put(to, 0.0f, text);
    }
    for (int i = 0; i < 9; i++)
        to = put(to, (float)-i, pieces[i]);
    *n = (size_t)(to - bytes);
    return bytes;
}
