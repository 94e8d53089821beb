/** golden_text.h (tests) - recorded ids and texts against the tokenizer. A difference fails the test and prints both. */
#ifndef ENG_TESTS_GOLDEN_TEXT_H
#define ENG_TESTS_GOLDEN_TEXT_H

#include <jansson.h>

#include "model/model.h"

/** The JSON file @name of the reference data; NULL when it is not there. */
json_t *golden_text_load(const char *name);

bool golden_text_same_ids(const struct eng_model *m, const char *text, size_t n_bytes, unsigned flags, const json_t *want);
void golden_text_check_ids(const struct eng_model *m, const char *text, size_t n_bytes, unsigned flags, const json_t *want);
/** golden_text_check_bytes() - the ids' text; with ENG_DETOKENIZE_SPECIAL alone also id by id. */
void golden_text_check_bytes(const struct eng_model *m, const json_t *ids, unsigned flags, const char *want, size_t n_want);

/** The bytes of a string of hexadecimal digits; malloc'ed. */
char *golden_text_from_hex(const char *hex, size_t *n_bytes);

#endif
