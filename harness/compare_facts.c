/* compare_facts.c - see compare_facts.h. */
#include "harness/compare_facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"

enum { MOST_CHARACTERS = 48, HASH_CHARACTERS = 64, HASH_SHOWN = 12 };

/* Keys of a run's facts, then of its conditions, that are told where they differ. @by: numbers differ only by more than this. */
static const struct { const char *key, *title; bool is_condition; double by; } rows[] = {
    {"plan_hash", "plan", false, 0},
    {"version", "version", false, 0},
    {"commit", "commit", false, 0},
    {"build_type", "build type", false, 0},
    {"sanitizer", "sanitizer", false, 0},
    {"compiler", "compiler", false, 0},
    {"flags", "compiler flags", false, 0},
    {"binary_sha256", "binary", false, 0},
    {"device", "device", false, 0},
    {"cpu", "CPU", false, 0},
    {"cores", "cores", false, 0},
    {"memory_bytes", "memory bytes", false, 0},
    {"kernel", "kernel", false, 0},
    {"energy", "energy", false, 0},
    {"noise_grade", "noise grade", false, 0},
    {"governor", "governor", true, 0},
    {"boost", "boost", true, 0},
    {"mains", "mains", true, 0},
    {"usable_cpus", "usable CPUs", true, 0},
    {"transparent_hugepages", "huge pages", true, 0},
    {"hottest_milli_c", "hottest zone m°C", true, 5000},
    {"loadavg", "load average", true, 0.5},
};

static const json_t *value_of(const json_t *facts, size_t i)
{
    const json_t *value = json_object_get(rows[i].is_condition ? json_object_get(facts, "conditions") : facts, rows[i].key);
    return json_is_array(value) && rows[i].by > 0 ? json_array_get(value, 0) : value; /* the load of the last minute */
}

/* Unknown on both sides is no difference; unknown on one is one. */
static bool is_different(const json_t *a, const json_t *b, double by)
{
    if (json_is_number(a) && json_is_number(b))
        return fabs(json_number_value(a) - json_number_value(b)) > by;
    if ((!a || json_is_null(a)) && (!b || json_is_null(b)))
        return false;
    return !a || !b || !json_equal(a, b);
}

static void put_value(struct mb_strbuf *out, const json_t *value)
{
    char *dumped = NULL;
    const char *text = json_string_value(value);
    const size_t n = text ? strlen(text) : 0;
    if (!value || json_is_null(value))
        mb_strbuf_puts(out, "unknown");
    else if (text)
        mb_strbuf_printf(out, "%.*s%s", n == HASH_CHARACTERS ? HASH_SHOWN : MOST_CHARACTERS, n ? text : "none",
                         n > MOST_CHARACTERS && n != HASH_CHARACTERS ? "..." : "");
    else if (json_is_number(value))
        mb_strbuf_printf(out, "%.10g", json_number_value(value));
    else if ((dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY)))
        mb_strbuf_printf(out, "%.*s", MOST_CHARACTERS, dumped);
    free(dumped);
}

static int say(json_t *list, struct mb_strbuf *text)
{
    const int failed = text->failed || json_array_append_new(list, json_string(mb_strbuf_text(text)));
    mb_strbuf_release(text);
    return failed;
}

static int say_difference(json_t *list, size_t i, const json_t *a, const json_t *b)
{
    struct mb_strbuf text = {0};
    mb_strbuf_printf(&text, "%s: ", rows[i].title);
    put_value(&text, a);
    mb_strbuf_puts(&text, " -> ");
    put_value(&text, b);
    return say(list, &text);
}

/* What one side's figures suffer from. */
static int say_doubts(json_t *list, const struct mb_compare_run *run, const char *side)
{
    struct mb_strbuf text = {0};
    int failed = 0;
    size_t n_scripted = 0;
    for (size_t i = 0; i < run->n_cells; i++)
        n_scripted += strcmp(run->cells[i].runner, "null") == 0;
    if (n_scripted > 0) {
        mb_strbuf_printf(&text, "%s: %zu of %zu cells have simulated times: the null runner's script, not this machine", side, n_scripted, run->n_cells);
        failed |= say(list, &text);
    }
    if (*mb_compare_fact(run, "sanitizer") || strcmp(mb_compare_fact(run, "build_type"), "Debug") == 0) {
        mb_strbuf_printf(&text, "%s: a %s build%s%s: its times mean nothing", side, mb_compare_fact(run, "build_type"), *mb_compare_fact(run, "sanitizer") ? " with sanitizer " : "",
                         mb_compare_fact(run, "sanitizer"));
        failed |= say(list, &text);
    }
    if (mb_compare_fact(run, "noise_grade")[0] >= 'D') {
        mb_strbuf_printf(&text, "%s: noise grade %s: the machine was not quiet (meltbench doctor)", side, mb_compare_fact(run, "noise_grade"));
        failed |= say(list, &text);
    }
    if (strcmp(mb_compare_fact(run, "state"), "finished") != 0) {
        mb_strbuf_printf(&text, "%s: the run has not finished", side);
        failed |= say(list, &text);
    }
    if (strstr(mb_compare_fact(run, "energy"), "estimated") || strstr(mb_compare_fact(run, "energy"), "simulated")) {
        mb_strbuf_printf(&text, "%s: energy is not measured: %s", side, mb_compare_fact(run, "energy"));
        failed |= say(list, &text);
    }
    return failed;
}

json_t *mb_compare_facts(const struct mb_compare *c)
{
    json_t *list = json_array();
    int failed = !list;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) && !failed; i++) {
        const json_t *a = value_of(c->a[0].facts, i), *b = value_of(c->b.facts, i);
        if (is_different(a, b, rows[i].by))
            failed = say_difference(list, i, a, b);
    }
    failed = failed || say_doubts(list, &c->a[0], "A") || say_doubts(list, &c->b, "B");
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}
