/**
 * gguf_recurrent.h - tiny models of the recurrent and hybrid families, made in memory, and small damages to them.
 */
#ifndef ENG_TESTS_GGUF_RECURRENT_H
#define ENG_TESTS_GGUF_RECURRENT_H

#include "gguf_build.h"

enum damage_kind { DAMAGE_NONE, DAMAGE_DROP, DAMAGE_U32, DAMAGE_F32, DAMAGE_WIDER, DAMAGE_TURNED };

struct damage {            /* of one key (without "<arch>.") or tensor */
    const char *name;
    enum damage_kind kind; /* left out; another value; one column more, rows and columns exchanged */
    uint32_t u;
    float f;
};

/** gguf_build_recurrent() - @arch: mamba, mamba2, lfm2, granitehybrid, falcon-h1, rwkv6, rwkv7 or jamba; @type of the matrices whose
 *  columns 32 divides. Hybrids have 3 layers, attention in the second. */
void gguf_build_recurrent(struct gguf_build *b, const char *arch, enum eng_type type, const struct damage *damage);

enum { RECURRENT_D = 64, RECURRENT_INNER = 128, RECURRENT_STATE = 16, RECURRENT_TAPS = 4, RECURRENT_SSM_HEADS = 4 };

#endif
