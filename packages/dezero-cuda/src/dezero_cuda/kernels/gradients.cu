// All gradients multiplied by one number in one launch, and whether one of them was not finite.
// A table in device memory says what each block does, as for the optimizers: first one number for
// each block, the array's row times 2^32 and the chunk's number; then a row of two for each array:
// its size, and where it lies.

#define CHUNK 8192

extern "C" __global__ void scale_gradients(
    const long long* table, long long blocks, const float* factor, bool* found) {
    const long long entry = table[blockIdx.x];
    const long long* row = table + blocks + 2 * (entry >> 32);
    const long long first = (entry & 0xffffffffLL) * CHUNK;
    const long long n = row[0] - first < CHUNK ? row[0] - first : CHUNK;
    T* x = (T*)row[1] + first;
    const C scale = (C)*factor;
    bool is_finite = true;
    auto f = [&](long long i, auto lanes) {
        const int L = decltype(lanes)::count;
        Pack<T, L> values = load<L>(x, i);
        for (int k = 0; k < L; ++k) {
            const C v = wide(values.at[k]);
            is_finite = is_finite && v - v == 0;  // else it is nan
            values.at[k] = narrow(v * scale);
        }
        store<L>(x, i, values);
    };
    long long done = 0;
    if (aligned(x)) {
        done = n / LANES * LANES;
        for (long long i = threadIdx.x * LANES; i < done; i += blockDim.x * LANES) f(i, Lanes<LANES>());
    }
    for (long long i = done + threadIdx.x; i < n; i += blockDim.x) f(i, Lanes<1>());
    if (!is_finite) *found = true;  // whoever writes, writes the same
}
