/* gguf_tiny.c - the vocabulary and the random weights of gguf_build_llama(). */
#include <math.h>
#include <stdio.h>

#include "gguf_build.h"

enum { N_CONTROL = 3, N_BYTES = 256, N_MERGED = GGUF_TINY_VOCAB - N_CONTROL - N_BYTES };

/* GPT-2's character for a byte, as UTF-8 (see vocab_gguf.c). */
static void byte_text(int byte, char out[4])
{
    int c = 0x100;
    for (int b = 0; b <= byte; b++) {
        const bool printable = (b >= '!' && b <= '~') || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
        if (b == byte && printable)
            c = b;
        else if (b < byte && !printable)
            c++;
    }
    if (c < 0x80)
        snprintf(out, 4, "%c", c);
    else
        snprintf(out, 4, "%c%c", 0xc0 | c >> 6, 0x80 | (c & 0x3f));
}

void gguf_build_vocab(struct gguf_build *b, const char *pre)
{
    static const char *const control[N_CONTROL] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
    static const char *const merged[N_MERGED] = {"he", "ll", "hell", "hello", "\xc4\xa0hello"};
    static const char *const merges[N_MERGED] = {"h e", "l l", "he ll", "hell o", "\xc4\xa0 hello"};
    char texts[N_BYTES][4];
    const char *tokens[GGUF_TINY_VOCAB];
    int32_t kinds[GGUF_TINY_VOCAB];
    for (int i = 0; i < GGUF_TINY_VOCAB; i++) {
        kinds[i] = i < N_CONTROL ? 3 : 1;
        tokens[i] = i < N_CONTROL ? control[i] : i < N_CONTROL + N_BYTES ? texts[i - N_CONTROL] : merged[i - N_CONTROL - N_BYTES];
    }
    for (int i = 0; i < N_BYTES; i++)
        byte_text(i, texts[i]);
    gguf_build_str(b, "tokenizer.ggml.model", "gpt2");
    gguf_build_str(b, "tokenizer.ggml.pre", pre);
    gguf_build_strs(b, "tokenizer.ggml.tokens", tokens, GGUF_TINY_VOCAB);
    gguf_build_i32s(b, "tokenizer.ggml.token_type", kinds, GGUF_TINY_VOCAB);
    gguf_build_strs(b, "tokenizer.ggml.merges", merges, N_MERGED);
    gguf_build_u32(b, "tokenizer.ggml.bos_token_id", 1);
    gguf_build_u32(b, "tokenizer.ggml.eos_token_id", 2);
}

static struct gguf_tiny with_defaults(const struct gguf_tiny *t)
{
    struct gguf_tiny d = *t;
    d.n_layers = t->n_layers ? t->n_layers : 2;
    d.n_ctx = t->n_ctx ? t->n_ctx : 256;
    d.d_model = t->d_model ? t->d_model : 64;
    d.n_heads = t->n_heads ? t->n_heads : 4;
    d.n_heads_kv = t->n_heads_kv ? t->n_heads_kv : 2;
    d.d_ff = t->d_ff ? t->d_ff : 96;
    d.d_head = t->d_head ? t->d_head : d.d_model / d.n_heads;
    return d;
}

static void add_keys(struct gguf_build *b, const struct gguf_tiny *t)
{
    gguf_build_str(b, "general.architecture", "llama");
    gguf_build_str(b, "general.name", "tiny");
    gguf_build_u32(b, "llama.block_count", t->n_layers);
    gguf_build_u32(b, "llama.context_length", t->n_ctx);
    gguf_build_u32(b, "llama.embedding_length", t->d_model);
    gguf_build_u32(b, "llama.feed_forward_length", t->d_ff);
    gguf_build_u32(b, "llama.attention.head_count", t->n_heads);
    gguf_build_u32(b, "llama.attention.head_count_kv", t->n_heads_kv);
    gguf_build_u32(b, "llama.attention.key_length", t->d_head);
    gguf_build_u32(b, "llama.attention.value_length", t->d_head);
    gguf_build_u32(b, "llama.rope.dimension_count", t->d_head);
    gguf_build_f32(b, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    if (t->rope_base > 0.0f)
        gguf_build_f32(b, "llama.rope.freq_base", t->rope_base);
    if (t->rope_scale > 0.0f)
        gguf_build_f32(b, "llama.rope.scaling.factor", t->rope_scale);
}

static void add_matrix(struct gguf_build *b, uint32_t layer, const char *part, enum eng_type type, uint32_t n_rows, uint32_t n_cols)
{
    char name[64];
    snprintf(name, sizeof(name), "blk.%u.%s.weight", layer, part);
    gguf_build_random(b, name, type, n_rows, n_cols, 0.0f, 1.0f / sqrtf((float)n_cols));
}

static void add_vector(struct gguf_build *b, uint32_t layer, const char *part, enum eng_type type, uint32_t n, float mean)
{
    char name[64];
    snprintf(name, sizeof(name), "blk.%u.%s", layer, part);
    gguf_build_random(b, name, type, 0, n, mean, 0.1f);
}

static void add_layer(struct gguf_build *b, const struct gguf_tiny *t, uint32_t i, enum eng_type norm_type)
{
    const uint32_t d_query = t->n_heads * t->d_head, d_kv = t->n_heads_kv * t->d_head;
    add_vector(b, i, "attn_norm.weight", norm_type, t->d_model, 1.0f);
    add_matrix(b, i, "attn_q", t->type, d_query, t->d_model);
    add_matrix(b, i, "attn_k", t->type, d_kv, t->d_model);
    add_matrix(b, i, "attn_v", t->type, d_kv, t->d_model);
    add_matrix(b, i, "attn_output", t->type, t->d_model, d_query);
    if (t->biases) {
        add_vector(b, i, "attn_q.bias", ENG_TYPE_F32, d_query, 0.0f);
        add_vector(b, i, "attn_k.bias", ENG_TYPE_F32, d_kv, 0.0f);
        add_vector(b, i, "attn_v.bias", ENG_TYPE_F32, d_kv, 0.0f);
        add_vector(b, i, "attn_output.bias", ENG_TYPE_F32, t->d_model, 0.0f);
    }
    add_vector(b, i, "ffn_norm.weight", norm_type, t->d_model, 1.0f);
    add_matrix(b, i, "ffn_gate", t->type, t->d_ff, t->d_model);
    add_matrix(b, i, "ffn_up", t->type, t->d_ff, t->d_model);
    add_matrix(b, i, "ffn_down", t->type, t->d_model, t->d_ff);
}

void gguf_build_llama(struct gguf_build *b, const struct gguf_tiny *tiny)
{
    const struct gguf_tiny t = with_defaults(tiny);
    const enum eng_type norm_type = t.f16_norms ? ENG_TYPE_F16 : ENG_TYPE_F32;
    gguf_build_seed(b, t.seed ? t.seed : 1);
    add_keys(b, &t);
    gguf_build_vocab(b, "smollm");
    gguf_build_random(b, "token_embd.weight", t.embd_type, GGUF_TINY_VOCAB, t.d_model, 0.0f, 1.0f);
    if (t.rope_factors)
        gguf_build_random(b, "rope_freqs.weight", ENG_TYPE_F32, 0, t.d_head / 2, 2.0f, 0.1f);
    for (uint32_t i = 0; i < t.n_layers; i++)
        add_layer(b, &t, i, norm_type);
    gguf_build_random(b, "output_norm.weight", norm_type, 0, t.d_model, 1.0f, 0.1f);
    if (t.untied)
        gguf_build_random(b, "output.weight", t.embd_type, GGUF_TINY_VOCAB, t.d_model, 0.0f, 1.0f / sqrtf((float)t.d_model));
}
