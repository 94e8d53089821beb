/* half.c - IEEE 754 binary16 to and from binary32 for those who convert one number: half.h does it inline. */
#include "types/half.h"
#include "types/types.h"

float eng_f16_to_f32(uint16_t h)
{
    return eng_half_to_f32(h);
}

uint16_t eng_f32_to_f16(float f)
{
    return eng_half_of_f32(f);
}
