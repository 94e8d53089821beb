/**
 * dataset.h - questions and conversations from files, into one form whatever their layout. Every fault of a file is one sentence
 * with file and line. Files are read in order and never shuffled: "the first n" is the same n on every machine.
 *
 * Layouts of question files, one JSON object a line:
 *   neutral  {"id": "x", "ctx": "Question: ...\nAnswer:", "cont": [" a", " b"], "gold": 0}; "ctx" may be a list, one per choice;
 *            optional "labels": ["A", "B"]. cont carries its leading space. Other keys are ignored. Shipped sets and your own.
 *   arc      {"id", "question": {"stem", "choices": [{"text", "label"}]}, "answerKey"}: AI2's ARC and OpenBookQA.
 *   piqa     {"goal", "sol1", "sol2"}, and a second file with a label 0 or 1 a line.
 * Context and continuation are those of lm-eval's tasks arc_easy 1.0, openbookqa 1.0 and piqa 1.0.
 */
#ifndef MB_WORKLOADS_DATASET_H
#define MB_WORKLOADS_DATASET_H

#include <stddef.h>
#include <stdint.h>

#include "base/cell.h"
#include "base/error.h"

struct mb_choice {
    char *context;       /* NULL: the question's */
    char *continuation;  /* with its leading delimiter */
    char *label;         /* "A", "1", "sol2" */
    uint32_t n_chars;    /* code points without the delimiter: what acc_norm divides by; > 0 */
};

struct mb_question {
    char *id;
    char *context;       /* NULL when every choice has its own */
    struct mb_choice *choices;
    size_t n_choices;    /* 2 .. 16 */
    size_t gold;         /* index of the right one */
};

struct mb_questions {
    struct mb_question *rows;
    size_t n;
};

enum mb_question_layout { MB_LAYOUT_NEUTRAL, MB_LAYOUT_ARC, MB_LAYOUT_PIQA };

struct mb_question_source {
    enum mb_question_layout layout;
    const char *prompt;  /* with one %s for the question; ARC and PIQA */
    const char *path;
    const char *labels_path; /* PIQA only */
};

/** mb_questions_read() - the first @limit questions (0: all). On failure *out is empty. */
int mb_questions_read(struct mb_questions *out, const struct mb_question_source *source, size_t limit, struct mb_error *err) MB_MUST_CHECK;
void mb_questions_release(struct mb_questions *questions);

struct mb_dialogue { /* what the user says, turn by turn */
    char **turns;
    size_t n_turns;      /* > 0 */
};

struct mb_dialogues {
    struct mb_dialogue *rows;
    size_t n;
};

/** mb_dialogues_read() - a JSON file: list of lists of texts. @limit 0: all; fewer than @limit in the file is an error. */
int mb_dialogues_read(struct mb_dialogues *out, const char *path, size_t limit, struct mb_error *err) MB_MUST_CHECK;
void mb_dialogues_release(struct mb_dialogues *dialogues);

#endif
