/**
 * pmic_reply.h - the text that a Raspberry Pi's firmware answers to pmic_read_adc: one line a sensor,
 *   3V7_WL_SW_A current(0)=0.09954870A
 *   3V7_WL_SW_V volt(8)=3.70122400V
 * A rail has power where both its lines are there and whole. EXT5V_V and BATT_V have no current beside them and are no rails.
 */
#ifndef MB_COLLECTORS_PMIC_REPLY_H
#define MB_COLLECTORS_PMIC_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#define MB_PMIC_RAILS_MAX 24

struct mb_pmic_rail {
    char name[24];
    bool has_amps, has_volts;
    double amps, volts;
};

/** mb_pmic_parse() - rails[MB_PMIC_RAILS_MAX] in the order of the text; returns how many, also those with one half only. Lines of other
 *  form, or cut off, are passed over. Does not allocate. */
size_t mb_pmic_parse(const char *text, struct mb_pmic_rail *rails);

#endif
