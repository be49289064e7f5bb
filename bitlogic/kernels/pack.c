/* Words of 64 samples from rows of bits: a byte or a float32 of 0 or 1 for each signal of a sample.

   Bit b of word w of a signal is sample 64 w + b. Rows are read eight at a time from end to end of a panel of signals and
   added up to bytes of eight samples; the words that a signal has in a group of samples are written as one cache line. */

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { PANEL = 1024, ROWS = 8, WORDS = 8, GROUP = 64 * WORDS }; /* signals; rows of a byte; words and samples of a group */

/* The bytes in which bit i is row i; every byte read, or-ed. */
INLINE uint8_t add_rows(const uint8_t *rows, int64_t distance, int64_t width, uint8_t *restrict sums) {
    const uint8_t *a = rows, *b = a + distance, *c = b + distance, *d = c + distance;
    const uint8_t *e = d + distance, *f = e + distance, *g = f + distance, *h = g + distance;
    uint8_t seen = 0;
    for (int64_t i = 0; i < width; i++) {
        uint8_t sum = h[i];
        sum = (uint8_t)(sum + sum + g[i]);
        sum = (uint8_t)(sum + sum + f[i]);
        sum = (uint8_t)(sum + sum + e[i]);
        sum = (uint8_t)(sum + sum + d[i]);
        sum = (uint8_t)(sum + sum + c[i]);
        sum = (uint8_t)(sum + sum + b[i]);
        sums[i] = (uint8_t)(sum + sum + a[i]);
        seen |= a[i] | b[i] | c[i] | d[i] | e[i] | f[i] | g[i] | h[i];
    }
    return seen;
}

/* Floats as bytes; 2 for one that is neither 0 nor 1. */
INLINE void to_bytes(const float *restrict from, uint8_t *restrict to, int64_t width) {
    for (int64_t i = 0; i < width; i++)
        to[i] = (uint8_t)((from[i] == 1.0f) | ((from[i] != 0.0f) & (from[i] != 1.0f)) << 1);
}

/* Some signals of eight rows, of which `num` are there. */
INLINE uint8_t octet(const char *rows, int is_float, int64_t distance, int64_t num, int64_t width, uint8_t *sums) {
    if (num >= ROWS && !is_float) return add_rows((const uint8_t *)rows, distance, width, sums);
    uint8_t bytes[ROWS][PANEL];
    for (int64_t row = 0; row < ROWS; row++)
        if (row >= num)
            memset(bytes[row], 0, (size_t)width);
        else if (is_float)
            to_bytes((const float *)rows + row * distance, bytes[row], width);
        else
            memcpy(bytes[row], rows + row * distance, (size_t)width);
    return add_rows(bytes[0], PANEL, width, sums);
}

/* Samples first..last, at multiples of GROUP: rows of words from rows of bits, each a distance of elements apart. 1, or 0
   where another value than 0 and 1 is found. */
INLINE int pack(const char *x, int is_float, uint64_t *words, int64_t samples, int64_t signals, int64_t distance,
                int64_t word_distance, int64_t first, int64_t last) {
    const int64_t num_words = (samples + 63) / 64, size = is_float ? 4 : 1;
    uint8_t seen = 0;
    for (int64_t sample = first; sample < last; sample += GROUP) {
        const int64_t here = num_words - sample / 64 < WORDS ? num_words - sample / 64 : WORDS;
        for (int64_t signal = 0; signal < signals; signal += PANEL) {
            const int64_t width = signals - signal < PANEL ? signals - signal : PANEL;
            uint64_t gathered[PANEL][WORDS];
            for (int64_t word = 0; word < here; word++) {
                uint8_t sums[8][PANEL];
                for (int64_t i = 0; i < 8; i++) {
                    const int64_t row = sample + 64 * word + ROWS * i, num = samples - row;
                    seen |= octet(x + (row * distance + signal) * size, is_float, distance, num < 0 ? 0 : num, width, sums[i]);
                }
                for (int64_t j = 0; j < width; j++) {
                    uint64_t joined = 0;
                    for (int64_t i = 0; i < 8; i++) joined |= (uint64_t)sums[i][j] << (8 * i);
                    gathered[j][word] = joined;
                }
            }
            for (int64_t j = 0; j < width; j++)
                memcpy(words + (signal + j) * word_distance + sample / 64, gathered[j], (size_t)here * sizeof **gathered);
        }
    }
    return seen < 2;
}

int pack_bytes(const char *x, uint64_t *words, int64_t samples, int64_t signals, int64_t distance, int64_t word_distance,
               int64_t first, int64_t last) {
    return pack(x, 0, words, samples, signals, distance, word_distance, first, last);
}

int pack_floats(const char *x, uint64_t *words, int64_t samples, int64_t signals, int64_t distance, int64_t word_distance,
                int64_t first, int64_t last) {
    return pack(x, 1, words, samples, signals, distance, word_distance, first, last);
}
