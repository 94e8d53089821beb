/**
 * sequence.h (engine, internal) - which pages of the cache a sequence holds. Pages are counted: a fork shares its pages with what it was
 * forked from, and whoever writes into a shared page gets a copy of its own first (copy on write).
 */
#ifndef ENG_RUN_SEQUENCE_H
#define ENG_RUN_SEQUENCE_H

#include <stdbool.h>

#include "base/error.h"
#include "run/batch.h"

#define ENG_NO_PAGE UINT32_MAX

struct eng_session;

struct eng_sequences {
    uint32_t n_seq;
    uint32_t n_pages, n_seq_pages; /* altogether; most that one sequence holds */
    uint32_t n_free;
    uint32_t *page;                /* [n_seq][n_seq_pages]: page of slots 64 i .. 64 i + 63, or ENG_NO_PAGE */
    uint32_t *n_refs;              /* [n_pages]: sequences that hold it */
    uint32_t *free_page;           /* [n_free], the next one last */
    uint32_t *n_seen;              /* [n_seq]: tokens evaluated since reset */
    struct eng_batch_part *part;   /* [2 n_seq]: of a batch under way */
};

/** eng_sequences_plan() - for @n_seq sequences of up to @n_slots slots each. All pages together hold as many
 *  tokens as one sequence may, however they are divided; n_seq times as many when @whole (a ring that is reused in turn). Returns
 *  the bytes that eng_sequences_attach() needs; SIZE_MAX when there are too many. */
size_t eng_sequences_plan(struct eng_sequences *q, uint32_t n_seq, uint32_t n_slots, bool whole);
void eng_sequences_attach(struct eng_sequences *q, void *memory); /* 64-byte aligned; all sequences empty */

/** eng_sequence_reserve() - every part of the batch holds all pages that its tokens go to, none of them shared. ENG_ELIMIT when pages
 *  are out: no sequence has changed then, as far as anyone can see. */
int eng_sequence_reserve(struct eng_session *s, const struct eng_batch *batch, struct eng_error *err) ENG_MUST_CHECK;

/** eng_sequence_cut() - @seq keeps its first @n_keep tokens and the pages of these; recurrent state is emptied when nothing is kept. */
void eng_sequence_cut(struct eng_session *s, uint32_t seq, uint32_t n_keep);

#endif
