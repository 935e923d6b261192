// A CUDA device on the host: what kernels of dezero_cuda use of the language, in plain C++.
//
// The threads of a block are fibers that run one after the other, each up to its next barrier; then
// comes the next round. Blocks run one after the other. All threads that have not returned must meet
// at the same barrier, which a device only hopes for, and here is checked.

#include <math.h>
#include <string.h>
#include <ucontext.h>

#include <functional>
#include <vector>

#define __device__
#define __global__
#define __shared__ static

struct Dim { unsigned int x, y, z; };
static Dim threadIdx, blockIdx, blockDim, gridDim;

namespace emulated {

struct Fiber {
    ucontext_t context;
    std::vector<char> stack = std::vector<char>(1 << 16);
    Dim index;
    bool is_done;
    int barrier;
};

static std::vector<Fiber> fibers(1024);
static ucontext_t scheduler;
static Fiber* current;
static std::function<void()> body;

static void enter() {
    body();
    current->is_done = true;
}

static void wait(int line) {
    current->barrier = line;
    swapcontext(&current->context, &scheduler);
}

static unsigned int lane() { return threadIdx.y * blockDim.x + threadIdx.x; }

// Returns the line of a barrier where not all threads met, or 0.
static int run_block() {
    const unsigned int count = blockDim.x * blockDim.y;
    for (unsigned int i = 0; i < count; ++i) {
        Fiber& fiber = fibers[i];
        fiber.index = {i % blockDim.x, i / blockDim.x, 0};
        fiber.is_done = false;
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.data();
        fiber.context.uc_stack.ss_size = fiber.stack.size();
        fiber.context.uc_link = &scheduler;
        makecontext(&fiber.context, enter, 0);
    }
    for (bool is_alive = true; is_alive;) {
        is_alive = false;
        int barrier = 0;
        for (unsigned int i = 0; i < count; ++i) {
            current = &fibers[i];
            if (current->is_done) continue;
            threadIdx = current->index;
            swapcontext(&scheduler, &current->context);
            if (current->is_done) continue;
            if (barrier && barrier != current->barrier) return barrier;
            barrier = current->barrier;
            is_alive = true;
        }
    }
    return 0;
}

template <class P> P argument(const unsigned long long* bits) {
    static_assert(sizeof(P) == 8, "kernels take pointers, long long and double");
    P value;
    memcpy(&value, bits, 8);
    return value;
}

template <class... P, size_t... I> void call(
    void (*kernel)(P...), const unsigned long long* args, std::index_sequence<I...>) {
    kernel(argument<P>(args + I)...);
}

template <class... P> int launch(
    void (*kernel)(P...), const unsigned int* grid, const unsigned int* block, unsigned int count,
    const unsigned long long* args) {
    if (count != sizeof...(P)) return -1;
    body = [=] { call(kernel, args, std::index_sequence_for<P...>()); };
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    for (unsigned int y = 0; y < gridDim.y; ++y)
        for (unsigned int x = 0; x < gridDim.x; ++x) {
            blockIdx = {x, y, 0};
            if (const int line = run_block()) return line;
        }
    return 0;
}

template <class V> V exchange(V value, unsigned int from, int line) {
    static V values[1024];
    values[lane()] = value;
    wait(line);
    value = values[from];
    wait(line);
    return value;
}

static unsigned int ballot(bool vote, int line) {
    static bool votes[1024];
    votes[lane()] = vote;
    wait(line);
    unsigned int found = 0;
    for (unsigned int i = 0; i < 32; ++i) found |= (unsigned int)votes[lane() / 32 * 32 + i] << i;
    wait(line);
    return found;
}

}  // namespace emulated

#define __syncthreads() emulated::wait(__LINE__)
#define __shfl_xor_sync(mask, value, distance) \
    emulated::exchange(value, emulated::lane() ^ (distance), __LINE__)
#define __ballot_sync(mask, vote) emulated::ballot(vote, __LINE__)

static inline void __threadfence() {}
static inline int __ffs(unsigned int x) { return __builtin_ffs((int)x); }
static inline double __longlong_as_double(long long bits) {
    double x;
    memcpy(&x, &bits, 8);
    return x;
}
static inline unsigned long long atomicAdd(unsigned long long* x, unsigned long long more) {
    const unsigned long long before = *x;
    *x += more;
    return before;
}
