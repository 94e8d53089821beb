/* cooldown.c - see cooldown.h. Files: Documentation/driver-api/thermal/sysfs-api. */
#include "harness/cooldown.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sysroot.h"

#define ZONES "/sys/class/thermal"
#define SECOND_NS UINT64_C(1000000000)

enum { MILLI_C_MIN = -50000, MILLI_C_MAX = 200000, MOST_TRIPS = 32 }; /* beyond is a disabled or broken zone, as in collectors/thermal.c */

struct heat { int64_t hottest_milli_c, headroom_milli_c; }; /* MB_COOLDOWN_UNKNOWN: no zone, no trip point */

/* The lowest trip point of a zone that slows or stops the machine. */
static int64_t lowest_trip(const char *root, const char *zone)
{
    int64_t lowest = MB_COOLDOWN_UNKNOWN;
    for (int i = 0; i < MOST_TRIPS; i++) {
        char path[320], type[32];
        int64_t milli_c;
        snprintf(path, sizeof(path), ZONES "/%.250s/trip_point_%d_type", zone, i);
        if (mb_sys_read_text(root, path, type, sizeof(type), NULL))
            break;
        snprintf(path, sizeof(path), ZONES "/%.250s/trip_point_%d_temp", zone, i);
        if (strcmp(type, "active") == 0 || mb_sys_read_i64(root, path, &milli_c, NULL) || milli_c <= 0 || milli_c > MILLI_C_MAX)
            continue; /* 0 and -274000 are trip points that are off */
        lowest = lowest == MB_COOLDOWN_UNKNOWN || milli_c < lowest ? milli_c : lowest;
    }
    return lowest;
}

static struct heat read_heat(const char *root)
{
    struct heat heat = {MB_COOLDOWN_UNKNOWN, MB_COOLDOWN_UNKNOWN};
    char **names;
    size_t n;
    if (mb_sys_list(root, ZONES, "thermal_zone", &names, &n, NULL))
        return heat;
    for (size_t i = 0; i < n; i++) {
        char path[320];
        int64_t milli_c;
        snprintf(path, sizeof(path), ZONES "/%.250s/temp", names[i]);
        if (mb_sys_read_i64(root, path, &milli_c, NULL) || milli_c < MILLI_C_MIN || milli_c > MILLI_C_MAX)
            continue;
        const int64_t trip = lowest_trip(root, names[i]);
        heat.hottest_milli_c = milli_c > heat.hottest_milli_c ? milli_c : heat.hottest_milli_c;
        if (trip != MB_COOLDOWN_UNKNOWN && (heat.headroom_milli_c == MB_COOLDOWN_UNKNOWN || trip - milli_c < heat.headroom_milli_c))
            heat.headroom_milli_c = trip - milli_c;
    }
    mb_sys_list_free(names, n);
    return heat;
}

static enum mb_cooldown_end sleep_fixed(int32_t seconds, struct mb_interrupt *in)
{
    return mb_interrupt_sleep(in, (uint64_t)seconds * SECOND_NS) > 0 ? MB_COOLDOWN_INTERRUPTED : MB_COOLDOWN_SLEPT;
}

static enum mb_cooldown_end wait_steady(const char *root, struct mb_interrupt *in, struct heat *heat)
{
    for (unsigned s = 0; s < MB_COOLDOWN_MOST_S && heat->hottest_milli_c != MB_COOLDOWN_UNKNOWN; s++) {
        if (mb_interrupt_sleep(in, SECOND_NS) > 0)
            return MB_COOLDOWN_INTERRUPTED;
        const int64_t last = heat->hottest_milli_c;
        *heat = read_heat(root);
        if (heat->hottest_milli_c != MB_COOLDOWN_UNKNOWN && last - heat->hottest_milli_c < MB_COOLDOWN_STEADY_MILLI_C)
            return MB_COOLDOWN_STEADY;
    }
    return heat->hottest_milli_c == MB_COOLDOWN_UNKNOWN ? MB_COOLDOWN_BLIND : MB_COOLDOWN_TIMEOUT;
}

static enum mb_cooldown_end look_at_gate(const struct mb_cooldown *rule, const struct heat *heat)
{
    const bool sees_below = rule->below_milli_c != 0 && heat->hottest_milli_c != MB_COOLDOWN_UNKNOWN;
    const bool sees_headroom = rule->headroom_milli_c != 0 && heat->headroom_milli_c != MB_COOLDOWN_UNKNOWN;
    if (!sees_below && !sees_headroom)
        return MB_COOLDOWN_BLIND;
    const bool hot = (sees_below && heat->hottest_milli_c > rule->below_milli_c) || (sees_headroom && heat->headroom_milli_c < rule->headroom_milli_c);
    return hot ? MB_COOLDOWN_TIMEOUT : MB_COOLDOWN_COOL;
}

static enum mb_cooldown_end wait_gate(const struct mb_cooldown *rule, const char *root, struct mb_interrupt *in, struct heat *heat)
{
    const uint64_t until_ns = mb_clock_ns() + rule->timeout_s * SECOND_NS;
    enum mb_cooldown_end end;
    while ((end = look_at_gate(rule, heat)) == MB_COOLDOWN_TIMEOUT && mb_clock_ns() < until_ns) {
        if (mb_interrupt_sleep(in, SECOND_NS) > 0)
            return MB_COOLDOWN_INTERRUPTED;
        *heat = read_heat(root);
    }
    return end;
}

struct mb_cooldown_outcome mb_cooldown_wait(const struct mb_cooldown *rule, const char *root, struct mb_interrupt *in)
{
    const uint64_t begin_ns = mb_clock_ns();
    struct heat heat = {MB_COOLDOWN_UNKNOWN, MB_COOLDOWN_UNKNOWN};
    enum mb_cooldown_end end = MB_COOLDOWN_NOTHING;
    if (rule->timeout_s || rule->fixed_s < 0) {
        heat = read_heat(root);
        end = rule->timeout_s ? wait_gate(rule, root, in, &heat) : wait_steady(root, in, &heat);
    } else if (rule->fixed_s > 0) {
        end = sleep_fixed(rule->fixed_s, in);
        heat = read_heat(root);
    }
    return (struct mb_cooldown_outcome){.end = end, .waited_ns = mb_clock_ns() - begin_ns, .hottest_milli_c = heat.hottest_milli_c,
                                        .headroom_milli_c = heat.headroom_milli_c};
}

const char *mb_cooldown_end_name(enum mb_cooldown_end end)
{
    static const char *const names[] = {"", "slept", "steady", "cool", "timeout", "blind", "interrupted"};
    return names[end];
}

static int put(struct mb_record *r, enum mb_metric metric, int64_t value, const char *reason)
{
    return value == MB_COOLDOWN_UNKNOWN ? mb_record_add_absent(r, metric, "", "protocol", reason)
                                        : mb_record_add_metric(r, metric, "", "protocol", MB_ORIGIN_MEASURED, (double)value);
}

int mb_cooldown_record(const struct mb_cooldown_outcome *o, struct mb_record *r)
{
    if (o->end == MB_COOLDOWN_NOTHING)
        return MB_OK;
    int rc = mb_record_add_metric(r, MB_METRIC_COOLDOWN_NS, mb_cooldown_end_name(o->end), "protocol", MB_ORIGIN_MEASURED, (double)o->waited_ns);
    if (!rc)
        rc = put(r, MB_METRIC_TEMP_START_MILLI_C, o->hottest_milli_c, "no readable thermal zone");
    return rc ? rc : put(r, MB_METRIC_HEADROOM_MILLI_C, o->headroom_milli_c, "no thermal zone with a trip point that slows or stops the machine");
}
