// Elements left out at random. The counter lies in device memory, in state[0]: nobody has to know
// it on the host, and a captured graph draws anew each time it is replayed.

template <int L> __device__ inline void mask_pack(
    const T* x, T* y, bool* kept, long long i, C scale, float ratio, const Four& random) {
    Pack<T, L> values = load<L>(x, i);
    Pack<bool, L> keeps;
    for (int k = 0; k < L; ++k) {
        keeps.at[k] = uniform(random.at[k]) > ratio;
        values.at[k] = narrow(wide(values.at[k]) * (keeps.at[k] ? scale : (C)0));
    }
    store<L>(y, i, values);
    store<L>(kept, i, keeps);
}

extern "C" __global__ void dropout_forward(
    const T* x, T* y, bool* kept, unsigned long long* state, long long key, long long n, double ratio) {
    const unsigned long long first = *(volatile unsigned long long*)state;
    const C scale = (C)(1 / (1 - ratio));
    const bool whole = aligned(x, y, kept);
    for (long long i = 4 * thread_number(); i < n; i += 4 * thread_count()) {
        Four random = philox(first + i / 4, 0, (unsigned long long)key);
        if (whole && i + 4 <= n) mask_pack<4>(x, y, kept, i, scale, (float)ratio, random);
        else
            for (long long j = i; j < n && j < i + 4; ++j) {
                mask_pack<1>(x, y, kept, j, scale, (float)ratio, random);
                for (int k = 0; k < 3; ++k) random.at[k] = random.at[k + 1];
            }
    }
    // The last block to come here advances the counter: all others have read it.
    __syncthreads();
    __threadfence();
    if (threadIdx.x == 0 && atomicAdd(state + 1, 1ull) == gridDim.x - 1) {
        state[0] = first + (n + 3) / 4;
        state[1] = 0;
    }
}

extern "C" __global__ void dropout_backward(
    const T* gy, const bool* kept, T* gx, long long n, double ratio) {
    const C scale = (C)(1 / (1 - ratio));
    each<LANES>(n, aligned(gy, kept, gx), [=](long long i, auto lanes) {
        const int L = decltype(lanes)::count;
        Pack<T, L> g = load<L>(gy, i);
        const Pack<bool, L> keeps = load<L>(kept, i);
        for (int k = 0; k < L; ++k) g.at[k] = narrow(wide(g.at[k]) * (keeps.at[k] ? scale : (C)0));
        store<L>(gx, i, g);
    });
}
