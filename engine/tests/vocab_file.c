/* vocab_file.c - see vocab_file.h. */
#include "vocab_file.h"

#include <stdio.h>
#include <stdlib.h>

int vocab_bytes_open(struct vocab_file *v, const void *bytes, size_t n_bytes, struct eng_error *why)
{
    struct eng_gguf g;
    *v = (struct vocab_file){.arena = eng_arena_new()};
    int rc = eng_gguf_parse(&g, "vocab", bytes, n_bytes, why);
    if (rc != ENG_OK)
        return rc;
    rc = eng_vocab_from_gguf(&v->m.vocab, &g, v->arena, why);
    eng_gguf_release(&g);
    return rc;
}

void vocab_file_open(struct vocab_file *v, const char *path)
{
    struct eng_mapped_file file;
    struct eng_error err = {0};
    int rc = eng_mapped_file_open(&file, path, &err);
    if (rc == ENG_OK)
        rc = vocab_bytes_open(v, file.data, file.n_bytes, &err);
    if (rc != ENG_OK) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        abort();
    }
    eng_mapped_file_close(&file);
}

void vocab_file_close(struct vocab_file *v)
{
    eng_vocab_release(v->m.vocab);
    eng_arena_free(v->arena);
}
