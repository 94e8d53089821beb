/**
 * hwmon_channels.h - which power and energy channels /sys/class/hwmon offers (kernel: Documentation/hwmon/sysfs-interface), opened.
 * One physical rail is one channel: where a chip counts energy (energyN_input) that is taken, else its own power (powerN_input or
 * powerN_average), else voltage times current of the same number. Left out: channels labelled NC (Jetson: not connected), shunt
 * voltages and sums of INA3221 (numbers above 3), and power supplies (batteries and chargers: on mains they measure charging).
 */
#ifndef MB_COLLECTORS_HWMON_CHANNELS_H
#define MB_COLLECTORS_HWMON_CHANNELS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define HWMON_CHANNELS_MAX 32

enum hwmon_kind { HWMON_ENERGY_UJ, HWMON_POWER_UW, HWMON_MV_MA };

struct hwmon_channel {
    enum hwmon_kind kind;
    char scope[64];     /* label, or chip and attribute; unique */
    int fd[2];          /* + 1, 0 = not open: the one attribute, or mV and mA */
    char reason[160];   /* why it is not open */
    uint64_t update_ns; /* the chip's update_interval; 0: not given */
};

struct hwmon_channels {
    struct hwmon_channel channel[HWMON_CHANNELS_MAX];
    size_t n;           /* found */
    size_t n_open;
    size_t n_beyond;    /* found but without room */
};

/** hwmon_channels_open() - MB_ENOTSUP with the reason when there is none. @out is zeroed first; close it in any case. */
int hwmon_channels_open(struct hwmon_channels *out, const char *root, struct mb_error *err) MB_MUST_CHECK;
void hwmon_channels_close(struct hwmon_channels *channels);

#endif
