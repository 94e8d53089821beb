/** tiny_file.h - a model file with random weights, by the engine's test tools (whose headers do not mix with the suite's). */
#ifndef MB_TESTS_TINY_FILE_H
#define MB_TESTS_TINY_FILE_H

/** 3 layers, 2 cache heads of 16, q8_0, untied head, a token a byte but for " hello" and its parts, context 256. */
void tiny_file_write(const char *path);

#endif
