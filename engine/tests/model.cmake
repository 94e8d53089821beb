# Loader and tokenizer tests.
