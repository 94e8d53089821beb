/**
 * gguf_header.h - the header of a GGUF file that is another one with other tensor types: keys copied byte by byte, tensors in the same order.
 * Format: ggml's docs/gguf.md, version 3, little-endian; see also model/gguf.h.
 */
#ifndef ENG_QUANTIZE_GGUF_HEADER_H
#define ENG_QUANTIZE_GGUF_HEADER_H

#include "model/gguf.h"

struct eng_gguf_change {       /* what the new file has instead */
    uint32_t file_type;        /* general.file_type */
    const uint32_t *types;     /* [n_tensors] GGUF type ids */
    const uint64_t *n_bytes;   /* [n_tensors] */
};

struct eng_gguf_header {
    uint8_t *bytes;            /* padded to the alignment; freed by eng_gguf_header_release() */
    size_t n, cap;
    uint64_t data_bytes;       /* of the data section that follows, padding included */
    bool failed;               /* no memory */
};

/** eng_gguf_header_make() - @from must have at least one tensor. ENG_ENOMEM. */
int eng_gguf_header_make(struct eng_gguf_header *h, const struct eng_gguf *from, const struct eng_gguf_change *change,
                         struct eng_error *err) ENG_MUST_CHECK;
void eng_gguf_header_release(struct eng_gguf_header *h);

/** eng_gguf_padding() - bytes of zeros after @n bytes of a tensor. */
uint64_t eng_gguf_padding(const struct eng_gguf *g, uint64_t n);

#endif
