/**
 * vcio.h - commands to the firmware of a Raspberry Pi by its mailbox (/dev/vcio, kernel: drivers/char/broadcom/vcio.c), as vcgencmd sends
 * them, without starting a process.
 */
#ifndef MB_COLLECTORS_VCIO_H
#define MB_COLLECTORS_VCIO_H

#include <stddef.h>

#include "base/error.h"

#define MB_VCIO_REPLY_BYTES 1024

/** mb_vcio_open() - fd >= 0, or MB_ENOTSUP with the reason. */
int mb_vcio_open(const char *root, struct mb_error *err) MB_MUST_CHECK;

/** mb_vcio_command() - the firmware's answer as text into reply[MB_VCIO_REPLY_BYTES], always ended by NUL; MB_EIO when the call fails,
 *  MB_ENOTSUP when the firmware refuses the command. Does not allocate. */
int mb_vcio_command(int fd, const char *command, char *reply);

#endif
