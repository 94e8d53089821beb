/** expr.h (chat templates) - expressions, evaluated while they are read; and the tokens that statements are made of. */
#ifndef ENG_CHAT_EXPR_H
#define ENG_CHAT_EXPR_H

#include "chat/call.h"

struct eng_tx { /* a reader of one {{ }} or {% %} */
    struct eng_tm *t;
    const char *p, *end;
    bool off; /* read only: a branch that is not taken has no effect and no failure but in its grammar */
};

void eng_tx_skip_spaces(struct eng_tx *x);
/** eng_tx_symbol() - take this punctuation if it comes next. */
bool eng_tx_symbol(struct eng_tx *x, const char *symbol);
/** eng_tx_word() - take this word if it comes next. */
bool eng_tx_word(struct eng_tx *x, const char *word);
/** eng_tx_name() - take a name; false: none comes. */
bool eng_tx_name(struct eng_tx *x, const char **name, size_t *n);
void eng_tx_expect(struct eng_tx *x, const char *symbol); /* or fail */
bool eng_tx_at_end(struct eng_tx *x);
bool eng_tx_is_name_char(char c, bool first);
/** eng_tx_fail() - with the text at which the reader stands. */
void eng_tx_fail(struct eng_tx *x, const char *what);
/** eng_tx_primary() - a literal, a name, or what stands in brackets. */
struct eng_tv eng_tx_primary(struct eng_tx *x);

struct eng_tv eng_tx_expr(struct eng_tx *x);
/** eng_tx_or() - without the "... if ... else ..." of eng_tx_expr(): what a for loop goes over. */
struct eng_tv eng_tx_or(struct eng_tx *x);
/** eng_tx_tuple() - an expression, or several separated by commas, as a list. */
struct eng_tv eng_tx_tuple(struct eng_tx *x);

/** eng_tm_call_macro() - defined by template.c. */
struct eng_tv eng_tm_call_macro(struct eng_tm *t, struct eng_tv macro, const struct eng_tv_args *args);

#endif
