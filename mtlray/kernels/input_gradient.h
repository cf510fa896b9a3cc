// The gradient of the input: what the winners of one window that ReLU let through give it is added up in registers, row by row.

#pragma once

#include "lanes.h"

namespace {

constexpr int kSpread = kBytes < 64 ? 8 : 4;  // vectors of the input's gradient at once

template <typename T>
struct InputGradient {
    static constexpr int kLanes = Lanes<T>::kLanes;
    using V = typename Lanes<T>::V;

    // What one window of one example adds to the input's gradient. The winners in its upper row come first, those in its lower
    // row stand at the end of its places, so that a row of the input knows which rows of the weights meet it.
    struct Window {
        std::int32_t corner, upper, lower;  // offset in the input, and how many winners each of its rows has
    };

    struct Share {
        std::int32_t weights;  // offset of its channel among the weights of a row
        T gradient;
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

    static void shares(const Shape& s, const std::uint8_t* codes, const T* gradients, std::int64_t width, Window* windows, Share* list) {
        const std::int64_t apart = s.place(0, 1), next = s.place(1, 0);
        for (std::int64_t at = 0; at < s.pooled(); ++at, list += s.out, gradients += next) {
            std::int32_t upper = 0, lower = 0;
            for (std::int32_t o = 0; o < s.out; ++o) {
                const std::int32_t code = codes[(o * s.pooled() + at) * kLanes], alive = code != kDead, below = code >> 1 & 1;
                const std::int32_t place = upper ^ ((upper ^ (std::int32_t(s.out) - 1 - lower)) & -below);
                list[place] = {((code & 1) * std::int32_t(s.out) + o) * std::int32_t(width), gradients[o * apart]};
                lower += below;
                upper += alive - below;
            }
            windows[at].upper = upper;
            windows[at].lower = lower;
        }
    }

    // Row by row, so that the weights of the two rows that meet it stay in the first-level cache.
    static void spread(const Shape& s, const T* weights, std::int64_t width, const Window* windows, const Share* list, T* gx) {
        const std::int64_t below = 2 * s.out * width;
        for (std::int64_t i = 0; i <= s.kernel; ++i)
            for (std::int64_t v = 0; v < width; v += kSpread * kLanes) {
                const T* now = weights + i * below + v;
                for (std::int64_t at = 0; at < s.pooled(); ++at) {
                    const Share* shares = list + at * s.out;
                    V sums[kSpread] = {};
                    if (i < s.kernel)
                        for (std::int32_t k = 0; k < windows[at].upper; ++k) add_share(now, shares[k], sums);
                    if (i > 0)
                        for (std::int32_t k = 1; k <= windows[at].lower; ++k) add_share(now - below, shares[s.out - k], sums);
                    V* to = reinterpret_cast<V*>(gx + windows[at].corner + i * s.width * s.in + v);
                    for (int c = 0; c < kSpread; ++c) to[c] += sums[c];
                }
            }
    }

    static inline void add_share(const T* weights, const Share& share, V (&sums)[kSpread]) {
        const V* w = reinterpret_cast<const V*>(weights + share.weights);
        for (int c = 0; c < kSpread; ++c) sums[c] += w[c] * share.gradient;
    }

    static void run(const Shape& s, const T* gy, const T* w, const std::uint8_t* winners, T* gx) {
        constexpr std::int64_t part = kSpread * kLanes;
        const std::int64_t n_out = s.pooled() * s.out, width = ((s.kernel + 1) * s.in + part - 1) / part * part;
        const Buffer<T> weights = widened(s, w, width);
        Buffer<T> sums(s.input() + width);
        Buffer<Window> windows(s.pooled());
        for (std::int64_t at = 0; at < s.pooled(); ++at) windows[at].corner = std::int32_t(s.corner(at));
        Buffer<Share> list(n_out);
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
