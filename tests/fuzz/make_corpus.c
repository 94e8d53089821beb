/* make_corpus.c - writes the seeds of the corpus: valid files and one of each kind of damage, all made here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gguf_build.h"
#include "llama2c_build.h"
#include "scratch_dir.h"

static const char *root;

static void save(const char *folder, const char *name, const void *bytes, size_t n)
{
    char dir[SCRATCH_PATH], path[SCRATCH_PATH];
    scratch_path(dir, root, folder);
    scratch_path(path, dir, name);
    scratch_write(path, bytes, n);
}

static void save_gguf(const char *name, struct gguf_build *b)
{
    size_t n;
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    save("gguf", name, bytes, n);
    gguf_build_free(b);
}

static struct gguf_build *model(enum eng_type type)
{
    struct gguf_build *b = gguf_build_new();
    gguf_build_llama(
        b, &(struct gguf_tiny){.n_layers = 1, .d_model = 32, .n_heads = 2, .n_heads_kv = 1, .d_ff = 32, .type = type, .embd_type = type});
    return b;
}

static void make_gguf(void)
{
    static const char *const words[] = {"a", "", "b"};
    const uint64_t ne[] = {32, 1}, zero[] = {32, 0};
    static const uint8_t data[64];
    struct gguf_build *b = model(ENG_TYPE_Q4_0);
    gguf_build_str(
        b, "tokenizer.chat_template",
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor "
        "%}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}");
    save_gguf("model_q4_0", b);
    save_gguf("model_q4_1", model(ENG_TYPE_Q4_1));

    b = gguf_build_new();
    gguf_build_strs(b, "words", words, 3);
    gguf_build_raw(b, "nested", 9, "\x09\0\0\0\1\0\0\0\0\0\0\0\x04\0\0\0\1\0\0\0\0\0\0\0abcd", 28);
    save_gguf("arrays", b);
    b = gguf_build_new();
    gguf_build_u32(b, "k", 1);
    gguf_build_u32(b, "k", 2);
    save_gguf("key_twice", b);
    b = gguf_build_new();
    gguf_build_raw(b, "long", 9, "\x0a\0\0\0\1\0\0\0\0\0\0\x20", 12);
    save_gguf("array_overflow", b);
    b = gguf_build_new();
    gguf_build_u32(b, "general.alignment", 0);
    gguf_build_tensor(b, "t", 2, 2, ne, data, 18);
    save_gguf("alignment_zero", b);
    b = gguf_build_new();
    gguf_build_tensor(b, "t", 2, 2, zero, data, 18);
    save_gguf("zero_dimension", b);
    b = gguf_build_new();
    gguf_build_tensor(b, "a", 0, 2, ne, data, 32);
    gguf_build_tensor(b, "b", 0, 2, ne, data, 64);
    gguf_build_tensor(b, "c", 0, 2, ne, data, 64);
    save_gguf("overlap", b);
    save("gguf", "magic_only", "GGUF", 4);
}

static void make_tokenizer(void)
{
    static const struct {
        const char *name, *text;
        size_t n;
    } texts[] = {
        {"bpe_words", "\2 hello he'll  hello\n\n12", 23},
        {"bpe_special", "\2<|im_start|>hello<|im_end|><|im", 33},
        {"bpe_gpt2",
         "\x10"
         "1234 hello \xe2\x80\x8a x",
         18},
        {"bpe_bad_utf8", "\2h\xff\xe2\x82\xed\xa0\x80\xc0\x80\xf5", 11},
        {"scored_words", "\6 abc ab\xc3\xa9 bca", 15},
        {"scored_bytes", "\4\xc3\xff\n\xf0\x9f\x98", 8},
        {"spm_words", "\xd2 the hello\n\n12 <turn>\xe2\x96\x81 <0x41>\xe4\xbd\xa0", 32},
        {"spm_space", "\xe1 the</s>hello\xe2", 18},
        {"rwkv_words", "\xf1 hello world\n\n12\\x<end>\xe4\xbd", 26},
        {"empty", "\2", 1},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        save("tokenizer", texts[i].name, texts[i].text, texts[i].n);
    size_t n;
    uint8_t *bytes = llama2c_build_tokenizer(&n), *with_choice = malloc(n + 1);
    if (!with_choice)
        abort();
    with_choice[0] = 8;
    memcpy(with_choice + 1, bytes, n);
    save("tokenizer", "llama2c_file", with_choice, n + 1);
    free(with_choice);
    free(bytes);
}

static void save_vocab(const char *name, struct gguf_build *b)
{
    size_t n;
    const uint8_t *bytes = gguf_build_bytes(b, &n);
    save("vocab", name, bytes, n);
    gguf_build_free(b);
}

static void make_vocab(void)
{
    static const char *const pieces[] = {"a", "", "\xe2\x96\x81", "a", "<0x41>", "<0x4"};
    static const float scores[] = {0, -1, -2, 1e30f, -1e30f, 0};
    static const int32_t kinds[] = {1, 2, 3, 4, 5, 6};
    struct gguf_build *b = gguf_build_new();
    gguf_build_vocab(b, "llama-bpe");
    save_vocab("bpe", b);
    b = gguf_build_new();
    gguf_build_vocab(b, "no-such");
    save_vocab("unknown_pre", b);
    b = gguf_build_new();
    gguf_build_vocab_spm(b, true);
    save_vocab("spm", b);
    b = gguf_build_new();
    gguf_build_vocab_rwkv(b);
    save_vocab("rwkv", b);
    static const char *const models[] = {"llama", "gpt2", "rwkv", "t5"};
    for (size_t i = 0; i < 4; i++) {
        b = gguf_build_new();
        gguf_build_str(b, "tokenizer.ggml.model", models[i]);
        gguf_build_str(b, "general.name", "Phi-3");
        gguf_build_strs(b, "tokenizer.ggml.tokens", pieces, 6);
        gguf_build_f32s(b, "tokenizer.ggml.scores", scores, 6);
        gguf_build_i32s(b, "tokenizer.ggml.token_type", kinds, 6);
        gguf_build_strs(b, "tokenizer.ggml.merges", pieces, 0);
        gguf_build_u32(b, "tokenizer.ggml.unknown_token_id", 5);
        char name[16];
        snprintf(name, sizeof(name), "odd_%s", models[i]);
        save_vocab(name, b);
    }
}

static void make_templates(void)
{
#define FAMILY(name, source, first, later)    {name, source},
#define CONSTRUCT(name, source, text)         {name, source},
    static const struct {
        const char *name, *source;
    } templates[] = {
#include "chat_families.def"
    };
    for (size_t i = 0; i < sizeof(templates) / sizeof(*templates); i++) {
        char name[64];
        snprintf(name, sizeof(name), "%s", templates[i].name);
        for (char *p = name; *p; p++)
            *p = *p == ' ' || *p == ',' ? '_' : *p;
        save("template", name, templates[i].source, strlen(templates[i].source));
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s tests/fuzz/corpus\n", argv[0]);
        return 2;
    }
    root = argv[1];
    make_gguf();
    make_tokenizer();
    make_vocab();
    make_templates();
    return 0;
}
