// Updates of all parameters in one launch. A table in device memory says what each block does:
// first one number for each block, the parameter's row times 2^32 and the chunk's number; then a row
// of six for each parameter: its size, and where it, its gradient, two states and its master lie.
// Nothing is changed where `unless` points to true. What `factor` points to, if anything, is what an
// Adam's rate is multiplied by.

#define CHUNK 8192

struct Sgd {
    C lr;
    __device__ explicit Sgd(const double* a) : lr((C)a[0]) {}
    __device__ void step(C& p, C g, C&, C&) const { p -= g * lr; }
};

struct MomentumSgd {
    C lr, momentum;
    __device__ explicit MomentumSgd(const double* a) : lr((C)a[0]), momentum((C)a[1]) {}
    __device__ void step(C& p, C g, C& v, C&) const {
        v = v * momentum - g * lr;
        p += v;
    }
};

struct Nesterov {
    C lr, momentum;
    __device__ explicit Nesterov(const double* a) : lr((C)a[0]), momentum((C)a[1]) {}
    __device__ void step(C& p, C g, C& v, C&) const {
        v = v * momentum - g * lr;
        p = p - g * lr + v * momentum;
    }
};

struct Adam {
    C beta1, beta2, rate, eps;
    __device__ explicit Adam(const double* a)
        : beta1((C)a[0]), beta2((C)a[1]), rate((C)a[2]), eps((C)a[3]) {}
    __device__ void step(C& p, C g, C& sum_g, C& sum_g2) const {
        sum_g = sum_g * beta1 + g;
        sum_g2 = sum_g2 * beta2 + g * g;
        p -= rate * (sum_g / (sqrt(sum_g2) + eps));
    }
};

struct AdamW {
    C keep;
    Adam adam;
    __device__ explicit AdamW(const double* a) : keep((C)a[0]), adam(a + 1) {}
    __device__ void step(C& p, C g, C& sum_g, C& sum_g2) const {
        p *= keep;
        adam.step(p, g, sum_g, sum_g2);
    }
};

template <int STATES, class Rule> __device__ inline void update(
    const long long* table, long long blocks, const Rule& rule) {
    const long long entry = table[blockIdx.x];
    const long long* row = table + blocks + 6 * (entry >> 32);
    const long long first = (entry & 0xffffffffLL) * CHUNK;
    const long long n = row[0] - first < CHUNK ? row[0] - first : CHUNK;
    T* p = (T*)row[1] + first;
    const T* g = (const T*)row[2] + first;
    C* s0 = STATES > 0 ? (C*)row[3] + first : 0;
    C* s1 = STATES > 1 ? (C*)row[4] + first : 0;
    C* master = row[5] ? (C*)row[5] + first : 0;
    auto f = [=](long long i, auto lanes) {
        const int L = decltype(lanes)::count;
        Pack<T, L> values = load<L>(p, i);
        const Pack<T, L> gradients = load<L>(g, i);
        Pack<C, L> a, b, exact;
        if (STATES > 0) a = load<L>(s0, i);
        if (STATES > 1) b = load<L>(s1, i);
        if (master) exact = load<L>(master, i);
        for (int k = 0; k < L; ++k) {
            const C rounded = wide(values.at[k]);
            // Where the parameter is not the master rounded, somebody else has changed it.
            C v = master && wide(narrow(exact.at[k])) == rounded ? exact.at[k] : rounded;
            C none = 0;
            rule.step(v, wide(gradients.at[k]), STATES > 0 ? a.at[k] : none, STATES > 1 ? b.at[k] : none);
            exact.at[k] = v;
            values.at[k] = narrow(v);
        }
        if (STATES > 0) store<L>(s0, i, a);
        if (STATES > 1) store<L>(s1, i, b);
        if (master) store<L>(master, i, exact);
        store<L>(p, i, values);
    };
    long long done = 0;
    if (aligned(p, g, s0, s1, master)) {
        done = n / LANES * LANES;
        for (long long i = threadIdx.x * LANES; i < done; i += blockDim.x * LANES) f(i, Lanes<LANES>());
    }
    for (long long i = done + threadIdx.x; i < n; i += blockDim.x) f(i, Lanes<1>());
}

// RATE is the place of the number that `factor` belongs to.
#define OPTIMIZER(name, Rule, STATES, RATE)                                                      \
    extern "C" __global__ void name(                                                             \
        const long long* table, long long blocks, double a, double b, double c, double d, double e, \
        const bool* unless, const double* factor) {                                              \
        if (unless && *unless) return;                                                           \
        double numbers[] = {a, b, c, d, e};                                                      \
        if (factor) numbers[RATE] *= *factor;                                                    \
        update<STATES>(table, blocks, Rule(numbers));                                            \
    }

OPTIMIZER(sgd, Sgd, 0, 0)
OPTIMIZER(momentum_sgd, MomentumSgd, 1, 0)
OPTIMIZER(nesterov, Nesterov, 1, 0)
OPTIMIZER(adam, Adam, 2, 2)
OPTIMIZER(adamw, AdamW, 2, 3)
