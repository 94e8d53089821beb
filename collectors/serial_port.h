/** serial_port.h - a serial line (USB adapter, UART) opened for reading only: raw, 8N1, no flow control, never blocking. */
#ifndef MB_COLLECTORS_SERIAL_PORT_H
#define MB_COLLECTORS_SERIAL_PORT_H

#include "base/error.h"

/** mb_serial_probe() - is there a terminal device at @path that we may read? Opens nothing: opening resets many boards. */
int mb_serial_probe(const char *path, struct mb_error *why) MB_MUST_CHECK;

/** mb_serial_open() - fd >= 0, or MB_ENOTSUP (what to do in the text), MB_EINVAL for a speed that termios does not know. What the
 *  kernel held of earlier is dropped. */
int mb_serial_open(const char *path, unsigned baud, struct mb_error *err) MB_MUST_CHECK;

#endif
