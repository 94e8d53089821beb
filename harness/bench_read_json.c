/* bench_read_json.c - json and jsonl are one: objects one after the other, with or without a bracket and commas around. So what a killed llama-bench
 * left behind is read up to its last whole record. */
#include <string.h>

#include "harness/bench_import.h"

/* The next line that begins with an object: jsonl goes on there, the indented records of json do not. */
static const char *next_line(const char *p)
{
    const char *at = strstr(p, "\n{");
    return at ? at + 1 : p + strlen(p);
}

void mb_bench_read_json(struct mb_bench_import *in, const char *text)
{
    const char *p = text + strspn(text, " \t\r\n"), *const end = text + strlen(text);
    const bool listed = *p == '[';
    bool closed = !listed;
    for (p += listed; *(p += strspn(p, " \t\r\n,"));) {
        json_error_t e;
        if (*p == ']' && !closed) {
            closed = true;
            p++;
            continue;
        }
        if (*p != '{') {
            mb_bench_import_fault(in, mb_bench_import_line(in, text, p), "a record should begin here, there is '%.20s'", p);
            p = next_line(p);
            continue;
        }
        json_t *record = json_loadb(p, (size_t)(end - p), JSON_DISABLE_EOF_CHECK, &e);
        const int64_t line = mb_bench_import_line(in, text, p);
        if (record) {
            mb_bench_import_add(in, record, line);
            p += e.position;
        } else {
            mb_bench_import_fault(in, line, "%s (noticed in line %lld)", e.text, (long long)line + e.line - 1);
            p = next_line(p + 1);
        }
    }
    if (!closed && in->n_faults == 0)
        mb_bench_import_fault(in, mb_bench_import_line(in, text, end), "the list does not end: the file is cut");
}
