/**
 * meter_file.h - recordings of power by other programs, read as a stream: Monsoon's CSV ("Time(ms),Main(mA),...,Main Voltage(V)"), Joulescope's and
 * any other table whose columns can be told by their heading or by the caller. And the energy between two times of it.
 *
 * Columns by heading: a unit in brackets, "(mA)" or "[V]", decides (s ms us, V mV uV, A mA uA, W mW uW); a heading without a unit that begins
 * with time, voltage, current or power is in s, V, A, W. The first column of each quantity counts: Monsoon's main channel. Power is the W
 * column where there is one, else V x A. Lines that begin with # are remarks. Separators: comma, semicolon, tab.
 * Thread: one.
 */
#ifndef MB_HARNESS_METER_FILE_H
#define MB_HARNESS_METER_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

#define MB_METER_FILE_COLUMNS 32
#define MB_METER_FILE_FAULTS 8

struct mb_meter_reading { double t_s, watts; };

struct mb_meter_file {
    FILE *file;
    const char *path;      /* borrowed */
    char *line;            /* owned */
    size_t cap;
    int64_t n_lines;
    struct { int quantity; double scale; } column[MB_METER_FILE_COLUMNS];
    int n_columns;
    double t_last_s;
    uint64_t n_readings, n_faults;
    struct { int64_t line; const char *what; } faults[MB_METER_FILE_FAULTS]; /* the first ones */
};

/** mb_meter_file_open() - @columns "ms/V/A/-" for a file without headings, or NULL. MB_EFORMAT when no power can be told from it. */
int mb_meter_file_open(struct mb_meter_file *m, const char *path, const char *columns, struct mb_error *err) MB_MUST_CHECK;
void mb_meter_file_close(struct mb_meter_file *m); /* safe on zeroed */

/** mb_meter_file_next() - 1: *r is the next reading, times rising; 0: the end; negative: it cannot be read. Damaged lines are counted. */
int mb_meter_file_next(struct mb_meter_file *m, struct mb_meter_reading *r, struct mb_error *err) MB_MUST_CHECK;

/* One stretch of time whose energy is wanted; energy of several with the same `owner` is the caller's to add. */
struct mb_meter_window {
    double t0_s, t1_s;
    size_t owner;
    /* filled in */
    double joules, least_w, most_w, sum_w, sum_squares_w2, gap_max_s;
    uint64_t n;            /* readings inside */
    bool covered;          /* there are readings at or before t0 and at or after t1 */
};

/** mb_meter_file_integrate() - one pass: trapezoid between the readings, cut at the ends of each window. @windows sorted by t0_s. */
int mb_meter_file_integrate(struct mb_meter_file *m, struct mb_meter_window *windows, size_t n, struct mb_error *err) MB_MUST_CHECK;

#endif
