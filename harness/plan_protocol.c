/* plan_protocol.c - the `protocol:` of a plan: read from YAML, written into the plan's canonical text. docs/protocol.md is its manual. */
#include "harness/plan_protocol.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/plan_check.h"

enum { MAX_REPETITIONS = 100000, MAX_SECONDS = 604800, GATE_TIMEOUT_S = 300 };

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* --- values ---------------------------------------------------------------------------------------------------- */

static bool is_word(const struct mb_yaml *node, const char *word)
{
    return node->kind == MB_YAML_SCALAR && strcmp(node->text, word) == 0;
}

static int take_u32(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what, uint32_t min, uint32_t max, uint32_t *value)
{
    uint64_t number = 0;
    const int rc = mb_plan_take_number(c, node, what, min, max, &number);
    if (!rc)
        *value = (uint32_t)number;
    return rc;
}

static int take_real(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what, double min, double max, double *value)
{
    const int rc = mb_plan_need_text(c, node, what);
    if (rc)
        return rc;
    char *end;
    errno = 0;
    const double v = strtod(node->text, &end);
    const bool begins = strchr("0123456789.-", node->text[0]) != NULL; /* no nan, no inf, no hexadecimal */
    if (!begins || *end || errno || strpbrk(node->text, "xXnN") || !(v >= min && v <= max))
        return mb_yaml_fail(c->file, node, c->err, "%s: '%s' is not a number from %g to %g", what, node->text, min, max);
    *value = v;
    return MB_OK;
}

/* "auto" or a number. */
static int take_auto(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what, uint64_t max, int32_t *value)
{
    if (is_word(node, "auto")) {
        *value = -1;
        return MB_OK;
    }
    uint64_t number = 0;
    if (node->kind == MB_YAML_SCALAR && (node->text[0] < '0' || node->text[0] > '9') && *node->text)
        return mb_yaml_fail(c->file, node, c->err, "%s: '%s' is neither auto nor a whole number up to %" PRIu64, what, node->text, max);
    const int rc = mb_plan_take_number(c, node, what, 0, max, &number);
    if (!rc)
        *value = (int32_t)number;
    return rc;
}

/* --- keys ------------------------------------------------------------------------------------------------------ */

/* `{min: 6, max: 60, min_duration_s: 0, target_rel_interval: 0.02, budget_s: 120}`: what is not named is as in auto. */
static int take_adaptive(const struct mb_plan_check *c, const struct mb_yaml *map, struct mb_protocol *p)
{
    static const char *const keys[] = {"min", "max", "min_duration_s", "target_rel_interval", "budget_s"};
    const struct mb_yaml *node;
    struct mb_stopping *s = &p->stopping;
    int rc = mb_plan_known_keys(c, map, keys, COUNT_OF(keys));
    if (!rc && (node = mb_yaml_get(map, "min")))
        rc = take_u32(c, node, "min", 1, MAX_REPETITIONS, &p->repetitions);
    if (!rc && (node = mb_yaml_get(map, "max")))
        rc = take_u32(c, node, "max", 1, MAX_REPETITIONS, &s->most);
    else if (s->most < p->repetitions)
        s->most = p->repetitions;
    if (!rc && s->most < p->repetitions)
        return mb_yaml_fail(c->file, node, c->err, "max: %u is less than the min of %u", s->most, p->repetitions);
    if (!rc && (node = mb_yaml_get(map, "target_rel_interval")))
        rc = take_real(c, node, "target_rel_interval", 0, 1, &s->target);
    if (!rc && (node = mb_yaml_get(map, "min_duration_s")))
        rc = take_u32(c, node, "min_duration_s", 0, MAX_SECONDS, &s->least_s);
    if (!rc && (node = mb_yaml_get(map, "budget_s")))
        rc = take_u32(c, node, "budget_s", 1, MAX_SECONDS, &s->budget_s);
    return rc;
}

static int take_repetitions(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    const bool is_auto = is_word(node, "auto");
    if (is_auto || node->kind == MB_YAML_MAP) {
        p->repetitions = MB_STOPPING_AUTO_LEAST;
        p->stopping = (struct mb_stopping){.most = MB_STOPPING_AUTO_MOST, .target = MB_STOPPING_AUTO_TARGET, .budget_s = MB_STOPPING_AUTO_BUDGET_S};
        return is_auto ? MB_OK : take_adaptive(c, node, p);
    }
    p->stopping = (struct mb_stopping){0};
    return take_u32(c, node, "repetitions", 1, MAX_REPETITIONS, &p->repetitions);
}

static int take_replace_invalid(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    return take_u32(c, node, "replace_invalid", 0, MAX_REPETITIONS, &p->replace_invalid);
}

static int take_throttled(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    const int rc = mb_plan_need_text(c, node, "throttled");
    if (rc)
        return rc;
    p->mark_throttled = is_word(node, "invalid");
    return p->mark_throttled || is_word(node, "keep") ? MB_OK
           : mb_yaml_fail(c->file, node, c->err, "throttled: '%s' is neither invalid nor keep", node->text);
}

static int take_warmup(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    return take_auto(c, node, "warmup", 1000, &p->warmup);
}

static const char *const order_names[] = {[MB_ORDER_SHUFFLED] = "shuffled", [MB_ORDER_LISTED] = "listed", [MB_ORDER_INTERLEAVED] = "interleaved"};

const char *mb_order_name(enum mb_order order)
{
    return order_names[order];
}

static int take_order(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    const int rc = mb_plan_need_text(c, node, "order");
    for (size_t i = 0; !rc && i < COUNT_OF(order_names); i++)
        if (strcmp(node->text, order_names[i]) == 0) {
            p->order = (enum mb_order)i;
            return MB_OK;
        }
    return rc ? rc : mb_yaml_fail(c->file, node, c->err, "order: '%s' is none of shuffled, listed, interleaved", node->text);
}

static int take_page_cache(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    const int rc = mb_plan_need_text(c, node, "page_cache");
    const int state = rc ? -1 : mb_page_cache_find(node->text);
    if (!rc && state < 0)
        return mb_yaml_fail(c->file, node, c->err, "page_cache: '%s' is none of as-is, warm, cold", node->text);
    if (!rc)
        p->page_cache = (enum mb_page_cache)state;
    return rc;
}

static int take_seed(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    return mb_plan_take_number(c, node, "seed", 0, INT64_MAX, &p->seed); /* JSON integers are signed */
}

static int take_timeout(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    return take_u32(c, node, "timeout_s", 1, MAX_SECONDS, &p->timeout_s);
}

static int take_memory_limit(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    return take_u32(c, node, "memory_limit_mib", 1, 1u << 30, &p->memory_limit_mib);
}

/* A temperature in degrees, stored in thousandths. */
static int take_degrees(const struct mb_plan_check *c, const struct mb_yaml *node, const char *what, int32_t *milli_c)
{
    double degrees = 0;
    const int rc = take_real(c, node, what, 1, 150, &degrees);
    if (!rc)
        *milli_c = (int32_t)lround(degrees * 1000);
    return rc;
}

/* `{below_c: 50, headroom_c: 20, timeout_s: 300}`: one of the first two, or both. */
static int take_gate(const struct mb_plan_check *c, const struct mb_yaml *map, struct mb_protocol *p)
{
    static const char *const keys[] = {"below_c", "headroom_c", "timeout_s"};
    const struct mb_yaml *node;
    struct mb_cooldown gate = {.timeout_s = GATE_TIMEOUT_S};
    int rc = mb_plan_known_keys(c, map, keys, COUNT_OF(keys));
    if (!rc && (node = mb_yaml_get(map, "below_c")))
        rc = take_degrees(c, node, "below_c", &gate.below_milli_c);
    if (!rc && (node = mb_yaml_get(map, "headroom_c")))
        rc = take_degrees(c, node, "headroom_c", &gate.headroom_milli_c);
    if (!rc && (node = mb_yaml_get(map, "timeout_s")))
        rc = take_u32(c, node, "timeout_s", 1, 3600, &gate.timeout_s);
    if (!rc && !gate.below_milli_c && !gate.headroom_milli_c)
        return mb_yaml_fail(c->file, map, c->err, "cooldown: give below_c, headroom_c or both: what is to be waited for");
    p->cooldown = gate;
    return rc;
}

static int take_cooldown(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    if (node->kind == MB_YAML_MAP)
        return take_gate(c, node, p);
    p->cooldown = (struct mb_cooldown){0};
    return take_auto(c, node, "cooldown", 3600, &p->cooldown.fixed_s);
}

/* First of all keys: the others come over what it presets. One on the command line has preset already. */
static int take_rules(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p)
{
    enum mb_rules rules = MB_RULES_NONE;
    struct mb_error why = {0};
    const int rc = mb_plan_need_text(c, node, "rules");
    if (rc)
        return rc;
    if (mb_rules_find(node->text, &rules, &why))
        return mb_yaml_fail(c->file, node, c->err, "%s", why.text);
    if (p->rules == MB_RULES_NONE)
        mb_rules_preset(p, rules);
    return MB_OK;
}

static const struct { const char *key; int (*take)(const struct mb_plan_check *c, const struct mb_yaml *node, struct mb_protocol *p); } rows[] = {
    {"rules", take_rules},
    {"repetitions", take_repetitions},
    {"replace_invalid", take_replace_invalid},
    {"throttled", take_throttled},
    {"warmup", take_warmup},
    {"order", take_order},
    {"page_cache", take_page_cache},
    {"seed", take_seed},
    {"timeout_s", take_timeout},
    {"cooldown", take_cooldown},
    {"memory_limit_mib", take_memory_limit},
};

int mb_plan_take_protocol(const struct mb_plan_check *c, const struct mb_yaml *map)
{
    const char *keys[COUNT_OF(rows)];
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        keys[i] = rows[i].key;
    int rc = mb_plan_need_kind(c, map, MB_YAML_MAP, "protocol");
    if (!rc)
        rc = mb_plan_known_keys(c, map, keys, COUNT_OF(keys));
    for (size_t i = 0; i < COUNT_OF(rows) && !rc; i++) {
        const struct mb_yaml *node = mb_yaml_get(map, rows[i].key);
        if (node)
            rc = rows[i].take(c, node, &c->draft->protocol);
    }
    return rc;
}

/* --- the plan's text ------------------------------------------------------------------------------------------- */

json_t *mb_protocol_json(const struct mb_protocol *p)
{
    json_t *json = json_pack("{s:i, s:i, s:s, s:I, s:i, s:i}", "repetitions", (int)p->repetitions, "warmup", p->warmup, "order",
                             order_names[p->order], "seed", (json_int_t)p->seed, "timeout_s", (int)p->timeout_s, "cooldown_s", p->cooldown.fixed_s);
    int failed = !json;
    if (json && p->memory_limit_mib)
        failed |= json_object_set_new(json, "memory_limit_mib", json_integer(p->memory_limit_mib));
    if (json && p->replace_invalid != MB_PLAN_REPLACE_INVALID)
        failed |= json_object_set_new(json, "replace_invalid", json_integer(p->replace_invalid));
    if (json && !p->mark_throttled)
        failed |= json_object_set_new(json, "throttled", json_string("keep"));
    if (json && p->stopping.most)
        failed |= json_object_set_new(json, "stopping", json_pack("{s:i, s:f, s:i, s:i}", "most", (int)p->stopping.most, "target", p->stopping.target,
                                                                  "budget_s", (int)p->stopping.budget_s, "least_s", (int)p->stopping.least_s));
    if (json && p->cooldown.timeout_s)
        failed |= json_object_set_new(json, "cooldown", json_pack("{s:i, s:i, s:i}", "below_milli_c", p->cooldown.below_milli_c, "headroom_milli_c",
                                                                  p->cooldown.headroom_milli_c, "timeout_s", (int)p->cooldown.timeout_s));
    if (json && p->page_cache != MB_PAGE_CACHE_AS_IS)
        failed |= json_object_set_new(json, "page_cache", json_string(mb_page_cache_name(p->page_cache)));
    if (json && p->rules != MB_RULES_NONE)
        failed |= json_object_set_new(json, "rules", json_string(mb_rules_name(p->rules)));
    if (failed) {
        json_decref(json);
        return NULL;
    }
    return json;
}
