/* cooldown.c - see cooldown.h. */
#include "harness/cooldown.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/sysroot.h"

#define ZONES "/sys/class/thermal"
#define SECOND_NS 1000000000u

/* The hottest zone in m°C; INT64_MIN when none can be read. */
static int64_t hottest_milli_c(const char *root)
{
    char **names;
    size_t n;
    int64_t hottest = INT64_MIN;
    if (mb_sys_list(root, ZONES, "thermal_zone", &names, &n, NULL))
        return hottest;
    for (size_t i = 0; i < n; i++) {
        char path[320];
        int64_t value;
        snprintf(path, sizeof(path), ZONES "/%.250s/temp", names[i]);
        if (mb_sys_read_i64(root, path, &value, NULL) == MB_OK && value > hottest)
            hottest = value;
    }
    mb_sys_list_free(names, n);
    return hottest;
}

uint64_t mb_cooldown_wait(int32_t cooldown_s, const char *root, struct mb_interrupt *in)
{
    const uint64_t begin_ns = mb_clock_ns();
    if (cooldown_s >= 0) {
        if (cooldown_s > 0)
            mb_interrupt_sleep(in, (uint64_t)cooldown_s * SECOND_NS);
        return mb_clock_ns() - begin_ns;
    }
    int64_t last = hottest_milli_c(root);
    for (unsigned s = 0; s < MB_COOLDOWN_MOST_S && last != INT64_MIN; s++) {
        if (mb_interrupt_sleep(in, SECOND_NS) > 0)
            break;
        const int64_t now = hottest_milli_c(root);
        if (last - now < MB_COOLDOWN_STEADY_MILLI_C)
            break;
        last = now;
    }
    return mb_clock_ns() - begin_ns;
}
