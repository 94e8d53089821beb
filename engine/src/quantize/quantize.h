/** quantize.h (private to quantize/) - what eng_quantize_open() (plan.c) decided and eng_quantize_write() (write.c) carries out. */
#ifndef ENG_QUANTIZE_QUANTIZE_H
#define ENG_QUANTIZE_QUANTIZE_H

#include "eng/quantize.h"
#include "model/mapped_file.h"
#include "quantize/gguf_header.h"
#include "quantize/recipe.h"

struct eng_quantize {
    struct eng_mapped_file file;
    struct eng_gguf gguf;
    const struct eng_recipe *recipe;
    char *path, *arch, *names;           /* names: one after the other, each NUL-terminated */
    struct eng_recipe_tensor *tensors;   /* [n_tensors] */
    struct eng_quantize_row *rows;       /* [n_tensors] */
    struct eng_gguf_header header;       /* of the new file */
    struct eng_quantize_totals totals;
};

#endif
