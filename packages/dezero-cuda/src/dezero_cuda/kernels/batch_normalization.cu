// Channels of (N, C, S) brought to mean 0 and variance 1 over a batch.
//
// Two launches each way: the first looks at parts of channels, a block for each, the second puts together
// what the parts of its channel gave, and writes. No atomics, so that each run gives the same. The numbers of
// a channel are counted in 32 bits.

// Calls f(i) for packs of L elements of a block's part of a channel; i is where they lie.
template <int L, class F> __device__ inline void along_part(
    unsigned int elements, unsigned int size, unsigned int chunk, F f) {
    const unsigned int first = blockIdx.y * chunk;
    const unsigned int last = first + chunk < elements ? first + chunk : elements;
    const long long sample = (long long)gridDim.x * size, channel = (long long)blockIdx.x * size;
    for (unsigned int e = first + threadIdx.x * L; e < last; e += blockDim.x * L) {
        const unsigned int n = e / size;
        f(n * sample + channel + (e - n * size));
    }
}

// --- forward ----------------------------------------------------------------------------------------

// How many numbers, their mean, and the sum of their squared distances from it. Neither an offset nor
// the number of terms costs digits, which sums of squares would.
struct Moments { C count, mean, square; };

__device__ inline Moments merge(Moments a, Moments b) {
    const C count = a.count + b.count;
    if (count == 0) return a;
    const C distance = b.mean - a.mean, share = b.count / count;
    return {count, a.mean + distance * share, a.square + b.square + distance * distance * a.count * share};
}

// Those of all threads of a block, the same in each of them.
__device__ inline Moments merge_block(Moments own) {
    __shared__ Moments parts[32];
    for (int distance = 16; distance; distance >>= 1)
        own = merge(own, {__shfl_xor_sync(0xffffffffu, own.count, distance),
                          __shfl_xor_sync(0xffffffffu, own.mean, distance),
                          __shfl_xor_sync(0xffffffffu, own.square, distance)});
    __syncthreads();
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = own;
    __syncthreads();
    own = parts[0];
    for (unsigned int warp = 1; warp < blockDim.x / 32; ++warp) own = merge(own, parts[warp]);
    return own;
}

template <int L> __device__ inline Moments moments_of_part(
    const T* x, unsigned int elements, unsigned int size, unsigned int chunk) {
    Moments total = {0, 0, 0};
    along_part<L>(elements, size, chunk, [&](long long i) {
        const Pack<T, L> values = load<L>(x, i);
        Moments some = {L, 0, 0};
        for (int k = 0; k < L; ++k) some.mean += wide(values.at[k]) / L;
        for (int k = 0; k < L; ++k) {
            const C distance = wide(values.at[k]) - some.mean;
            some.square += distance * distance;
        }
        total = merge(total, some);
    });
    return total;
}

// Writes moments (parts, channels, 3).
extern "C" __global__ void channel_moments(
    const T* x, C* moments, long long elements, long long size, long long chunk) {
    const bool is_vector = size % LANES == 0 && aligned(x);
    const Moments own = is_vector ? moments_of_part<LANES>(x, elements, size, chunk)
                                  : moments_of_part<1>(x, elements, size, chunk);
    const Moments all = merge_block(own);
    if (threadIdx.x) return;
    C* place = moments + 3 * (blockIdx.y * (long long)gridDim.x + blockIdx.x);
    place[0] = all.count;
    place[1] = all.mean;
    place[2] = all.square;
}

template <int L> __device__ inline void normalize_part(
    const T* x, T* y, C center, C scale, C shift, unsigned int elements, unsigned int size,
    unsigned int chunk) {
    along_part<L>(elements, size, chunk, [&](long long i) {
        Pack<T, L> values = load<L>(x, i);
        for (int k = 0; k < L; ++k) values.at[k] = narrow((wide(values.at[k]) - center) * scale + shift);
        store<L>(y, i, values);
    });
}

extern "C" __global__ void normalize_channels(
    const T* x, const T* gamma, const T* beta, const C* moments, T* y, C* mean, C* variance, C* inverse,
    long long elements, long long size, long long chunk, double eps) {
    const unsigned int channel = blockIdx.x;
    Moments own = {0, 0, 0};
    if (threadIdx.x < gridDim.y) {
        const C* place = moments + 3 * (threadIdx.x * (long long)gridDim.x + channel);
        own = {place[0], place[1], place[2]};
    }
    const Moments all = merge_block(own);
    const C spread = all.square / all.count, factor = 1 / sqrt(spread + (C)eps);
    if (threadIdx.x == 0 && blockIdx.y == 0) {
        mean[channel] = all.mean;
        variance[channel] = spread;
        inverse[channel] = factor;
    }
    const C scale = wide(gamma[channel]) * factor, shift = wide(beta[channel]);
    if (size % LANES == 0 && aligned(x, y))
        normalize_part<LANES>(x, y, all.mean, scale, shift, elements, size, chunk);
    else
        normalize_part<1>(x, y, all.mean, scale, shift, elements, size, chunk);
}

// Moves running statistics towards those of a batch, of which the variance becomes the unbiased estimate.
extern "C" __global__ void move_statistics(
    T* mean, T* variance, const C* new_mean, const C* new_variance, long long channels, double kept,
    double unbiased) {
    const long long channel = thread_number();
    if (channel >= channels) return;
    const C old = (C)kept, share = (C)(1 - kept);
    mean[channel] = narrow(old * wide(mean[channel]) + share * new_mean[channel]);
    variance[channel] = narrow(old * wide(variance[channel]) + share * (C)unbiased * new_variance[channel]);
}

// --- backward ---------------------------------------------------------------------------------------

// Adds up gy, and gy times the distance from the mean.
template <int L> __device__ inline void sums_of_part(
    const T* gy, const T* x, C center, C* sum, C* product, unsigned int elements, unsigned int size,
    unsigned int chunk) {
    along_part<L>(elements, size, chunk, [&](long long i) {
        const Pack<T, L> g = load<L>(gy, i), values = load<L>(x, i);
        for (int k = 0; k < L; ++k) {
            *sum += wide(g.at[k]);
            *product += wide(g.at[k]) * (wide(values.at[k]) - center);
        }
    });
}

// Writes sums (parts, channels, 2).
extern "C" __global__ void channel_sums(
    const T* gy, const T* x, const C* center, C* sums, long long elements, long long size, long long chunk) {
    const unsigned int channel = blockIdx.x;
    C sum = 0, product = 0;
    if (size % LANES == 0 && aligned(gy, x))
        sums_of_part<LANES>(gy, x, center[channel], &sum, &product, elements, size, chunk);
    else
        sums_of_part<1>(gy, x, center[channel], &sum, &product, elements, size, chunk);
    sum = reduce(sum, Sum());
    product = reduce(product, Sum());
    if (threadIdx.x) return;
    C* place = sums + 2 * (blockIdx.y * (long long)gridDim.x + channel);
    place[0] = sum;
    place[1] = product;
}

template <int L> __device__ inline void pull_part(
    const T* gy, const T* x, T* gx, C center, C scale, C slope, C mean, unsigned int elements,
    unsigned int size, unsigned int chunk) {
    along_part<L>(elements, size, chunk, [&](long long i) {
        Pack<T, L> g = load<L>(gy, i);
        const Pack<T, L> values = load<L>(x, i);
        for (int k = 0; k < L; ++k)
            g.at[k] = narrow((wide(g.at[k]) - mean - (wide(values.at[k]) - center) * slope) * scale);
        store<L>(gx, i, g);
    });
}

// With n the normalized x: gx = gamma inverse (gy - mean(gy) - n mean(gy n)). Without gx, the other two alone.
extern "C" __global__ void pull_channels(
    const T* gy, const T* x, const T* gamma, const C* center, const C* inverse, const C* sums, T* gx,
    C* g_gamma, C* g_beta, long long elements, long long size, long long chunk) {
    const unsigned int channel = blockIdx.x;
    C sum = 0, product = 0;
    if (threadIdx.x < gridDim.y) {
        const C* place = sums + 2 * (threadIdx.x * (long long)gridDim.x + channel);
        sum = place[0];
        product = place[1];
    }
    sum = reduce(sum, Sum());
    product = reduce(product, Sum());
    const C factor = inverse[channel], middle = center[channel];
    if (threadIdx.x == 0 && blockIdx.y == 0) {
        g_gamma[channel] = product * factor;
        g_beta[channel] = sum;
    }
    if (!gx) return;
    const C mean = sum / elements, slope = product * factor * factor / elements;
    const C scale = wide(gamma[channel]) * factor;
    if (size % LANES == 0 && aligned(gy, x, gx))
        pull_part<LANES>(gy, x, gx, middle, scale, slope, mean, elements, size, chunk);
    else
        pull_part<1>(gy, x, gx, middle, scale, slope, mean, elements, size, chunk);
}
