/* gnuplot.c - see gnuplot.h. Data reach gnuplot inside the script, so nothing of a database is ever part of a command or a file name. */
#include "plots/gnuplot.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum { LABEL_CHARS_MAX = 48 /* beside a bar */, TEXT_CHARS_MAX = 96 /* in a legend */, TIMEOUT_S = 60 };

extern char **environ;

static size_t n_characters(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p; p++)
        n += ((unsigned char)*p & 0xc0) != 0x80;
    return n;
}

void mb_gnuplot_string(struct mb_strbuf *out, const char *text, size_t max_chars)
{
    const size_t n = n_characters(text), head = n > max_chars ? max_chars / 2 : n, tail = n > max_chars ? n - (max_chars - head - 1) : n;
    size_t i = 0;
    bool keep = true;
    mb_strbuf_puts(out, "\"");
    for (const char *p = text; *p; p++) {
        if (((unsigned char)*p & 0xc0) != 0x80) { /* a character begins */
            if (i == head && n > max_chars)
                mb_strbuf_puts(out, "\xe2\x80\xa6");
            keep = i < head || i >= tail;
            i++;
        }
        const char c = *p == '"' ? '\'' : *p == '\\' ? '/' : (unsigned char)*p < 32 || *p == 127 ? ' ' : *p;
        if (keep)
            mb_strbuf_add(out, &c, 1);
    }
    mb_strbuf_puts(out, "\"");
}

static void put_value(struct mb_strbuf *out, const struct mb_table_cell *cell, bool is_label)
{
    if (!cell->text)
        mb_strbuf_puts(out, "?");
    else if (cell->is_number)
        mb_strbuf_puts(out, cell->text);
    else
        mb_gnuplot_string(out, cell->text, is_label ? LABEL_CHARS_MAX : TEXT_CHARS_MAX);
}

/* Distinct texts of the column in order of appearance, and how often; quadratic, for legends. */
static void put_series(struct mb_strbuf *out, const struct mb_table *t, int column, size_t max_chars)
{
    struct mb_strbuf items = {0};
    size_t n = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        bool known = i > 0 && strcmp(mb_table_text(t, i, column), mb_table_text(t, i - 1, column)) == 0;
        for (size_t k = 0; !known && k < i; k++)
            known = strcmp(mb_table_text(t, i, column), mb_table_text(t, k, column)) == 0;
        if (known)
            continue;
        mb_strbuf_puts(&items, n++ ? ", " : "");
        mb_gnuplot_string(&items, mb_table_text(t, i, column), max_chars);
    }
    mb_strbuf_printf(out, "array mb_series[%zu] = [%s]\n", n, mb_strbuf_text(&items));
    mb_strbuf_release(&items);
}

void mb_gnuplot_data(struct mb_strbuf *out, const struct mb_table *t)
{
    const int series = mb_table_column(t, "series");
    size_t longest = 0;
    mb_strbuf_puts(out, "$data << MB_END_OF_DATA\n");
    for (size_t i = 0; i < t->n_rows * t->n_columns; i++) {
        mb_strbuf_puts(out, i % t->n_columns ? "\t" : "");
        put_value(out, &t->cells[i], i % t->n_columns == 0 && series < 0);
        if ((i + 1) % t->n_columns == 0)
            mb_strbuf_puts(out, "\n");
    }
    mb_strbuf_puts(out, "MB_END_OF_DATA\n");
    for (size_t i = 0; i < t->n_rows; i++) {
        const size_t n = n_characters(mb_table_text(t, i, 0));
        longest = n > longest ? n : longest;
    }
    mb_strbuf_printf(out, "mb_rows = %zu\nmb_label_chars = %zu\n", t->n_rows, longest < LABEL_CHARS_MAX ? longest : LABEL_CHARS_MAX);
    put_series(out, t, series < 0 ? 0 : series, series < 0 ? LABEL_CHARS_MAX : TEXT_CHARS_MAX);
}

/* The whole of a temporary file. */
static void read_back(FILE *f, struct mb_strbuf *out)
{
    char piece[4096];
    rewind(f);
    for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
        mb_strbuf_add(out, piece, n);
}

/* Waits at most TIMEOUT_S, then kills; returns the wait status, -1 when it had to be killed. */
static int wait_for(pid_t pid)
{
    const uint64_t end_ns = mb_clock_ns() + TIMEOUT_S * 1000000000ull;
    for (;;) {
        int status;
        const pid_t done = waitpid(pid, &status, WNOHANG);
        if (done == pid)
            return status;
        if ((done < 0 && errno != EINTR) || mb_clock_ns() > end_ns) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
        mb_clock_sleep_until_ns(mb_clock_ns() + 2000000);
    }
}

static int spawn(FILE *in, FILE *out, FILE *complaints, pid_t *pid)
{
    static char name[] = "gnuplot", defaults[] = "-d";
    char *argv[] = {name, defaults, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(in), 0);
    posix_spawn_file_actions_adddup2(&actions, fileno(out), 1);
    posix_spawn_file_actions_adddup2(&actions, fileno(complaints), 2);
    const int rc = posix_spawnp(pid, "gnuplot", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* gnuplot's complaint is three lines: the command, a caret, the sentence. */
static int explain(int status, const char *complaint, struct mb_error *err)
{
    if (status == -1)
        return mb_fail(err, MB_EFAILED, "gnuplot did not end within %d s", TIMEOUT_S);
    const char *line = strstr(complaint, "line ");
    const size_t n = strcspn(line ? line : complaint, "\n");
    return mb_fail(err, MB_EFAILED, "gnuplot failed: %.*s", (int)(n < 300 ? n : 300), line ? line : complaint);
}

int mb_gnuplot_run(const char *script, struct mb_strbuf *svg, struct mb_error *err)
{
    FILE *in = tmpfile(), *out = tmpfile(), *complaints = tmpfile();
    struct mb_strbuf complaint = {0};
    int rc = MB_OK;
    if (!in || !out || !complaints || fputs(script, in) < 0 || fflush(in)) {
        rc = mb_fail_errno(err, MB_EIO, "temporary file for gnuplot");
        goto out;
    }
    rewind(in);
    pid_t pid;
    const int failure = spawn(in, out, complaints, &pid);
    if (failure) {
        rc = mb_fail(err, MB_ENOTSUP, "gnuplot could not be started (%s): apt-get install gnuplot-nox", strerror(failure));
        goto out;
    }
    const int status = wait_for(pid);
    read_back(complaints, &complaint);
    if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) == 127) {
        rc = status != -1 && WIFEXITED(status) ? mb_fail(err, MB_ENOTSUP, "gnuplot could not be started: apt-get install gnuplot-nox")
                                               : explain(status, mb_strbuf_text(&complaint), err);
        goto out;
    }
    read_back(out, svg);
    if (WEXITSTATUS(status))
        rc = explain(status, mb_strbuf_text(&complaint), err);
    else if (!strstr(mb_strbuf_text(svg), "</svg>"))
        rc = mb_fail(err, MB_EFORMAT, "gnuplot drew nothing: %.300s", mb_strbuf_text(&complaint));
out:
    if (in)
        fclose(in);
    if (out)
        fclose(out);
    if (complaints)
        fclose(complaints);
    mb_strbuf_release(&complaint);
    return rc;
}
