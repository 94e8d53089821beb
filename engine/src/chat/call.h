/** call.h (chat templates) - filters, tests, methods and functions: one row each in call.c. */
#ifndef ENG_CHAT_CALL_H
#define ENG_CHAT_CALL_H

#include "chat/value.h"

enum { TV_MAX_ARGS = 12 };

struct eng_tv_args {
    struct eng_tv value[TV_MAX_ARGS];
    const char *name[TV_MAX_ARGS]; /* of a keyword argument, or NULL */
    size_t n_name[TV_MAX_ARGS], n;
};

struct eng_tv eng_tm_filter(struct eng_tm *t, const char *name, size_t n, struct eng_tv v, const struct eng_tv_args *args);
bool eng_tm_test(struct eng_tm *t, const char *name, size_t n, struct eng_tv v, const struct eng_tv_args *args);
struct eng_tv eng_tm_method(struct eng_tm *t, const char *name, size_t n, struct eng_tv v, const struct eng_tv_args *args);
/** eng_tm_function() - the function of this name as a value, or undefined. */
struct eng_tv eng_tm_function(const char *name, size_t n);
struct eng_tv eng_tm_call(struct eng_tm *t, struct eng_tv function, const struct eng_tv_args *args);

#endif
