/**
 * lazy_library.h - a library that only some commands need is loaded when it is first used: starting the program costs nothing for it,
 * and on a machine without it the rest works. For libraries of a handful of functions; the types come from their headers as ever.
 */
#ifndef MB_BASE_LAZY_LIBRARY_H
#define MB_BASE_LAZY_LIBRARY_H

#include <stddef.h>

#include "base/error.h"

/* Any function; cast back to its own type before the call. */
typedef void (*mb_lazy_function)(void);

struct mb_lazy_library {
    const char *what;          /* what it is for: "SHA-256" */
    const char *package;       /* that Debian has it in: "libssl3" */
    const char *const *files;  /* NULL-ended, first choice first: "libcrypto.so.3" */
    const char *const *names;  /* [n] functions */
    size_t n;
};

/** mb_lazy_load() - addresses of all functions into functions[library->n]. The library stays loaded until the process ends; loading it
 *  again costs microseconds. MB_ENOTSUP with what to install when no file is there, or one lacks a function. Reentrant. */
int mb_lazy_load(const struct mb_lazy_library *library, mb_lazy_function *functions, struct mb_error *err) MB_MUST_CHECK;

#endif
