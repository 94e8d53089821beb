/* lut4.c - the table of iq4. */
#include "types/lut4.h"

const int8_t eng_iq4_value[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
