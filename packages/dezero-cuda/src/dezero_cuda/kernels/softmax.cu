// Softmax, its logarithm, and cross entropy with labels, along rows that lie in one piece.
// A row is read once for its largest score and its sum, which are brought together as they grow
// (M. Milakov, N. Gimelshein, "Online normalizer calculation for softmax", 2018).

struct Normalizer {
    C largest, sum;  // sum of exp(x - largest)

    __device__ Normalizer() : largest(-infinity()), sum(0) {}

    __device__ void rise(C to) {
        if (to > largest) {
            sum *= largest == -infinity() ? 0 : exp(largest - to);
            largest = to;
        }
    }

    template <int L> __device__ void add(const Pack<T, L>& x) {
        C top = wide(x.at[0]);
        for (int k = 1; k < L; ++k) top = Max()(wide(x.at[k]), top);
        rise(top);
        // Where all so far is -inf, x - largest would be NaN; a NaN itself shall show.
        for (int k = 0; k < L; ++k)
            if (wide(x.at[k]) != -infinity()) sum += exp(wide(x.at[k]) - largest);
    }

    __device__ void join() {
        rise(reduce(largest, Max()));
        sum = reduce(sum, Sum());
        if (largest == -infinity()) sum = not_a_number();  // nothing in the row, as generic rules say
    }
};

template <int L> __device__ inline Normalizer normalizer_of(const T* x, long long columns) {
    Normalizer found;
    along_row<L>(columns, [&](long long j) { found.add(load<L>(x, j)); });
    found.join();
    return found;
}

template <int L, bool is_log> __device__ inline void normalize(const T* x, T* y, long long columns) {
    const Normalizer found = normalizer_of<L>(x, columns);
    const C log_sum = log(found.sum), inverse = 1 / found.sum;
    along_row<L>(columns, [&](long long j) {
        Pack<T, L> values = load<L>(x, j);
        for (int k = 0; k < L; ++k) {
            const C z = wide(values.at[k]) - found.largest;
            values.at[k] = narrow(is_log ? z - log_sum : exp(z) * inverse);
        }
        store<L>(y, j, values);
    });
}

// gx = y (gy - sum(gy y)); of the logarithm gx = gy - exp(y) sum(gy).
template <int L, bool is_log> __device__ inline void pull(
    const T* gy, const T* y, T* gx, long long columns) {
    C total = 0;
    along_row<L>(columns, [&](long long j) {
        const Pack<T, L> g = load<L>(gy, j), values = load<L>(y, j);
        for (int k = 0; k < L; ++k) total += is_log ? wide(g.at[k]) : wide(g.at[k]) * wide(values.at[k]);
    });
    total = reduce(total, Sum());
    along_row<L>(columns, [&](long long j) {
        Pack<T, L> g = load<L>(gy, j);
        const Pack<T, L> values = load<L>(y, j);
        for (int k = 0; k < L; ++k) {
            const C v = wide(values.at[k]);
            g.at[k] = narrow(is_log ? wide(g.at[k]) - exp(v) * total : v * (wide(g.at[k]) - total));
        }
        store<L>(gx, j, g);
    });
}

#define ROWS(name, is_log)                                                                         \
    extern "C" __global__ void name##_forward(const T* x, T* y, long long rows, long long columns) { \
        const long long row = row_number(), start = row * columns;                                 \
        if (row >= rows) return;                                                                   \
        if (columns % LANES == 0 && aligned(x, y)) normalize<LANES, is_log>(x + start, y + start, columns); \
        else normalize<1, is_log>(x + start, y + start, columns);                                  \
    }                                                                                              \
    extern "C" __global__ void name##_backward(                                                    \
        const T* gy, const T* y, T* gx, long long rows, long long columns) {                       \
        const long long row = row_number(), start = row * columns;                                 \
        if (row >= rows) return;                                                                   \
        if (columns % LANES == 0 && aligned(gy, y, gx))                                            \
            pull<LANES, is_log>(gy + start, y + start, gx + start, columns);                       \
        else pull<1, is_log>(gy + start, y + start, gx + start, columns);                          \
    }

ROWS(softmax, false)
ROWS(log_softmax, true)

// --- cross entropy ---------------------------------------------------------------------------------

// Of each row the loss, log(sum) - (x[t] - largest), and the two numbers that make probabilities
// out of scores. A label that is out of range makes the loss NaN.
extern "C" __global__ void cross_entropy_forward(
    const T* x, const long long* t, C* losses, T* largest, C* log_sums, long long rows,
    long long columns) {
    const long long row = row_number();
    if (row >= rows) return;
    const T* scores = x + row * columns;
    const Normalizer found = columns % LANES == 0 && aligned(x) ? normalizer_of<LANES>(scores, columns)
                                                                : normalizer_of<1>(scores, columns);
    if (threadIdx.x) return;
    const C log_sum = log(found.sum);
    const long long label = t[row];
    const bool is_there = label >= 0 && label < columns;
    losses[row] = is_there ? log_sum - (wide(scores[label]) - found.largest) : not_a_number();
    largest[row] = narrow(found.largest);
    log_sums[row] = log_sum;
}

// One block: the same sum in each run.
extern "C" __global__ void mean_of_losses(const C* losses, T* mean, long long rows) {
    C total = 0;
    for (long long i = threadIdx.x; i < rows; i += blockDim.x) total += losses[i];
    total = reduce(total, Sum());
    if (threadIdx.x == 0) *mean = narrow(total / rows);
}

template <int L> __device__ inline void scores_gradient(
    const T* x, T* gx, C largest, C log_sum, C scale, long long label, long long columns) {
    along_row<L>(columns, [&](long long j) {
        Pack<T, L> values = load<L>(x, j);
        for (int k = 0; k < L; ++k) {
            const C p = exp(wide(values.at[k]) - largest - log_sum);
            values.at[k] = narrow(scale * (j + k == label ? p - 1 : p));
        }
        store<L>(gx, j, values);
    });
}

// gx = scale (softmax(x) - onehot(t)): scale is gy of the row, or gy / rows of the mean.
extern "C" __global__ void cross_entropy_backward(
    const T* gy, const T* x, const T* largest, const C* log_sums, const long long* t, T* gx,
    long long rows, long long columns, long long is_mean) {
    const long long row = row_number(), start = row * columns;
    if (row >= rows) return;
    const C scale = is_mean ? wide(*gy) / rows : wide(gy[row]);
    const C top = wide(largest[row]), log_sum = log_sums[row];
    if (columns % LANES == 0 && aligned(x, gx))
        scores_gradient<LANES>(x + start, gx + start, top, log_sum, scale, t[row], columns);
    else scores_gradient<1>(x + start, gx + start, top, log_sum, scale, t[row], columns);
}
