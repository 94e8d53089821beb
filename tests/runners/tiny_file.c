/* tiny_file.c - see tiny_file.h. */
#include "tiny_file.h"

#include "gguf_build.h"

void tiny_file_write(const char *path)
{
    struct gguf_build *b = gguf_build_new();
    gguf_build_llama(b, &(struct gguf_tiny){.n_layers = 3, .n_ctx = 256, .type = ENG_TYPE_Q8_0, .untied = true});
    gguf_build_write(b, path);
    gguf_build_free(b);
}
