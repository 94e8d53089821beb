/**
 * mutants.h - damaged copies of a model file, one after the other, each opened and run in a process of its own. A copy must be refused, or run as
 * the file that it was made from: a constant that is NaN, negative or absurd and changes the logits was used without a look.
 *
 * Every mutant is a number: the same file and number give the same bytes. First come the fields of the header with special values (counts,
 * lengths, types, offsets, dimensions, each number behind a key: zero, one, -1, the extremes; NaN, infinities, negative and huge
 * floats), then cuts, then random bytes of the header.
 */
#ifndef ENG_TESTS_MUTANTS_H
#define ENG_TESTS_MUTANTS_H

#include <stddef.h>
#include <stdint.h>

enum mutant_end {
    MUTANT_REFUSED,    /* an error at open, with a sentence */
    MUTANT_SAME,       /* runs; logits are those of the file */
    MUTANT_STOPPED,    /* opened; the session or a call of it was refused with a sentence */
    MUTANT_DIFFERS,    /* runs, other logits; expected of weights, text and of sizes that a file may choose */
    MUTANT_BAD_CONSTANT, /* differs, or gives what is no number, after a float became NaN, infinite or negative */
    MUTANT_NO_MEMORY,  /* needed more than twice the file and 64 MiB */
    MUTANT_SLOW,       /* was not done in 10 s of CPU time */
    MUTANT_CRASHED,
    MUTANT_ENDS
};
extern const char *const mutant_end_names[MUTANT_ENDS];

struct mutant_field { uint64_t offset; uint32_t n_bytes; int is_float; char name[80]; };

struct mutants {
    const uint8_t *bytes; /* borrowed */
    size_t n_bytes, n_header;
    struct mutant_field *fields;
    size_t n_fields;
    uint64_t n_special;   /* mutants with number below this are fields x values */
};

/** mutants_open() - false when the file itself is no GGUF. mutants_close() releases. */
int mutants_open(struct mutants *m, const uint8_t *bytes, size_t n_bytes);
void mutants_close(struct mutants *m);

/** mutant_make() - into out[n_bytes of the file]; returns its length; @what[160] says what was done. */
size_t mutant_make(const struct mutants *m, uint64_t number, uint8_t *out, char what[160], int *bad_float);

/** mutant_try() - open and run mutant @number in a child process; @sentence[400] is what was said, or "". */
enum mutant_end mutant_try(const struct mutants *m, uint64_t number, char what[160], char sentence[400]);

#endif
