/* perf_refusal.c - see perf_refusal.h. */
#include "collectors/perf_refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/sysroot.h"

/* A paranoid level that would do, and still a refusal: somebody else said no. */
static void explain_forbidden(char *reason, size_t cap, const char *error, const char *root, int level)
{
    int64_t now;
    const int rc = mb_sys_read_i64(root, "/proc/sys/kernel/perf_event_paranoid", &now, NULL);
    if (rc)
        snprintf(reason, cap, "forbidden (%s): kernel.perf_event_paranoid cannot be read; CAP_PERFMON would allow it", error);
    else if (now <= level)
        snprintf(reason, cap, "forbidden (%s) although kernel.perf_event_paranoid is %d: a container's seccomp filter; allow perf_event_open there",
                 error, (int)now);
    else
        snprintf(reason, cap, "forbidden (%s): kernel.perf_event_paranoid is %d; run `sudo sysctl kernel.perf_event_paranoid=%d`", error, (int)now, level);
}

void mb_perf_explain(char *reason, size_t cap, int error, const char *root, int level)
{
    switch (error) {
    case EACCES:
    case EPERM:
        explain_forbidden(reason, cap, error == EACCES ? "EACCES" : "EPERM", root, level);
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
