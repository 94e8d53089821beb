/**
 * pretokenizer.h - cuts text into the words inside which byte-pair merges happen. One row per scheme in pretokenizers.def; the
 * patterns are those that the models were trained with, so a scheme that is not known is refused, never approximated.
 *
 * A scheme is a sequence of steps. A step cuts every piece that the one before left: into its matches, and what lies between them
 * (what Hugging Face calls Split, isolated). A pattern sees its piece only: the piece's end is the end of the text.
 */
#ifndef ENG_MODEL_PRETOKENIZER_H
#define ENG_MODEL_PRETOKENIZER_H

#include "base/error.h"

struct eng_pretokenizer;

struct eng_pretokenizer_rules { /* what else a scheme implies */
    bool ignore_merges;         /* a word that is a token is that token, whatever the merges would make of it */
    bool add_bos;               /* unless the file says otherwise */
};

/** eng_pretokenizer_open() - for scheme @name[n] of GGUF's tokenizer.ggml.pre. ENG_ENOTSUP lists the known ones. */
int eng_pretokenizer_open(struct eng_pretokenizer **out, const char *name, size_t n, struct eng_error *err) ENG_MUST_CHECK;
void eng_pretokenizer_close(struct eng_pretokenizer *p); /* accepts NULL */
struct eng_pretokenizer_rules eng_pretokenizer_rules(const struct eng_pretokenizer *p);

enum { ENG_PRETOKENIZER_STEPS = 6 };

struct eng_split_level { /* one step at work on one piece of the step before */
    size_t begin, pos, end;
    size_t match_end; /* a match [pos, match_end) that was found behind a gap; 0: none */
};

struct eng_splitter { /* walks over texts, one after another; zeroed = closed */
    const struct eng_pretokenizer *pretokenizer;
    void *match_data, *match_context, *jit_stack;
    const char *text; /* valid UTF-8: a copy where the caller's is not */
    size_t n_bytes;
    char *repaired; /* room for a copy, reused */
    size_t cap_repaired;
    bool whole_taken;
    struct eng_split_level level[ENG_PRETOKENIZER_STEPS];
    int failure; /* PCRE2's error code */
};

int eng_splitter_open(struct eng_splitter *s, const struct eng_pretokenizer *p, struct eng_error *err) ENG_MUST_CHECK;
void eng_splitter_close(struct eng_splitter *s); /* safe on zeroed */

/** eng_splitter_begin() - @text is borrowed until the walk ends. Bytes that are no UTF-8 count as symbols, one each. */
int eng_splitter_begin(struct eng_splitter *s, const char *text, size_t n_bytes, struct eng_error *err) ENG_MUST_CHECK;
/** eng_splitter_next() - 1: the next word is [*begin, *end), never empty; 0: the text is over. All words together are the text.
 *  ENG_ELIMIT: PCRE2 gave up (its limits on steps and memory). */
int eng_splitter_next(struct eng_splitter *s, size_t *begin, size_t *end, struct eng_error *err) ENG_MUST_CHECK;

#endif
