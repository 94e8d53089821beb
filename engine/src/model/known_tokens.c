/* known_tokens.c - see known_tokens.h. */
#include "model/known_tokens.h"

#include <string.h>

#include "model/vocab.h"

enum { IS_END = 1, IS_CONTROL = 2, IS_USER = 4 };

#define BAR  "\xef\xbd\x9c" /* U+FF5C, of DeepSeek's tokens */
#define MARK "\xe2\x96\x81" /* U+2581 */

static const struct known {
    const char *text;
    unsigned is;
} known[] = {
    {"<|im_end|>", IS_END | IS_CONTROL},
    {"<|endoftext|>", IS_END | IS_CONTROL},
    {"<|end_of_text|>", IS_END | IS_CONTROL},
    {"<|eot_id|>", IS_END | IS_CONTROL},
    {"<|eom_id|>", IS_END | IS_CONTROL},
    {"<|end|>", IS_END | IS_CONTROL},
    {"<end_of_turn>", IS_END | IS_CONTROL},
    {"<end_of_utterance>", IS_END | IS_CONTROL},
    {"<turn|>", IS_END | IS_CONTROL},
    {"<|tool_response>", IS_END | IS_CONTROL},
    {"<|return|>", IS_END | IS_CONTROL},
    {"<|call|>", IS_END | IS_CONTROL},
    {"<|calls|>", IS_END | IS_CONTROL},
    {"<|flush|>", IS_END | IS_CONTROL},
    {"<eos>", IS_END | IS_CONTROL},
    {"</s>", IS_END | IS_CONTROL},
    {"<EOT>", IS_END | IS_CONTROL},
    {"_<EOT>", IS_END | IS_CONTROL},
    {"[EOT]", IS_END | IS_CONTROL},
    {"[EOS]", IS_END | IS_CONTROL},
    {"[e~[", IS_END | IS_CONTROL},
    {"<" BAR "end" MARK "of" MARK "sentence" BAR ">", IS_END | IS_CONTROL},
    {"[|endofturn|]", IS_END},
    {"<|endofturn|>", IS_END},
    {"<|eot|>", IS_END},
    /* fill-in-the-middle; the last three separate files */
    {"<|fim_prefix|>", IS_CONTROL},
    {"<fim-prefix>", IS_CONTROL},
    {"<fim_prefix>", IS_CONTROL},
    {"<" BAR "fim" MARK "begin" BAR ">", IS_CONTROL},
    {"<PRE>", IS_CONTROL},
    {MARK "<PRE>", IS_CONTROL},
    {"<|code_prefix|>", IS_CONTROL},
    {"<|prefix|>", IS_CONTROL},
    {"<|fim_suffix|>", IS_CONTROL},
    {"<fim-suffix>", IS_CONTROL},
    {"<fim_suffix>", IS_CONTROL},
    {"<" BAR "fim" MARK "hole" BAR ">", IS_CONTROL},
    {"<SUF>", IS_CONTROL},
    {MARK "<SUF>", IS_CONTROL},
    {"<|code_suffix|>", IS_CONTROL},
    {"<|suffix|>", IS_CONTROL},
    {"<|fim_middle|>", IS_CONTROL},
    {"<fim-middle>", IS_CONTROL},
    {"<fim_middle>", IS_CONTROL},
    {"<" BAR "fim" MARK "end" BAR ">", IS_CONTROL},
    {"<MID>", IS_CONTROL},
    {MARK "<MID>", IS_CONTROL},
    {"<|code_middle|>", IS_CONTROL},
    {"<|middle|>", IS_CONTROL},
    {"<|fim_pad|>", IS_END | IS_CONTROL},
    {"<fim-pad>", IS_END | IS_CONTROL},
    {"<fim_pad>", IS_END | IS_CONTROL},
    {"<PAD>", IS_END | IS_CONTROL},
    {"[PAD]", IS_END | IS_CONTROL},
    {"<|fim_repo|>", IS_END | IS_CONTROL},
    {"<|repo_name|>", IS_END | IS_CONTROL},
    {"<fim-repo>", IS_END | IS_CONTROL},
    {"<REPO>", IS_END | IS_CONTROL},
    {"<reponame>", IS_END | IS_CONTROL},
    {"<|file_sep|>", IS_END | IS_CONTROL},
    /* gpt-oss: part of what it says */
    {"<|channel|>", IS_USER},
    {"<|message|>", IS_USER},
    {"<|start|>", IS_USER},
    {"<|constrain|>", IS_USER},
};

static unsigned properties(const char *text, size_t n_bytes)
{
    if (n_bytes < 4 || (text[0] != '<' && text[0] != '[' && text[0] != '_' && text[0] != MARK[0]))
        return 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (known[i].text[1] == text[1] && strlen(known[i].text) == n_bytes && memcmp(known[i].text, text, n_bytes) == 0)
            return known[i].is;
    }
    return 0;
}

uint8_t eng_known_token_kind(const char *text, size_t n_bytes, uint8_t kind)
{
    const unsigned is = properties(text, n_bytes);
    return is & IS_CONTROL ? ENG_TOKEN_CONTROL : is & IS_USER ? ENG_TOKEN_USER : kind;
}

static struct eng_piece *find(struct eng_piece *pieces, uint32_t n, const char *text)
{
    const size_t n_text = strlen(text);
    for (uint32_t i = 0; i < n; i++) {
        if (pieces[i].n == n_text && memcmp(pieces[i].data, text, n_text) == 0)
            return &pieces[i];
    }
    return NULL;
}

void eng_known_tokens_mark_ends(struct eng_piece *pieces, uint32_t n_pieces)
{
    for (uint32_t i = 0; i < n_pieces; i++) {
        struct eng_piece *p = &pieces[i];
        if (ENG_KINDS_SPECIAL >> p->kind & 1 && properties(p->data, p->n) & IS_END)
            p->is_eog = true;
    }
    /* Harmony and Solar end their messages with other tokens; <|end|> only separates. */
    struct eng_piece *end = find(pieces, n_pieces, "<|end|>");
    if (!end || !end->is_eog)
        return;
    const bool harmony = find(pieces, n_pieces, "<|return|>") && find(pieces, n_pieces, "<|call|>");
    const bool solar = find(pieces, n_pieces, "<|calls|>") && find(pieces, n_pieces, "<|flush|>");
    if (harmony || solar)
        end->is_eog = false;
}
