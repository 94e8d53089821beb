/**
 * golden_run.h (tests) - running a real model against what llama.cpp recorded for it: sessions, ids, greedy text with the rule for ties.
 */
#ifndef ENG_TESTS_GOLDEN_RUN_H
#define ENG_TESTS_GOLDEN_RUN_H

#include <jansson.h>
#include <stdbool.h>

#include "eng/engine.h"

#define GOLDEN_NEAR_TIE 0.02 /* two best logits closer than this: either may be chosen */

/** golden_open_model() - the model file, or NULL with a line printed when @path is NULL. Fails the test when it does not open. */
struct eng_model *golden_open_model(const char *path, const char *name);
/** golden_need() - the model, or the end of this test when it or the data file is absent. */
struct eng_model *golden_need(void **state, const char *below);
struct eng_session *golden_session(struct eng_model *model, struct eng_session_params params);

size_t golden_ids(const json_t *array, int32_t *ids, size_t cap);
int32_t golden_best(const float *logits, uint32_t n);
double golden_larger(double a, double b); /* not fmax(), which passes over a NaN */

/** golden_check_run() - one recorded greedy run, token by token, up to @n_tokens: the same ids, the five best logits within @bound.
 *  True when it was left at a near tie. */
bool golden_check_run(struct eng_session *session, uint32_t n_vocab, const json_t *run, size_t n_tokens, double bound);

#endif
