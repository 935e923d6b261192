// What a scaled loss takes: all gradients multiplied by one number in one launch, and whether one of
// them was not finite; the scale of the next loss; how many updates were not done.
//
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

// What decides on the scale of the next loss, by one thread: no launch for each of its numbers.

extern "C" __global__ void adapt_scale(
    const float* scale, const int* good, const bool* found, float* next_scale, int* next_good,
    long long interval, double growth, double backoff, double smallest, double largest) {
    const int count = *good + 1;
    const bool grows = count >= interval;
    const float larger = *scale * (float)growth, smaller = *scale * (float)backoff;
    *next_scale = *found ? (smaller > (float)smallest ? smaller : (float)smallest)
                  : grows ? (larger < (float)largest ? larger : (float)largest)
                          : *scale;
    *next_good = *found || grows ? 0 : count;
}

extern "C" __global__ void adam_factor(
    const double* skipped, double* factor, long long t, double beta1, double beta2, double before) {
    const double done = t - *skipped;
    *factor = sqrt(1 - pow(beta2, done)) / (1 - pow(beta1, done)) / before;
}
