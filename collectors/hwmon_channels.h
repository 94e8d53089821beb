/**
 * hwmon_channels.h - which power and energy channels /sys/class/hwmon offers (kernel: Documentation/hwmon/sysfs-interface), opened.
 * One physical rail is one channel: where a chip counts energy (energyN_input) that is taken, else its own power (powerN_input or
 * powerN_average), else voltage times current of the same number. Left out: channels labelled NC (not connected), INA3221 (ina3221.c knows
 * their rails), and power supplies (battery.c: on mains they measure charging).
 * Rails nest and no file says how: a total only where there is exactly one, and that not a graphics card's.
 */
#ifndef MB_COLLECTORS_HWMON_CHANNELS_H
#define MB_COLLECTORS_HWMON_CHANNELS_H

#include "collectors/energy_meter.h"

#define HWMON_CHANNELS_MAX 32

/** hwmon_channels_add() - MB_ENOTSUP with the reason when there is none. */
int hwmon_channels_add(struct mb_energy_meter *m, const char *root, struct mb_error *err) MB_MUST_CHECK;

#endif
