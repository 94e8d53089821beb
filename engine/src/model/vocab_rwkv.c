/* vocab_rwkv.c - RWKV's "world" vocabulary (BlinkDL, rwkv_vocab_v20230424): any bytes, written with the escapes of a Python literal. */
#include <string.h>

#include "model/vocab_load.h"

static unsigned hex_value(char c)
{
    return c >= '0' && c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 32) - 'a' + 10) & 15;
}

/* \t \n \r \xNN, and a backslash in front of anything else means that; what is cut short is dropped. */
static uint32_t unescape(struct eng_gguf_str text, char *out)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.data[i] != '\\') {
            out[n++] = text.data[i];
            continue;
        }
        if (++i == text.n)
            break;
        const char c = text.data[i];
        if (c != 'x') {
            out[n++] = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c;
            continue;
        }
        if (text.n - i < 3)
            break;
        out[n++] = (char)(hex_value(text.data[i + 1]) << 4 | hex_value(text.data[i + 2]));
        i += 2;
    }
    return n;
}

int eng_vocab_load_rwkv(struct eng_vocab_load *l)
{
    struct eng_vocab *v = l->v;
    char *out = eng_arena_alloc(l->arena, (size_t)l->n_text_bytes, 1);
    if (!out)
        return eng_vocab_no_memory(l);
    const uint8_t *cursor = l->tokens->data;
    for (uint32_t i = 0; i < v->n_tokens; i++) {
        const struct eng_gguf_str text = eng_gguf_next_str(&cursor);
        v->pieces[i].data = out;
        if (ENG_KINDS_TEXT >> v->pieces[i].kind & 1) {
            v->pieces[i].n = unescape(text, out);
        } else {
            memcpy(out, text.data, text.n);
            v->pieces[i].n = (uint32_t)text.n;
        }
        out += v->pieces[i].n;
    }
    return eng_prefix_table_fill(&v->longest, v->pieces, v->n_tokens, ENG_KINDS_TEXT, l->arena) == 0 ? ENG_OK : eng_vocab_no_memory(l);
}
