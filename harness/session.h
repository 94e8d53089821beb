/**
 * session.h - plan -> (workload -> runner) -> collectors -> db, for all cells of a plan, each in a child process.
 *
 * The child (`meltbench worker`, hidden) is this binary again, executed fresh: clean memory figures, and a crash, abort, out of
 * memory, timeout or NaN is a row. It reads one JSON line per command on stdin and writes one per answer on fd 3; it dies with its
 * parent (PR_SET_PDEATHSIG, and end of the pipe). The parent alone touches the database.
 */
#ifndef MB_HARNESS_SESSION_H
#define MB_HARNESS_SESSION_H

#include <stdbool.h>

#include "base/error.h"
#include "base/record.h"
#include "base/text_sink.h"
#include "harness/plan.h"

struct mb_db;

struct mb_session_result { uint32_t n_ok, n_failed, n_skipped, n_invalid, n_resumed; bool interrupted, was_finished; int64_t run_id; };

struct mb_session_options {
    struct mb_db *db;          /* NULL: nothing is stored (bench without --db) */
    bool again;                /* start a new run beside a finished or unfinished one */
    bool quiet;                /* no progress */
    bool no_warmup;
    double noise_s;            /* with a database: how long noise is measured before the first repetition; 0: not */
    bool stop_at_once;         /* the first Ctrl-C ends the repetition under way: nobody waits for a figure (generate) */
    /** Optional: the text of the repetition under way as it is made. Costs the measured process a write(2) a token, so only for who is
     *  watched by a person (generate). */
    const struct mb_text_sink *text;
    /** Optional: each finished repetition, after it was stored. */
    void (*on_trial)(void *user, const struct mb_plan_cell *cell, const struct mb_record *record);
    void *user;
};

/** mb_session_run() - 0 also when cells failed: look at the result. MB_EINTR after Ctrl-C (everything kept). */
int mb_session_run(const struct mb_plan *plan, const struct mb_session_options *options, struct mb_session_result *result, struct mb_error *err) MB_MUST_CHECK;

/** mb_worker_main() - the child's side; the harness' main calls it for the hidden subcommand. Returns the exit code. */
int mb_worker_main(int argc, char **argv);

#endif
