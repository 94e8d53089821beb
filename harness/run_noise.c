/* run_noise.c - see run_noise.h. */
#include "harness/run_noise.h"

#include <stdlib.h>

#include "base/clock.h"

static int put(struct mb_run_noise *n, struct mb_db *db, int64_t run_id, bool again, struct mb_error *err)
{
    char *text = json_dumps(n->session, JSON_COMPACT | JSON_PRESERVE_ORDER);
    const int rc = text ? mb_db_put_run_session(db, run_id, text, again, err) : mb_fail(err, MB_ENOMEM, "no memory for the conditions of the run");
    free(text);
    return rc;
}

int mb_run_noise_begin(struct mb_run_noise *n, struct mb_db *db, int64_t run_id, const char *root, double seconds, struct mb_error *err)
{
    char utc[32];
    struct mb_noise noise;
    struct mb_error why = {0};
    *n = (struct mb_run_noise){.root = root, .session = json_object(), .grade = '?'};
    mb_clock_utc(utc, sizeof(utc));
    json_object_set_new(n->session, "started_utc", json_string(utc));
    if (seconds > 0 && mb_noise_measure(&noise, root, seconds, &why) == MB_OK) {
        n->grade = noise.grade;
        json_object_set_new(n->session, "noise", mb_noise_json(&noise));
    } else {
        json_object_set_new(n->session, "noise", json_null());
        json_object_set_new(n->session, "reason", json_string(seconds > 0 ? why.text : "not asked for (--noise 0)"));
    }
    n->has_ticks = mb_cpu_ticks_read(root, &n->ticks, NULL) == MB_OK;
    n->has_pressure = mb_cpu_pressure_read(root, &n->pressure, NULL) == MB_OK;
    n->has_throttle = mb_group_throttle_read(root, &n->throttle, NULL) == MB_OK;
    n->begin_ns = mb_clock_ns();
    return put(n, db, run_id, false, err);
}

static void set_real(json_t *o, const char *key, bool known, double value)
{
    json_object_set_new(o, key, known ? json_real(value) : json_null());
}

static void set_count(json_t *o, const char *key, bool known, uint64_t value)
{
    json_object_set_new(o, key, known ? json_integer((json_int_t)value) : json_null());
}

int mb_run_noise_end(struct mb_run_noise *n, struct mb_db *db, int64_t run_id, struct mb_error *err)
{
    if (!n->session)
        return MB_OK;
    const double seconds = (double)(mb_clock_ns() - n->begin_ns) * 1e-9;
    struct mb_cpu_ticks ticks = {0};
    struct mb_cpu_pressure pressure = {0};
    struct mb_group_throttle throttle = {0};
    const bool has_ticks = n->has_ticks && mb_cpu_ticks_read(n->root, &ticks, NULL) == MB_OK && ticks.all > n->ticks.all && ticks.steal >= n->ticks.steal;
    const bool has_pressure = n->has_pressure && mb_cpu_pressure_read(n->root, &pressure, NULL) == MB_OK && seconds > 0;
    const bool has_throttle = n->has_throttle && mb_group_throttle_read(n->root, &throttle, NULL) == MB_OK && throttle.n_throttled >= n->throttle.n_throttled;
    json_t *during = json_object();
    set_real(during, "seconds", true, seconds);
    set_real(during, "steal_share", has_ticks, has_ticks ? (double)(ticks.steal - n->ticks.steal) / (double)(ticks.all - n->ticks.all) : 0);
    set_real(during, "pressure_share", has_pressure, has_pressure ? (double)(pressure.total_us - n->pressure.total_us) * 1e-6 / seconds : 0);
    set_count(during, "group_throttled", has_throttle, throttle.n_throttled - n->throttle.n_throttled);
    set_count(during, "group_throttled_ns", has_throttle, throttle.throttled_ns - n->throttle.throttled_ns);
    json_object_set_new(n->session, "during", during);
    const int rc = put(n, db, run_id, true, err);
    json_decref(n->session);
    n->session = NULL;
    return rc;
}
