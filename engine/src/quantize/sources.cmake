# Choosing types, writing files.
set(ENG_QUANTIZE_SOURCES
    src/quantize/recipe_rules.c src/quantize/recipe_choose.c src/quantize/plan.c src/quantize/write.c
    src/quantize/convert.c src/quantize/gguf_header.c src/quantize/atomic_file.c)
