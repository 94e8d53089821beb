/**
 * odpm_text.h - the text of energy_value of a Pixel's on-device power monitor (iio driver of s2mpg1x):
 *   t=358400
 *   CH3(T=358356)[S2M_VDD_CPUCL2], 761330
 * t: ms since boot of the reading; T: ms over which the rail was counted (older kernels have none); the number: uWs since boot.
 */
#ifndef MB_COLLECTORS_ODPM_TEXT_H
#define MB_COLLECTORS_ODPM_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define MB_ODPM_RAILS_MAX 16 /* of one chip */

struct mb_odpm_rail {
    char name[40];
    uint64_t t_ms; /* T, else t; 0: neither */
    uint64_t uws;
};

/** mb_odpm_parse() - rails[MB_ODPM_RAILS_MAX]; returns how many. A line of other form, or cut off within its name, is passed over; the
 *  last line counts only with its newline, as a number that was cut off looks whole. Does not allocate. */
size_t mb_odpm_parse(const char *text, struct mb_odpm_rail *rails);

#endif
