/* main.c - picks the subcommand. The only place of the suite that ends the process. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "harness/options.h"
#include "harness/session.h"

static int help_main(int argc, char **argv)
{
    struct mb_error err = {0};
    if (argc < 2) {
        mb_help_commands(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--man") == 0) {
        mb_help_man(stdout);
        return 0;
    }
    const struct mb_command *command = mb_command_find(argv[1], &err);
    if (!command)
        return mb_complain(NULL, &err);
    mb_opt_print_help(command, stdout);
    return 0;
}

static int run_main(int argc, char **argv)
{
    static const char *const as_help[] = {"help", "--help", "-h"};
    if (argc < 2)
        return help_main(1, argv);
    const char *name = argv[1];
    for (size_t i = 0; i < sizeof(as_help) / sizeof(as_help[0]); i++)
        if (strcmp(name, as_help[i]) == 0)
            return help_main(argc - 1, argv + 1);
    if (strcmp(name, "--version") == 0) {
        mb_help_version(stdout);
        return 0;
    }
    if (strcmp(name, "worker") == 0)
        return mb_worker_main(argc - 1, argv + 1);
    struct mb_error err = {0};
    const struct mb_command *command = mb_command_find(name, &err);
    return command ? command->run(argc - 1, argv + 1) : mb_complain(NULL, &err);
}

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "C"); /* numbers read and print the same everywhere */
    const int code = run_main(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "meltbench: cannot write to standard output: %s\n", strerror(errno));
    return code ? code : 1;
}
