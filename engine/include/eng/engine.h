/**
 * eng/engine.h - the bundled inference engine: open a model, tokenize, evaluate, generate. All that a user needs.
 *
 * The engine is a library: it never prints, never exits, knows nothing of benchmarks. Functions return ENG_OK or a negative
 * ENG_E* with a one-line sentence in struct eng_error. All stamps are CLOCK_MONOTONIC_RAW in ns.
 *
 *     struct eng_model *m; struct eng_session *s; struct eng_error e;
 *     eng_model_open(&m, "model.gguf", NULL, &e);
 *     eng_session_open(&s, m, NULL, &e);
 *     eng_generate(s, &request, &result, &e);
 *     eng_session_close(s); eng_model_close(m);
 *
 * Thread: a model is read-only after open and may serve several sessions in several threads; a session belongs to one thread.
 */
#ifndef ENG_ENGINE_H
#define ENG_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ENG_MUST_CHECK __attribute__((warn_unused_result))

enum eng_status {
    ENG_OK = 0,
    ENG_EINVAL = -1,   /* the caller gave something that cannot be used */
    ENG_ENOMEM = -2,
    ENG_EIO = -3,
    ENG_EFORMAT = -4,  /* a damaged file, or not the expected format */
    ENG_ENOTSUP = -5,  /* valid, but not offered here */
    ENG_ELIMIT = -6,   /* context or buffer too small */
    ENG_ENAN = -7,     /* a logit is not a number */
    ENG_ECANCELED = -8 /* a callback asked to stop */
};

struct eng_error {
    int code;
    char text[700];    /* one line, no newline */
};

/* ---- types ---------------------------------------------------------------------------------------------------- */

/* Numbers are GGUF's tensor type ids (ggml's enum ggml_type). */
enum eng_type {
    ENG_TYPE_F32 = 0, ENG_TYPE_F16 = 1, ENG_TYPE_BF16 = 30,
    ENG_TYPE_Q4_0 = 2, ENG_TYPE_Q4_1 = 3, ENG_TYPE_Q5_0 = 6, ENG_TYPE_Q5_1 = 7, ENG_TYPE_Q8_0 = 8,
    ENG_TYPE_Q2_K = 10, ENG_TYPE_Q3_K = 11, ENG_TYPE_Q4_K = 12, ENG_TYPE_Q5_K = 13, ENG_TYPE_Q6_K = 14,
    ENG_TYPE_IQ2_XXS = 16, ENG_TYPE_IQ2_XS = 17, ENG_TYPE_IQ2_S = 22, ENG_TYPE_IQ3_XXS = 18, ENG_TYPE_IQ3_S = 21,
    ENG_TYPE_IQ1_S = 19, ENG_TYPE_IQ1_M = 29, ENG_TYPE_IQ4_NL = 20, ENG_TYPE_IQ4_XS = 23,
    ENG_TYPE_TQ1_0 = 34, ENG_TYPE_TQ2_0 = 35, ENG_TYPE_MXFP4 = 39, ENG_TYPE_NVFP4 = 40, ENG_TYPE_Q1_0 = 41, ENG_TYPE_Q2_0 = 42,
    ENG_TYPE_LIMIT = 64
};

const char *eng_type_name(enum eng_type type); /* "q4_1"; "unknown" */

/* ---- methods: the choices of an axis --------------------------------------------------------------------------- */

enum eng_family { ENG_FAMILY_BACKEND, ENG_FAMILY_QUANT, ENG_FAMILY_ACT, ENG_FAMILY_CACHE, ENG_FAMILY_EXIT, ENG_FAMILY_REDUCE, ENG_FAMILY_N };

struct eng_method_param {
    const char *name;  /* NULL ends the list */
    int64_t def, min, max;
    const char *help;
};

struct eng_method_info {
    const char *name, *summary;
    const struct eng_method_param *params; /* at most ENG_METHOD_PARAMS rows and the end row */
    const char *unavailable;               /* NULL: can be used here; else the reason, for humans */
};

#define ENG_METHOD_PARAMS 8

struct eng_method { /* a parsed choice, e.g. verify:layer=20,draft=4 */
    const struct eng_method_info *info;
    int64_t value[ENG_METHOD_PARAMS]; /* in the order of info->params, defaults filled in */
};

/** eng_methods() - all methods of a family; static storage; *n receives the count. Backends are probed on the first call. */
const struct eng_method_info *const *eng_methods(enum eng_family family, size_t *n);

/** eng_method_parse() - "name[:key=value,...]". ENG_EINVAL names the nearest known name or key and the allowed range.
 *  An unavailable method parses (so that a plan can be stored and its cell skipped with info->unavailable). */
int eng_method_parse(enum eng_family family, const char *text, struct eng_method *out, struct eng_error *err) ENG_MUST_CHECK;

/** eng_method_format() - canonical text with every parameter in row order, into buf[cap]; returns buf. */
char *eng_method_format(const struct eng_method *method, char *buf, size_t cap);

/** eng_methods_conflict() - NULL when these choices can run together, else the reason (static storage).
 *  Example: verify needs to rewind the cache, which streaming has already thrown away. */
const char *eng_methods_conflict(const struct eng_method choice[ENG_FAMILY_N]);

/* ---- observer and operator trace --------------------------------------------------------------------------------- */

enum eng_mark {
    ENG_MARK_LOAD_BEGIN, ENG_MARK_LOAD_END,
    ENG_MARK_REQUEST_BEGIN,
    ENG_MARK_TOKENIZE_BEGIN, ENG_MARK_TOKENIZE_END,     /* value: tokens */
    ENG_MARK_PREFILL_BEGIN, ENG_MARK_PREFILL_END,       /* value: tokens */
    ENG_MARK_TOKEN,                                     /* index: 0.. ; value: token id; stamped when the id is known */
    ENG_MARK_DETOKENIZE_BEGIN, ENG_MARK_DETOKENIZE_END,
    ENG_MARK_REQUEST_END,                               /* value: tokens generated */
    ENG_MARK_N
};

struct eng_observer { /* called in the timed region: must be O(1) */
    void (*mark)(void *user, enum eng_mark what, uint32_t index, int64_t value, uint64_t t_ns);
    void *user;
};

struct eng_op_trace { /* one executed operator */
    const char *op;            /* "matmul", "rms_norm", "layer_norm", "rope", "attention", "silu_mul", "gelu", "add", "embed", "store_kv" ...
                                * recurrent layers: "conv" (n channels, k taps), "ssm_scan", "wkv" (n channels, k states each), "shift", "lerp" ... */
    const char *tensor;        /* "attn_q", "ffn_down", "output", ""; static storage */
    int layer;                 /* -1 outside the layers */
    uint32_t m, n, k;          /* matmul: y[m tokens][n rows] over k columns; attention: m queries, n = cached tokens, k = head size x heads */
    enum eng_type w_type, a_type, y_type;
    uint64_t bytes_read, bytes_written; /* operands each counted once */
    uint64_t t_begin_ns, t_end_ns;
};

struct eng_tracer { /* NULL or op == NULL: off, at no cost */
    void (*op)(void *user, const struct eng_op_trace *trace);
    void *user;
};

uint64_t eng_clock_ns(void); /* CLOCK_MONOTONIC_RAW */

/* ---- model --------------------------------------------------------------------------------------------------------- */

struct eng_model;

struct eng_model_params { /* zeroed = defaults */
    const char *quant;           /* method of ENG_FAMILY_QUANT: NULL or "file", or a format of eng/quantize.h: "q4_k_m" */
    uint32_t n_threads;          /* for requantizing and packing; 0 = 1 */
    const char *cpu_mask;        /* where those threads run: see struct eng_session_params */
    struct eng_observer observer;/* LOAD_BEGIN, LOAD_END */
    bool vocab_only;             /* no weights, any architecture: for text and ids; such a model opens no session */
};

struct eng_type_share { enum eng_type type; uint32_t n_tensors; uint64_t n_weights, n_bytes; };

struct eng_model_info { /* all borrowed from the model */
    const char *arch, *name;     /* "llama"; general.name or "" */
    const char *tokenizer, *pre; /* "gpt2", "smollm" */
    const char *chat_template;   /* NULL when the file has none */
    uint32_t n_layers, n_ctx_train, d_model, n_heads, n_heads_kv, d_head, d_ff, n_vocab;
    bool tied_head;
    int32_t bos, eos, pad;       /* -1: none */
    bool add_bos;
    uint64_t n_params, file_bytes;
    uint64_t weight_bytes;       /* as executed: after requantization, before any packing */
    struct eng_type_share stored[8], executed[8]; /* by type, most bytes first; n_tensors 0 ends; rows beyond 8 are summed in the last */
};

/** eng_model_open() - GGUF v2/v3, or llama2.c's .bin (its tokenizer is looked for as tok512.bin / tokenizer.bin beside it).
 *  @params may be NULL. Every count, offset, type and key is checked before use; a damaged file is ENG_EFORMAT with what and at
 *  which offset. On failure *out is NULL. Close with eng_model_close(). */
int eng_model_open(struct eng_model **out, const char *path, const struct eng_model_params *params, struct eng_error *err) ENG_MUST_CHECK;
void eng_model_close(struct eng_model *model); /* accepts NULL */

/** eng_model_settle() - this model will run for long: move its weights into huge pages where the system has them (Linux 6.1). Once about half a
 *  millisecond a MiB; decoding is some percent faster afterwards, bits are the same. Returns the bytes of weights that lie in huge pages now. One
 *  thread; sessions may be open, but must not compute meanwhile. */
uint64_t eng_model_settle(struct eng_model *model);
const struct eng_model_info *eng_model_info(const struct eng_model *model);

/* ---- tokenizer ------------------------------------------------------------------------------------------------------- */

enum eng_tokenize_flags {
    ENG_TOKENIZE_SPECIAL = 1, /* special tokens written in the text are recognised */
    ENG_TOKENIZE_BOS = 2,     /* add BOS in front where the model asks for it (info.add_bos) */
};

/** eng_tokenize() - @text[n_bytes], any bytes (invalid UTF-8 never fails). Writes up to @cap ids to @ids and the full count to
 *  *n; ENG_ELIMIT when cap was too small (call again). Never more than n_bytes + 2 tokens. ENG_ENOTSUP: the model opened, but its
 *  tokenizer or pre-tokenizer is none that we know; the error names it and those we know. Reentrant. */
int eng_tokenize(const struct eng_model *model, const char *text, size_t n_bytes, unsigned flags, int32_t *ids, size_t cap, size_t *n,
                 struct eng_error *err) ENG_MUST_CHECK;

enum eng_detokenize_flags {
    ENG_DETOKENIZE_SPECIAL = 1, /* control and unknown tokens are printed too */
    ENG_DETOKENIZE_START = 2,   /* a text begins with @ids: a space that its tokenizer put in front is left out, as it is behind a hidden BOS */
};

/** eng_detokenize() - bytes of @ids into buf[cap], NUL-terminated when room; *n_bytes receives the full length. Exact: no clean-up of
 *  spaces, no repair of UTF-8. ENG_ELIMIT when cap was too small; ids outside the vocabulary are ENG_EINVAL; ENG_ENOTSUP says that the
 *  model's tokenizer is not known. With ENG_DETOKENIZE_SPECIAL alone an id's bytes do not depend on its neighbours: the texts of ids one by
 *  one make the text of all, which is how a text is shown while it comes. Reentrant. */
int eng_detokenize(const struct eng_model *model, const int32_t *ids, size_t n_ids, unsigned flags, char *buf, size_t cap, size_t *n_bytes,
                   struct eng_error *err) ENG_MUST_CHECK;

struct eng_tensor_info { /* a weight matrix as it is executed */
    char name[48];               /* as in GGUF: "blk.3.ffn_down.weight" */
    enum eng_type type, stored_type;
    uint64_t n_rows, n_cols, n_bytes, stored_bytes; /* n_bytes before packing; stored: as in the file */
};

/** eng_model_tensor() - matrix @i of the model, from 0: embedding, then layer by layer, then an untied head; false past the last.
 *  Vectors (norms, biases) are executed as f32 and are not listed. */
bool eng_model_tensor(const struct eng_model *model, uint32_t i, struct eng_tensor_info *tensor);

bool eng_token_is_eog(const struct eng_model *model, int32_t id); /* end of text, turn or message */

/* ---- chat ------------------------------------------------------------------------------------------------------------- */

/** eng_chat_turn() - text that makes the model answer one user turn, by the model's own chat template, into buf[cap].
 *  @first: the conversation starts: with a default system turn where the template writes one (there is no other system text), and without the
 *  BOS token where the tokenizer adds it (info.add_bos); otherwise the text also closes the assistant turn that was just generated.
 *  Tokenize it with ENG_TOKENIZE_SPECIAL, the first one with ENG_TOKENIZE_BOS too.
 *  The template is run, not recognised: the part of Jinja that such templates use, the date always 26 July 2024. ENG_ENOTSUP names what
 *  it uses that is not known here, or says why it refuses: never guessed. */
int eng_chat_turn(const struct eng_model *model, bool first, const char *user_text, char *buf, size_t cap, size_t *n_bytes,
                  struct eng_error *err) ENG_MUST_CHECK;

/* ---- session ------------------------------------------------------------------------------------------------------------ */

struct eng_session;

struct eng_session_params { /* zeroed = defaults */
    uint32_t n_seq;           /* sequences (below); 0 = 1 */
    uint32_t n_ctx;           /* tokens in the cache, of all sequences together; 0 = min(model, 2048). A reduction method may need fewer */
    uint32_t n_batch;         /* tokens per prefill batch; 0 = 512 */
    uint32_t n_threads;       /* 0 = 1. No more work than there are usable processors (affinity, cgroup quota) */
    const char *cpu_mask;     /* NULL or "cores": a thread a core, fast kinds first, memory node after node; "all": wherever the system
                                 puts them; "performance", "efficiency": a kind of cores; "0x5", "0-3+8": within these processors.
                                 The thread that opens the session is placed too, until it closes it */
    const char *backend;      /* methods; NULL = cpu, q8, f16, f16, none, none */
    const char *act;          /* "q8" or "f32" */
    const char *cache_type_k, *cache_type_v; /* "f16", "f32", "q8_0" or "q4_0" (quantized: head sizes that 32 divides) */
    const char *early_exit, *token_reduction;
    struct eng_observer observer;
    struct eng_tracer tracer;
};

int eng_session_open(struct eng_session **out, struct eng_model *model, const struct eng_session_params *params, struct eng_error *err) ENG_MUST_CHECK;
void eng_session_close(struct eng_session *session); /* accepts NULL */

/** eng_cpu_mask_check() - can threads be placed so here? ENG_EINVAL: the text means nothing; ENG_ENOTSUP: which processor or kind is not here. */
int eng_cpu_mask_check(const char *cpu_mask, struct eng_error *err) ENG_MUST_CHECK;

struct eng_session_info {
    uint64_t kv_bytes, scratch_bytes;
    uint32_t n_ctx, n_kept, n_seen; /* cache slots; tokens kept now; tokens evaluated since reset */
    uint64_t n_drafted, n_accepted; /* since open */
    const char *kernels;            /* names of the kernel set in use, e.g. "avx512vnni" */
};
void eng_session_info(const struct eng_session *session, struct eng_session_info *info);

struct eng_memory_need {   /* bytes resident in a process, the program itself not counted */
    uint64_t weight_bytes; /* as eng_model_info() will say */
    uint64_t held_bytes;   /* weights as they stay: packed or requantized copies; where there is none, the file's pages, all of them read */
    uint64_t load_bytes;   /* the same while the matrix is prepared that takes most, with what it is made from */
    uint64_t rows_bytes;   /* embeddings looked up where the file is mapped, as a text of n_ctx tokens may need them: the one estimate here */
    uint64_t model_bytes;  /* the file's header, vocabulary, norms */
    uint64_t kv_bytes, scratch_bytes; /* as eng_session_info() will say */
    uint64_t peak_bytes;   /* model_bytes + the greater of loading and decoding. More can come: drafts and scores use up to 15 n_vocab floats,
                            * and Linux 6.18 maps a whole folio of the file (megabytes) where one page is read */
};

/** eng_memory_need() - what eng_model_open() and eng_session_open() with these parameters would take, by the code that takes it, without
 *  reading a weight. n_ctx beyond the model's is the model's, as callers that know it would ask. Errors are theirs. */
int eng_memory_need(struct eng_memory_need *need, const char *path, const struct eng_model_params *model, const struct eng_session_params *session,
                    struct eng_error *err) ENG_MUST_CHECK;

/** eng_session_reset() - forget all tokens, of all sequences. */
void eng_session_reset(struct eng_session *session);

/** eng_session_rewind() - keep the first n_keep tokens only. ENG_ENOTSUP under a reduction method that has dropped some. */
int eng_session_rewind(struct eng_session *session, uint32_t n_keep, struct eng_error *err) ENG_MUST_CHECK;

/** eng_eval() - append @ids[n] (n >= 1) to the cache. @logits: NULL, or [n][n_vocab] for every position.
 *  Logits of the last position stay readable through eng_logits() until the next call. ENG_ELIMIT when the cache is full,
 *  ENG_ENAN when the last logits are not finite. n <= 16: bit-identical to n single calls. */
int eng_eval(struct eng_session *session, const int32_t *ids, size_t n, float *logits, struct eng_error *err) ENG_MUST_CHECK;
const float *eng_logits(const struct eng_session *session); /* [n_vocab]; NULL before the first eng_eval() */

/* ---- sequences ---------------------------------------------------------------------------------------------------------- */

/*
 * A session opened with n_seq > 1 holds that many sequences, 0 to n_seq - 1, empty at first. eng_eval(), eng_generate(), eng_score() and
 * eng_session_rewind() work on sequence 0. The cache consists of pages of 64 tokens; n_ctx tokens always fit, however the sequences
 * divide them, and tokens that a fork shares count once: a page is copied only when one of its owners writes into it.
 */
struct eng_batch_token {
    int32_t id;
    uint32_t seq;
    bool want_logits;
};

/** eng_eval_batch() - append tokens to their sequences, in one pass as far as n_batch goes. A sequence's tokens must stand together in
 *  tokens[n] (n >= 1). @logits: NULL, or [tokens that want logits][n_vocab], in the order of tokens. n <= 16: each token has the bits
 *  that it gets in a batch of its own. ENG_EINVAL (an id, a sequence, the order) and ENG_ELIMIT (a sequence of n_ctx tokens, or no page
 *  left) leave every sequence as it was; ENG_ENAN (a wanted logit) does not. eng_logits() is NULL afterwards. */
int eng_eval_batch(struct eng_session *session, const struct eng_batch_token *tokens, size_t n, float *logits, struct eng_error *err) ENG_MUST_CHECK;

/** eng_seq_fork() - @to becomes the first n_keep tokens of @from, sharing its pages; what @to held is forgotten. O(pages). ENG_EINVAL for
 *  sequences out of range or n_keep > length; ENG_ENOTSUP for fewer tokens than all when a reduction method has dropped some or
 *  the model keeps a running state (0 is always possible). from == to: as eng_seq_rewind(). */
int eng_seq_fork(struct eng_session *session, uint32_t from, uint32_t to, uint32_t n_keep, struct eng_error *err) ENG_MUST_CHECK;

/** eng_seq_rewind() - keep the first n_keep tokens only; errors as for eng_seq_fork(). Its other pages are free again. */
int eng_seq_rewind(struct eng_session *session, uint32_t seq, uint32_t n_keep, struct eng_error *err) ENG_MUST_CHECK;

void eng_seq_reset(struct eng_session *session, uint32_t seq);                  /* forget its tokens; out of range: nothing */
uint32_t eng_seq_length(const struct eng_session *session, uint32_t seq);       /* tokens evaluated since reset; out of range: 0 */

struct eng_sampling { float temperature, top_p; uint32_t top_k; uint64_t seed; }; /* temperature 0: greedy; top_k 0, top_p 0 or 1: off */

/** eng_sample() - draw one id from logits[n_vocab]. *state is the generator (start it with the seed). Allocation-free after
 *  eng_session_open(). Order: top-k, softmax with temperature, top-p, draw. */
int32_t eng_sample(struct eng_session *session, const float *logits, const struct eng_sampling *how, uint64_t *state);

struct eng_generate_request {
    const char *text;         /* prompt, or NULL and ids */
    size_t n_text;
    unsigned tokenize_flags;
    const int32_t *ids;       /* [n_ids] already tokenized */
    size_t n_ids;
    uint32_t max_gen;
    bool ignore_eos;          /* go on to max_gen; end-of-text tokens are ordinary output */
    struct eng_sampling sampling;
    /* Optional; false = stop. After the mark of each token that is output; drafts accepted together come one after the other. */
    bool (*on_token)(void *user, int32_t id);
    void *user;
};

struct eng_generate_result { /* arrays are the caller's */
    int32_t *ids;  size_t cap_ids;  uint32_t n_gen;
    char *text;    size_t cap_text; size_t n_text;  /* as by ENG_DETOKENIZE_SPECIAL; NULL: none */
    uint32_t n_prompt;        /* tokens evaluated as prompt */
    uint32_t n_drafted, n_accepted;
    bool stopped_at_eog;
};

/** eng_generate() - tokenize, prefill on top of what the cache holds, decode. Marks go to the observer. Early exit and token
 *  reduction as the session says. The last generated token is not in the cache yet: the next call evaluates it first. */
int eng_generate(struct eng_session *session, const struct eng_generate_request *rq, struct eng_generate_result *rs, struct eng_error *err) ENG_MUST_CHECK;

/** eng_score() - sum of ln p(ids[i] | ids[0..i-1]) over i in [n_context, n_ids), n_context >= 1, cache reset first.
 *  *greedy: every such token was the arg-max (ties: lowest id). Softmax in double. */
int eng_score(struct eng_session *session, const int32_t *ids, size_t n_ids, size_t n_context, double *log_likelihood, bool *greedy,
              struct eng_error *err) ENG_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
