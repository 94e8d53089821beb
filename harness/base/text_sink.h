/** text_sink.h - where text goes while it is made: any bytes, cut anywhere. */
#ifndef MB_BASE_TEXT_SINK_H
#define MB_BASE_TEXT_SINK_H

#include <stdbool.h>
#include <stddef.h>

struct mb_text_sink {
    bool (*put)(void *user, const char *bytes, size_t n_bytes); /* false: nobody takes it any more */
    void *user;
};

#endif
