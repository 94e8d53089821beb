/* perf_refusal.c - see perf_refusal.h. */
#include "collectors/perf_refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sysroot.h"

void mb_perf_explain(char *reason, size_t cap, int error, const char *root, int level)
{
    char now[16];
    switch (error) {
    case EACCES:
    case EPERM:
        if (mb_sys_read_text(root, "/proc/sys/kernel/perf_event_paranoid", now, sizeof(now), NULL))
            snprintf(now, sizeof(now), "?");
        snprintf(reason, cap, "forbidden (%s): kernel.perf_event_paranoid is %s; run `sudo sysctl kernel.perf_event_paranoid=%d`",
                 error == EACCES ? "EACCES" : "EPERM", now, level);
        break;
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
        snprintf(reason, cap, "not offered by this machine (%s): usual in virtual machines",
                 error == ENOENT ? "ENOENT" : error == ENODEV ? "ENODEV" : "EOPNOTSUPP");
        break;
    case ENOSYS:
        snprintf(reason, cap, "this kernel is built without perf_event_open");
        break;
    default:
        snprintf(reason, cap, "perf_event_open: %s", strerror(error));
    }
}
