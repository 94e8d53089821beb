/**
 * request.h - what workloads ask and runners answer. Memory: a request's strings belong to the workload and live until its
 * next(); a result's arrays belong to the caller, sized before the timed call, so that running allocates nothing.
 */
#ifndef MB_BASE_REQUEST_H
#define MB_BASE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text_sink.h"

enum mb_request_kind {
    MB_REQUEST_GENERATE, /* prompt in, tokens out */
    MB_REQUEST_SCORE,    /* log-likelihood of continuation after context */
    MB_REQUEST_PERPLEXITY, /* log-likelihood of the scored half of a chunk of text tokens */
    MB_REQUEST_IDLE,     /* nothing for a while: the harness waits itself, runners never see it */
};

struct mb_request {
    enum mb_request_kind kind;
    uint32_t index;        /* within the trial, from 0 */
    const char *item;      /* id of the question, conversation turn, chunk: "arc_easy/12", "chat/3.1" */
    bool fresh;            /* true: forget the cache first. false: continue the conversation */

    /* GENERATE */
    const char *text;      /* prompt, UTF-8, NUL-terminated */
    uint32_t n_prompt;     /* 0: the text as it is; else exactly so many tokens, the text's tokens repeated or cut */
    uint32_t n_depth;      /* with n_prompt: so many tokens of the text are put into the cache first, in prepare(), untimed */
    bool chat;             /* apply the model's chat template: text is one user turn */
    uint32_t max_gen;      /* at most so many tokens */
    bool ignore_eos;       /* end-of-text is not a stop and is never sampled away: generation runs to max_gen */
    float temperature;     /* 0: greedy */
    float top_p;           /* 1: off */
    uint32_t top_k;        /* 0: off */
    uint64_t seed;
    const struct mb_text_sink *on_text; /* set by the harness, NULL in whatever is measured: the text of each token as soon as it is known,
                                         * together exactly result->text; put() in the timed region costs a write */

    /* SCORE: tokens of cont = encode(context + continuation) beyond encode(context) (lm-eval's rule) */
    const char *context, *continuation;

    /* PERPLEXITY: tokens [n_skip, n_skip + n_chunk) of text's tokens; positions n_chunk/2 .. n_chunk-2 predict the next one */
    uint32_t n_skip, n_chunk;

    /* IDLE */
    uint64_t duration_ns;
};

struct mb_result {
    uint32_t *tokens;      /* [cap_tokens] generated ids; caller's */
    size_t cap_tokens;
    uint32_t n_prompt;     /* tokens evaluated for this request */
    uint32_t n_gen;        /* tokens generated */
    char *text;            /* [cap_text] detokenized output, NUL-terminated, cut when too long; caller's */
    size_t cap_text;
    double log_likelihood; /* SCORE, PERPLEXITY: sum over scored tokens, natural log */
    uint32_t n_scored;     /* tokens in that sum; 0 with PERPLEXITY means: past the end of the text */
    bool greedy;           /* SCORE: every continuation token was the arg-max */
    bool stopped_at_eos;   /* GENERATE */
    uint32_t n_drafted, n_accepted; /* early exit by self-speculation */
    uint32_t n_kept, n_seen;        /* tokens in the cache now; tokens that went through it */
};

#endif
