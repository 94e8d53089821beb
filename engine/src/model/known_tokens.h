/**
 * known_tokens.h - tokens that are told by their text, whatever a file says of them: which end a generation, and which are control
 * tokens although their type says otherwise. The texts are those that llama.cpp (src/llama-vocab.cpp) knows, and a few more ends.
 */
#ifndef ENG_MODEL_KNOWN_TOKENS_H
#define ENG_MODEL_KNOWN_TOKENS_H

#include <stddef.h>
#include <stdint.h>

struct eng_piece;

/** eng_known_token_kind() - the kind that a token of this text has, @kind being the file's. */
uint8_t eng_known_token_kind(const char *text, size_t n_bytes, uint8_t kind);

/** eng_known_tokens_mark_ends() - sets is_eog of special tokens that end a text, turn or message. */
void eng_known_tokens_mark_ends(struct eng_piece *pieces, uint32_t n_pieces);

#endif
