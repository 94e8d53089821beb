/* serial_port.c - see serial_port.h. */
#include "collectors/serial_port.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static bool speed_of(unsigned baud, speed_t *speed)
{
    static const struct { unsigned baud; speed_t speed; } rows[] = {
        {1200, B1200},     {2400, B2400},     {4800, B4800},     {9600, B9600},       {19200, B19200},     {38400, B38400},
        {57600, B57600},   {115200, B115200}, {230400, B230400}, {460800, B460800},   {500000, B500000},   {576000, B576000},
        {921600, B921600}, {1000000, B1000000}, {1500000, B1500000}, {2000000, B2000000},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].baud == baud) {
            *speed = rows[i].speed;
            return true;
        }
    return false;
}

static int fail_access(const char *path, int cause, struct mb_error *err)
{
    if (cause == EACCES || cause == EPERM)
        return mb_fail(err, MB_ENOTSUP, "%s: permission denied; `sudo usermod -aG dialout $USER`, then log in again", path);
    if (cause == ENOENT)
        return mb_fail(err, MB_ENOTSUP, "%s: no such device; plug it in, `ls /dev/serial/by-id` shows what is there", path);
    return mb_fail(err, MB_ENOTSUP, "%s: %s", path, strerror(cause));
}

int mb_serial_probe(const char *path, struct mb_error *why)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return fail_access(path, errno, why);
    if (!S_ISCHR(st.st_mode))
        return mb_fail(why, MB_ENOTSUP, "%s is no serial line", path);
    return access(path, R_OK) == 0 ? MB_OK : fail_access(path, errno, why);
}

int mb_serial_open(const char *path, unsigned baud, struct mb_error *err)
{
    speed_t speed;
    struct termios t;
    if (!speed_of(baud, &speed))
        return mb_fail(err, MB_EINVAL, "baud=%u: no usual speed; 9600, 115200, 921600, ...", baud);
    const int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail_access(path, errno, err);
    if (tcgetattr(fd, &t) != 0) {
        close(fd);
        return mb_fail(err, MB_ENOTSUP, "%s is no serial line", path);
    }
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD; /* no modem: its wires say nothing */
    t.c_cflag &= ~(tcflag_t)(CRTSCTS | CSTOPB);
    t.c_cc[VMIN] = 1; /* "nothing yet" is EAGAIN then, and 0 can only mean that the line is gone */
    t.c_cc[VTIME] = 0;
    if (cfsetispeed(&t, speed) != 0 || cfsetospeed(&t, speed) != 0 || tcsetattr(fd, TCSANOW, &t) != 0) {
        mb_fail_errno(err, MB_ENOTSUP, "%s: cannot be set to %u baud", path, baud);
        close(fd);
        return MB_ENOTSUP;
    }
    tcflush(fd, TCIFLUSH);
    return fd;
}
