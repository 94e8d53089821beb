/* test_worker.c - the link to a worker process, against the real worker and against ones that misbehave. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "campaign.h"
#include "harness/wire.h"
#include "harness/worker_link.h"

#define SECOND_NS 1000000000u

/* What the process does when it is started as a worker and MB_TEST_WORKER says so. */
static int misbehave(const char *how)
{
    char line[256];
    if (strcmp(how, "silent") == 0)
        pause();
    if (!fgets(line, sizeof(line), stdin))
        return 9;
    const char *text = strcmp(how, "garbage") == 0 ? "this is no JSON\n"
                       : strcmp(how, "array") == 0 ? "[1, 2]\n"
                       : strcmp(how, "twice") == 0 ? "{}\n{}\n"
                       : strcmp(how, "half") == 0  ? "{\"half\": "
                                                   : "";
    if (write(MB_WORKER_FD_ANSWER, text, strlen(text)) < 0)
        return 8;
    if (strcmp(how, "closes") == 0) {
        close(MB_WORKER_FD_ANSWER);
        pause();
    }
    if (strcmp(how, "talks") == 0 || strcmp(how, "floods") == 0) {
        do { /* pieces of no size in particular, with a zero byte among them */
            for (size_t i = 1; i < 8; i++)
                if (write(MB_WORKER_FD_TEXT, "ab\0defg", i) < 0)
                    return 6;
        } while (how[0] == 'f');
        return dprintf(MB_WORKER_FD_ANSWER, "{}\n") == 3 && pause();
    }
    if (strcmp(how, "fds") == 0) { /* which descriptors did it get? */
        int n = dprintf(MB_WORKER_FD_ANSWER, "{\"open\": [");
        for (int fd = 0, first = 1; fd < 256; fd++)
            if (lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF) {
                n += dprintf(MB_WORKER_FD_ANSWER, "%s%d", first ? "" : ",", fd);
                first = 0;
            }
        dprintf(MB_WORKER_FD_ANSWER, "], \"group\": %d, \"pid\": %d}\n", (int)getpgrp(), (int)getpid());
        pause();
    }
    fprintf(stderr, "line one\nlast \x01 \xff line\n");
    return 7;
}

static struct mb_worker spawn_with(const char *how, const struct mb_text_sink *text)
{
    struct mb_worker w;
    struct mb_error err = {0};
    if (how)
        setenv("MB_TEST_WORKER", how, 1);
    else
        unsetenv("MB_TEST_WORKER");
    assert_int_equal(mb_worker_spawn(&w, text, NULL, &err), MB_OK);
    return w;
}

static struct mb_worker spawn(const char *how)
{
    return spawn_with(how, NULL);
}

struct heard { /* what a worker said while it was asked */
    char bytes[400000];
    size_t n, n_most; /* n_most: nobody listens after so many */
};

static bool hear(void *user, const char *bytes, size_t n)
{
    struct heard *h = user;
    assert_true(h->n + n <= sizeof(h->bytes));
    memcpy(h->bytes + h->n, bytes, n);
    h->n += n;
    return h->n <= h->n_most;
}

static bool hear_nothing(void *user, const char *bytes, size_t n)
{
    (void)user, (void)bytes, (void)n;
    return true;
}

/* The sentence that an ask ends with; "" when it was answered. The worker must be gone then. */
static const char *ask(struct mb_worker *w, json_t *command, uint64_t timeout_ns)
{
    static struct mb_error err;
    json_t *answer;
    err = (struct mb_error){0};
    const pid_t pid = w->pid;
    const int rc = mb_worker_ask(w, command, timeout_ns, NULL, &answer, &err);
    json_decref(command);
    json_decref(answer);
    if (rc == MB_OK)
        return "";
    assert_null(answer);
    assert_int_equal(w->pid, 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
    return err.text;
}

static int ask_gone(struct mb_worker *w)
{
    struct mb_error err = {0};
    json_t *answer, *command = json_object();
    const int rc = mb_worker_ask(w, command, SECOND_NS, NULL, &answer, &err);
    json_decref(command);
    return rc;
}

static void a_worker_that_breaks_the_protocol_is_killed_and_named(void **state)
{
    (void)state;
    static const struct { const char *how, *reason; } cases[] = {
        {"garbage", "killed because its answer was no JSON object between repetitions"},
        {"array", "killed because its answer was no JSON object between repetitions"},
        {"twice", "killed because it answered more than was asked between repetitions"},
        {"half", "worker ended by itself with exit code 7 between repetitions; its last words: line one last ? ? line "},
        {"exit", "worker ended by itself with exit code 7 between repetitions; its last words: line one last ? ? line "},
        {"closes", "closed its answer pipe and had to be killed between repetitions"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mb_worker w = spawn(cases[i].how);
        const char *said = ask(&w, json_pack("{s:s}", "do", "x"), 20ull * SECOND_NS);
        if (strncmp(said, cases[i].reason, strlen(cases[i].reason)) != 0)
            fail_msg("%s: '%s'", cases[i].how, said);
        assert_int_equal(ask_gone(&w), MB_EFAILED);
    }
}

static void a_silent_worker_times_out(void **state)
{
    (void)state;
    struct mb_worker w = spawn("silent");
    const uint64_t begin_ns = mb_clock_ns();
    assert_string_equal(ask(&w, json_object(), SECOND_NS / 5), "timed out after 0.2 s between repetitions");
    assert_true(mb_clock_ns() - begin_ns >= SECOND_NS / 5);
    assert_int_equal(ask_gone(&w), MB_EFAILED);
    mb_worker_quit(&w); /* no worker: nothing happens */
    mb_worker_kill(&w);
}

static void inherits(const struct mb_text_sink *text, const char *descriptors)
{
    const int leak = dup2(STDOUT_FILENO, 57); /* a descriptor without close-on-exec must not get through either */
    struct mb_worker w = spawn_with("fds", text);
    struct mb_error err = {0};
    json_t *answer, *command = json_object();
    assert_int_equal(mb_worker_ask(&w, command, 20ull * SECOND_NS, NULL, &answer, &err), MB_OK);
    char *open_fds = json_dumps(json_object_get(answer, "open"), JSON_COMPACT);
    assert_string_equal(open_fds, descriptors);
    assert_int_equal(json_integer_value(json_object_get(answer, "group")), json_integer_value(json_object_get(answer, "pid")));
    assert_int_equal(json_integer_value(json_object_get(answer, "pid")), w.pid);
    free(open_fds);
    json_decref(answer);
    json_decref(command);
    close(leak);
    mb_worker_kill(&w);
}

static void a_worker_inherits_its_descriptors_and_leads_its_group(void **state)
{
    (void)state;
    inherits(NULL, "[0,1,2,3,4]"); /* whatever is measured: nowhere to say its text */
    inherits(&(const struct mb_text_sink){.put = hear_nothing}, "[0,1,2,3,4,5]");
}

/* Opens the null script in a real worker. */
static void open_null_with(struct mb_worker *w, struct campaign *c, const char *script, const struct mb_text_sink *text)
{
    const struct campaign_cell cell = {script, 4, 1, NULL};
    campaign_open(c, &cell, 1);
    const struct mb_site_setup setup = {.cell = &c->cells[0].cell, .collect = "", .root = "", .period_ns = 1000000, .max_samples = 10, .text = text};
    *w = spawn_with(NULL, text);
    assert_string_equal(ask(w, mb_wire_open_command(&setup), 20ull * SECOND_NS), "");
}

static void open_null(struct mb_worker *w, struct campaign *c, const char *script)
{
    open_null_with(w, c, script, NULL);
}

static void what_a_worker_says_is_heard_before_its_answer_is(void **state)
{
    (void)state;
    static struct heard h;
    static const char all[] = "aabab\0ab\0dab\0deab\0defab\0defg";
    struct mb_worker w = spawn_with("talks", &(const struct mb_text_sink){hear, &h});
    h = (struct heard){.n_most = sizeof(h.bytes)};
    assert_string_equal(ask(&w, json_object(), 20ull * SECOND_NS), "");
    assert_int_equal(h.n, sizeof(all) - 1);
    assert_memory_equal(h.bytes, all, h.n);
    mb_worker_kill(&w);
}

static void a_worker_that_nobody_hears_is_killed(void **state)
{
    (void)state;
    static struct heard h;
    static const char reason[] = "killed because nobody took its text between repetitions";
    const struct mb_text_sink text = {hear, &h};
    struct mb_worker w = spawn_with("floods", &text);
    h = (struct heard){.n_most = 1000};
    assert_string_equal(ask(&w, json_object(), 20ull * SECOND_NS), reason);
    w = spawn_with("talks", &text); /* with an answer, or without one yet */
    h = (struct heard){.n_most = 10};
    assert_string_equal(ask(&w, json_object(), 20ull * SECOND_NS), reason);
}

static bool hear_slowly(void *user, const char *bytes, size_t n)
{
    mb_clock_sleep_until_ns(mb_clock_ns() + 1000000); /* the pipe is full again by then */
    return hear_nothing(user, bytes, n);
}

static void a_worker_that_never_stops_talking_times_out(void **state)
{
    (void)state;
    struct mb_worker w = spawn_with("floods", &(const struct mb_text_sink){.put = hear_slowly});
    assert_string_equal(ask(&w, json_object(), SECOND_NS / 5), "timed out after 0.2 s between repetitions");
}

static void the_real_worker_says_its_text(void **state)
{
    (void)state;
    static struct heard h;
    const struct mb_text_sink text = {hear, &h};
    struct mb_worker w;
    struct campaign c;
    h = (struct heard){.n_most = sizeof(h.bytes)};
    open_null_with(&w, &c, "null:token_us=10,fail=crash@1,fail_token=2", &text);
    assert_string_equal(ask(&w, mb_wire_trial_command(MB_TRIAL_MEASURED, 0), 20ull * SECOND_NS), "");
    assert_int_equal(h.n, 8);
    assert_memory_equal(h.bytes, "1 2 3 4 ", 8);
    assert_string_equal(ask(&w, mb_wire_trial_command(MB_TRIAL_MEASURED, 1), 20ull * SECOND_NS), "killed by SIGSEGV in decode of request 0, after token 1");
    assert_int_equal(h.n, 12); /* what it said before it died */
    assert_memory_equal(h.bytes + 8, "1 2 ", 4);
    campaign_close(&c);
}

static void text_without_a_descriptor_is_refused(void **state)
{
    (void)state;
    const struct campaign_cell cell = {"null:token_us=10", 4, 1, NULL};
    const struct mb_text_sink text = {.put = hear_nothing};
    struct campaign c;
    campaign_open(&c, &cell, 1);
    const struct mb_site_setup setup = {.cell = &c.cells[0].cell, .collect = "", .root = "", .period_ns = 1000000, .max_samples = 10, .text = &text};
    struct mb_worker w = spawn(NULL);
    struct mb_error err = {0};
    struct mb_runner_facts facts;
    json_t *answer, *command = mb_wire_open_command(&setup);
    assert_int_equal(mb_worker_ask(&w, command, 20ull * SECOND_NS, NULL, &answer, &err), MB_OK);
    assert_int_equal(mb_wire_read_facts(answer, &facts, &err), MB_EINVAL);
    assert_string_equal(err.text, "command open: no descriptor for the text");
    json_decref(answer);
    json_object_set_new(command, "stream", json_string("yes"));
    assert_int_equal(mb_worker_ask(&w, command, 20ull * SECOND_NS, NULL, &answer, &err), MB_OK);
    assert_int_equal(mb_wire_read_facts(answer, &facts, &err), MB_EFORMAT);
    json_decref(answer);
    json_decref(command);
    mb_worker_quit(&w);
    campaign_close(&c);
}

static void the_real_worker_answers_bad_commands_with_an_error(void **state)
{
    (void)state;
    struct mb_worker w;
    struct campaign c;
    open_null(&w, &c, "null:token_us=10");
    static const char *const lines[] = {
        "{}", "{\"do\": \"dance\"}", "{\"do\": \"trial\"}", "{\"do\": \"trial\", \"kind\": \"best\", \"repetition\": 0}",
        "{\"do\": \"trial\", \"kind\": \"measured\", \"repetition\": -1}", "{\"do\": \"open\"}",
        "{\"do\": \"open\", \"cell\": 1, \"collect\": \"\", \"root\": \"\", \"period_ns\": 1, \"max_samples\": 1, \"cold\": true}",
        "{\"do\": \"open\", \"cell\": {}, \"collect\": \"\", \"root\": \"\", \"period_ns\": 0, \"max_samples\": 1, \"cold\": true}",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct mb_error err = {0};
        struct mb_record record = {0};
        json_t *answer, *command = json_loads(lines[i], 0, NULL);
        assert_non_null(command);
        assert_int_equal(mb_worker_ask(&w, command, 20ull * SECOND_NS, NULL, &answer, &err), MB_OK);
        assert_int_equal(mb_wire_read_record(answer, &record, &err), MB_EFORMAT);
        assert_true(err.text[0] != '\0');
        json_decref(answer);
        json_decref(command);
    }
    assert_string_equal(ask(&w, mb_wire_trial_command(MB_TRIAL_MEASURED, 0), 20ull * SECOND_NS), ""); /* and it goes on */
    mb_worker_quit(&w);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    campaign_close(&c);
}

static void a_record_crosses_the_wire(void **state)
{
    (void)state;
    struct mb_worker w;
    struct campaign c;
    struct mb_error err = {0};
    struct mb_record record = {0};
    json_t *answer, *command = mb_wire_trial_command(MB_TRIAL_WARMUP, 7);
    open_null(&w, &c, "null:token_us=10,load_us=500");
    assert_int_equal(mb_worker_ask(&w, command, 20ull * SECOND_NS, NULL, &answer, &err), MB_OK);
    assert_int_equal(mb_wire_read_record(answer, &record, &err), MB_OK);
    assert_int_equal(record.kind, MB_TRIAL_WARMUP);
    assert_int_equal(record.repetition, 7);
    assert_int_equal(record.status, MB_TRIAL_OK);
    unsigned n_token = 0;
    for (size_t i = 0; i < record.n_events; i++)
        n_token += record.events[i].kind == MB_EVENT_TOKEN;
    assert_int_equal(n_token, 4);
    assert_int_equal(record.events[0].kind, MB_EVENT_LOAD_BEGIN);
    assert_true(record.events[0].t_ns < record.t_begin_ns); /* opened without a cold repetition: loading came before */
    json_decref(answer);
    json_decref(command);
    mb_record_release(&record);
    mb_worker_kill(&w);
    campaign_close(&c);
}

static void the_end_of_stdin_ends_a_worker_in_mid_repetition(void **state)
{
    (void)state;
    struct mb_worker w;
    struct campaign c;
    open_null(&w, &c, "null:token_us=10,fail=hang@0");
    static const char line[] = "{\"do\": \"trial\", \"kind\": \"measured\", \"repetition\": 0}\n";
    assert_int_equal(write(w.fd_in, line, sizeof(line) - 1), sizeof(line) - 1);
    while (w.page->stage != MB_STAGE_TRIAL || w.page->kind != MB_EVENT_TOKEN) /* until it hangs; the test's time-out guards this */
        mb_clock_sleep_until_ns(mb_clock_ns() + 1000000);
    char where[120];
    assert_string_equal(mb_worker_where(w.page, where, sizeof(where)), "in decode of request 0, after token 0");
    close(w.fd_in);
    w.fd_in = -1;
    int status;
    assert_int_equal(waitpid(w.pid, &status, 0), w.pid);
    assert_true(WIFEXITED(status)); /* by itself: its thread saw the hang-up */
    w.pid = 0;
    mb_worker_kill(&w);
    campaign_close(&c);
}

/* The other half: its stdin stays open (somebody else holds the socket), but the process that started it is gone. */
static void the_death_of_the_parent_alone_ends_a_worker(void **state)
{
    (void)state;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int told[2];
    assert_int_equal(pipe(told), 0);
    const pid_t parent = fork();
    if (parent == 0) {
        struct mb_worker w = spawn("fds");
        struct mb_error err;
        json_t *answer; /* it is up and past its own look at the parent when it answers */
        if (mb_worker_ask(&w, json_object(), 20ull * SECOND_NS, NULL, &answer, &err))
            _exit(1);
        const pid_t holder = fork();
        if (holder == 0) {
            pause();
            _exit(0);
        }
        const pid_t pids[2] = {w.pid, holder};
        _exit(write(told[1], pids, sizeof(pids)) != sizeof(pids));
    }
    pid_t pids[2];
    assert_int_equal(read(told[0], pids, sizeof(pids)), sizeof(pids));
    assert_int_equal(campaign_wait(parent), 0);
    assert_int_equal(campaign_wait(pids[0]), -SIGKILL);
    kill(pids[1], SIGKILL);
    assert_int_equal(campaign_wait(pids[1]), -SIGKILL);
    close(told[0]);
    close(told[1]);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void the_page_names_every_place(void **state)
{
    (void)state;
    static const struct { enum mb_worker_stage stage; uint32_t n; enum mb_event_kind kind; const char *text; } cases[] = {
        {MB_STAGE_IDLE, 0, MB_EVENT_TOKEN, "between repetitions"},
        {MB_STAGE_OPEN, 0, MB_EVENT_TOKEN, "while the workload and collectors were opened"},
        {MB_STAGE_OPEN, 1, MB_EVENT_LOAD_BEGIN, "while the model was loaded"},
        {MB_STAGE_OPEN, 2, MB_EVENT_LOAD_END, "after the model was loaded"},
        {MB_STAGE_TRIAL, 0, MB_EVENT_TOKEN, "before the first request"},
        {MB_STAGE_TRIAL, 1, MB_EVENT_TOKENIZE_BEGIN, "in tokenize of request 2"},
        {MB_STAGE_TRIAL, 1, MB_EVENT_PREFILL_BEGIN, "in prefill of request 2"},
        {MB_STAGE_TRIAL, 1, MB_EVENT_PREFILL_END, "in decode of request 2, before its first token"},
        {MB_STAGE_TRIAL, 1, MB_EVENT_TOKEN, "in decode of request 2, after token 9"},
        {MB_STAGE_TRIAL, 1, MB_EVENT_DETOKENIZE_BEGIN, "in detokenize of request 2"},
        {MB_STAGE_TRIAL, 1, MB_EVENT_REQUEST_END, "after request 2"},
        {MB_STAGE_READ, 0, MB_EVENT_TOKEN, "after the timed part, while the collectors were read"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mb_worker_page page = {.stage = cases[i].stage, .n_events = cases[i].n, .kind = cases[i].kind, .request = 2, .index = 9};
        char text[120];
        assert_string_equal(mb_worker_where(&page, text, sizeof(text)), cases[i].text);
    }
}

int main(int argc, char **argv)
{
    const char *how = getenv("MB_TEST_WORKER");
    if (how && argc > 1 && strcmp(argv[1], "worker") == 0)
        return misbehave(how);
    const int worker = campaign_worker(argc, argv);
    if (worker >= 0)
        return worker;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_breaks_the_protocol_is_killed_and_named),
        cmocka_unit_test(a_silent_worker_times_out),
        cmocka_unit_test(a_worker_inherits_its_descriptors_and_leads_its_group),
        cmocka_unit_test(what_a_worker_says_is_heard_before_its_answer_is),
        cmocka_unit_test(a_worker_that_nobody_hears_is_killed),
        cmocka_unit_test(a_worker_that_never_stops_talking_times_out),
        cmocka_unit_test(the_real_worker_says_its_text),
        cmocka_unit_test(text_without_a_descriptor_is_refused),
        cmocka_unit_test(the_real_worker_answers_bad_commands_with_an_error),
        cmocka_unit_test(a_record_crosses_the_wire),
        cmocka_unit_test(the_end_of_stdin_ends_a_worker_in_mid_repetition),
        cmocka_unit_test(the_death_of_the_parent_alone_ends_a_worker),
        cmocka_unit_test(the_page_names_every_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
