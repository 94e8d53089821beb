/**
 * wire.h - the JSON lines between parent and worker, both always of the same build (docs/protocol.md lists them).
 * Builders return a new reference, or NULL without memory. Readers check types and ranges: MB_EFORMAT.
 */
#ifndef MB_HARNESS_WIRE_H
#define MB_HARNESS_WIRE_H

#include <jansson.h>

#include "base/cell.h"
#include "base/record.h"
#include "harness/trial.h"

/* --- commands --- */
json_t *mb_wire_open_command(const struct mb_site_setup *setup); /* cell, collect, root, period_ns, max_samples, cold; stream: setup->text is there */
json_t *mb_wire_trial_command(enum mb_trial_kind kind, uint32_t repetition);

enum mb_wire_verb { MB_WIRE_OPEN, MB_WIRE_TRIAL };
struct mb_wire_command {
    enum mb_wire_verb verb;
    struct mb_cell cell;         /* OPEN; strings are the JSON's */
    struct mb_site_setup setup;  /* OPEN; .cell is &cell */
    bool stream;                 /* OPEN: text goes to MB_WORKER_FD_TEXT while it is made */
    enum mb_trial_kind kind;     /* TRIAL */
    uint32_t repetition;
};
int mb_wire_read_command(const json_t *json, struct mb_wire_command *command, struct mb_error *err) MB_MUST_CHECK;

/* --- answers --- */
json_t *mb_wire_error_answer(const struct mb_error *err);
json_t *mb_wire_facts_answer(const struct mb_runner_facts *facts);
json_t *mb_wire_record_answer(const struct mb_record *record);

/** mb_wire_read_facts() / _record() - MB_OK, or the error that the worker answered with, or MB_EFORMAT. Facts' strings are the JSON's. */
int mb_wire_read_facts(const json_t *json, struct mb_runner_facts *facts, struct mb_error *err) MB_MUST_CHECK;
int mb_wire_read_record(const json_t *json, struct mb_record *record, struct mb_error *err) MB_MUST_CHECK;

#endif
