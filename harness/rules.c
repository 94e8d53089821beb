/* rules.c - names, presets and output of the profiles; see rules.h. Judging is rules_judge.c. */
#include "harness/rules.h"

#include <string.h>

#include "base/strbuf.h"
#include "harness/plan.h"

static const struct { const char *name, *summary; int exit_code; } profiles[MB_RULES_N] = {
    {"", "", 0},
#define RULE_PROFILE(id, name, exit_code, summary) {name, summary, exit_code},
#define RULE_MACHINE(profiles, check, source)
#define RULE_NOISE(profiles, grade, source)
#define RULE_CELLS(profiles, id, limit, asks, source)
#include "harness/rules.def"
#undef RULE_PROFILE
#undef RULE_MACHINE
#undef RULE_NOISE
#undef RULE_CELLS
};

/* The limit of a rule over cells, so that a preset cannot drift from what is asked. */
enum {
#define RULE_PROFILE(id, name, exit_code, summary)
#define RULE_MACHINE(profiles, check, source)
#define RULE_NOISE(profiles, grade, source)
#define RULE_CELLS(profiles, id, limit, asks, source) LIMIT_##id,
#include "harness/rules.def"
#undef RULE_CELLS
};
static const double limits[] = {
#define RULE_CELLS(profiles, id, limit, asks, source) limit,
#include "harness/rules.def"
#undef RULE_PROFILE
#undef RULE_MACHINE
#undef RULE_NOISE
#undef RULE_CELLS
};

const char *mb_rules_name(enum mb_rules rules)
{
    return profiles[rules].name;
}

int mb_rules_find(const char *name, enum mb_rules *rules, struct mb_error *err)
{
    struct mb_strbuf known = {0};
    for (int i = MB_RULES_NONE + 1; i < MB_RULES_N; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            *rules = (enum mb_rules)i;
            mb_strbuf_release(&known);
            return MB_OK;
        }
        mb_strbuf_printf(&known, "%s%s", known.n_bytes ? ", " : "", profiles[i].name);
    }
    const int rc = mb_fail(err, MB_EINVAL, "rules: no profile '%s'; there are %s", name, mb_strbuf_text(&known));
    mb_strbuf_release(&known);
    return rc;
}

void mb_rules_preset(struct mb_protocol *p, enum mb_rules rules)
{
    p->rules = rules;
    if (rules == MB_RULES_STRICT) {
        p->repetitions = (uint32_t)limits[LIMIT_repetitions];
        p->stopping = (struct mb_stopping){.most = 100, .target = limits[LIMIT_interval], .budget_s = 600};
        p->warmup = -1;
        p->cooldown = (struct mb_cooldown){.fixed_s = -1};
    }
    if (rules == MB_RULES_MLPERF_EDGE) { /* LoadGen ends when both minima hold */
        p->repetitions = (uint32_t)limits[LIMIT_queries];
        p->stopping = (struct mb_stopping){.most = 100000, .least_s = (uint32_t)limits[LIMIT_duration]};
        p->warmup = -1;
        p->cooldown = (struct mb_cooldown){.fixed_s = -1};
    }
}

static void print_list(const json_t *verdict, const char *key, const char *word, FILE *out)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(verdict, key), i, row) {
        const char *source = json_string_value(json_object_get(row, "source"));
        fprintf(out, "- %s %s: %s%s%s%s\n", word, json_string_value(json_object_get(row, "rule")), json_string_value(json_object_get(row, "text")),
                source ? " [" : "", source ? source : "", source ? "]" : "");
    }
}

static double milliseconds(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key)) / 1e6;
}

void mb_rules_print(const json_t *verdict, FILE *out)
{
    size_t i;
    json_t *row;
    fprintf(out, "%s by %s\n", json_is_true(json_object_get(verdict, "valid")) ? "VALID" : "INVALID",
            json_string_value(json_object_get(verdict, "profile")));
    print_list(verdict, "broken", "broken", out);
    print_list(verdict, "unchecked", "unchecked", out);
    json_array_foreach(json_object_get(verdict, "figures"), i, row)
        fprintf(out, "- p90 of %s: %.3f ms a request, first token %.3f ms, per token after it %.3f ms (%lld requests)\n",
                json_string_value(json_object_get(row, "cell")), milliseconds(row, "e2e_p90_ns"), milliseconds(row, "ttft_p90_ns"),
                milliseconds(row, "tpot_p90_ns"), (long long)json_integer_value(json_object_get(row, "n")));
}

int mb_rules_exit(const json_t *verdict)
{
    enum mb_rules rules = MB_RULES_NONE;
    struct mb_error ignored;
    const char *name = json_string_value(json_object_get(verdict, "profile"));
    if (json_is_true(json_object_get(verdict, "valid")) || !name || mb_rules_find(name, &rules, &ignored))
        return 0;
    return profiles[rules].exit_code;
}
