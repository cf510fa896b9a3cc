// What both ways of convolving share: sums of products for a block of channels at four places, and what a pooling window becomes.

#pragma once

#include "lanes.h"

namespace {

template <typename T>
struct Tile : Lanes<T> {
    using Lanes<T>::kLanes;
    using typename Lanes<T>::V;
    using typename Lanes<T>::Code;
    using typename Lanes<T>::Bytes;
    using Sums = V[4][kChannelBlock];

    // At each of four places of the image, `rows` rows of `row` vectors, each with its weight for each channel of the block.
    static inline void add_up(const T* const (&places)[4], std::int64_t down, std::int64_t rows, std::int64_t row, const T* w, Sums& sums) {
        V local[4][kChannelBlock] = {};  // not `sums`: clang would write them to memory after each row
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t t = 0; t < row; ++t, w += kChannelBlock) {
                const std::int64_t at = i * down + t * kLanes;
                const V x0 = Tile::load(places[0] + at), x1 = Tile::load(places[1] + at), x2 = Tile::load(places[2] + at), x3 = Tile::load(places[3] + at);
                for (int c = 0; c < kChannelBlock; ++c) {
                    local[0][c] += x0 * w[c];
                    local[1][c] += x1 * w[c];
                    local[2][c] += x2 * w[c];
                    local[3][c] += x3 * w[c];
                }
            }
        for (int p = 0; p < 4; ++p)
            for (int c = 0; c < kChannelBlock; ++c) sums[p][c] = local[p][c];
    }

    // ReLU of the largest of four values plus a bias, and which it was. The first of equals wins and a nan over all, as in torch.
    static inline void pool(const V (&values)[4], T bias, T* y, std::uint8_t* winners) {
        V best = values[0];
        Code code{};
        for (int p = 1; p < 4; ++p) {
            const Code above = (values[p] > best) | (values[p] != values[p]);
            best = above ? values[p] : best;
            code = above ? Code{} + p : code;
        }
        best += bias;
        const Code dead = best <= V{};
        best = dead ? V{} : best;
        code = dead ? Code{} + kDead : code;
        Tile::store(y, best);
        *reinterpret_cast<Bytes*>(winners) = __builtin_convertvector(code, Bytes);
    }
};

}  // namespace
