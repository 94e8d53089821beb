/* peak_ref.c - plain C for any CPU (scalar, whatever the compiler makes of it), and the list of all sets. */
#include "harness/peak.h"

#include <string.h>

typedef float vec_f;
typedef uint64_t vec_i;
enum { LANES = 1, DOT_OPS = 2, N_ACC = 8 };

#if defined(__x86_64__)
#define OPAQUE(v) __asm__ volatile("" : "+rx"(v))
#elif defined(__aarch64__)
#define OPAQUE(v) __asm__ volatile("" : "+rw"(v))
#else
#define OPAQUE(v) __asm__ volatile("" : "+m"(v))
#endif

static inline vec_f set_f(float x) { return x; }
static inline vec_f fma_f(vec_f a, vec_f b, vec_f c) { return a * b + c; }
static inline vec_i set_i(int x) { return (uint64_t)x; }
static inline vec_i dot_i(vec_i sum, vec_i a, vec_i b) { return sum + (uint64_t)((int8_t)a * (int8_t)b); }
static inline vec_i xor_i(vec_i a, vec_i b) { return a ^ b; }
static inline uint64_t first_i(vec_i v) { return v; }
static inline vec_i load_i(const void *p)
{
    vec_i v;
    memcpy(&v, p, sizeof(v));
    return v;
}

#include "harness/peak_body.h"

static const struct mb_peak ref = {"ref", "", peak_f32, peak_int8, peak_read};

#if defined(__x86_64__)
extern const struct mb_peak mb_peak_avx512vnni, mb_peak_avxvnni, mb_peak_avx2;
static const struct mb_peak *const all[] = {&mb_peak_avx512vnni, &mb_peak_avxvnni, &mb_peak_avx2, &ref};
#elif defined(__aarch64__)
extern const struct mb_peak mb_peak_neon_i8mm, mb_peak_neon_dotprod, mb_peak_neon;
static const struct mb_peak *const all[] = {&mb_peak_neon_i8mm, &mb_peak_neon_dotprod, &mb_peak_neon, &ref};
#else
static const struct mb_peak *const all[] = {&ref};
#endif

const struct mb_peak *const *mb_peaks(size_t *n)
{
    *n = sizeof(all) / sizeof(all[0]);
    return all;
}

static int has_flag(const json_t *flags, const char *name, size_t n)
{
    size_t i;
    json_t *flag;
    json_array_foreach(flags, i, flag) {
        const char *text = json_string_value(flag);
        if (text && strlen(text) == n && strncmp(text, name, n) == 0)
            return 1;
    }
    return 0;
}

int mb_peak_possible(const struct mb_peak *peak, const json_t *flags)
{
    for (const char *p = peak->needs; *p;) {
        const size_t n = strcspn(p, " ");
        if (!has_flag(flags, p, n))
            return 0;
        p += n;
        p += strspn(p, " ");
    }
    return 1;
}
