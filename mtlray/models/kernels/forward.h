// The forward pass: LANES examples at once, one in each lane of a vector, so that every lane works whatever the number of channels,
// and pooling is an element-wise maximum. The four convolutions of a pooling window stay in registers; no unpooled map is written.

#pragma once

#include "winograd_plane.h"

namespace {

// The convolution as it is written.
template <typename T>
struct PlainSum : Tile<T> {
    using Lanes<T>::kLanes;
    using typename Lanes<T>::V;
    using typename Tile<T>::Sums;

    static std::int64_t scratch(const Shape&) { return 0; }

    // The weights as [block of out channels][tap][channel in block], zero where there is no channel.
    static Buffer<T> packed(const Shape& s, const T* w) {
        Buffer<T> result(s.blocks() * s.taps() * kChannelBlock, T(0));
        for (std::int64_t o = 0; o < s.out; ++o)
            for (std::int64_t t = 0; t < s.taps(); ++t)
                result[((o / kChannelBlock) * s.taps() + t) * kChannelBlock + o % kChannelBlock] = w[o * s.taps() + t];
        return result;
    }

    // One group of kLanes examples, [row][column][channel][lane].
    static void group(const Shape& s, const T* x, const T* w, const T* b, T*, T* y, std::uint8_t* winners) {
        const std::int64_t down = s.width * s.in * kLanes, right = s.in * kLanes;
        for (std::int64_t at = 0; at < s.pooled(); ++at) {
            const T* corner = x + s.corner(at) * kLanes;
            const T* const places[4] = {corner, corner + right, corner + down, corner + down + right};
            for (std::int64_t o = 0; o < s.out; o += kChannelBlock) {
                Sums sums;
                PlainSum::add_up(places, down, s.kernel, s.row(), w + o * s.taps(), sums);
                for (int c = 0; c < kChannelBlock && o + c < s.out; ++c) {
                    const V values[4] = {sums[0][c], sums[1][c], sums[2][c], sums[3][c]};
                    PlainSum::pool(values, b[o + c], y + s.place(at, o + c) * kLanes, winners + ((o + c) * s.pooled() + at) * kLanes);
                }
            }
        }
    }
};

template <typename T>
struct Forward : Lanes<T> {
    using Lanes<T>::kLanes;

    static void run(const Shape& s, const T* x, const T* w, const T* b, T* y, std::uint8_t* winners) {
        if (WinogradPlane<T>::fits(s))
            run_by<WinogradPlane<T>>(s, x, w, b, y, winners);
        else if (Winograd<T>::fits(s))
            run_by<Winograd<T>>(s, x, w, b, y, winners);
        else
            run_by<PlainSum<T>>(s, x, w, b, y, winners);
    }

    template <typename Way>
    static void run_by(const Shape& s, const T* x, const T* w, const T* b, T* y, std::uint8_t* winners) {
        const Buffer<T> weights = Way::packed(s, w);
        const std::int64_t n_out = s.pooled() * s.out;
        Buffer<T> inputs(s.input() * kLanes), outputs(n_out * kLanes), scratch(Way::scratch(s));
        for (std::int64_t first = 0; first < s.examples; first += kLanes) {
            const int lanes = int(s.examples - first < kLanes ? s.examples - first : kLanes);
            if (lanes < kLanes) std::fill(inputs.begin(), inputs.end(), T(0));
            Forward::transpose(x + first * s.input(), s.input(), lanes, s.input(), inputs.data(), kLanes);
            Way::group(s, inputs.data(), weights.data(), b, scratch.data(), outputs.data(), winners + first * n_out);
            Forward::transpose(outputs.data(), kLanes, n_out, lanes, y + first * n_out, n_out);
        }
    }
};

}  // namespace
