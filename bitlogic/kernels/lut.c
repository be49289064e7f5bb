/* The kernels of relaxed look-up tables on a CPU: forward, backward and the copy between the two layouts.

   Signals, outputs and their gradients are rows of samples, (rows, batch); a table has 2^rank entries, slot 0 at the most
   significant bit of the entry's number. A LUT is evaluated as a tree of linear interpolations, on one vector of samples
   at a time, and everything between the gather of its inputs and the store of its output stays in registers. The
   backward pass walks the same tree downwards with the gradient times the weight of the path.

   lut_real.h is compiled once for each type that sums are made in. */

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#define MAX_RANK 6
#define CHUNK_BYTES 2048 /* of one row in a chunk of samples: a LUT's rows and their gradients fit the first cache */
#define AHEAD 4 /* LUTs whose rows are asked for before their turn in the backward pass: no processor foresees an index */

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

/* The dtypes of signals, outputs and their gradients; bitlogic/kernels/native.py has the same numbers. */
enum kind { FLOAT32, FLOAT64, BFLOAT16, UINT8 };

/* What the interpolation sees of a signal x. NUDGED: 3/4 and 1/4, where the slope of the interpolation is twice the
   extended finite difference of arXiv:2410.11112. */
enum view { AS_IS, BITS, NUDGED };

/* One pass over a layer; native.py has the same fields in the same order. "real" is float or double. */
struct job {
    const void *signals;       /* kind signal_kind, (in_dim, batch) */
    const void *table;         /* real (num_luts / sharing, 2^rank): that many LUTs in a row share one */
    const int64_t *indices;    /* (rank, num_luts) */
    void *output;              /* kind output_kind, (num_luts, batch); of the forward pass */
    const void *grad;          /* kind output_kind, (num_luts / grad_repeats, batch); from here on of the backward pass */
    void *grad_table;          /* real (parts, *table), added to */
    void *grad_signals;        /* real (in_dim, batch), written; or null */
    uint8_t *touched;          /* (parts, in_dim), scratch; where there is grad_signals */
    void *grad_slots;          /* real (rank, num_luts, slots_width), of samples slots_first on, written; or null */
    const int64_t *candidates; /* (num_candidates, rank, num_luts); or null: the indices alone */
    const void *shares;        /* real, as candidates: how the gradient of a slot is shared out; null: to its index */
    void *grad_weights;        /* real (parts, *candidates), added to: sum of (2 x - 1) times the slot's gradient; or null */
    int64_t batch, in_dim, num_luts, sharing, rank, num_candidates, grad_repeats, signal_kind, output_kind, view, slots_first,
        slots_width;
};

INLINE float widen_bfloat16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
}

/* Rounds to nearest, ties to even; a NaN stays one. */
INLINE uint16_t narrow_bfloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return (uint16_t)(value != value ? 0x7fc0u : rounded);
}

#define CONCATENATE(a, b) a##b
#define JOIN(a, b) CONCATENATE(a, b)

#define REAL float
#define REAL_KIND FLOAT32
#define NAME(name) JOIN(name, _float32)
#include "lut_real.h"
#undef REAL
#undef REAL_KIND
#undef NAME

#define REAL double
#define REAL_KIND FLOAT64
#define NAME(name) JOIN(name, _float64)
#include "lut_real.h"
#undef REAL
#undef REAL_KIND
#undef NAME

/* Rows first..last of the transpose: to (columns, rows) from (rows, columns) with a distance between source rows.
   A whole line of the target is written at a time: its rows lie a power of two apart and would evict each other. */
#define TRANSPOSE(name, type)                                                                                          \
    int name(const type *restrict from, type *restrict to, int64_t rows, int64_t columns, int64_t distance,            \
              int64_t first, int64_t last) {                                                                           \
        enum { WIDTH = 64 / sizeof(type) };                                                                            \
        int64_t row = first;                                                                                           \
        for (; row + WIDTH <= last; row += WIDTH)                                                                      \
            for (int64_t column = 0; column < columns; column++)                                                       \
                for (int64_t i = 0; i < WIDTH; i++)                                                                    \
                    to[column * rows + row + i] = from[(row + i) * distance + column];                                 \
        for (; row < last; row++)                                                                                      \
            for (int64_t column = 0; column < columns; column++)                                                       \
                to[column * rows + row] = from[row * distance + column];                                               \
        return 1;                                                                                                      \
    }

TRANSPOSE(transpose_1, uint8_t)
TRANSPOSE(transpose_2, uint16_t)
TRANSPOSE(transpose_4, uint32_t)
TRANSPOSE(transpose_8, uint64_t)

typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint8_t unaligned16 __attribute__((vector_size(16), aligned(1), may_alias));

#if defined(__clang__)
#define INTERLEAVE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define INTERLEAVE(a, b, ...) __builtin_shuffle(a, b, (bytes16){__VA_ARGS__})
#endif

/* The transpose of 16 x 16 bytes: rows i and i + 8 are interleaved, four times over. */
INLINE void transpose_tile(const uint8_t *from, int64_t from_distance, uint8_t *to, int64_t to_distance) {
    bytes16 rows[16], mixed[16];
    for (int i = 0; i < 16; i++) rows[i] = *(const unaligned16 *)(from + i * from_distance);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            mixed[2 * i] = INTERLEAVE(rows[i], rows[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            mixed[2 * i + 1] =
                INTERLEAVE(rows[i], rows[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        memcpy(rows, mixed, sizeof rows);
    }
    for (int i = 0; i < 16; i++) *(unaligned16 *)(to + i * to_distance) = rows[i];
}

/* The same for floats that are all 0 or 1, as bytes; 0 at the first that is neither, 1 when done. */
int transpose_bits(const float *restrict from, uint8_t *restrict to, int64_t rows, int64_t columns, int64_t distance,
                   int64_t first, int64_t last) {
    enum { HEIGHT = 64, WIDTH = 256 };
    uint8_t bits[HEIGHT][WIDTH];
    for (int64_t row = first; row < last; row += HEIGHT)
        for (int64_t column = 0; column < columns; column += WIDTH) {
            int64_t height = last - row < HEIGHT ? last - row : HEIGHT;
            int64_t width = columns - column < WIDTH ? columns - column : WIDTH;
            uint32_t others = 0;
            for (int64_t i = 0; i < height; i++) {
                const float *values = from + (row + i) * distance + column;
                for (int64_t j = 0; j < width; j++) {
                    others |= (uint32_t)(values[j] != 0.0f) & (uint32_t)(values[j] != 1.0f);
                    bits[i][j] = values[j] == 1.0f;
                }
            }
            if (others) return 0;
            uint8_t *target = to + column * rows + row;
            int64_t whole = height == HEIGHT ? width / 16 * 16 : 0;
            for (int64_t j = 0; j < whole; j += 16)
                for (int64_t i = 0; i < HEIGHT; i += 16) transpose_tile(&bits[i][j], WIDTH, target + j * rows + i, rows);
            for (int64_t j = whole; j < width; j++)
                for (int64_t i = 0; i < height; i++) target[j * rows + i] = bits[i][j];
        }
    return 1;
}
