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
    const void *grad;          /* kind output_kind, (num_luts, batch); from here on of the backward pass */
    void *grad_table;          /* real (parts, *table), added to */
    void *grad_signals;        /* real (in_dim, batch), written; or null */
    uint8_t *touched;          /* (parts, in_dim), scratch; where there is grad_signals */
    void *grad_slots;          /* real (rank, num_luts, slots_width), of samples slots_first on, written; or null */
    const int64_t *candidates; /* (num_candidates, rank, num_luts); or null: the indices alone */
    const void *shares;        /* real, as candidates: how the gradient of a slot is shared out; null: to its index */
    void *grad_weights;        /* real (parts, *candidates), added to: sum of (2 x - 1) times the slot's gradient; or null */
    int64_t batch, in_dim, num_luts, sharing, rank, num_candidates, signal_kind, output_kind, view, slots_first, slots_width;
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
    void name(const type *restrict from, type *restrict to, int64_t rows, int64_t columns, int64_t distance,           \
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
    }

TRANSPOSE(transpose_1, uint8_t)
TRANSPOSE(transpose_2, uint16_t)
TRANSPOSE(transpose_4, uint32_t)
TRANSPOSE(transpose_8, uint64_t)
