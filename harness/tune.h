/**
 * tune.h - settings of the machine that make figures steadier (tune.def), changed for the duration of a command and put back whatever happens.
 *
 * Who puts back: a guardian process, forked before the first change, that holds the old values and the reading end of a pipe. Its end (the command is
 * done, an error, Ctrl-C, a crash, kill -9 of ours) makes the guardian put back. It leads a session of its own and ignores the signals of the terminal.
 * Should the guardian be killed too, the old values are in a file ($XDG_STATE_HOME/meltbench/tune.json, else ~/.local/state/meltbench/), locked as
 * long as one of the two lives: `doctor --restore`, or the next --tune, puts back from there. None of these settings outlives a reboot.
 * A value that somebody else changed meanwhile is left alone, and said.
 */
#ifndef MB_HARNESS_TUNE_H
#define MB_HARNESS_TUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

enum mb_tune_state { MB_TUNE_ABSENT /* no such setting here */, MB_TUNE_AS_WANTED, MB_TUNE_PLANNED, MB_TUNE_APPLIED, MB_TUNE_REFUSED };

struct mb_tune_change {
    const char *id, *why;      /* of the row in tune.def */
    char path[160];
    char before[64], wanted[64];
    enum mb_tune_state state;
    char reason[240];          /* ABSENT, REFUSED */
};

#define MB_TUNE_MOST 1100 /* policies of a large machine */
struct mb_tune { const char *root; struct mb_tune_change *changes; size_t n; }; /* root: prefix of /sys and /proc */

/** mb_tune_plan() - read what there is; nothing is changed. mb_tune_release() after use. */
int mb_tune_plan(struct mb_tune *t, const char *root, struct mb_error *err) MB_MUST_CHECK;
void mb_tune_release(struct mb_tune *t);
size_t mb_tune_count(const struct mb_tune *t, enum mb_tune_state state);

/** mb_tune_apply() - every PLANNED change; it becomes APPLIED or REFUSED. */
void mb_tune_apply(struct mb_tune *t);

/** mb_tune_undo() - put back every change that has our value now; a line on @says for each that cannot be or is somebody else's. Returns how many
 *  could not be put back. */
size_t mb_tune_undo(const struct mb_tune *t, FILE *says);

/** mb_tune_run() - the whole of `doctor --tune`: change, run @command (argv, NULL-ended; NULL: until Ctrl-C), put back. *code: the command's exit
 *  code (128 + signal), 1 where something could not be put back. What is changed, what cannot be and why goes to standard error. */
int mb_tune_run(const char *root, char *const *command, int *code, struct mb_error *err) MB_MUST_CHECK;

/** mb_tune_restore() - put back from the file of a tuning whose processes are gone. *n: how many settings; -1: there is no such file. MB_EBUSY while
 *  one is under way. */
int mb_tune_restore(const char *root, int *n, struct mb_error *err) MB_MUST_CHECK;

#endif
