/* cmd_run.c - `meltbench run`: plan file + database -> session, then what came of it in two lines. */
#include <stdio.h>

#include "db/store.h"
#include "harness/options.h"
#include "harness/plan.h"
#include "harness/session.h"

struct run_options {
    const char *db, *data, *rules;
    bool again, quiet;
    float noise_s;
};

static const struct mb_opt_row rows[] = {
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct run_options, db), "FILE", 0, 0, "database, made when missing (meltbench.db)"},
    {"--again", NULL, MB_OPT_FLAG, offsetof(struct run_options, again), NULL, 0, 0, "start a new run beside a finished or unfinished one"},
    {"--data", NULL, MB_OPT_TEXT, offsetof(struct run_options, data), "DIR", 0, 0, "folder of real data sets (default: $MELTBENCH_DATA)"},
    {"--noise", NULL, MB_OPT_F32, offsetof(struct run_options, noise_s), "SECONDS", 0, 60, "how long noise is measured before the first repetition; 0: not at all (2)"},
    {"--rules", NULL, MB_OPT_TEXT, offsetof(struct run_options, rules), "PROFILE", 0, 0,
     "quick, strict or mlperf-edge: presets of the protocol, and VALID or INVALID with reasons at the end (default: what the plan names)"},
    {"--quiet", "-q", MB_OPT_FLAG, offsetof(struct run_options, quiet), NULL, 0, 0, "no progress, only faults"},
    {0},
};

static void say_end(const struct run_options *o, const struct mb_session_result *r)
{
    if (o->quiet)
        return;
    if (r->was_finished)
        fprintf(stderr, "run %lld of this plan is finished: nothing to do; --again starts a new one\n", (long long)r->run_id);
    fprintf(stderr, "run %lld: %u ok, %u failed, %u skipped, %u invalid; kept in %s\n", (long long)r->run_id, r->n_ok, r->n_failed, r->n_skipped,
            r->n_invalid, o->db);
    if (r->interrupted)
        fprintf(stderr, "interrupted: the same command goes on where this stopped\n");
    else
        fprintf(stderr, "report: meltbench report %s -o report\n", o->db);
}

/* Open, run, judge, close: the session's status, or the first fault. */
static int run_plan(const struct run_options *o, const char *path, struct mb_session_result *result, json_t **verdict, struct mb_error *err)
{
    const struct mb_plan_env env = {.data_dir = o->data, .rules = o->rules};
    struct mb_plan *plan = NULL;
    struct mb_db *db = NULL;
    int rc = mb_plan_load(&plan, path, &env, err);
    if (rc == MB_OK)
        rc = mb_db_open(&db, o->db, MB_DB_CREATE, err);
    if (rc == MB_OK) {
        const struct mb_session_options so = {.db = db, .again = o->again, .quiet = o->quiet, .noise_s = (double)o->noise_s};
        rc = mb_session_run(plan, &so, result, err);
        if (rc == MB_OK && plan->protocol.rules != MB_RULES_NONE)
            rc = mb_rules_judge(db, result->run_id, plan, verdict, err);
    }
    mb_db_close(db);
    mb_plan_free(plan);
    return rc;
}

static int run_main(int argc, char **argv)
{
    struct run_options o = {.db = "meltbench.db", .noise_s = 2};
    struct mb_session_result result = {0};
    struct mb_error err = {0};
    json_t *verdict = NULL;
    int n_operands = 0;
    const int parsed = mb_opt_parse(&mb_command_run, argc, argv, &o, &n_operands, &err);
    if (parsed == 1)
        return 0;
    if (parsed)
        return mb_complain(&mb_command_run, &err);
    const int rc = run_plan(&o, argv[1], &result, &verdict, &err);
    if (rc && rc != MB_EINTR)
        return mb_complain(&mb_command_run, &err);
    say_end(&o, &result);
    if (rc == MB_EINTR)
        return mb_status_exit(MB_EINTR);
    int code = result.n_failed > 0 && !result.was_finished ? 1 : 0;
    if (verdict) {
        mb_rules_print(verdict, stdout);
        code = mb_rules_exit(verdict) ? mb_rules_exit(verdict) : code;
    }
    json_decref(verdict);
    return code;
}

const struct mb_command mb_command_run = {
    .name = "run",
    .operands = "PLAN",
    .summary = "run a plan file into a database; again: resume it",
    .description = "Expands the plan into cells and runs each in a child process, with the asked number of measured repetitions. Run "
                   "again after an interruption, a crash or a power cut, it goes on where it stopped; a finished run is left alone unless "
                   "--again is given. Ctrl-C once finishes the repetition under way, twice stops now. Exit: 0 done (cells may be skipped), "
                   "1 a repetition failed, 4 invalid by strict or mlperf-edge, 2 a fault in the plan or the command line, 130 interrupted.",
    .rows = rows,
    .run = run_main,
};
