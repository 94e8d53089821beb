/* vocab_reading.c - see vocab_reading.h. */
#include "model/vocab_reading.h"

static void *read_vocab(void *arg)
{
    struct eng_vocab_reading *r = arg;
    r->rc = eng_vocab_from_gguf(&r->vocab, r->g, r->arena, &r->err);
    return NULL;
}

void eng_vocab_reading_begin(struct eng_vocab_reading *r, const struct eng_gguf *g, bool beside, struct eng_arena *arena)
{
    *r = (struct eng_vocab_reading){.g = g, .arena = beside ? eng_arena_new() : NULL, .begun = true};
    r->beside = r->arena && pthread_create(&r->thread, NULL, read_vocab, r) == 0;
    if (r->beside)
        return;
    eng_arena_free(r->arena);
    r->arena = arena;
    read_vocab(r);
}

int eng_vocab_reading_end(struct eng_vocab_reading *r, struct eng_vocab **vocab, struct eng_arena **own_arena, struct eng_error *err)
{
    if (r->beside)
        pthread_join(r->thread, NULL);
    *vocab = r->vocab;
    *own_arena = r->beside ? r->arena : NULL;
    if (r->rc != ENG_OK && err)
        *err = r->err;
    return r->rc;
}
