// Functions element by element, with a bias before them or without, and their gradients.
// Of each: value(x), and slope(v), where v is the result or, if that does not tell, x.

struct Identity {
    __device__ static C value(C x) { return x; }
    __device__ static C slope(C) { return 1; }
};

struct Relu {
    __device__ static C value(C x) { return x < 0 ? 0 : x; }  // NaN stays
    __device__ static C slope(C y) { return y > 0 ? 1 : 0; }
};

struct Sigmoid {
    __device__ static C value(C x) { return logistic(x); }
    __device__ static C slope(C y) { return y * (1 - y); }
};

struct Tanh {
    __device__ static C value(C x) { return tanh(x); }
    __device__ static C slope(C y) { return 1 - y * y; }
};

struct Silu {
    __device__ static C value(C x) { return x * logistic(x); }
    __device__ static C slope(C x) {
        const C y = logistic(x);
        return y * (1 + x * (1 - y));
    }
};

struct Gelu {
    __device__ static C below(C x) { return (C)0.5 * erfc(x * (C)-0.70710678118654752440); }
    __device__ static C value(C x) { return x * below(x); }
    __device__ static C slope(C x) {
        return below(x) + x * (C)0.39894228040143267794 * exp((C)-0.5 * x * x);
    }
};

struct GeluByTanh {
    // Far out the hyperbolic tangent is 1, and there the square of x does not overflow.
    __device__ static C near(C x) { return x < -10 ? (C)-10 : x > 10 ? (C)10 : x; }
    __device__ static C inner(C x) {
        return x * ((C)0.79788456080286535588 + (C)0.03567740813630021 * (x * x));
    }
    __device__ static C value(C x) { return x * ((C)0.5 + (C)0.5 * tanh(inner(near(x)))); }
    __device__ static C slope(C x) {
        x = near(x);
        const C y = tanh(inner(x));
        const C slope = (C)0.39894228040143267794 + (C)0.053516112204450315 * (x * x);
        return (C)0.5 * (1 + y) + x * ((1 - y * y) * slope);
    }
};

template <class Function, int L> __device__ inline void biased(
    const T* x, const T* b, T* y, long long i, long long columns) {
    Pack<T, L> values = load<L>(x, i), biases;
    if (b) biases = load<L>(b, i % columns);
    for (int k = 0; k < L; ++k) {
        const C bias = b ? wide(biases.at[k]) : 0;
        values.at[k] = narrow(Function::value(wide(values.at[k]) + bias));
    }
    store<L>(y, i, values);
}

// y = f(x + b): b belongs to the last axis, of `columns`, or there is none. x may be y.
template <class Function> __device__ inline void forward(
    const T* x, const T* b, T* y, long long n, long long columns) {
    const bool whole = aligned(x, y) && (!b || (aligned(b) && columns % LANES == 0));
    each<LANES>(n, whole, [=](long long i, auto lanes) {
        biased<Function, decltype(lanes)::count>(x, b, y, i, columns);
    });
}

template <class Function, int L> __device__ inline void pulled(
    const T* gy, const T* v, const T* b, T* gx, long long i, long long columns) {
    Pack<T, L> g = load<L>(gy, i), values = load<L>(v, i), biases;
    if (b) biases = load<L>(b, i % columns);
    for (int k = 0; k < L; ++k) {
        const C bias = b ? wide(biases.at[k]) : 0;
        g.at[k] = narrow(wide(g.at[k]) * Function::slope(wide(values.at[k]) + bias));
    }
    store<L>(gx, i, g);
}

// gx = gy f'(v + b), where v + b is what slope takes.
template <class Function> __device__ inline void backward(
    const T* gy, const T* v, const T* b, T* gx, long long n, long long columns) {
    const bool whole = aligned(gy, v, gx) && (!b || (aligned(b) && columns % LANES == 0));
    each<LANES>(n, whole, [=](long long i, auto lanes) {
        pulled<Function, decltype(lanes)::count>(gy, v, b, gx, i, columns);
    });
}

#define ACTIVATION(name, Function)                                                                 \
    extern "C" __global__ void name##_forward(                                                     \
        const T* x, const T* b, T* y, long long n, long long columns) {                            \
        forward<Function>(x, b, y, n, columns);                                                    \
    }                                                                                              \
    extern "C" __global__ void name##_backward(                                                    \
        const T* gy, const T* v, const T* b, T* gx, long long n, long long columns) {              \
        backward<Function>(gy, v, b, gx, n, columns);                                              \
    }

ACTIVATION(identity, Identity)
ACTIVATION(relu, Relu)
ACTIVATION(sigmoid, Sigmoid)
ACTIVATION(tanh, Tanh)
ACTIVATION(silu, Silu)
ACTIVATION(gelu, Gelu)
ACTIVATION(gelu_by_tanh, GeluByTanh)
