/* lazy_library.c - see lazy_library.h. */
#include "base/lazy_library.h"

#include <dlfcn.h>
#include <string.h>

/* dlsym() gives an object pointer; POSIX says that it holds a function's address, C has no cast for it. */
static mb_lazy_function function_of(void *address)
{
    mb_lazy_function f;
    _Static_assert(sizeof(f) == sizeof(address), "pointers to functions and to objects are of one size");
    memcpy(&f, &address, sizeof(f));
    return f;
}

int mb_lazy_load(const struct mb_lazy_library *library, mb_lazy_function *functions, struct mb_error *err)
{
    void *handle = NULL;
    for (size_t i = 0; library->files[i] && !handle; i++)
        handle = dlopen(library->files[i], RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        return mb_fail(err, MB_ENOTSUP, "%s needs %s, which is not installed here: apt-get install %s", library->what, library->files[0],
                       library->package);
    for (size_t i = 0; i < library->n; i++) {
        functions[i] = function_of(dlsym(handle, library->names[i]));
        if (!functions[i])
            return mb_fail(err, MB_ENOTSUP, "%s needs %s with %s(); the one here has none: install a newer %s", library->what,
                           library->files[0], library->names[i], library->package);
    }
    return MB_OK;
}
