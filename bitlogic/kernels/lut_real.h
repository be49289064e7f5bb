/* Everything that depends on REAL, the type of sums; included by lut.c for float and for double. */

typedef REAL NAME(vector) __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL NAME(unaligned) __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));
#define VECTOR NAME(vector)
#define UNALIGNED NAME(unaligned)
#define LANES ((int64_t)(VECTOR_BYTES / sizeof(REAL)))
#define CHUNK ((int64_t)(CHUNK_BYTES / sizeof(REAL)))

/* The tree. x[0] is the topmost slot of a subtree, entries come in pairs (value at 0, value at 1 minus value at 0).
   A level calls the one below twice, so that the compiler sees straight-line code with a handful of live vectors. */

INLINE VECTOR NAME(value_1)(const REAL *pairs, const VECTOR *x) { return pairs[0] + x[0] * pairs[1]; }

/* Adds the gradient by every entry and by every slot, given the gradient times the path's weight; the value. */
INLINE VECTOR NAME(walk_1)(const REAL *pairs, const VECTOR *x, VECTOR weight, VECTOR *entries, VECTOR *slots) {
    VECTOR ones = weight * x[0];
    entries[0] += weight - ones;
    entries[1] += ones;
    slots[0] += weight * pairs[1];
    return pairs[0] + x[0] * pairs[1];
}

/* The same for the entries alone. */
INLINE void NAME(weigh_1)(const VECTOR *x, VECTOR weight, VECTOR *entries) {
    VECTOR ones = weight * x[0];
    entries[0] += weight - ones;
    entries[1] += ones;
}

#define LEVEL(k, below)                                                                                                \
    INLINE VECTOR NAME(value_##k)(const REAL *pairs, const VECTOR *x) {                                                \
        VECTOR zero = NAME(value_##below)(pairs, x + 1);                                                               \
        VECTOR one = NAME(value_##below)(pairs + (1 << below), x + 1);                                                 \
        return zero + x[0] * (one - zero);                                                                             \
    }                                                                                                                  \
    INLINE VECTOR NAME(walk_##k)(const REAL *pairs, const VECTOR *x, VECTOR weight, VECTOR *entries, VECTOR *slots) {  \
        VECTOR ones = weight * x[0];                                                                                   \
        VECTOR zero = NAME(walk_##below)(pairs, x + 1, weight - ones, entries, slots + 1);                             \
        VECTOR one = NAME(walk_##below)(pairs + (1 << below), x + 1, ones, entries + (1 << below), slots + 1);         \
        VECTOR slope = one - zero;                                                                                     \
        slots[0] += weight * slope;                                                                                    \
        return zero + x[0] * slope;                                                                                    \
    }                                                                                                                  \
    INLINE void NAME(weigh_##k)(const VECTOR *x, VECTOR weight, VECTOR *entries) {                                     \
        VECTOR ones = weight * x[0];                                                                                   \
        NAME(weigh_##below)(x + 1, weight - ones, entries);                                                            \
        NAME(weigh_##below)(x + 1, ones, entries + (1 << below));                                                      \
    }

LEVEL(2, 1)
LEVEL(3, 2)
LEVEL(4, 3)
LEVEL(5, 4)
LEVEL(6, 5)

INLINE void NAME(pair)(const REAL *table, REAL *pairs, int size) {
    for (int i = 0; i < size; i += 2) {
        pairs[i] = table[i];
        pairs[i + 1] = table[i + 1] - table[i];
    }
}

INLINE void NAME(add_lanes)(const VECTOR *sums, REAL *to, int size) {
    for (int i = 0; i < size; i++) {
        REAL sum = 0;
        for (int lane = 0; lane < LANES; lane++) sum += sums[i][lane];
        to[i] += sum;
    }
}

/* One LUT on num samples, a multiple of LANES: x are its slots' rows, slots their gradients to be written. */
#define RANK(k)                                                                                                        \
    static void NAME(forward_##k)(const REAL *table, const REAL *const *x, REAL *output, int64_t num) {                \
        REAL pairs[1 << k];                                                                                            \
        NAME(pair)(table, pairs, 1 << k);                                                                              \
        for (int64_t at = 0; at < num; at += LANES) {                                                                  \
            VECTOR in[k];                                                                                              \
            for (int j = 0; j < k; j++) in[j] = *(const UNALIGNED *)(x[j] + at);                                       \
            *(UNALIGNED *)(output + at) = NAME(value_##k)(pairs, in);                                                  \
        }                                                                                                              \
    }                                                                                                                  \
    static void NAME(backward_##k)(const REAL *table, const REAL *const *x, const REAL *grad, REAL *grad_table,        \
                                   REAL *slots, int64_t num) {                                                         \
        REAL pairs[1 << k];                                                                                            \
        VECTOR entries[1 << k] = {{0}};                                                                                \
        NAME(pair)(table, pairs, 1 << k);                                                                              \
        for (int64_t at = 0; at < num; at += LANES) {                                                                  \
            VECTOR in[k], slopes[k];                                                                                   \
            for (int j = 0; j < k; j++) {                                                                              \
                in[j] = *(const UNALIGNED *)(x[j] + at);                                                               \
                slopes[j] = (VECTOR){0};                                                                               \
            }                                                                                                          \
            NAME(walk_##k)(pairs, in, *(const UNALIGNED *)(grad + at), entries, slopes);                               \
            for (int j = 0; j < k; j++) *(UNALIGNED *)(slots + j * CHUNK + at) = slopes[j];                            \
        }                                                                                                              \
        NAME(add_lanes)(entries, grad_table, 1 << k);                                                                  \
    }                                                                                                                  \
    static void NAME(backward_table_##k)(const REAL *const *x, const REAL *grad, REAL *grad_table, int64_t num) {      \
        VECTOR entries[1 << k] = {{0}};                                                                                \
        for (int64_t at = 0; at < num; at += LANES) {                                                                  \
            VECTOR in[k];                                                                                              \
            for (int j = 0; j < k; j++) in[j] = *(const UNALIGNED *)(x[j] + at);                                       \
            NAME(weigh_##k)(in, *(const UNALIGNED *)(grad + at), entries);                                             \
        }                                                                                                              \
        NAME(add_lanes)(entries, grad_table, 1 << k);                                                                  \
    }

RANK(1)
RANK(2)
RANK(3)
RANK(4)
RANK(5)
RANK(6)

static void (*const NAME(forwards)[])(const REAL *, const REAL *const *, REAL *, int64_t) = {
    0, NAME(forward_1), NAME(forward_2), NAME(forward_3), NAME(forward_4), NAME(forward_5), NAME(forward_6)};
static void (*const NAME(backwards)[])(const REAL *, const REAL *const *, const REAL *, REAL *, REAL *, int64_t) = {
    0, NAME(backward_1), NAME(backward_2), NAME(backward_3), NAME(backward_4), NAME(backward_5), NAME(backward_6)};
static void (*const NAME(backward_tables)[])(const REAL *const *, const REAL *, REAL *, int64_t) = {
    0,
    NAME(backward_table_1), NAME(backward_table_2), NAME(backward_table_3),
    NAME(backward_table_4), NAME(backward_table_5), NAME(backward_table_6)};

INLINE int64_t NAME(padded)(int64_t num) { return (num + LANES - 1) / LANES * LANES; }

/* num samples of a row from sample at on: in place where they are whole vectors of REAL, else converted and padded with
   zeros in the buffer. */
static const REAL *NAME(load)(const void *rows, int64_t kind, int64_t view, int64_t at, int64_t num, REAL *buffer) {
    const REAL *in_place = (const REAL *)rows + at;
    if (kind == REAL_KIND && view == AS_IS && num % LANES == 0) return in_place;
    if (kind == REAL_KIND) {
        memcpy(buffer, in_place, (size_t)num * sizeof(REAL));
    } else if (kind == FLOAT32) {
        for (int64_t i = 0; i < num; i++) buffer[i] = (REAL)((const float *)rows)[at + i];
    } else if (kind == FLOAT64) {
        for (int64_t i = 0; i < num; i++) buffer[i] = (REAL)((const double *)rows)[at + i];
    } else if (kind == BFLOAT16) {
        for (int64_t i = 0; i < num; i++) buffer[i] = (REAL)widen_bfloat16(((const uint16_t *)rows)[at + i]);
    } else {
        for (int64_t i = 0; i < num; i++) buffer[i] = (REAL)((const uint8_t *)rows)[at + i];
    }
    if (view == BITS) {
        for (int64_t i = 0; i < num; i++) buffer[i] = buffer[i] > (REAL)0.5 ? (REAL)1 : (REAL)0;
    } else if (view == NUDGED) {
        for (int64_t i = 0; i < num; i++) buffer[i] = buffer[i] > (REAL)0.5 ? (REAL)0.75 : (REAL)0.25;
    }
    for (int64_t i = num; i < NAME(padded)(num); i++) buffer[i] = 0;
    return buffer;
}

static void NAME(store)(const REAL *values, void *rows, int64_t kind, int64_t at, int64_t num) {
    if (kind == REAL_KIND) {
        memcpy((REAL *)rows + at, values, (size_t)num * sizeof(REAL));
    } else if (kind == FLOAT32) {
        for (int64_t i = 0; i < num; i++) ((float *)rows)[at + i] = (float)values[i];
    } else if (kind == FLOAT64) {
        for (int64_t i = 0; i < num; i++) ((double *)rows)[at + i] = (double)values[i];
    } else if (kind == BFLOAT16) {
        for (int64_t i = 0; i < num; i++) ((uint16_t *)rows)[at + i] = narrow_bfloat16((float)values[i]);
    } else {
        for (int64_t i = 0; i < num; i++) ((uint8_t *)rows)[at + i] = (uint8_t)values[i];
    }
}

/* The outputs of LUTs first..last. */
void NAME(lut_forward)(const struct job *job, int64_t first, int64_t last) {
    REAL buffers[MAX_RANK + 1][CHUNK];
    const REAL *x[MAX_RANK];
    for (int64_t at = 0; at < job->batch; at += CHUNK) {
        int64_t num = job->batch - at < CHUNK ? job->batch - at : CHUNK;
        for (int64_t lut = first; lut < last; lut++) {
            for (int64_t j = 0; j < job->rank; j++) {
                int64_t row = job->indices[j * job->num_luts + lut] * job->batch;
                x[j] = NAME(load)(job->signals, job->signal_kind, job->view, row + at, num, buffers[j]);
            }
            const REAL *table = (const REAL *)job->table + ((lut / job->sharing) << job->rank);
            if (job->output_kind == REAL_KIND && num % LANES == 0) {
                NAME(forwards)[job->rank](table, x, (REAL *)job->output + lut * job->batch + at, num);
            } else {
                NAME(forwards)[job->rank](table, x, buffers[MAX_RANK], NAME(padded)(num));
                NAME(store)(buffers[MAX_RANK], job->output, job->output_kind, lut * job->batch + at, num);
            }
        }
    }
}

/* Adds to a row or, the first time, writes it: nobody has to fill the gradient with zeros first. */
INLINE void NAME(add_scaled)(const REAL *restrict values, REAL scale, REAL *restrict to, int64_t num, uint8_t *touched) {
    if (*touched) {
        for (int64_t i = 0; i < num; i++) to[i] += scale * values[i];
    } else {
        for (int64_t i = 0; i < num; i++) to[i] = scale * values[i];
        *touched = 1;
    }
}

/* The sum of (2 x - 1) times value over num samples, a multiple of LANES. */
INLINE REAL NAME(signed_dot)(const REAL *x, const REAL *values, int64_t num) {
    VECTOR dots[2] = {{0}}, sums[2] = {{0}};
    int64_t at = 0;
    for (; at + 2 * LANES <= num; at += 2 * LANES)
        for (int i = 0; i < 2; i++) {
            VECTOR value = *(const UNALIGNED *)(values + at + i * LANES);
            dots[i] += *(const UNALIGNED *)(x + at + i * LANES) * value;
            sums[i] += value;
        }
    for (; at < num; at += LANES) {
        VECTOR value = *(const UNALIGNED *)(values + at);
        dots[0] += *(const UNALIGNED *)(x + at) * value;
        sums[0] += value;
    }
    VECTOR both = 2 * (dots[0] + dots[1]) - (sums[0] + sums[1]);
    REAL sum = 0;
    for (int lane = 0; lane < LANES; lane++) sum += both[lane];
    return sum;
}

/* Hands on the gradient of one slot, num samples from at on, as the job wants it. */
static void NAME(pass_on)(const struct job *job, int64_t slot, int64_t at, int64_t num, const REAL *grad, REAL *weights,
                          uint8_t *touched, REAL *buffer) {
    if (job->grad_slots) {
        REAL *row = (REAL *)job->grad_slots + slot * job->slots_width;
        memcpy(row + at - job->slots_first, grad, (size_t)num * sizeof(REAL));
    }
    REAL *signals = job->grad_signals;
    if (signals && !job->shares) {
        int64_t row = job->indices[slot];
        NAME(add_scaled)(grad, 1, signals + row * job->batch + at, num, touched + row);
    }
    if (!job->candidates) return;
    int64_t num_slots = job->rank * job->num_luts;
    for (int64_t k = 0; k < job->num_candidates; k++) {
        int64_t place = k * num_slots + slot;
        int64_t row = job->candidates[place], start = row * job->batch + at;
        REAL share = signals && job->shares ? ((const REAL *)job->shares)[place] : 0;
        if (share != 0) NAME(add_scaled)(grad, share, signals + start, num, touched + row);
        if (weights) {
            const REAL *x = NAME(load)(job->signals, job->signal_kind, AS_IS, start, num, buffer);
            weights[place] += NAME(signed_dot)(x, grad, NAME(padded)(num));
        }
    }
}

/* Asks for num samples of a row that is read or added to soon. */
INLINE void NAME(prefetch)(const REAL *row, int64_t num) {
    for (int64_t i = 0; i < num; i += 64 / (int64_t)sizeof(REAL)) __builtin_prefetch(row + i);
}

/* The gradients by samples first..last; sums over samples go to the given part of grad_table and grad_weights. */
void NAME(lut_backward)(const struct job *job, int64_t first, int64_t last, int64_t part) {
    REAL buffers[MAX_RANK + 1][CHUNK], slots[MAX_RANK][CHUNK], bits[MAX_RANK][CHUNK], unused[1 << MAX_RANK] = {0};
    const REAL *x[MAX_RANK], *ones[MAX_RANK];
    int64_t num_slots = job->rank * job->num_luts;
    REAL *tables = (REAL *)job->grad_table + ((part * (job->num_luts / job->sharing)) << job->rank);
    REAL *weights = job->grad_weights ? (REAL *)job->grad_weights + part * job->num_candidates * num_slots : 0;
    uint8_t *touched = job->touched ? job->touched + part * job->in_dim : 0;
    int needs_slots = job->grad_signals || job->grad_slots || job->grad_weights;
    for (int64_t at = first; at < last; at += CHUNK) {
        int64_t num = last - at < CHUNK ? last - at : CHUNK, wide = NAME(padded)(num);
        if (touched) memset(touched, 0, (size_t)job->in_dim);
        for (int64_t lut = 0; lut < job->num_luts; lut++) {
            if (lut + AHEAD < job->num_luts)
                for (int64_t j = 0; j < job->rank; j++) {
                    int64_t row = job->indices[j * job->num_luts + lut + AHEAD] * job->batch + at;
                    if (job->grad_signals) NAME(prefetch)((const REAL *)job->grad_signals + row, num);
                    if (job->signal_kind == REAL_KIND) NAME(prefetch)((const REAL *)job->signals + row, num);
                }
            for (int64_t j = 0; j < job->rank; j++) {
                int64_t row = job->indices[j * job->num_luts + lut] * job->batch + at;
                x[j] = NAME(load)(job->signals, job->signal_kind, job->view, row, num, buffers[j]);
                if (job->view == NUDGED)
                    ones[j] = NAME(load)(job->signals, job->signal_kind, BITS, row, num, bits[j]);
            }
            int64_t grad_row = lut / job->grad_repeats * job->batch;
            const REAL *grad = NAME(load)(job->grad, job->output_kind, AS_IS, grad_row + at, num, buffers[MAX_RANK]);
            const REAL *table = (const REAL *)job->table + ((lut / job->sharing) << job->rank);
            REAL *grad_table = tables + ((lut / job->sharing) << job->rank);
            if (job->view == NUDGED) NAME(backward_tables)[job->rank](ones, grad, grad_table, wide);
            if (!needs_slots) {
                if (job->view != NUDGED) NAME(backward_tables)[job->rank](x, grad, grad_table, wide);
                continue;
            }
            REAL *sums = job->view == NUDGED ? unused : grad_table;
            NAME(backwards)[job->rank](table, x, grad, sums, slots[0], wide);
            for (int64_t j = 0; j < job->rank; j++) {
                if (job->view == NUDGED)
                    for (int64_t i = 0; i < wide; i++) slots[j][i] *= (REAL)0.5;
                NAME(pass_on)(job, j * job->num_luts + lut, at, num, slots[j], weights, touched, buffers[MAX_RANK]);
            }
        }
        for (int64_t row = 0; touched && row < job->in_dim; row++)
            if (!touched[row]) memset((REAL *)job->grad_signals + row * job->batch + at, 0, (size_t)num * sizeof(REAL));
    }
}

#undef VECTOR
#undef UNALIGNED
#undef LANES
#undef CHUNK
#undef LEVEL
#undef RANK
