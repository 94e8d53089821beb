/**
 * campaign.h - a plan made in code, over the null runner or the engine, run in a child process: what the session tests share. A test binary that
 * uses it begins main() with campaign_worker(), because the session executes /proc/self/exe as its worker.
 */
#ifndef MB_TESTS_CAMPAIGN_H
#define MB_TESTS_CAMPAIGN_H

#include <stdbool.h>
#include <sys/types.h>

#include "harness/plan.h"
#include "harness/session.h"

struct campaign_cell {
    const char *model;     /* null script */
    int gen;               /* tokens */
    uint32_t repetitions;
    const char *refused;   /* or NULL */
};

#define CAMPAIGN_MOST_CELLS 16

struct campaign {
    char dir[64], db[96];  /* temporary folder and the database in it */
    struct mb_plan plan;
    struct mb_plan_cell cells[CAMPAIGN_MOST_CELLS];
    json_t *options[CAMPAIGN_MOST_CELLS];
};

/** campaign_worker() - the worker's exit code when this process was started as one, else -1. */
int campaign_worker(int argc, char **argv);

/** campaign_open() - plan with warm-up 1, listed order, no cooldown, no collectors, 20 s time-out; a fresh folder. */
void campaign_open(struct campaign *c, const struct campaign_cell *cells, size_t n);
void campaign_close(struct campaign *c);

/** campaign_tiny_model() - path of the 1 MB model of the test data; NULL (and a line on stdout) where it is not. */
const char *campaign_tiny_model(void);
/** campaign_use_engine() - cells from @first on run this model on the bundled engine; @path outlives the campaign. */
void campaign_use_engine(struct campaign *c, size_t first, const char *path);

/** campaign_start() - in a child process; its exit code is: 0 ok, 1 a repetition failed, 3 was finished, 130 interrupted, 50 other error.
 *  stderr goes to DIR/stderr. campaign_wait() returns the exit code, or -signal. */
pid_t campaign_start(const struct campaign *c, bool again);
int campaign_wait(pid_t pid);
int campaign_run(const struct campaign *c);

/** campaign_query() - first column of the rows of a query, joined by '\n', in a static buffer; "" when there are none. */
const char *campaign_query(const struct campaign *c, const char *sql);
long campaign_number(const struct campaign *c, const char *sql);

/** campaign_said() - does DIR/stderr contain this? */
bool campaign_said(const struct campaign *c, const char *text);

/** campaign_wait_for() - until the query gives at least @n, or 20 s have passed (false). */
bool campaign_wait_for(const struct campaign *c, const char *sql, long n);

#endif
