// The gradient of the input: what the winners of one window that ReLU let through give it is added up in registers, row by row.

#pragma once

#include "lanes.h"

namespace {

constexpr int kSpread = kBytes < 64 ? 8 : 4;  // vectors of the input's gradient at once

template <typename T>
struct InputGradient {
    static constexpr int kLanes = Lanes<T>::kLanes;
    using V = typename Lanes<T>::V;

    // A winner's part in what its window adds to the input's gradient of one example.
    struct Share {
        std::int32_t weights;  // offset of its channel among the weights of a row
        T gradient;
    };

    // How many winners a window has in its upper row and in its lower, which meet other rows of the weights.
    struct Window {
        std::int32_t corner, upper, lower;  // offset in the input, and the two numbers
    };

    // The weights as [row][winner's column in the window][out][row of a window's patch, kernel + 1 columns, padded]: a winner in
    // the right column meets weights that are shifted by one pixel.
    static Buffer<T> widened(const Shape& s, const T* w, std::int64_t width) {
        Buffer<T> result(s.kernel * 2 * s.out * width, T(0));
        for (std::int64_t i = 0; i < s.kernel; ++i)
            for (std::int64_t right = 0; right < 2; ++right)
                for (std::int64_t o = 0; o < s.out; ++o)
                    std::memcpy(&result[((i * 2 + right) * s.out + o) * width + right * s.in], w + (o * s.kernel + i) * s.row(), s.row() * sizeof(T));
        return result;
    }

    // The shares of each window as [upper, lower][out], the first of each row filled. Each channel is written to both rows and counted
    // where it belongs, if it does: nothing here branches, because no processor could foresee it.
    static MTLRAY_APART void shares(const Shape& s, const std::uint8_t* codes, const T* gradients, std::int64_t width, Window* windows, Share* list) {
        const std::int64_t pooled = s.pooled(), apart = s.place(0, 1), next = s.place(1, 0);
        const std::int32_t out = std::int32_t(s.out), step = std::int32_t(width), right = out * step;
        const std::int32_t column[kDead + 1] = {0, right, 0, right, 0};
        for (std::int64_t at = 0; at < pooled; ++at, list += 2 * out) {
            const std::uint8_t* code = codes + at * kLanes;
            const T* gradient = gradients + at * next;
            Share *upper = list, *lower = list + out;
            for (std::int32_t o = 0, weights = 0; o < out; ++o, code += pooled * kLanes, gradient += apart, weights += step) {
                const std::int32_t place = *code, from = weights + column[place];
                const T value = *gradient;
                upper->weights = lower->weights = from;
                upper->gradient = lower->gradient = value;
                upper += place < 2;
                lower += 0b1100 >> place & 1;
            }
            windows[at].upper = std::int32_t(upper - list);
            windows[at].lower = std::int32_t(lower - list) - out;
        }
    }

    // Row by row, so that the weights of the two rows that meet it stay in the first-level cache.
    static MTLRAY_APART void spread(const Shape& s, const T* weights, std::int64_t width, const Window* windows, const Share* list, T* gx) {
        const std::int64_t kernel = s.kernel, out = s.out, down = s.width * s.in, below = 2 * out * width;
        const Window* const end = windows + s.pooled();
        for (std::int64_t i = 0; i <= kernel; ++i)
            for (std::int64_t v = 0; v < width; v += kSpread * kLanes) {
                const T* now = weights + i * below + v;
                const Share* shares = list;
                for (const Window* window = windows; window < end; ++window, shares += 2 * out) {
                    V sums[kSpread] = {};
                    if (i < kernel) add_up(now, shares, window->upper, sums);
                    if (i > 0) add_up(now - below, shares + out, window->lower, sums);
                    V* to = reinterpret_cast<V*>(gx + window->corner + i * down + v);
                    for (int c = 0; c < kSpread; ++c) to[c] += sums[c];
                }
            }
    }

    static inline void add_up(const T* weights, const Share* shares, std::int32_t n, V (&sums)[kSpread]) {
        for (const Share* end = shares + n; shares < end; ++shares) {
            const V* w = reinterpret_cast<const V*>(weights + shares->weights);
            for (int c = 0; c < kSpread; ++c) sums[c] += w[c] * shares->gradient;
        }
    }

    static void run(const Shape& s, const T* gy, const T* w, const std::uint8_t* winners, T* gx) {
        constexpr std::int64_t part = kSpread * kLanes;
        const std::int64_t n_out = s.pooled() * s.out, width = ((s.kernel + 1) * s.in + part - 1) / part * part;
        const Buffer<T> weights = widened(s, w, width);
        Buffer<T> sums(s.input() + width);
        Buffer<Window> windows(s.pooled());
        for (std::int64_t at = 0; at < s.pooled(); ++at) windows[at].corner = std::int32_t(s.corner(at));
        Buffer<Share> list(2 * n_out);
        for (std::int64_t n = 0; n < s.examples; ++n) {
            const std::int64_t first = n / kLanes * kLanes;
            std::fill(sums.begin(), sums.end(), T(0));
            shares(s, winners + first * n_out + (n - first), gy + n * n_out, width, windows.data(), list.data());
            spread(s, weights.data(), width, windows.data(), list.data(), sums.data());
            std::memcpy(gx + n * s.input(), sums.data(), s.input() * sizeof(T));
        }
    }
};

}  // namespace
