// Winograd's form F(4, 5) for images of one channel: five products make a sum at a point, too few to pay for a way through memory, so
// that the sums of one pair of windows, all their points and both their rows, go into the windows' values as they are made; where there
// are 32 registers they never leave them.

#pragma once

#include "winograd.h"

namespace {

template <typename T>
struct WinogradPlane : Winograd<T> {
    using Lanes<T>::kLanes;
    using typename Lanes<T>::V;
    using Winograd<T>::kPoints;
    using Winograd<T>::kKernel;
    using Winograd<T>::pairs;

    static bool fits(const Shape& s) { return Winograd<T>::fits(s) && s.in == 1; }

    // The weights as [out][point][row].
    static Buffer<T> packed(const Shape& s, const T* w) {
        Buffer<T> result(s.out * kPoints * kKernel);
        for (std::int64_t o = 0; o < s.out; ++o)
            for (std::int64_t i = 0; i < kKernel; ++i) {
                T at[kPoints];
                WinogradPlane::weights_at_points(w + (o * kKernel + i) * kKernel, 1, at);
                for (int p = 0; p < kPoints; ++p) result[(o * kPoints + p) * kKernel + i] = at[p];
            }
        return result;
    }

    // One group of kLanes examples. `transformed` has room for the image as [pair of windows][row][point][lane], so that the rows of a
    // pair lie at distances that the compiler knows.
    static void group(const Shape& s, const T* x, const T* w, const T* b, T* transformed, T* y, std::uint8_t* winners) {
        const std::int64_t row = kPoints * kLanes;
        std::int64_t rows = 0;  // transformed so far
        for (std::int64_t down = 0; down < s.pooled_height(); ++down) {
            for (; rows < 2 * down + kKernel + 1; ++rows)
                for (std::int64_t q = 0; q < pairs(s); ++q) {
                    V at[kPoints];
                    WinogradPlane::inputs_at_points(s, x + rows * s.width * kLanes, q, 0, at);
                    for (int p = 0; p < kPoints; ++p) WinogradPlane::store(transformed + (q * s.height + rows) * row + p * kLanes, at[p]);
                }
            for (std::int64_t q = 0; q < pairs(s); ++q) {
                const T* corner = transformed + (q * s.height + 2 * down) * row;
                const std::int64_t at = down * s.pooled_width() + 2 * q;
                const int windows = 2 * q + 1 < s.pooled_width() ? 2 : 1;
                for (std::int64_t o = 0; o < s.out; ++o) {
                    V sums[2][4];
                    add_up(corner, w + o * kPoints * kKernel, sums);
                    for (int k = 0; k < windows; ++k) {
                        const V values[4] = {sums[0][2 * k], sums[0][2 * k + 1], sums[1][2 * k], sums[1][2 * k + 1]};
                        WinogradPlane::pool(values, b[o], y + s.place(at + k, o) * kLanes, winners + (o * s.pooled() + at + k) * kLanes);
                    }
                }
            }
        }
    }

    // Four neighbours in each of two rows.
    static inline void add_up(const T* x, const T* w, V (&sums)[2][4]) {
        V first[2], last[2];
        at_point(x, w, 0, first);
        at_point(x, w, kPoints - 1, last);
        for (int r = 0; r < 2; ++r) sums[r][0] = first[r], sums[r][1] = sums[r][2] = V{}, sums[r][3] = last[r];
        add_points(x, w, 1, T(1), sums);
        add_points(x, w, 3, T(2), sums);
        add_points(x, w, 5, T(0.5), sums);
    }

    // What the points z and -z add, which are those of number `p` and `p` + 1.
    static inline void add_points(const T* x, const T* w, int p, T z, V (&sums)[2][4]) {
        V plus[2], minus[2];
        at_point(x, w, p, plus);
        at_point(x, w, p + 1, minus);
        for (int r = 0; r < 2; ++r) {
            const V even = plus[r] + minus[r], odd = plus[r] - minus[r];
            sums[r][0] += even;
            sums[r][1] += z * odd;
            sums[r][2] += z * z * even;
            sums[r][3] += z * z * z * odd;
        }
    }

    static inline void at_point(const T* x, const T* w, int p, V (&sums)[2]) {
        V rows[kKernel + 1];
        for (int i = 0; i <= kKernel; ++i) rows[i] = WinogradPlane::load(x + (i * kPoints + p) * kLanes);
        for (int r = 0; r < 2; ++r) {
            sums[r] = rows[r] * w[p * kKernel];
            for (int i = 1; i < kKernel; ++i) sums[r] += rows[i + r] * w[p * kKernel + i];
        }
    }
};

}  // namespace
