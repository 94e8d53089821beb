/*
 * cmd_profile.c - `meltbench profile`: where the time of a prefill and of a decode goes, operator by operator, and how far each is from
 * what this machine can do. Counting rules and bounds: profile.h; limits: roofline.h.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/calibration.h"
#include "harness/machine.h"
#include "harness/options.h"
#include "harness/plan.h"
#include "harness/profile_run.h"
#include "harness/profile_store.h"

struct profile_options {
    const char *axis[MB_AXIS_N];
    const char *trace, *format, *db;
    uint32_t n_prompt, n_gen, n_depth;
    uint64_t seed;
    bool no_limits;
};

static const struct mb_opt_row profile_rows[] = {
    {"--n-prompt", "-p", MB_OPT_U32, offsetof(struct profile_options, n_prompt), "N", 0, 1 << 20, "tokens of the prefill; 0 = none (512)"},
    {"--n-gen", "-n", MB_OPT_U32, offsetof(struct profile_options, n_gen), "N", 0, 1 << 20, "tokens decoded one by one; 0 = none (128)"},
    {"--n-depth", "-d", MB_OPT_U32, offsetof(struct profile_options, n_depth), "N", 0, 1 << 20, "tokens in the cache before, not profiled (0)"},
    {"--trace", NULL, MB_OPT_TEXT, offsetof(struct profile_options, trace), "FILE", 0, 0,
     "also write every operator as a JSON trace for ui.perfetto.dev or chrome://tracing"},
    {"--output", "-o", MB_OPT_TEXT, offsetof(struct profile_options, format), "FORMAT", 0, 0, "md or json on standard output (md)"},
    {"--db", NULL, MB_OPT_TEXT, offsetof(struct profile_options, db), "FILE", 0, 0,
     "also store the profile in this database, and take the limits of the newest `calibrate` of this machine from it"},
    {"--no-limits", NULL, MB_OPT_FLAG, offsetof(struct profile_options, no_limits), NULL, 0, 0, "no distance from the machine's limits: measure none"},
    {"--seed", NULL, MB_OPT_U64, offsetof(struct profile_options, seed), "N", 0, 9.0e18, "seed of the tokens (42)"},
    {0},
};

static int profile_main(int argc, char **argv);

const struct mb_command mb_command_profile = {
    .name = "profile",
    .summary = "where the time of a configuration goes, operator by operator",
    .description = "Runs one prefill and one decode of a single configuration in this process and sums the engine's operator trace per operator and "
                   "shape: calls, time, operations and bytes per second, share of the wall time, and the share of the speed that the machine's "
                   "measured limits would allow (above 100 % where operands come from caches). What no operator explains is the last row of a phase.",
    .rows = profile_rows,
    .takes_axes = true,
    .axis_offset = offsetof(struct profile_options, axis),
    .run = profile_main,
};

struct profiling { /* all that a run of the command holds */
    struct mb_plan *plan;
    struct mb_profile *profile;
    struct mb_trace_json trace;
    struct mb_calibration limits;
    struct mb_machine machine;
    struct mb_db *db;
    int64_t device_id, build_id;
    const char *kernels;
};

static int make_plan(const struct profile_options *o, struct mb_plan **plan, struct mb_error *err)
{
    if (!o->axis[MB_AXIS_MODEL])
        return mb_fail(err, MB_EINVAL, "which model? give -m FILE or a catalogue name (smollm2-135m)");
    if (o->n_prompt == 0 && o->n_gen == 0)
        return mb_fail(err, MB_EINVAL, "nothing to profile: -p 0 and -n 0");
    if (strcmp(o->format, "md") != 0 && strcmp(o->format, "json") != 0)
        return mb_fail(err, MB_EINVAL, "--output: '%s' is neither md nor json", o->format);
    const struct mb_protocol protocol = {.repetitions = 1, .order = MB_ORDER_LISTED, .seed = o->seed, .timeout_s = 3600};
    const struct mb_plan_env env = {.unstored = !o->db};
    json_t *options = json_pack("{s:i,s:i,s:i}", "prompt", (int)o->n_prompt, "gen", (int)o->n_gen, "depth", (int)o->n_depth);
    int rc = mb_plan_single(plan, "profile", o->axis, NULL, "micro", options, &protocol, "default", &env, err);
    json_decref(options);
    if (!rc && (*plan)->n_cells != 1)
        rc = mb_fail(err, MB_EINVAL, "profile runs one configuration, these flags name %zu", (*plan)->n_cells);
    if (!rc && (*plan)->cells[0].refused)
        rc = mb_fail(err, MB_ENOTSUP, "%s", (*plan)->cells[0].refused);
    if (!rc && strcmp((*plan)->cells[0].cell.runner, "engine") != 0)
        rc = mb_fail(err, MB_EINVAL, "profile looks into the bundled engine; runner %s has no operators", (*plan)->cells[0].cell.runner);
    return rc;
}

static int open_db(struct profiling *p, const char *path, struct mb_error *err)
{
    int rc = mb_machine_read(&p->machine, "", err);
    if (!rc)
        rc = mb_db_open(&p->db, path, MB_DB_CREATE, err);
    if (!rc)
        rc = mb_db_put_device(p->db, &p->machine.device, &p->device_id, err);
    return rc ? rc : mb_db_put_build(p->db, &p->machine.build, &p->build_id, err);
}

/* The limits for this number of threads: from the database when they are there, else a short measurement now. */
static int find_limits(struct profiling *p, uint32_t n_threads, struct mb_error *err)
{
    const struct mb_calibration_wish wish = {.threads = &n_threads, .n_threads = 1, .n_repetitions = 3, .best_isa = true};
    int rc = p->db ? mb_calibration_load(&p->limits, p->db, p->device_id, n_threads, err) : MB_OK;
    return rc || p->limits.n ? rc : mb_calibration_measure(&p->limits, &wish, err);
}

static bool read_limits(const struct mb_calibration *c, uint32_t n_threads, struct mb_profile_limits *out)
{
    struct mb_limit_figure read, f32, int8;
    if (!mb_calibration_figure(c, MB_LIMIT_READ, NULL, n_threads, &read) || !mb_calibration_figure(c, MB_LIMIT_F32, NULL, n_threads, &f32) ||
        !mb_calibration_figure(c, MB_LIMIT_INT8, NULL, n_threads, &int8))
        return false;
    *out = (struct mb_profile_limits){read.median, f32.median, int8.median};
    return true;
}

/* --- output ---------------------------------------------------------------------------------------------------- */

static void print_number(double value, const char *format)
{
    if (isnan(value) || value <= 0)
        fputs(" |", stdout);
    else
        printf(format, value);
}

static void print_phase(const struct mb_profile *p, enum mb_profile_phase phase)
{
    const double wall = (double)p->wall_ns[phase], n = (double)p->n_tokens[phase];
    if (p->n_tokens[phase] == 0)
        return;
    printf("\n%s: %.0f tokens in %.3f ms, %.1f tok/s\n\n", mb_profile_phase_names[phase], n, wall / 1e6, n * 1e9 / wall);
    puts("| op | tensor | types | shape m,n,k | calls | ms | share % | GFLOP/s | GB/s | % of limit |\n"
         "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (size_t i = 0; i < p->n_rows; i++) {
        const struct mb_profile_row *r = &p->rows[i];
        if (r->phase != phase)
            continue;
        const double ns = (double)r->total_ns;
        printf("| %s | %s | %s x %s | %u,%u,%u | %" PRIu64 " | %.3f | %.2f |", r->op, r->tensor, eng_type_name(r->w_type), eng_type_name(r->a_type), r->m,
               r->n, r->k, r->calls, ns / 1e6, 100 * ns / wall);
        print_number(r->flop / ns, " %.1f |");
        print_number(r->n_bytes / ns, " %.2f |");
        print_number(100 * r->bound_ns / ns, " %.1f |");
        putchar('\n');
    }
    const double rest = wall - (double)mb_profile_traced_ns(p, phase);
    printf("| unaccounted | | | | | %.3f | %.2f | | | |\n", rest / 1e6, 100 * rest / wall);
}

static void print_tables(const struct profiling *p, const struct mb_profile_limits *limits)
{
    const char *const *axis = p->plan->cells[0].cell.axis;
    printf("%s, quant %s, act %s, K/V %s/%s, %s threads, kernels %s\n", axis[MB_AXIS_MODEL], axis[MB_AXIS_QUANT], axis[MB_AXIS_ACT],
           axis[MB_AXIS_CACHE_TYPE_K], axis[MB_AXIS_CACHE_TYPE_V], axis[MB_AXIS_THREADS], p->kernels);
    if (limits)
        printf("limits of this machine at these threads: read %.2f GB/s, f32 %.0f GFLOP/s, int8 %.0f GOP/s (%s)\n", limits->read_bytes_per_s / 1e9,
               limits->f32_per_s / 1e9, limits->int8_per_s / 1e9, p->limits.id ? "calibrated before" : "measured now");
    for (int phase = 0; phase < MB_PROFILE_PHASES; phase++)
        print_phase(p->profile, (enum mb_profile_phase)phase);
    if (p->profile->n_lost)
        fprintf(stderr, "meltbench: %" PRIu64 " operators did not fit into %d rows\n", p->profile->n_lost, MB_PROFILE_MAX_ROWS);
}

static json_t *real_or_null(double value)
{
    return isnan(value) ? json_null() : json_real(value);
}

static json_t *json_of_row(const struct mb_profile_row *r)
{
    const double ns = (double)r->total_ns;
    return json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:f,s:f,s:o}", "op", r->op, "tensor", r->tensor, "w_type", eng_type_name(r->w_type), "a_type",
                     eng_type_name(r->a_type), "m", (json_int_t)r->m, "n", (json_int_t)r->n, "k", (json_int_t)r->k, "calls", (json_int_t)r->calls,
                     "total_ns", (json_int_t)r->total_ns, "flop", r->flop, "bytes", r->n_bytes, "of_limit", real_or_null(r->bound_ns / ns));
}

static void print_json(const struct profiling *p, const struct mb_profile_limits *limits)
{
    json_t *root = json_pack("{s:s,s:s}", "configuration", p->plan->cells[0].config_json, "kernels", p->kernels), *phases = json_object();
    json_object_set_new(root, "limits", limits ? json_pack("{s:f,s:f,s:f}", "read_bytes_per_s", limits->read_bytes_per_s, "f32_per_s",
                                                           limits->f32_per_s, "int8_per_s", limits->int8_per_s) : json_null());
    for (int phase = 0; phase < MB_PROFILE_PHASES; phase++) {
        if (p->profile->n_tokens[phase] == 0)
            continue;
        json_t *rows = json_array();
        for (size_t i = 0; i < p->profile->n_rows; i++)
            if ((int)p->profile->rows[i].phase == phase)
                json_array_append_new(rows, json_of_row(&p->profile->rows[i]));
        json_object_set_new(phases, mb_profile_phase_names[phase],
                            json_pack("{s:I,s:I,s:I,s:o}", "tokens", (json_int_t)p->profile->n_tokens[phase], "wall_ns",
                                      (json_int_t)p->profile->wall_ns[phase], "traced_ns",
                                      (json_int_t)mb_profile_traced_ns(p->profile, (enum mb_profile_phase)phase), "operators", rows));
    }
    json_object_set_new(root, "phases", phases);
    json_dumpf(root, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(root);
}

/* --- the command ----------------------------------------------------------------------------------------------- */

static int measure(struct profiling *p, const struct profile_options *o, struct mb_error *err)
{
    const struct mb_plan_cell *cell = &p->plan->cells[0];
    const struct mb_profile_wish wish = {.cell = &cell->cell, .n_prompt = o->n_prompt, .n_gen = o->n_gen, .n_depth = o->n_depth,
                                         .trace = o->trace ? &p->trace : NULL};
    p->profile = mb_profile_new();
    if (!p->profile)
        return mb_fail(err, MB_ENOMEM, "no memory for a profile");
    int rc = o->trace ? mb_trace_json_open(&p->trace, o->trace, err) : MB_OK;
    if (!rc)
        rc = mb_profile_run(p->profile, &wish, &p->kernels, err);
    const int closed = mb_trace_json_close(&p->trace, rc ? NULL : err);
    return rc ? rc : closed;
}

static int profile_one(struct profiling *p, const struct profile_options *o, struct mb_error *err)
{
    int rc = make_plan(o, &p->plan, err);
    if (!rc && o->db)
        rc = open_db(p, o->db, err);
    const uint32_t n_threads = rc ? 0 : (uint32_t)strtoul(p->plan->cells[0].cell.axis[MB_AXIS_THREADS], NULL, 10);
    if (!rc && !o->no_limits)
        rc = find_limits(p, n_threads, err);
    if (!rc)
        rc = measure(p, o, err);
    if (rc)
        return rc;
    struct mb_profile_limits limits;
    const bool known = read_limits(&p->limits, n_threads, &limits);
    mb_profile_finish(p->profile, known ? &limits : NULL);
    if (p->db && p->limits.n && !p->limits.id)
        rc = mb_calibration_store(&p->limits, p->db, p->device_id, p->build_id, p->machine.conditions_json, err);
    if (!rc && p->db) {
        const struct mb_profile_head head = {p->device_id, p->build_id, p->limits.id, p->plan->cells[0].cell.axis[MB_AXIS_MODEL],
                                             p->plan->cells[0].config_json};
        rc = mb_profile_store(p->profile, p->db, &head, err);
    }
    if (!rc)
        strcmp(o->format, "json") == 0 ? print_json(p, known ? &limits : NULL) : print_tables(p, known ? &limits : NULL);
    return rc;
}

static int profile_main(int argc, char **argv)
{
    struct profile_options o = {.n_prompt = 512, .n_gen = 128, .seed = 42, .format = "md"};
    struct profiling p = {0};
    struct mb_error err = {0};
    int n_operands = 0;
    int rc = mb_opt_parse(&mb_command_profile, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc)
        rc = profile_one(&p, &o, &err);
    mb_db_close(p.db);
    mb_machine_release(&p.machine);
    mb_calibration_release(&p.limits);
    mb_plan_free(p.plan);
    free(p.profile);
    return rc ? mb_complain(&mb_command_profile, &err) : 0;
}
