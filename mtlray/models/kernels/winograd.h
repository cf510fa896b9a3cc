// Convolution of kernel 5 in Winograd's form F(4, 5) along rows of the image (Winograd 1980, Lavin and Gray 2016): four neighbours in
// a row, which two pooling windows share, take 8 products where the sum as it is written takes 20.
//
// The points are 0, 1, -1, 2, -2, 1/2, -1/2 and infinity. In one dimension, and only there, rounding stays near that of the plain sum:
// in float32 and on Multi-MNIST, 1.3 to 2.9 times its root mean square. Here are the transforms, and the form for images of several
// channels.

#pragma once

#include "tile.h"

namespace {

template <typename T>
struct Winograd : Tile<T> {
    using Lanes<T>::kLanes;
    using typename Lanes<T>::V;
    using typename Tile<T>::Sums;
    static constexpr int kPoints = 8, kKernel = 5;

    static bool fits(const Shape& s) { return s.kernel == kKernel; }

    static std::int64_t pairs(const Shape& s) { return (s.pooled_width() + 1) / 2; }

    // The weights as [point][block of out channels][row][in][channel in block].
    static Buffer<T> packed(const Shape& s, const T* w) {
        Buffer<T> result(kPoints * s.blocks() * kKernel * s.in * kChannelBlock, T(0));
        for (std::int64_t o = 0; o < s.out; ++o)
            for (std::int64_t i = 0; i < kKernel; ++i)
                for (std::int64_t c = 0; c < s.in; ++c) {
                    T at[kPoints];
                    weights_at_points(w + (o * kKernel + i) * s.row() + c, s.in, at);
                    for (int p = 0; p < kPoints; ++p)
                        result[(((p * s.blocks() + o / kChannelBlock) * kKernel + i) * s.in + c) * kChannelBlock + o % kChannelBlock] = at[p];
                }
        return result;
    }

    static void weights_at_points(const T* w, std::int64_t apart, T (&at)[kPoints]) {
        const T w0 = w[0], w1 = w[apart], w2 = w[2 * apart], w3 = w[3 * apart], w4 = w[4 * apart];
        const T even1 = w0 + w2 + w4, odd1 = w1 + w3;
        const T even2 = w0 + 4 * w2 + 16 * w4, odd2 = 2 * w1 + 8 * w3;
        const T even_half = 16 * w0 + 4 * w2 + w4, odd_half = 8 * w1 + 2 * w3;
        at[0] = w0;
        at[1] = (even1 + odd1) * -2 / 9;
        at[2] = (even1 - odd1) * -2 / 9;
        at[3] = (even2 + odd2) / 90;
        at[4] = (even2 - odd2) / 90;
        at[5] = (even_half + odd_half) * 2 / 45;
        at[6] = (even_half - odd_half) * 2 / 45;
        at[7] = w4;
    }

    // Elements of a row of the transformed image, [row][point][pair of windows][in][lane].
    static std::int64_t row(const Shape& s) { return kPoints * pairs(s) * s.in * kLanes; }
    static std::int64_t scratch(const Shape& s) { return s.height * row(s); }

    static void transform_row(const Shape& s, const T* x, T* to) {
        for (std::int64_t q = 0; q < pairs(s); ++q)
            for (std::int64_t c = 0; c < s.in; ++c) {
                V at[kPoints];
                inputs_at_points(s, x, q, c, at);
                for (int p = 0; p < kPoints; ++p) Winograd::store(to + ((p * pairs(s) + q) * s.in + c) * kLanes, at[p]);
            }
    }

    // Of a row of the image, what a pair of windows sees of a channel.
    static inline void inputs_at_points(const Shape& s, const T* x, std::int64_t pair, std::int64_t c, V (&at)[kPoints]) {
        const std::int64_t seen = 2 * s.pooled_width() + kKernel - 1;  // columns; the last pair may be one window
        V d[kPoints];
        for (int k = 0; k < kPoints; ++k) d[k] = 4 * pair + k < seen ? Winograd::load(x + ((4 * pair + k) * s.in + c) * kLanes) : V{};
        const V even1 = d[2] - T(4.25) * d[4] + d[6], odd1 = d[1] - T(4.25) * d[3] + d[5];
        const V even2 = T(0.25) * d[2] - T(1.25) * d[4] + d[6], odd2 = T(0.5) * d[1] - T(2.5) * d[3] + 2 * d[5];
        const V even_half = 4 * d[2] - 5 * d[4] + d[6], odd_half = 2 * d[1] - T(2.5) * d[3] + T(0.5) * d[5];
        at[0] = (d[0] - d[6]) + T(5.25) * (d[4] - d[2]);
        at[1] = even1 + odd1;
        at[2] = even1 - odd1;
        at[3] = even2 + odd2;
        at[4] = even2 - odd2;
        at[5] = even_half + odd_half;
        at[6] = even_half - odd_half;
        at[7] = (d[7] - d[1]) + T(5.25) * (d[3] - d[5]);
    }

    // One group of kLanes examples; `transformed` has room for the image.
    static void group(const Shape& s, const T* x, const T* w, const T* b, T* transformed, T* y, std::uint8_t* winners) {
        const std::int64_t n = pairs(s) * s.pooled_height(), point = pairs(s) * s.in * kLanes;
        std::int64_t rows = 0;  // transformed so far: when they are needed, so that they are in the cache
        for (std::int64_t first = 0; first < n; first += 2) {
            const std::int64_t second = std::min(first + 1, n - 1);
            for (; rows < second / pairs(s) * 2 + kKernel + 1; ++rows)
                transform_row(s, x + rows * s.width * s.in * kLanes, transformed + rows * row(s));
            const T *one = transformed + corner(s, first), *two = transformed + corner(s, second);
            for (std::int64_t block = 0; block < s.blocks(); ++block) {
                Sums sums[kPoints];  // at the upper and the lower row of one pair, then of the other
                for (int p = 0; p < kPoints; ++p) {
                    const T *a = one + p * point, *z = two + p * point;
                    const T* const places[4] = {a, a + row(s), z, z + row(s)};
                    Winograd::add_up(places, row(s), kKernel, s.in, w + (p * s.blocks() + block) * kKernel * s.in * kChannelBlock, sums[p]);
                }
                write(s, first, block, sums, 0, b, y, winners);
                if (second > first) write(s, second, block, sums, 2, b, y, winners);
            }
        }
    }

    static std::int64_t corner(const Shape& s, std::int64_t pair) { return pair / pairs(s) * 2 * row(s) + pair % pairs(s) * s.in * kLanes; }

    // The one or two windows of a pair, whose sums lie at places `upper` and `upper` + 1.
    static inline void write(const Shape& s, std::int64_t pair, std::int64_t block, const Sums (&sums)[kPoints], int upper, const T* b, T* y, std::uint8_t* winners) {
        const std::int64_t column = pair % pairs(s) * 2, at = pair / pairs(s) * s.pooled_width() + column;
        for (int c = 0; c < kChannelBlock && block * kChannelBlock + c < s.out; ++c) {
            V values[2][4];
            for (int r = 0; r < 2; ++r) {
                V m[kPoints];
                for (int p = 0; p < kPoints; ++p) m[p] = sums[p][upper + r][c];
                const V even1 = m[1] + m[2], odd1 = m[1] - m[2], even2 = m[3] + m[4], odd2 = m[3] - m[4];
                const V even_half = m[5] + m[6], odd_half = m[5] - m[6];
                values[0][2 * r] = m[0] + even1 + even2 + even_half;
                values[0][2 * r + 1] = odd1 + 2 * odd2 + T(0.5) * odd_half;
                values[1][2 * r] = even1 + 4 * even2 + T(0.25) * even_half;
                values[1][2 * r + 1] = odd1 + 8 * odd2 + T(0.125) * odd_half + m[7];
            }
            const std::int64_t o = block * kChannelBlock + c;
            for (int k = 0; k < 2 && column + k < s.pooled_width(); ++k)
                Winograd::pool(values[k], b[o], y + s.place(at + k, o) * kLanes, winners + (o * s.pooled() + at + k) * kLanes);
        }
    }
};

}  // namespace
