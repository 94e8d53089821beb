/** panel_formats.h - the rows of panel_formats.def as constants named format_<name>: code inlined over one folds to that format's. */
#ifndef ENG_KERNELS_PANEL_FORMATS_H
#define ENG_KERNELS_PANEL_FORMATS_H

#include "kernels/panel.h"
#include "types/lut4.h"

#define FORMAT(name, id, ...) __attribute__((unused)) static const struct eng_panel_format format_##name = {.type = id, __VA_ARGS__};
#include "kernels/panel_formats.def"
#undef FORMAT

#endif
