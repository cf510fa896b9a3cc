// The gradient of weights and bias: only the winner of each window has a gradient, and of these only the winners that ReLU let
// through. Each is one rank-one update, over rows of the patch that lie contiguous in memory.

#pragma once

#include "lanes.h"

namespace {

constexpr int kRowBytes = kBytes < 32 ? kBytes : 32;  // patch rows are short; wider vectors would be mostly padding

template <typename T>
struct WeightsGradient {
    static constexpr int kMostVectors = 25, kLanes = Lanes<T>::kLanes, kRowLanes = kRowBytes / sizeof(T);
    using R = typename Vector<T, kRowBytes>::type;

    struct Winner {
        std::int32_t patch;  // offset of its patch in the input
        T gradient;
    };

    struct Patches {
        std::int32_t of[kDead + 1];  // offset in the input for each code that a window can have
    };

    // Those of one channel of one example that ReLU let through.
    static MTLRAY_APART std::int64_t alive(const Shape& s, const std::uint8_t* codes, const T* gradients, const Patches* patches, Winner* list) {
        const std::int64_t pooled = s.pooled(), apart = s.place(1, 0);
        std::int64_t n = 0;
        for (std::int64_t at = 0; at < pooled; ++at, codes += kLanes, gradients += apart) {
            list[n] = {patches[at].of[*codes], *gradients};
            n += *codes != kDead;
        }
        return n;
    }

    // Adds to gw, [row][padded patch row] of one channel; kVectors vectors make a patch row, kRows at once. And to gb.
    template <int kVectors, int kRows>
    static MTLRAY_APART void scatter(const Shape& s, const T* x, const Winner* winners, std::int64_t n, T* gw, T* gb) {
        const std::int64_t down = s.width * s.in;
        for (std::int64_t i = 0; i < s.kernel; i += kRows) {
            const int rows = int(s.kernel - i < kRows ? s.kernel - i : kRows);
            T bias = 0;  // the same for all rows
            if (rows == kRows)
                bias = rows_of<kVectors, kRows>(x + i * down, down, winners, n, gw + i * kVectors * kRowLanes);
            else
                for (int r = 0; r < rows; ++r)
                    bias = rows_of<kVectors, 1>(x + (i + r) * down, down, winners, n, gw + (i + r) * kVectors * kRowLanes);
            if (i == 0) *gb += bias;
        }
    }

    // Returns the sum of the gradients.
    template <int kVectors, int kRows>
    static inline T rows_of(const T* x, std::int64_t down, const Winner* winners, std::int64_t n, T* gw) {
        constexpr int kChains = 2 * kRows * kVectors <= kRegisters ? 2 : 1;  // two short sums in turn do not wait for each other
        R sums[kChains][kRows][kVectors];
        T bias[kChains] = {};
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v) {
                sums[0][r][v] = *reinterpret_cast<const R*>(gw + (r * kVectors + v) * kRowLanes);
                if (kChains == 2) sums[kChains - 1][r][v] = R{};
            }
        std::int64_t k = 0;
        for (; k + kChains <= n; k += kChains)
            for (int c = 0; c < kChains; ++c) add<kVectors, kRows>(x, down, winners[k + c], sums[c], bias[c]);
        if (k < n) add<kVectors, kRows>(x, down, winners[k], sums[0], bias[0]);
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v) {
                if (kChains == 2) sums[0][r][v] += sums[kChains - 1][r][v];
                *reinterpret_cast<R*>(gw + (r * kVectors + v) * kRowLanes) = sums[0][r][v];
            }
        return kChains == 2 ? bias[0] + bias[kChains - 1] : bias[0];
    }

    template <int kVectors, int kRows>
    static inline void add(const T* x, std::int64_t down, const Winner& winner, R (&sums)[kRows][kVectors], T& bias) {
        const T* patch = x + winner.patch;
        bias += winner.gradient;
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v) sums[r][v] += *reinterpret_cast<const R*>(patch + r * down + v * kRowLanes) * winner.gradient;
    }

    template <int kVectors>
    static void of_rows(const Shape& s, const T* gy, const T* x, const std::uint8_t* winners, T* gw, T* gb) {
        constexpr int kFit = kRegisters / kVectors, kRows = kFit < 1 ? 1 : (kFit > 5 ? 5 : kFit);
        constexpr std::int64_t row = kVectors * kRowLanes;
        const std::int64_t n_out = s.pooled() * s.out, padded = s.kernel * row;
        std::vector<T> input(s.input() + row, T(0));
        Buffer<T> sums(s.out * padded, T(0));
        Buffer<Patches> patches(s.pooled());
        for (std::int64_t at = 0; at < s.pooled(); ++at)
            for (int p = 0; p <= kDead; ++p) patches[at].of[p] = std::int32_t(s.corner(at) + (p == kDead ? 0 : (p / 2 * s.width + p % 2) * s.in));
        Buffer<Winner> list(s.pooled());
        std::fill(gb, gb + s.out, T(0));
        for (std::int64_t n = 0; n < s.examples; ++n) {
            const std::int64_t first = n / kLanes * kLanes;
            std::memcpy(input.data(), x + n * s.input(), s.input() * sizeof(T));
            for (std::int64_t o = 0; o < s.out; ++o) {
                const std::uint8_t* codes = winners + first * n_out + o * s.pooled() * kLanes + (n - first);
                const std::int64_t length = alive(s, codes, gy + n * n_out + s.place(0, o), patches.data(), list.data());
                scatter<kVectors, kRows>(s, input.data(), list.data(), length, &sums[o * padded], &gb[o]);
            }
        }
        for (std::int64_t o = 0; o < s.out; ++o)
            for (std::int64_t i = 0; i < s.kernel; ++i) std::memcpy(gw + (o * s.kernel + i) * s.row(), &sums[o * padded + i * row], s.row() * sizeof(T));
    }

    // The number of vectors in a patch row is a template argument; the next that was compiled is taken. Returns 1 beyond the last.
    static int run(const Shape& s, const T* gy, const T* x, const std::uint8_t* winners, T* gw, T* gb) {
        const std::int64_t vectors = (s.row() + kRowLanes - 1) / kRowLanes;
        if (vectors <= 1) of_rows<1>(s, gy, x, winners, gw, gb);
        else if (vectors <= 2) of_rows<2>(s, gy, x, winners, gw, gb);
        else if (vectors <= 4) of_rows<4>(s, gy, x, winners, gw, gb);
        else if (vectors <= 7) of_rows<7>(s, gy, x, winners, gw, gb);
        else if (vectors <= 13) of_rows<13>(s, gy, x, winners, gw, gb);
        else if (vectors <= kMostVectors) of_rows<kMostVectors>(s, gy, x, winners, gw, gb);
        else return 1;
        return 0;
    }
};

}  // namespace
