// What is between the products of a recurrent step, element by element. Gates are (N, G, H): the
// gates of an example side by side, as one product with all weights gives them. A null pointer
// stands for zeros.

template <int L> __device__ inline Pack<T, L> load_or_zero(const T* x, long long i) {
    if (x) return load<L>(x, i);
    Pack<T, L> zeros;
    for (int k = 0; k < L; ++k) zeros.at[k] = narrow(0);
    return zeros;
}

// Calls f(i, place, lanes) with i in (N, H), and the place of its first gate in (N, G, H).
template <int G, class F> __device__ inline void each_unit(
    long long n, long long hidden, bool is_aligned, F f) {
    each<LANES>(n * hidden, is_aligned && hidden % LANES == 0, [=](long long i, auto lanes) {
        f(i, i / hidden * G * hidden + i % hidden, lanes);
    });
}

// gates: what the inputs gave, before; f, i, o, u, after. product: what the state h gave.
extern "C" __global__ void lstm_forward(
    const T* product, T* gates, const T* c, T* c_next, T* tanh_c, T* h, long long n, long long hidden) {
    each_unit<4>(n, hidden, aligned(product, gates, c, c_next, tanh_c, h),
                 [=](long long j, long long place, auto lanes) {
        const int L = decltype(lanes)::count;
        Pack<T, L> z[4], cell = load_or_zero<L>(c, j), flat, out;
        for (int g = 0; g < 4; ++g) {
            z[g] = load<L>(gates, place + g * hidden);
            const Pack<T, L> more = load_or_zero<L>(product, place + g * hidden);
            for (int k = 0; k < L; ++k) {
                const C v = wide(z[g].at[k]) + wide(more.at[k]);
                z[g].at[k] = narrow(g < 3 ? logistic(v) : tanh(v));
            }
            store<L>(gates, place + g * hidden, z[g]);
        }
        for (int k = 0; k < L; ++k) {
            const C f = wide(z[0].at[k]), i = wide(z[1].at[k]), o = wide(z[2].at[k]), u = wide(z[3].at[k]);
            const C next = f * wide(cell.at[k]) + i * u;
            const C bent = tanh(next);
            cell.at[k] = narrow(next);
            flat.at[k] = narrow(bent);
            out.at[k] = narrow(o * bent);
        }
        store<L>(c_next, j, cell);
        store<L>(tanh_c, j, flat);
        store<L>(h, j, out);
    });
}

// gh: the gradient of the output; product: of the state, from the step after. gc, of the cell, is
// changed from that after this step to that before it. gz: of what goes into the gates.
extern "C" __global__ void lstm_backward(
    const T* gh, const T* product, const T* gates, const T* c, const T* tanh_c, T* gc, T* gz,
    long long n, long long hidden) {
    each_unit<4>(n, hidden, aligned(gh, product, gates, c, tanh_c, gc) && aligned(gz),
                 [=](long long j, long long place, auto lanes) {
        const int L = decltype(lanes)::count;
        Pack<T, L> z[4];
        for (int g = 0; g < 4; ++g) z[g] = load<L>(gates, place + g * hidden);
        const Pack<T, L> out = load<L>(gh, j), later = load_or_zero<L>(product, j);
        const Pack<T, L> before = load_or_zero<L>(c, j), flat = load<L>(tanh_c, j);
        Pack<T, L> cell = load<L>(gc, j);
        for (int k = 0; k < L; ++k) {
            const C f = wide(z[0].at[k]), i = wide(z[1].at[k]), o = wide(z[2].at[k]), u = wide(z[3].at[k]);
            const C g_out = wide(out.at[k]) + wide(later.at[k]), bent = wide(flat.at[k]);
            const C g_cell = wide(cell.at[k]) + g_out * o * (1 - bent * bent);
            z[0].at[k] = narrow(g_cell * wide(before.at[k]) * f * (1 - f));
            z[1].at[k] = narrow(g_cell * u * i * (1 - i));
            z[2].at[k] = narrow(g_out * bent * o * (1 - o));
            z[3].at[k] = narrow(g_cell * i * (1 - u * u));
            cell.at[k] = narrow(g_cell * f);
        }
        for (int g = 0; g < 4; ++g) store<L>(gz, place + g * hidden, z[g]);
        store<L>(gc, j, cell);
    });
}

// gates: what the inputs gave, before; r, z, n, after. recalled: what the candidate recalls of the
// state, its bias bh included.
extern "C" __global__ void gru_forward(
    const T* product, T* gates, const T* bh, T* recalled, const T* h, T* h_next, long long n,
    long long hidden) {
    each_unit<3>(n, hidden, aligned(product, gates, bh, recalled, h, h_next),
                 [=](long long j, long long place, auto lanes) {
        const int L = decltype(lanes)::count;
        Pack<T, L> z[3], recall = load_or_zero<L>(bh, j % hidden), state = load_or_zero<L>(h, j);
        for (int g = 0; g < 3; ++g) {
            z[g] = load<L>(gates, place + g * hidden);
            const Pack<T, L> more = load_or_zero<L>(product, place + g * hidden);
            for (int k = 0; k < L; ++k) {
                const C v = wide(z[g].at[k]), m = wide(more.at[k]);
                if (g < 2) z[g].at[k] = narrow(logistic(v + m));
                else {
                    const C all = wide(recall.at[k]) + m;
                    recall.at[k] = narrow(all);
                    z[g].at[k] = narrow(tanh(v + wide(z[0].at[k]) * all));
                }
            }
            store<L>(gates, place + g * hidden, z[g]);
        }
        for (int k = 0; k < L; ++k) {
            const C candidate = wide(z[2].at[k]);
            state.at[k] = narrow(candidate + wide(z[1].at[k]) * (wide(state.at[k]) - candidate));
        }
        store<L>(recalled, j, recall);
        store<L>(h_next, j, state);
    });
}

// carry: the part of the state's gradient that comes past the products, of the step after this one
// when it is read, and of this one when it is written. into_x and into_h, (N, 3, H), are the
// gradients of what the inputs and the state gave.
extern "C" __global__ void gru_backward(
    const T* gh, const T* product, T* carry, const T* gates, const T* recalled, const T* h, T* into_x,
    T* into_h, long long n, long long hidden) {
    each_unit<3>(n, hidden, aligned(gh, product, carry, gates, recalled, h) && aligned(into_x, into_h),
                 [=](long long j, long long place, auto lanes) {
        const int L = decltype(lanes)::count;
        Pack<T, L> z[3];
        for (int g = 0; g < 3; ++g) z[g] = load<L>(gates, place + g * hidden);
        const Pack<T, L> out = load<L>(gh, j), later = load_or_zero<L>(product, j);
        const Pack<T, L> recall = load<L>(recalled, j), before = load_or_zero<L>(h, j);
        Pack<T, L> past = load<L>(carry, j), g_recall;
        for (int k = 0; k < L; ++k) {
            const C r = wide(z[0].at[k]), update = wide(z[1].at[k]), m = wide(z[2].at[k]);
            const C g = wide(out.at[k]) + wide(later.at[k]) + wide(past.at[k]);
            const C g_candidate = g * (1 - update) * (1 - m * m);
            z[0].at[k] = narrow(g_candidate * wide(recall.at[k]) * r * (1 - r));
            z[1].at[k] = narrow(g * (wide(before.at[k]) - m) * update * (1 - update));
            z[2].at[k] = narrow(g_candidate);
            g_recall.at[k] = narrow(g_candidate * r);
            past.at[k] = narrow(g * update);
        }
        for (int g = 0; g < 3; ++g) {
            store<L>(into_x, place + g * hidden, z[g]);
            store<L>(into_h, place + g * hidden, g < 2 ? z[g] : g_recall);
        }
        store<L>(carry, j, past);
    });
}
