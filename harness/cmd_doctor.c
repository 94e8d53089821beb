/* cmd_doctor.c - `meltbench doctor`: can figures taken here now be trusted, and what to do. Checks: doctor.def; grade: noise.h. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "build_info.h"
#include "harness/doctor.h"
#include "harness/noise.h"
#include "harness/options.h"
#include "harness/tune.h"

struct doctor_options {
    const char *format;
    float seconds;
    bool tune, restore;
};

static const struct mb_opt_row doctor_rows[] = {
    {"--seconds", "-s", MB_OPT_F32, offsetof(struct doctor_options, seconds), "N", 0, 600, "how long noise is measured; 0: not at all (10)"},
    {"--output", "-o", MB_OPT_TEXT, offsetof(struct doctor_options, format), "FORMAT", 0, 0, "md or json on standard output (md)"},
    {"--tune", NULL, MB_OPT_FLAG, offsetof(struct doctor_options, tune), NULL, 0, 0, "change what can be while COMMAND runs (without: until Ctrl-C), then put it back"},
    {"--restore", NULL, MB_OPT_FLAG, offsetof(struct doctor_options, restore), NULL, 0, 0, "put back what a --tune that was killed with its guardian left behind"},
    {0},
};

static int doctor_main(int argc, char **argv);

const struct mb_command mb_command_doctor = {
    .name = "doctor",
    .operands = "[COMMAND...]",
    .summary = "whether figures taken on this machine now can be trusted, and what to do",
    .description = "Looks at clock rates, load, limits, memory, power, heat, kernel settings, collectors, the clock and this build, and says for each "
                   "ok, note (to be known), warn (figures move by it) or bad (figures are wrong by it), what is unknown and why, and what to do. "
                   "Then measures noise on every core and grades it from A to E. Changes nothing; exit 0 whatever is found. With --tune [-- COMMAND ...] "
                   "it does change: clock governor, boost, huge pages, swappiness, memory balancing, the watchdog, and address randomisation of the "
                   "command; a guardian process puts all back when the command ends, however it ends. Exit: the command's.",
    .rows = doctor_rows,
    .run = doctor_main,
};

/* Lines of reasons only where something is to be known or done: one screen. JSON has them all. */
static void print_finding(const struct mb_finding *f)
{
    printf("- **%s** %s%s%s: %s\n", mb_verdict_name(f->verdict), f->check, *f->subject ? " " : "", f->subject, f->text);
    if (f->verdict >= MB_VERDICT_WARN)
        printf("  - why: %s\n", f->why);
    if (*f->fix)
        printf("  - do: %s\n", f->fix);
}

static void count_verdicts(const struct mb_doctor *d, size_t n[MB_VERDICT_N])
{
    memset(n, 0, MB_VERDICT_N * sizeof(*n));
    for (size_t i = 0; i < d->n; i++)
        n[d->findings[i].verdict]++;
}

static void print_noise(const struct mb_noise *noise)
{
    if (noise->grade == '?')
        printf("Noise: no grade: %zu values are too few for a p99 (%u needed); measure longer\n", noise->n_samples, MB_NOISE_MIN_SAMPLES);
    else
        printf("Noise grade **%c** (A steady .. E useless)\n", noise->grade);
    printf("- %.1f s on %u cores at once: %zu x the same arithmetic, median %.4f ms, p99 %.3f x the median, slowest core %.3f x the fastest\n", noise->seconds,
           noise->n_threads, noise->n_samples, noise->median_ns * 1e-6, noise->p99_over_median, noise->slowest_over_fastest);
    printf("- %.3f %% of the time lost in gaps, the longest %.3f ms\n", 100 * noise->gap_share, (double)noise->longest_gap_ns * 1e-6);
    if (noise->steal_ticks >= 0)
        printf("- %" PRId64 " ticks stolen, %.3f %% of all\n", noise->steal_ticks, 100 * noise->steal_share);
    else
        puts("- stolen ticks unknown: /proc/stat does not tell or did not move");
    if (noise->throttle_rise >= 0)
        printf("- %" PRId64 " throttle events\n", noise->throttle_rise);
    else
        puts("- throttle events unknown: no readable counts");
}

static void print_page(const struct mb_doctor *d, const struct mb_noise *noise)
{
    size_t n[MB_VERDICT_N];
    count_verdicts(d, n);
    printf("# meltbench doctor: %zu bad, %zu warn, %zu note, %zu ok\n\n", n[MB_VERDICT_BAD], n[MB_VERDICT_WARN], n[MB_VERDICT_NOTE], n[MB_VERDICT_OK]);
    for (size_t i = 0; i < d->n; i++)
        print_finding(&d->findings[i]);
    putchar('\n');
    if (noise)
        print_noise(noise);
    else
        puts("Noise: not measured (--seconds 0)");
}

static json_t *finding_json(const struct mb_finding *f)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:s, s:s, s:s}", "check", f->check, "subject", f->subject, "verdict", mb_verdict_name(f->verdict),
                     "known", f->known, "finding", f->text, "why", f->why, "do", f->fix);
}

static int print_json(const struct mb_doctor *d, const struct mb_noise *noise, struct mb_error *err)
{
    size_t n[MB_VERDICT_N];
    char utc[32];
    json_t *findings = json_array(), *summary = json_object();
    count_verdicts(d, n);
    mb_clock_utc(utc, sizeof(utc));
    for (size_t i = 0; i < d->n; i++)
        json_array_append_new(findings, finding_json(&d->findings[i]));
    for (int i = 0; i < MB_VERDICT_N; i++)
        json_object_set_new(summary, mb_verdict_name((enum mb_verdict)i), json_integer((json_int_t)n[i]));
    json_t *page = json_pack("{s:i, s:s, s:s, s:o, s:o, s:o}", "format", 1, "version", MB_VERSION, "utc", utc, "summary", summary, "findings",
                             findings, "noise", noise ? mb_noise_json(noise) : json_null());
    const int failed = !page || json_dumpf(page, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(page);
    return failed ? mb_fail(err, MB_ENOMEM, "no memory for the findings as JSON") : MB_OK;
}

static int examine(const struct doctor_options *o, struct mb_error *err)
{
    const char *root = getenv("MELTBENCH_SYSROOT");
    const double seconds = (double)o->seconds;
    struct mb_doctor d = {0};
    struct mb_noise noise;
    int rc = mb_doctor_examine(&d, root ? root : "", err);
    if (!rc && seconds > 0)
        rc = mb_noise_measure(&noise, root ? root : "", seconds, err);
    if (!rc && strcmp(o->format, "json") == 0)
        rc = print_json(&d, seconds > 0 ? &noise : NULL, err);
    else if (!rc)
        print_page(&d, seconds > 0 ? &noise : NULL);
    mb_doctor_release(&d);
    return rc;
}

static int restore(const char *root, struct mb_error *err)
{
    int n = 0;
    const int rc = mb_tune_restore(root, &n, err);
    if (!rc && n < 0)
        puts("nothing to put back");
    else if (!rc)
        printf("%d settings put back\n", n);
    return rc;
}

static int check(const struct doctor_options *o, int n_operands, char **argv, struct mb_error *err)
{
    if (strcmp(o->format, "md") != 0 && strcmp(o->format, "json") != 0)
        return mb_fail(err, MB_EINVAL, "--output: '%s' is neither md nor json", o->format);
    if (n_operands && !o->tune)
        return mb_fail(err, MB_EINVAL, "doctor: unexpected argument '%s'; a command goes with --tune: doctor --tune -- COMMAND ...", argv[1]);
    return o->tune && o->restore ? mb_fail(err, MB_EINVAL, "--tune and --restore: one at a time") : MB_OK;
}

static int doctor_main(int argc, char **argv)
{
    const char *sysroot = getenv("MELTBENCH_SYSROOT"), *root = sysroot ? sysroot : "";
    struct doctor_options o = {.format = "md", .seconds = 10};
    struct mb_error err = {0};
    int n_operands = 0, code = 0;
    int rc = mb_opt_parse(&mb_command_doctor, argc, argv, &o, &n_operands, &err);
    if (rc == 1)
        return 0;
    if (!rc)
        rc = check(&o, n_operands, argv, &err);
    if (!rc) {
        argv[1 + n_operands] = NULL;
        rc = o.tune ? mb_tune_run(root, n_operands ? argv + 1 : NULL, &code, &err) : o.restore ? restore(root, &err) : examine(&o, &err);
    }
    return rc ? mb_complain(&mb_command_doctor, &err) : code;
}
