// What all kernels share. It stands before each source: T is what arrays hold, C what is computed with.
// Numbers come as `long long` and `double`, whatever T is: that is what Python's become.

#if defined(TYPE_float16)
#include <cuda_fp16.h>
typedef __half T;
typedef float C;
__device__ inline C wide(T x) { return __half2float(x); }
__device__ inline T narrow(C x) { return __float2half_rn(x); }
#elif defined(TYPE_bfloat16)
#include <cuda_bf16.h>
typedef __nv_bfloat16 T;
typedef float C;
__device__ inline C wide(T x) { return __bfloat162float(x); }
__device__ inline T narrow(C x) { return __float2bfloat16_rn(x); }
#else
#if defined(TYPE_float64)
typedef double T, C;
#else
typedef float T, C;
#endif
__device__ inline C wide(T x) { return x; }
__device__ inline T narrow(C x) { return x; }
#endif

#define LANES ((int)(16 / sizeof(T)))

// L elements that are read or written at once, up to 16 bytes in one instruction.
template <class E, int L> struct alignas(L * sizeof(E) < 16 ? L * sizeof(E) : 16) Pack { E at[L]; };

template <int L, class E> __device__ inline Pack<E, L> load(const E* x, long long i) {
    return *reinterpret_cast<const Pack<E, L>*>(x + i);
}

template <int L, class E> __device__ inline void store(E* x, long long i, const Pack<E, L>& pack) {
    *reinterpret_cast<Pack<E, L>*>(x + i) = pack;
}

__device__ inline bool aligned(const void* x) { return reinterpret_cast<unsigned long long>(x) % 16 == 0; }
template <class... P> __device__ inline bool aligned(const void* x, P... others) {
    return aligned(x) && aligned(others...);
}

__device__ inline long long thread_number() { return blockIdx.x * (long long)blockDim.x + threadIdx.x; }
__device__ inline long long thread_count() { return gridDim.x * (long long)blockDim.x; }

// Calls f(i, Lanes<L>) for packs of L elements that begin at i, and for the single ones that remain.
template <int L> struct Lanes { static const int count = L; };
template <int L, class F> __device__ inline void each(long long n, bool is_aligned, F f) {
    long long done = 0;
    if (is_aligned) {
        done = n / L * L;
        for (long long i = thread_number() * L; i < done; i += thread_count() * L) f(i, Lanes<L>());
    }
    for (long long i = done + thread_number(); i < n; i += thread_count()) f(i, Lanes<1>());
}

__device__ inline C infinity() { return (C)__longlong_as_double(0x7ff0000000000000LL); }
__device__ inline C not_a_number() { return (C)__longlong_as_double(0x7ff8000000000000LL); }
__device__ inline C logistic(C x) { return 1 / (1 + exp(-x)); }

// --- rows: a warp or a block for each --------------------------------------------------------------

struct Sum { __device__ C operator()(C a, C b) const { return a + b; } };
struct Max { __device__ C operator()(C a, C b) const { return a > b ? a : b; } };

// One number from all threads of a row, the same in each of them and in each run.
template <class Op> __device__ inline C reduce(C value, Op op) {
    for (int distance = 16; distance; distance >>= 1)
        value = op(value, __shfl_xor_sync(0xffffffffu, value, distance));
    if (blockDim.x == 32) return value;  // several rows in a block, a warp each
    __shared__ C parts[32];
    __syncthreads();  // whoever used them before is done
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
    __syncthreads();
    value = parts[0];
    for (unsigned int warp = 1; warp < blockDim.x / 32; ++warp) value = op(value, parts[warp]);
    return value;
}

__device__ inline long long row_number() { return blockIdx.x * (long long)blockDim.y + threadIdx.y; }

// Calls f(j) for this thread's part of a row; L divides the number of columns.
template <int L, class F> __device__ inline void along_row(long long columns, F f) {
    for (long long j = threadIdx.x * L; j < columns; j += blockDim.x * L) f(j);
}
