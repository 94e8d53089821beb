/** program.h (chat templates) - a template as a sequence of segments: text, {{ }} and {% %}, with the parts of blocks joined. */
#ifndef ENG_CHAT_PROGRAM_H
#define ENG_CHAT_PROGRAM_H

#include "chat/expr.h"

enum eng_tm_kind {
    TM_TEXT,
    TM_PRINT,
    TM_IF,
    TM_ELIF,
    TM_ELSE,
    TM_ENDIF,
    TM_FOR,
    TM_ENDFOR,
    TM_SET,
    TM_ENDSET,
    TM_MACRO,
    TM_ENDMACRO,
    TM_BREAK,
    TM_CONTINUE,
    TM_NOTHING /* generation, endgeneration: marks for training */
};

struct eng_tm_segment {
    enum eng_tm_kind kind;
    const char *begin, *end; /* text; or what stands between the marks, behind the keyword */
    uint32_t next;           /* TM_IF, TM_ELIF, TM_FOR: the next branch or the end; TM_SET with a block, TM_MACRO: the end */
    uint32_t last;           /* TM_IF .. TM_ELSE, TM_FOR: the end */
};

struct eng_tm_program {
    struct eng_tm_segment *segments;
    uint32_t n;
};

/** eng_tm_cut() - @source[n_bytes] must outlive the program. Failures are @t's. */
void eng_tm_cut(struct eng_tm *t, struct eng_tm_program *program, const char *source, size_t n_bytes);
/** eng_tm_is_block_set() - {% set x %}text{% endset %} */
bool eng_tm_is_block_set(const struct eng_tm_segment *s);

#endif
