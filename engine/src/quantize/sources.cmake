# Choosing types, writing files.
set(ENG_QUANTIZE_SOURCES src/quantize/recipe_rules.c src/quantize/recipe_choose.c)
