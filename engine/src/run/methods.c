/*
 * methods.c - the registries behind every axis: what there is, what a text means, what cannot run together.
 * Each family is one .def list; backends, exits and reductions are rows of ops whose first member is their info.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/backend.h"
#include "base/error.h"
#include "exit/exit.h"
#include "reduce/reduce.h"
#include "run/methods.h"

#define BACKEND(id) &eng_backend_##id,
static const struct eng_backend_ops *const backends[] = {
#include "backends/backends.def"
};
#undef BACKEND

#define EXIT(id) &eng_exit_##id,
static const struct eng_exit_ops *const exits[] = {
#include "exit/exits.def"
};
#undef EXIT

#define REDUCTION(id) &eng_reduce_##id,
static const struct eng_reduce_ops *const reductions[] = {
#include "reduce/reductions.def"
};
#undef REDUCTION

#define ACT(id, method, text) ENG_ACT_##id,
static const enum eng_act act_ids[] = {
#include "run/acts.def"
};
#undef ACT

#define CACHE(type, method, text) type,
static const enum eng_type cache_types[] = {
#include "run/caches.def"
};
#undef CACHE

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define BACKEND(id) &eng_backend_##id.info,
#define EXIT(id) &eng_exit_##id.info,
#define REDUCTION(id) &eng_reduce_##id.info,
static const struct eng_method_info *const backend_infos[] = {
#include "backends/backends.def"
};
static const struct eng_method_info *const exit_infos[] = {
#include "exit/exits.def"
};
static const struct eng_method_info *const reduction_infos[] = {
#include "reduce/reductions.def"
};

/* Families without code of their own: a row is a name and a sentence. */
#define ROW(method, text) &(const struct eng_method_info){.name = method, .summary = text},
#define RECIPE(id, method, alias, file_type, base, text) ROW(method, text)
#define ACT(id, method, text) ROW(method, text)
#define CACHE(type, method, text) ROW(method, text)
static const struct eng_method_info *const quant_infos[] = {
    ROW("file", "weights as the file stores them")
#include "quantize/recipes.def"
};
static const struct eng_method_info *const act_infos[] = {
#include "run/acts.def"
};
static const struct eng_method_info *const cache_infos[] = {
#include "run/caches.def"
};

static const struct family {
    const char *what; /* in messages */
    const struct eng_method_info *const *infos;
    size_t n;
} families[ENG_FAMILY_N] = {
    [ENG_FAMILY_BACKEND] = {"backend", backend_infos, COUNT(backend_infos)},
    [ENG_FAMILY_QUANT] = {"quantization", quant_infos, COUNT(quant_infos)},
    [ENG_FAMILY_ACT] = {"activation type", act_infos, COUNT(act_infos)},
    [ENG_FAMILY_CACHE] = {"cache type", cache_infos, COUNT(cache_infos)},
    [ENG_FAMILY_EXIT] = {"early-exit method", exit_infos, COUNT(exit_infos)},
    [ENG_FAMILY_REDUCE] = {"token-reduction method", reduction_infos, COUNT(reduction_infos)},
};

const struct eng_method_info *const *eng_methods(enum eng_family family, size_t *n)
{
    if ((unsigned)family >= ENG_FAMILY_N) {
        *n = 0;
        return NULL;
    }
    *n = families[family].n;
    return families[family].infos;
}

static size_t index_of(const struct eng_method_info *info, enum eng_family family)
{
    size_t i = 0;
    while (i + 1 < families[family].n && families[family].infos[i] != info)
        i++;
    return i;
}

const struct eng_backend_ops *eng_backend_find(const struct eng_method *choice)
{
    return backends[index_of(choice->info, ENG_FAMILY_BACKEND)];
}

const struct eng_exit_ops *eng_exit_find(const struct eng_method *choice)
{
    return exits[index_of(choice->info, ENG_FAMILY_EXIT)];
}

const struct eng_reduce_ops *eng_reduce_find(const struct eng_method *choice)
{
    return reductions[index_of(choice->info, ENG_FAMILY_REDUCE)];
}

enum eng_act eng_act_find(const struct eng_method *choice)
{
    return act_ids[index_of(choice->info, ENG_FAMILY_ACT)];
}

enum eng_type eng_cache_type_find(const struct eng_method *choice)
{
    return cache_types[index_of(choice->info, ENG_FAMILY_CACHE)];
}

/* ---- text -> method ------------------------------------------------------------------------------------------------ */

static size_t n_params(const struct eng_method_info *info)
{
    size_t n = 0;
    while (info->params && info->params[n].name)
        n++;
    return n;
}

/* "a, b, c" of at most cap-1 bytes: what a user may choose from. */
static void join(char *buf, size_t cap, const char *const *names, size_t n)
{
    size_t at = 0;
    buf[0] = 0;
    for (size_t i = 0; i < n && at < cap; i++)
        at += (size_t)snprintf(buf + at, cap - at, "%s%s", i ? ", " : "", names[i]);
}

static int fail_name(const struct family *f, const char *name, struct eng_error *err)
{
    const char *names[48];
    char all[300];
    size_t n = 0;
    for (; n < f->n && n < COUNT(names); n++)
        names[n] = f->infos[n]->name;
    join(all, sizeof all, names, n);
    const char *near = eng_nearest(name, names, n);
    if (near)
        return eng_fail(err, ENG_EINVAL, "unknown %s '%.60s': did you mean '%s'? (known: %s)", f->what, name, near, all);
    return eng_fail(err, ENG_EINVAL, "unknown %s '%.60s' (known: %s)", f->what, name, all);
}

static int fail_key(const struct eng_method_info *info, const char *key, struct eng_error *err)
{
    const char *names[ENG_METHOD_PARAMS];
    char all[200];
    const size_t n = n_params(info);
    if (n == 0)
        return eng_fail(err, ENG_EINVAL, "'%s' takes no parameter, but '%.60s' was given", info->name, key);
    for (size_t i = 0; i < n; i++)
        names[i] = info->params[i].name;
    join(all, sizeof all, names, n);
    const char *near = eng_nearest(key, names, n);
    if (near)
        return eng_fail(err, ENG_EINVAL, "'%s' has no parameter '%.60s': did you mean '%s'? (known: %s)", info->name, key, near, all);
    return eng_fail(err, ENG_EINVAL, "'%s' has no parameter '%.60s' (known: %s)", info->name, key, all);
}

/* Copy [text, end) into a NUL-terminated word; longer than the buffer is cut, which then matches no name. */
static void word(char *buf, size_t cap, const char *text, const char *end)
{
    const size_t n = (size_t)(end - text) < cap - 1 ? (size_t)(end - text) : cap - 1;
    memcpy(buf, text, n);
    buf[n] = 0;
}

static int parse_value(const struct eng_method_info *info, const struct eng_method_param *p, const char *text, int64_t *out,
                       struct eng_error *err)
{
    char *end;
    errno = 0;
    const long long v = strtoll(text, &end, 10);
    if (end == text || *end || isspace((unsigned char)text[0]))
        return eng_fail(err, ENG_EINVAL, "%s: %s='%.60s' is not a whole number (%" PRId64 " to %" PRId64 ")", info->name, p->name, text,
                        p->min, p->max);
    if (errno == ERANGE || v < p->min || v > p->max)
        return eng_fail(err, ENG_EINVAL, "%s: %s=%.60s is out of range (%" PRId64 " to %" PRId64 ")", info->name, p->name, text, p->min,
                        p->max);
    *out = v;
    return ENG_OK;
}

/* One "key=value" of [item, end). */
static int parse_param(const struct eng_method_info *info, const char *item, const char *end, struct eng_method *out, bool *seen,
                       struct eng_error *err)
{
    char key[64], value[64];
    const char *eq = memchr(item, '=', (size_t)(end - item));
    word(key, sizeof key, item, eq ? eq : end);
    if (!eq)
        return eng_fail(err, ENG_EINVAL, "%s: '%s' is not key=value", info->name, key);
    word(value, sizeof value, eq + 1, end);
    for (size_t i = 0; i < n_params(info); i++) {
        if (strcmp(key, info->params[i].name) != 0)
            continue;
        if (seen[i])
            return eng_fail(err, ENG_EINVAL, "%s: %s is given twice", info->name, key);
        seen[i] = true;
        return parse_value(info, &info->params[i], value, &out->value[i], err);
    }
    return fail_key(info, key, err);
}

int eng_method_parse(enum eng_family family, const char *text, struct eng_method *out, struct eng_error *err)
{
    memset(out, 0, sizeof *out);
    if ((unsigned)family >= ENG_FAMILY_N || !text)
        return eng_fail(err, ENG_EINVAL, "no such family of methods, or no text");
    const struct family *f = &families[family];
    char name[64];
    const char *colon = strchr(text, ':');
    word(name, sizeof name, text, colon ? colon : text + strlen(text));

    const struct eng_method_info *info = NULL;
    for (size_t i = 0; i < f->n && !info; i++)
        if (strcasecmp(f->infos[i]->name, name) == 0) /* types are written in both cases: Q4_K_M, q8_0 */
            info = f->infos[i];
    if (!info)
        return fail_name(f, name, err);

    struct eng_method m = {.info = info};
    bool seen[ENG_METHOD_PARAMS] = {false};
    for (size_t i = 0; i < n_params(info); i++)
        m.value[i] = info->params[i].def;
    for (const char *item = colon ? colon + 1 : NULL; item;) {
        const char *comma = strchr(item, ',');
        const int rc = parse_param(info, item, comma ? comma : item + strlen(item), &m, seen, err);
        if (rc != ENG_OK)
            return rc;
        item = comma ? comma + 1 : NULL;
    }
    *out = m;
    return ENG_OK;
}

char *eng_method_format(const struct eng_method *method, char *buf, size_t cap)
{
    if (cap == 0)
        return buf;
    size_t at = (size_t)snprintf(buf, cap, "%s", method->info->name);
    for (size_t i = 0; i < n_params(method->info) && at < cap; i++)
        at += (size_t)snprintf(buf + at, cap - at, "%c%s=%" PRId64, i ? ',' : ':', method->info->params[i].name, method->value[i]);
    return buf;
}

const char *eng_methods_conflict(const struct eng_method choice[ENG_FAMILY_N])
{
    if (choice[ENG_FAMILY_EXIT].info == &eng_exit_verify.info && choice[ENG_FAMILY_REDUCE].info == &eng_reduce_streaming.info)
        return "verify takes rejected drafts back out of the cache, and streaming has by then overwritten the tokens that have to return";
    return NULL;
}
