// Windows that slide over images: laid out as columns, added up, their largest and their mean.
//
// Each element of the result is computed by one thread, which looks for what belongs to it. So there are
// no atomics, and one launch does what takes one for each place in the window otherwise. Elements are
// counted in 32 bits, and whoever launches sees to it that there are no more than that.

struct Pair { int y, x; };

// A vertical and a horizontal number come in one.
__device__ inline Pair pair(long long both) { return {(int)(both & 0x7fffffff), (int)(both >> 32)}; }

// Where an element of (..., size.y, size.x) lies.
struct Place { unsigned int before; int y, x; };
__device__ inline Place place(unsigned int element, Pair size) {
    const unsigned int row = element / size.x, before = row / size.y;
    return {before, (int)(row - before * size.y), (int)(element - row * size.x)};
}

__device__ inline unsigned int at(unsigned int before, int y, int x, Pair size) {
    return (before * size.y + y) * size.x + x;
}

__device__ inline bool inside(int y, int x, Pair size) { return y >= 0 && y < size.y && x >= 0 && x < size.x; }

#define EACH(e, count) \
    for (unsigned int e = (unsigned int)thread_number(); e < (unsigned int)count; e += (unsigned int)thread_count())

// --- columns --------------------------------------------------------------------------------------

extern "C" __global__ void images_to_columns(
    const T* x, T* col, long long count, long long sizes, long long outs, long long kernels,
    long long strides, long long pads, long long dilations) {
    const Pair size = pair(sizes), out = pair(outs), kernel = pair(kernels);
    const Pair stride = pair(strides), pad = pair(pads), dilation = pair(dilations);
    EACH(e, count) {
        const Place window = place(e, out), seen = place(window.before, kernel);
        const int y = window.y * stride.y + seen.y * dilation.y - pad.y;
        const int x_ = window.x * stride.x + seen.x * dilation.x - pad.x;
        col[e] = inside(y, x_, size) ? x[at(seen.before, y, x_, size)] : narrow(0);
    }
}

extern "C" __global__ void columns_to_images(
    const T* col, T* x, long long count, long long sizes, long long outs, long long kernels,
    long long strides, long long pads, long long dilations) {
    const Pair size = pair(sizes), out = pair(outs), kernel = pair(kernels);
    const Pair stride = pair(strides), pad = pair(pads), dilation = pair(dilations);
    EACH(e, count) {
        const Place pixel = place(e, size);
        C sum = 0;
        for (int i = 0; i < kernel.y; ++i) {
            const int top = pixel.y + pad.y - i * dilation.y, p = top / stride.y;
            if (top < 0 || top % stride.y || p >= out.y) continue;
            for (int j = 0; j < kernel.x; ++j) {
                const int left = pixel.x + pad.x - j * dilation.x, q = left / stride.x;
                if (left < 0 || left % stride.x || q >= out.x) continue;
                sum += wide(col[at(at(pixel.before, i, j, kernel), p, q, out)]);
            }
        }
        x[e] = narrow(sum);
    }
}

// --- windows in one number each -------------------------------------------------------------------

extern "C" __global__ void largest_of_windows(
    const T* x, T* y, long long count, long long sizes, long long outs, long long kernels,
    long long strides, long long pads) {
    const Pair size = pair(sizes), out = pair(outs), kernel = pair(kernels);
    const Pair stride = pair(strides), pad = pair(pads);
    EACH(e, count) {
        const Place window = place(e, out);
        const int top = window.y * stride.y - pad.y, left = window.x * stride.x - pad.x;
        C largest = -infinity();
        for (int i = 0; i < kernel.y; ++i)
            for (int j = 0; j < kernel.x; ++j) {
                if (!inside(top + i, left + j, size)) continue;
                const C value = wide(x[at(window.before, top + i, left + j, size)]);
                if (value > largest || value != value) largest = value;
            }
        y[e] = narrow(largest);
    }
}

extern "C" __global__ void means_of_windows(
    const T* x, T* y, long long count, long long sizes, long long outs, long long kernels,
    long long strides, long long pads) {
    const Pair size = pair(sizes), out = pair(outs), kernel = pair(kernels);
    const Pair stride = pair(strides), pad = pair(pads);
    EACH(e, count) {
        const Place window = place(e, out);
        const int top = window.y * stride.y - pad.y, left = window.x * stride.x - pad.x;
        C sum = 0;
        for (int i = 0; i < kernel.y; ++i)
            for (int j = 0; j < kernel.x; ++j)
                if (inside(top + i, left + j, size)) sum += wide(x[at(window.before, top + i, left + j, size)]);
        y[e] = narrow(sum / (kernel.y * kernel.x));
    }
}

// --- gradients: what comes to a pixel from the windows that see it --------------------------------

// The first and the last window that see a place along an axis.
__device__ inline int first_window(int padded, int kernel, int stride) {
    return padded < kernel ? 0 : (padded - kernel) / stride + 1;
}
__device__ inline int last_window(int padded, int stride, int out) {
    const int last = padded / stride;
    return last < out ? last : out - 1;
}

// Calls f(p, q) for each window that sees a pixel.
template <class F> __device__ inline void each_window(Place pixel, Pair out, Pair kernel, Pair stride, Pair pad, F f) {
    const int y = pixel.y + pad.y, x = pixel.x + pad.x;
    const int last_y = last_window(y, stride.y, out.y), last_x = last_window(x, stride.x, out.x);
    for (int p = first_window(y, kernel.y, stride.y); p <= last_y; ++p)
        for (int q = first_window(x, kernel.x, stride.x); q <= last_x; ++q) f(p, q);
}

// Whether a window has its largest number nowhere before its place (i, j). Outside of images there is -inf.
__device__ inline bool is_first(
    const T* x, C largest, unsigned int image, int top, int left, int i, int j, Pair size, Pair kernel) {
    for (int k = 0; k < i * kernel.x + j; ++k) {
        const int y = top + k / kernel.x, x_ = left + k % kernel.x;
        const C value = inside(y, x_, size) ? wide(x[at(image, y, x_, size)]) : -infinity();
        if (value == largest) return false;
    }
    return true;
}

extern "C" __global__ void gradient_of_largest(
    const T* gy, const T* x, const T* largest, T* gx, long long count, long long sizes, long long outs,
    long long kernels, long long strides, long long pads) {
    const Pair size = pair(sizes), out = pair(outs), kernel = pair(kernels);
    const Pair stride = pair(strides), pad = pair(pads);
    EACH(e, count) {
        const Place pixel = place(e, size);
        const C value = wide(x[e]);
        C sum = 0;
        each_window(pixel, out, kernel, stride, pad, [&](int p, int q) {
            const unsigned int window = at(pixel.before, p, q, out);
            const int top = p * stride.y - pad.y, left = q * stride.x - pad.x;
            const int i = pixel.y - top, j = pixel.x - left;
            // The last place has it where no other has: of nan, none is equal to it.
            const bool is_last = i == kernel.y - 1 && j == kernel.x - 1;
            const C most = wide(largest[window]);
            if ((value == most || is_last) && is_first(x, most, pixel.before, top, left, i, j, size, kernel))
                sum += wide(gy[window]);
        });
        gx[e] = narrow(sum);
    }
}

extern "C" __global__ void gradient_of_means(
    const T* gy, T* gx, long long count, long long sizes, long long outs, long long kernels,
    long long strides, long long pads) {
    const Pair size = pair(sizes), out = pair(outs), kernel = pair(kernels);
    const Pair stride = pair(strides), pad = pair(pads);
    EACH(e, count) {
        const Place pixel = place(e, size);
        C sum = 0;
        each_window(pixel, out, kernel, stride, pad, [&](int p, int q) {
            sum += wide(gy[at(pixel.before, p, q, out)]);
        });
        gx[e] = narrow(sum / (kernel.y * kernel.x));
    }
}
