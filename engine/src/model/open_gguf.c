/* open_gguf.c - a GGUF file as a model: which family, and what is common to all; the rest is arch/'s. */
#include <string.h>

#include "arch/load.h"
#include "model/open.h"
#include "model/weights.h"

/* @absent when the file does not have it. */
static const char *read_text(struct eng_load *l, const char *key, const char *absent)
{
    struct eng_gguf_str s = {0};
    if (l->rc == ENG_OK)
        l->rc = eng_gguf_get_str(l->g, key, false, &s, l->err);
    if (l->rc != ENG_OK || !s.data)
        return absent;
    const char *text = eng_arena_text(l->arena, s.data, s.n);
    if (!text)
        eng_load_fail(l, ENG_ENOMEM, "no memory for the model");
    return text;
}

static void read_texts(struct eng_load *l)
{
    struct eng_model_info *info = &l->m->info;
    info->name = read_text(l, "general.name", "");
    info->tokenizer = read_text(l, "tokenizer.ggml.model", "");
    info->pre = read_text(l, "tokenizer.ggml.pre", "");
    info->chat_template = read_text(l, "tokenizer.chat_template", NULL);
}

static void find_arch(struct eng_load *l)
{
    char names[280];
    const char *arch = l->m->info.arch = read_text(l, "general.architecture", NULL);
    if (!arch) {
        eng_load_fail(l, ENG_EFORMAT, "key 'general.architecture' is missing");
        return;
    }
    l->arch = l->m->arch = eng_arch_find(arch);
    if (!l->arch)
        eng_load_fail(l, ENG_ENOTSUP, "architecture '%.32s' is not supported; known are %s", arch, eng_arch_names(names, sizeof names));
}

static void count_stored(struct eng_load *l)
{
    struct eng_model_info *info = &l->m->info;
    for (uint64_t i = 0; i < l->g->n_tensors; i++) {
        const struct eng_gguf_tensor *t = &l->g->tensors[i];
        info->n_params += t->n_elems;
        eng_share_add(info->stored, (enum eng_type)t->type, 1, t->n_elems, t->n_bytes);
    }
}

static void load_weights(struct eng_load *l)
{
    l->used = eng_load_alloc(l, (size_t)l->g->n_tensors, sizeof *l->used);
    if (l->rc == ENG_OK)
        eng_load_tensors(l);
    if (l->rc == ENG_OK)
        count_stored(l);
}

/* As many as the vocabulary will have: matrices are checked against it before it is read. What is wrong with the list it says itself. */
static uint32_t count_tokens(const struct eng_gguf *g)
{
    const struct eng_gguf_kv *tokens;
    if (eng_gguf_get_array(g, "tokenizer.ggml.tokens", false, ENG_GGUF_STRING, &tokens, NULL) != ENG_OK || !tokens || tokens->n > INT32_MAX)
        return 0;
    return (uint32_t)tokens->n;
}

int eng_open_gguf(struct eng_model *model, const struct eng_mapped_file *file, struct eng_opening *rest, struct eng_error *err)
{
    struct eng_opening here = {0}, *o = rest ? rest : &here;
    const int rc = eng_gguf_parse(&o->g, file->label, file->data, file->n_bytes, err);
    if (rc != ENG_OK)
        return rc;
    o->parsed = true;
    struct eng_load l = {.g = &o->g, .m = model, .arena = model->arena, .err = err};
    if (model->vocab_only)
        model->info.arch = read_text(&l, "general.architecture", "");
    else
        find_arch(&l);
    if (l.rc == ENG_OK && !model->vocab_only)
        eng_load_hparams(&l);
    if (l.rc == ENG_OK) {
        model->hp.n_vocab = count_tokens(&o->g);
        eng_vocab_reading_begin(&o->vocab, &o->g, rest != NULL, model->arena);
    }
    if (l.rc == ENG_OK && !model->vocab_only)
        load_weights(&l);
    read_texts(&l);
    return rest ? l.rc : eng_open_gguf_end(model, o, l.rc, err);
}

int eng_open_gguf_end(struct eng_model *model, struct eng_opening *rest, int rc, struct eng_error *err)
{
    if (rest->vocab.begun) {
        const int rc_vocab = eng_vocab_reading_end(&rest->vocab, &model->vocab, &model->vocab_arena, err);
        rc = rc_vocab != ENG_OK ? rc_vocab : rc;
    }
    if (rest->parsed && rc == ENG_OK)
        eng_fill_info(model);
    if (rest->parsed)
        eng_gguf_release(&rest->g);
    rest->parsed = rest->vocab.begun = false;
    return rc;
}
