/**
 * battery_profile.h - sign and unit of a battery's current_now, which makers of phones choose freely: a table (battery_profiles.def) and
 * a file of the user's own.
 */
#ifndef MB_COLLECTORS_BATTERY_PROFILE_H
#define MB_COLLECTORS_BATTERY_PROFILE_H

#include "base/error.h"

struct mb_battery_profile {
    double current_ua_per_unit;
    int current_sign; /* of a discharging battery: 1, -1, 0 = either */
};

/** mb_battery_profile_find() - the row that @name asks for, or with "" the one that fits the supply or the device; MB_ENOTSUP when none
 *  does. A name with a '/' is a file with lines "current_ua_per_unit = 1000" and "current_sign = -1". MB_EINVAL for a bad name or file. */
int mb_battery_profile_find(const char *name, const char *supply, const char *root, struct mb_battery_profile *profile,
                            struct mb_error *err) MB_MUST_CHECK;

#endif
