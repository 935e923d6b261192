// Philox4x32-10: four random numbers out of a counter and a key, with no state to carry along
// (J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011).

struct Four { unsigned int at[4]; };

__device__ inline Four philox(unsigned long long counter, unsigned long long stream, unsigned long long key) {
    Four c = {{(unsigned int)counter, (unsigned int)(counter >> 32), (unsigned int)stream,
               (unsigned int)(stream >> 32)}};
    unsigned int k0 = (unsigned int)key, k1 = (unsigned int)(key >> 32);
    for (int round = 0; round < 10; ++round) {
        const unsigned long long a = 0xD2511F53ull * c.at[0], b = 0xCD9E8D57ull * c.at[2];
        c = {{(unsigned int)(b >> 32) ^ c.at[1] ^ k0, (unsigned int)b,
              (unsigned int)(a >> 32) ^ c.at[3] ^ k1, (unsigned int)a}};
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

// From 0 to less than 1, a multiple of 2^-24: exact in single precision.
__device__ inline float uniform(unsigned int bits) { return (bits >> 8) * 5.9604644775390625e-8f; }

extern "C" __global__ void philox_blocks(
    const unsigned long long* counters, unsigned int* out, long long n) {
    // Each of n: counter, stream and key, to four numbers. For tests against published values.
    const long long i = thread_number();
    if (i >= n) return;
    const Four four = philox(counters[3 * i], counters[3 * i + 1], counters[3 * i + 2]);
    for (int k = 0; k < 4; ++k) out[4 * i + k] = four.at[k];
}
