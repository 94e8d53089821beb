/* cmd_import_meter.c - `meltbench import-meter`: what an external meter recorded with its own program, as energy of a run's repetitions. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "harness/meter_import.h"
#include "harness/options.h"

struct import_meter_options {
    const char *db, *start, *columns;
    uint32_t run;
    float clock_error_s, error_percent;
};

static const struct mb_opt_row rows[] = {
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct import_meter_options, db), "FILE", 0, 0, "database (meltbench.db)"},
    {"--run", NULL, MB_OPT_U32, offsetof(struct import_meter_options, run), "N", 1, 4e9, "run whose repetitions it covers; without it the file is only summed up"},
    {"--start", NULL, MB_OPT_TEXT, offsetof(struct import_meter_options, start), "UTC", 0, 0, "when the recording's time was 0: 2026-01-02T03:04:05.678Z"},
    {"--clock-error", NULL, MB_OPT_F32, offsetof(struct import_meter_options, clock_error_s), "S", 0, 3600,
     "how far that may be from this machine's clock, seconds; a part of the error"},
    {"--error", NULL, MB_OPT_F32, offsetof(struct import_meter_options, error_percent), "PCT", 0.01, 100, "a stretch with a larger error of its ends has no figure (1)"},
    {"--columns", NULL, MB_OPT_TEXT, offsetof(struct import_meter_options, columns), "LIST", 0, 0,
     "columns of a file without headings, separated by /: s ms us V mV uV A mA uA W mW uW, - to skip one"},
    {0},
};

static void say_faults(const struct mb_meter_file *m)
{
    for (uint64_t i = 0; i < m->n_faults && i < MB_METER_FILE_FAULTS; i++)
        fprintf(stderr, "meltbench: %s:%lld: %s\n", m->path, (long long)m->faults[i].line, m->faults[i].what);
    if (m->n_faults > MB_METER_FILE_FAULTS)
        fprintf(stderr, "meltbench: %s: %llu more damaged lines\n", m->path, (unsigned long long)m->n_faults - MB_METER_FILE_FAULTS);
}

static int sum_up(struct mb_meter_file *m, struct mb_error *err)
{
    struct mb_meter_reading r, before = {0};
    double joules = 0, first_s = 0;
    int rc;
    while ((rc = mb_meter_file_next(m, &r, err)) == 1) {
        if (m->n_readings == 1)
            first_s = r.t_s;
        else
            joules += (r.watts + before.watts) / 2 * (r.t_s - before.t_s);
        before = r;
    }
    if (rc == 0 && m->n_readings < 2)
        rc = mb_fail(err, MB_EFORMAT, "%s: fewer than two readings", m->path);
    if (rc == 0)
        printf("%s: %llu readings from %.3f to %.3f s, %.6g J, %.6g W on average, %llu damaged lines\n", m->path,
               (unsigned long long)m->n_readings, first_s, before.t_s, joules, joules / (before.t_s - first_s), (unsigned long long)m->n_faults);
    return rc;
}

static int into_run(const struct import_meter_options *o, struct mb_meter_file *m, struct mb_error *err)
{
    struct mb_meter_import import = {.run_id = o->run, .clock_error_s = o->clock_error_s, .target = (double)o->error_percent / 100};
    struct mb_db *db = NULL;
    int rc = mb_utc_parse(o->start, &import.zero_s, err);
    if (rc == MB_OK)
        rc = mb_db_open(&db, o->db, MB_DB_WRITE, err);
    if (rc == MB_OK)
        rc = mb_meter_import(&import, m, db, err);
    mb_db_close(db);
    if (rc == MB_OK)
        printf("%s: %llu readings, %llu damaged lines; run %u: %zu energies known, %zu unknown\n", m->path, (unsigned long long)m->n_readings,
               (unsigned long long)m->n_faults, o->run, import.n_known, import.n_unknown);
    return rc;
}

static int import_meter_main(int argc, char **argv)
{
    struct import_meter_options o = {.db = "meltbench.db", .clock_error_s = -1, .error_percent = 1};
    struct mb_error err = {0};
    struct mb_meter_file m = {0};
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_import_meter, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc && o.run && (!o.start || o.clock_error_s < 0))
        rc = mb_fail(&err, MB_EINVAL, "--run needs --start and --clock-error: the file does not say when it was recorded, and how surely that is known");
    if (!rc)
        rc = mb_meter_file_open(&m, argv[1], o.columns, &err);
    if (!rc)
        rc = o.run ? into_run(&o, &m, &err) : sum_up(&m, &err);
    say_faults(&m);
    const bool damaged = m.n_faults > 0;
    mb_meter_file_close(&m);
    return rc ? mb_complain(&mb_command_import_meter, &err) : damaged;
}

const struct mb_command mb_command_import_meter = {
    .name = "import-meter",
    .operands = "FILE",
    .summary = "take what a power meter recorded as energy of a run",
    .description = "Reads a table of times and power (or volts and amperes) that a meter's own program recorded while a run went on: Monsoon, "
                   "Joulescope, any CSV whose headings carry units, or --columns. The energy of every repetition of --run and of its phases is stored "
                   "beside what the collectors saw, source meter_file, with an error that counts how surely the clocks agree; what the recording does "
                   "not cover is unknown with that reason. Damaged lines are named and left out. Importing again replaces. Exit: 0 all taken, 1 "
                   "something was damaged or could not be read.",
    .rows = rows,
    .run = import_meter_main,
};
