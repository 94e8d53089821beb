/* vcio.c - see vcio.h. */
#include "collectors/vcio.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/sysroot.h"

#define MAILBOX_PROPERTY _IOWR(100, 0, char *)
#define GET_GENCMD_RESULT 0x00030080u

struct message { /* one tag: words as the firmware wants them */
    uint32_t size_bytes, status, tag, cap_bytes, n_bytes, error;
    char text[MB_VCIO_REPLY_BYTES];
    uint32_t end;
};
_Static_assert(sizeof(struct message) == 263 * 4, "the words lie side by side");

int mb_vcio_open(const char *root, struct mb_error *err)
{
    const int fd = mb_sys_open(root, "/dev/vcio", err);
    if (fd == MB_ENOENT)
        return mb_fail(err, MB_ENOTSUP, "no /dev/vcio: not a Raspberry Pi");
    if (fd == MB_ENOTSUP)
        return mb_fail(err, MB_ENOTSUP, "/dev/vcio may not be opened: `sudo usermod -aG video $USER`, then log in again");
    return fd;
}

int mb_vcio_command(int fd, const char *command, char *reply)
{
    struct message m = {.size_bytes = sizeof(m), .tag = GET_GENCMD_RESULT, .cap_bytes = sizeof(m.text)};
    int rc;
    reply[0] = '\0';
    strncpy(m.text, command, sizeof(m.text) - 1);
    do {
        rc = ioctl(fd, MAILBOX_PROPERTY, &m);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return MB_EIO;
    memcpy(reply, m.text, sizeof(m.text));
    reply[sizeof(m.text) - 1] = '\0';
    return m.error || strncmp(reply, "error=", 6) == 0 ? MB_ENOTSUP : MB_OK;
}
