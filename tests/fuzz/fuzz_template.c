/* fuzz_template.c - any bytes as a chat template: text, or one line that says why not. */
#include <stdlib.h>
#include <string.h>

#include "chat/template.h"
#include "fuzz_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    static const struct eng_chat_message messages[] = {{"system", "Be brief."}, {"user", " Hi\n"}, {"assistant", "Yes."}, {"user", "\xc3\xa9?"}};
    char *source = malloc(n_bytes + 1), *text;
    size_t n;
    struct eng_error err = {0};
    memcpy(source, data, n_bytes);
    source[n_bytes] = '\0';
    const struct eng_template_input input = {source, messages + (n_bytes & 1), 4 - (n_bytes & 1), "<s>", "</s>"};
    const int rc = eng_template_render(&input, &text, &n, &err);
    if (rc == ENG_OK ? text[n] != '\0' : err.code != rc || !err.text[0] || strchr(err.text, '\n') || text)
        abort();
    free(text);
    free(source);
    return 0;
}
