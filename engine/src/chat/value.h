/** value.h (chat templates) - values, the machine that holds them, and text. All memory of a rendering is freed at its end. */
#ifndef ENG_CHAT_VALUE_H
#define ENG_CHAT_VALUE_H

#include "base/error.h"

enum eng_tv_kind { TV_UNDEFINED, TV_NONE, TV_BOOL, TV_INT, TV_STR, TV_LIST, TV_DICT, TV_MACRO, TV_FUNC };

struct eng_tv_list;
struct eng_tv_dict;

struct eng_tv { /* immutable, but for dictionaries made by namespace() */
    enum eng_tv_kind kind;
    int64_t i;     /* BOOL, INT; MACRO: its segment; FUNC: its row */
    const char *s; /* STR: n bytes, not NUL-terminated; UNDEFINED, FUNC: the name that was looked for */
    size_t n;
    struct eng_tv_list *list;
    struct eng_tv_dict *dict;
};

struct eng_tv_list {
    struct eng_tv *items;
    size_t n;
};

struct eng_tv_pair {
    const char *key;
    size_t n_key;
    struct eng_tv value;
};

struct eng_tv_dict {
    struct eng_tv_pair *pairs;
    size_t n, cap;
};

struct eng_tv_text { /* grows; NUL-terminated */
    char *data;
    size_t n, cap;
};

struct eng_tv_variable {
    const char *name;
    size_t n_name;
    struct eng_tv value;
};

enum { TV_MAX_STEPS = 200000, TV_MAX_BYTES = 32 << 20, TV_MAX_DEPTH = 48, TV_MAX_VARIABLES = 512 };

struct eng_tm { /* the machine */
    int rc; /* of the first failure; nothing has an effect after it */
    struct eng_error *err;
    uint32_t n_steps, depth;
    size_t n_bytes;                /* allocated so far */
    struct eng_tm_chunk *chunks;
    struct eng_tv_text *out;       /* where text goes now */
    struct eng_tv_variable vars[TV_MAX_VARIABLES];
    size_t n_vars;
    size_t scope;                  /* assignments reach back to here */
    size_t frame;                  /* names reach back to here, then the globals */
    size_t n_global;               /* variables of the outermost scope; SIZE_MAX while it is the current one */
    const struct eng_tm_program *program;
};

/** eng_tm_fail() - remember the first failure. Formats like printf. */
void eng_tm_fail(struct eng_tm *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** eng_tm_step() - count one step; false when the rendering is over. */
bool eng_tm_step(struct eng_tm *t);
void *eng_tm_alloc(struct eng_tm *t, size_t n_bytes); /* zeroed; on failure a failure is remembered and NULL comes back */
void eng_tm_free(struct eng_tm *t);

void eng_tm_write(struct eng_tm *t, struct eng_tv_text *out, const char *s, size_t n);
/** eng_tm_print() - as {{ }} and ~ do: true is True, none is None, undefined is nothing. Lists and dictionaries cannot be printed here. */
void eng_tm_print(struct eng_tm *t, struct eng_tv_text *out, struct eng_tv v);

struct eng_tv eng_tv_str(const char *s, size_t n);
struct eng_tv eng_tv_int(int64_t i);
struct eng_tv eng_tv_bool(bool b);
struct eng_tv eng_tv_undefined(const char *name, size_t n);
struct eng_tv eng_tm_list(struct eng_tm *t, const struct eng_tv *items, size_t n); /* copied */
struct eng_tv eng_tm_dict(struct eng_tm *t);
void eng_tm_dict_set(struct eng_tm *t, struct eng_tv dict, const char *key, size_t n_key, struct eng_tv value);
const struct eng_tv *eng_tv_dict_get(struct eng_tv dict, const char *key, size_t n_key); /* NULL: absent */

bool eng_tv_true(struct eng_tv v);
bool eng_tv_equal(struct eng_tv a, struct eng_tv b);
bool eng_tv_is(struct eng_tv v, const char *text); /* a STR equal to text */
static inline bool eng_tv_named(const char *name, size_t n, const char *text)
{
    return __builtin_strlen(text) == n && __builtin_memcmp(name, text, n) == 0;
}

/** eng_tm_get() - a variable, or a function, or undefined. eng_tm_set() assigns in the current scope. */
struct eng_tv eng_tm_get(struct eng_tm *t, const char *name, size_t n);
void eng_tm_set(struct eng_tm *t, const char *name, size_t n, struct eng_tv value);

#endif
