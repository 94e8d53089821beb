/* sequence.c - pages of sequences: taking, sharing, copying on write, giving back; forks. See sequence.h. */
#include "run/sequence.h"

#include <string.h>

#include "run/session.h"

#define PAGE ENG_ATTN_PAGE

size_t eng_sequences_plan(struct eng_sequences *q, uint32_t n_seq, uint32_t n_slots, bool whole)
{
    const uint64_t n_seq_pages = (n_slots + (uint64_t)PAGE - 1) / PAGE;
    const uint64_t n_pages = whole ? n_seq * n_seq_pages : n_seq_pages + n_seq - 1; /* each sequence but one may leave a page part empty */
    *q = (struct eng_sequences){.n_seq = n_seq, .n_pages = (uint32_t)n_pages, .n_seq_pages = (uint32_t)n_seq_pages};
    size_t table, bytes;
    if (n_pages >= ENG_NO_PAGE || __builtin_mul_overflow((size_t)n_seq, (size_t)n_seq_pages, &table) ||
        __builtin_add_overflow(table, 2 * (size_t)n_pages + n_seq, &bytes) || __builtin_mul_overflow(bytes, sizeof(uint32_t), &bytes) ||
        __builtin_add_overflow(bytes, 2 * (size_t)n_seq * sizeof *q->part, &bytes))
        return SIZE_MAX;
    return bytes;
}

void eng_sequences_attach(struct eng_sequences *q, void *memory)
{
    q->part = memory;
    q->page = (uint32_t *)(void *)(q->part + 2 * (size_t)q->n_seq);
    q->n_refs = q->page + (size_t)q->n_seq * q->n_seq_pages;
    q->free_page = q->n_refs + q->n_pages;
    q->n_seen = q->free_page + q->n_pages;
    memset(q->page, 0xff, (size_t)q->n_seq * q->n_seq_pages * sizeof *q->page);
    memset(q->n_refs, 0, q->n_pages * sizeof *q->n_refs);
    memset(q->n_seen, 0, q->n_seq * sizeof *q->n_seen);
    q->n_free = q->n_pages;
    for (uint32_t i = 0; i < q->n_pages; i++) /* page 0 is taken first: a single sequence is contiguous */
        q->free_page[i] = q->n_pages - 1 - i;
}

static uint32_t *table_of(const struct eng_sequences *q, uint32_t seq)
{
    return q->page + (size_t)seq * q->n_seq_pages;
}

static void give_back(struct eng_sequences *q, uint32_t *entry)
{
    if (*entry != ENG_NO_PAGE && --q->n_refs[*entry] == 0)
        q->free_page[q->n_free++] = *entry;
    *entry = ENG_NO_PAGE;
}

/* The page of @entry becomes the sequence's own; false when there is none to be had. */
static bool own(struct eng_session *s, uint32_t *entry)
{
    struct eng_sequences *q = &s->seq;
    if (*entry != ENG_NO_PAGE && q->n_refs[*entry] == 1)
        return true;
    if (q->n_free == 0)
        return false;
    const uint32_t page = q->free_page[--q->n_free];
    q->n_refs[page] = 1;
    if (*entry != ENG_NO_PAGE) {
        eng_cache_copy(&s->cache, *entry, page);
        q->n_refs[*entry]--;
    }
    *entry = page;
    return true;
}

static bool reserve_part(struct eng_session *s, const struct eng_batch_part *part)
{
    uint32_t *table = table_of(&s->seq, part->seq), last = ENG_NO_PAGE;
    for (uint32_t i = 0; i < part->n; i++) {
        const uint32_t at = s->reduce.ops->slot(&s->reduce, part->pos + i) / PAGE;
        if (at != last && !own(s, &table[at]))
            return false;
        last = at;
    }
    return true;
}

/* Pages behind the tokens that the sequence has seen; a method that has dropped some needs all of its ring. */
static void give_back_rest(struct eng_session *s, uint32_t seq)
{
    const uint32_t n_seen = s->seq.n_seen[seq];
    if (s->reduce.ops->kept(&s->reduce, n_seen) < n_seen)
        return;
    for (uint32_t i = s->seq.n_seq_pages, n = (n_seen + PAGE - 1) / PAGE; i > n; i--) /* so that low pages are taken first again */
        give_back(&s->seq, &table_of(&s->seq, seq)[i - 1]);
}

int eng_sequence_reserve(struct eng_session *s, const struct eng_batch *batch, struct eng_error *err)
{
    for (uint32_t i = 0; i < batch->n_parts; i++) {
        if (reserve_part(s, &batch->part[i]))
            continue;
        for (uint32_t j = 0; j <= i; j++)
            give_back_rest(s, batch->part[j].seq);
        return eng_fail(err, ENG_ELIMIT, "the cache is full: all %u pages of %d tokens are in use by %u sequences; reset some, or open the "
                        "session with a larger context", s->seq.n_pages, PAGE, s->seq.n_seq);
    }
    return ENG_OK;
}

void eng_sequence_cut(struct eng_session *s, uint32_t seq, uint32_t n_keep)
{
    const bool emptied = n_keep < s->seq.n_seen[seq];
    s->seq.n_seen[seq] = n_keep;
    give_back_rest(s, seq);
    if (s->state && emptied && n_keep == 0)
        memset(s->state + seq * s->state_bytes, 0, s->state_bytes);
    if (seq == 0) {
        s->pending = -1;
        s->last_logits = NULL;
    }
}

/* ---- what engine.h offers --------------------------------------------------------------------------------------------- */

static int check_seq(const struct eng_session *s, uint32_t seq, struct eng_error *err)
{
    if (seq < s->seq.n_seq)
        return ENG_OK;
    return eng_fail(err, ENG_EINVAL, "sequence %u is out of range (0 to %u): open the session with n_seq = %u or more", seq, s->seq.n_seq - 1,
                    seq + 1);
}

/* Whether the first n_keep tokens can be had of a sequence: what was dropped is gone, and a running state is that of all tokens. */
static int check_keep(const struct eng_session *s, uint32_t seq, uint32_t n_keep, struct eng_error *err)
{
    const uint32_t n_seen = s->seq.n_seen[seq];
    if (n_keep > n_seen)
        return eng_fail(err, ENG_EINVAL, "cannot keep the first %u tokens: only %u were evaluated", n_keep, n_seen);
    if (n_keep < n_seen && n_keep > 0 && s->state)
        return eng_fail(err, ENG_ENOTSUP, "cannot go back to %u of %u tokens: %s keeps a running state, not the tokens; only 0 is possible",
                        n_keep, n_seen, s->model->info.arch);
    if (n_keep < n_seen && s->reduce.ops->kept(&s->reduce, n_seen) < n_seen)
        return eng_fail(err, ENG_ENOTSUP, "cannot go back to %u tokens: '%s' has dropped some of the %u tokens seen; reset instead", n_keep,
                        s->reduce.method.info->name, n_seen);
    return ENG_OK;
}

uint32_t eng_seq_length(const struct eng_session *s, uint32_t seq)
{
    return seq < s->seq.n_seq ? s->seq.n_seen[seq] : 0;
}

void eng_seq_reset(struct eng_session *s, uint32_t seq)
{
    if (seq >= s->seq.n_seq)
        return;
    for (uint32_t i = s->seq.n_seq_pages; i > 0; i--)
        give_back(&s->seq, &table_of(&s->seq, seq)[i - 1]);
    eng_sequence_cut(s, seq, 0);
}

int eng_seq_rewind(struct eng_session *s, uint32_t seq, uint32_t n_keep, struct eng_error *err)
{
    int rc = check_seq(s, seq, err);
    if (rc == ENG_OK)
        rc = check_keep(s, seq, n_keep, err);
    if (rc == ENG_OK)
        eng_sequence_cut(s, seq, n_keep);
    return rc;
}

int eng_seq_fork(struct eng_session *s, uint32_t from, uint32_t to, uint32_t n_keep, struct eng_error *err)
{
    struct eng_sequences *q = &s->seq;
    int rc = check_seq(s, from, err);
    if (rc == ENG_OK)
        rc = check_seq(s, to, err);
    if (rc == ENG_OK)
        rc = check_keep(s, from, n_keep, err);
    if (rc != ENG_OK)
        return rc;
    if (from == to) {
        eng_sequence_cut(s, to, n_keep);
        return ENG_OK;
    }
    eng_seq_reset(s, to);
    if (n_keep == 0)
        return ENG_OK;
    const bool dropped = s->reduce.ops->kept(&s->reduce, n_keep) < n_keep;
    const uint32_t n = dropped ? q->n_seq_pages : (n_keep + PAGE - 1) / PAGE;
    for (uint32_t i = 0; i < n; i++) {
        const uint32_t page = table_of(q, from)[i];
        table_of(q, to)[i] = page;
        if (page != ENG_NO_PAGE)
            q->n_refs[page]++;
    }
    q->n_seen[to] = n_keep;
    if (s->state)
        memcpy(s->state + to * s->state_bytes, s->state + from * s->state_bytes, s->state_bytes);
    return ENG_OK;
}
