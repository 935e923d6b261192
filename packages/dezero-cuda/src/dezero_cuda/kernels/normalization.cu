// Rows brought to mean 0 and variance 1 (layer norm), or to mean square 1 (rms norm).

template <int L> __device__ inline C sum_of_squares(const T* x, C center, long long columns) {
    C square = 0;
    along_row<L>(columns, [&](long long j) {
        const Pack<T, L> values = load<L>(x, j);
        for (int k = 0; k < L; ++k) {
            const C deviation = wide(values.at[k]) - center;
            square += deviation * deviation;
        }
    });
    return reduce(square, Sum());
}

// The row is read from memory once, and then twice from the cache: a mean and a variance in one
// pass would lose digits where the mean is large.
template <int L> __device__ inline void normalize_row(
    const T* x, const T* gamma, const T* beta, T* y, C* center_of, C* inverse_of, long long columns,
    bool is_centered, C eps) {
    C center = 0;
    if (is_centered) {
        along_row<L>(columns, [&](long long j) {
            const Pack<T, L> values = load<L>(x, j);
            for (int k = 0; k < L; ++k) center += wide(values.at[k]);
        });
        center = reduce(center, Sum()) / columns;
    }
    const C inverse = 1 / sqrt(sum_of_squares<L>(x, center, columns) / columns + eps);
    along_row<L>(columns, [&](long long j) {
        Pack<T, L> values = load<L>(x, j), scales, shifts;
        if (gamma) scales = load<L>(gamma, j);
        if (beta) shifts = load<L>(beta, j);
        for (int k = 0; k < L; ++k) {
            C v = (wide(values.at[k]) - center) * inverse;
            if (gamma) v *= wide(scales.at[k]);
            if (beta) v += wide(shifts.at[k]);
            values.at[k] = narrow(v);
        }
        store<L>(y, j, values);
    });
    if (threadIdx.x == 0) {
        *center_of = center;
        *inverse_of = inverse;
    }
}

extern "C" __global__ void normalize_rows_forward(
    const T* x, const T* gamma, const T* beta, T* y, C* center, C* inverse, long long rows,
    long long columns, long long is_centered, double eps) {
    const long long row = row_number(), start = row * columns;
    if (row >= rows) return;
    if (columns % LANES == 0 && aligned(x, gamma, beta, y))
        normalize_row<LANES>(x + start, gamma, beta, y + start, center + row, inverse + row, columns, is_centered, (C)eps);
    else
        normalize_row<1>(x + start, gamma, beta, y + start, center + row, inverse + row, columns, is_centered, (C)eps);
}

// With n the normalized row and g = gy gamma: gx = (g - mean(g) - n mean(g n)) inverse.
template <int L> __device__ inline void pull_row(
    const T* gy, const T* x, const T* gamma, T* gx, C center, C inverse, long long columns,
    bool is_centered) {
    C sum = 0, product = 0;
    along_row<L>(columns, [&](long long j) {
        const Pack<T, L> g = load<L>(gy, j), values = load<L>(x, j);
        Pack<T, L> scales;
        if (gamma) scales = load<L>(gamma, j);
        for (int k = 0; k < L; ++k) {
            const C scaled = gamma ? wide(g.at[k]) * wide(scales.at[k]) : wide(g.at[k]);
            sum += scaled;
            product += scaled * (wide(values.at[k]) - center) * inverse;
        }
    });
    const C mean = is_centered ? reduce(sum, Sum()) / columns : 0;
    const C along = reduce(product, Sum()) / columns;
    along_row<L>(columns, [&](long long j) {
        Pack<T, L> g = load<L>(gy, j), scales;
        const Pack<T, L> values = load<L>(x, j);
        if (gamma) scales = load<L>(gamma, j);
        for (int k = 0; k < L; ++k) {
            const C scaled = gamma ? wide(g.at[k]) * wide(scales.at[k]) : wide(g.at[k]);
            const C normal = (wide(values.at[k]) - center) * inverse;
            g.at[k] = narrow((scaled - mean - normal * along) * inverse);
        }
        store<L>(gx, j, g);
    });
}

extern "C" __global__ void normalize_rows_backward(
    const T* gy, const T* x, const T* gamma, const C* center, const C* inverse, T* gx,
    long long rows, long long columns, long long is_centered) {
    const long long row = row_number(), start = row * columns;
    if (row >= rows) return;
    if (columns % LANES == 0 && aligned(gy, x, gamma, gx))
        pull_row<LANES>(gy + start, x + start, gamma, gx + start, center[row], inverse[row], columns, is_centered);
    else
        pull_row<1>(gy + start, x + start, gamma, gx + start, center[row], inverse[row], columns, is_centered);
}

// --- gradients of scale and shift: sums over rows ---------------------------------------------------

// A block of 32 columns and 8 threads for each takes every gridDim.y-th group of 8 rows; its sums go
// to parts (2, gridDim.y, columns). No atomics, so that each run gives the same.
extern "C" __global__ void column_parts(
    const T* gy, const T* x, const C* center, const C* inverse, C* parts, long long rows,
    long long columns) {
    __shared__ C scale_sums[8][33], shift_sums[8][33];
    const long long column = blockIdx.x * 32LL + threadIdx.x;
    C scale = 0, shift = 0;
    if (column < columns)
        for (long long row = blockIdx.y * 8LL + threadIdx.y; row < rows; row += gridDim.y * 8LL) {
            const C g = wide(gy[row * columns + column]);
            shift += g;
            scale += g * (wide(x[row * columns + column]) - center[row]) * inverse[row];
        }
    scale_sums[threadIdx.y][threadIdx.x] = scale;
    shift_sums[threadIdx.y][threadIdx.x] = shift;
    __syncthreads();
    if (threadIdx.y || column >= columns) return;
    for (int i = 1; i < 8; ++i) {
        scale += scale_sums[i][threadIdx.x];
        shift += shift_sums[i][threadIdx.x];
    }
    parts[blockIdx.y * columns + column] = scale;
    parts[(gridDim.y + blockIdx.y) * columns + column] = shift;
}

// Adds up parts (2, count, columns) to sums (2, columns).
extern "C" __global__ void sum_parts(const C* parts, C* sums, long long count, long long columns) {
    const long long i = thread_number();
    if (i >= 2 * columns) return;
    const C* first = parts + i / columns * count * columns + i % columns;
    C total = 0;
    for (long long k = 0; k < count; ++k) total += first[k * columns];
    sums[i] = total;
}
