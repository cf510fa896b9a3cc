// ReLU(max_pool_2x2(convolution(x, w) + b)), stride 1, no padding, and its gradients; one thread.
//
// Forward: LANES examples at once, one in each lane of a vector, so that every lane works whatever the number of channels, and
// pooling is an element-wise maximum. The four convolutions of a pooling window stay in registers; no unpooled map is written.
// Backward: only the winner of each window has a gradient, and of these only the winners that ReLU let through. Each is one
// rank-one update of the weights' gradient and of the input's, over rows of the patch that lie contiguous in memory.
//
// Images are [example][row][column][channel], weights [out][row][column][in]. Sums run in an order that depends on the shapes
// alone, so that the same input gives the same bits.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <vector>

namespace {

// Bytes of a vector; channels at once in the forward pass, whose 4 x kChannelBlock sums and 4 inputs stay in registers while the
// weights come from memory; registers for the sums of the weights' gradient, where the most was not the fastest.
#if defined(__AVX512F__)
constexpr int kBytes = 64, kChannelBlock = 5, kRegisters = 14;
#elif defined(__AVX__)
constexpr int kBytes = 32, kChannelBlock = 2, kRegisters = 14;
#elif defined(__aarch64__)
constexpr int kBytes = 16, kChannelBlock = 5, kRegisters = 24;
#else
constexpr int kBytes = 16, kChannelBlock = 2, kRegisters = 14;
#endif
constexpr int kRowBytes = kBytes < 32 ? kBytes : 32;  // patch rows are short; wider vectors would be mostly padding
constexpr int kSpread = kBytes < 64 ? 8 : 4;  // vectors of the input's gradient at once
constexpr int kMostVectors = 25;
constexpr int kPiece = 64;  // elements
constexpr std::uint8_t kDead = 4;  // the winner is not above zero; else its place in the window, 0 to 3

template <typename T, int Bytes>
struct Vector {
    typedef T type __attribute__((vector_size(Bytes), aligned(sizeof(T)), may_alias));
};

// Memory that begins at a cache line, so that no aligned vector lies in two.
template <typename T>
struct Lines {
    using value_type = T;
    Lines() = default;
    template <typename U>
    Lines(const Lines<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(64))); }
    void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t(64)); }
    bool operator==(const Lines&) const { return true; }
    bool operator!=(const Lines&) const { return false; }
};
template <typename T>
using Buffer = std::vector<T, Lines<T>>;

struct Shape {
    std::int64_t examples, height, width, in, out, kernel;
    std::int64_t pooled_height() const { return (height - kernel + 1) / 2; }
    std::int64_t pooled_width() const { return (width - kernel + 1) / 2; }
    std::int64_t pooled() const { return pooled_height() * pooled_width(); }
    std::int64_t input() const { return height * width * in; }
    std::int64_t taps() const { return kernel * kernel * in; }
    std::int64_t row() const { return kernel * in; }
    std::int64_t corner(std::int64_t at) const { return 2 * ((at / pooled_width()) * width + at % pooled_width()) * in; }
};

template <typename T>
struct Stage {
    static constexpr int kLanes = kBytes / sizeof(T);
    static constexpr int kRowLanes = kRowBytes / sizeof(T);
    using V = typename Vector<T, kBytes>::type;
    using Code = decltype(V{} != V{});
    typedef std::uint8_t Bytes __attribute__((vector_size(kLanes), aligned(1), may_alias));
    using R = typename Vector<T, kRowBytes>::type;

    // -- forward

    // Weights as [block of kChannelBlock out channels][tap][channel in block], zero where there is no channel.
    static Buffer<T> packed(const Shape& s, const T* w) {
        const std::int64_t blocks = (s.out + kChannelBlock - 1) / kChannelBlock;
        Buffer<T> result(blocks * s.taps() * kChannelBlock, T(0));
        for (std::int64_t o = 0; o < s.out; ++o)
            for (std::int64_t t = 0; t < s.taps(); ++t)
                result[((o / kChannelBlock) * s.taps() + t) * kChannelBlock + o % kChannelBlock] = w[o * s.taps() + t];
        return result;
    }

    static void forward(const Shape& s, const T* x, const T* w, const T* b, T* y, std::uint8_t* winners) {
        const Buffer<T> weights = packed(s, w);
        const std::int64_t n_out = s.pooled() * s.out;
        Buffer<T> inputs(s.input() * kLanes), outputs(n_out * kLanes);
        for (std::int64_t first = 0; first < s.examples; first += kLanes) {
            const int lanes = int(s.examples - first < kLanes ? s.examples - first : kLanes);
            if (lanes < kLanes) std::memset(inputs.data(), 0, inputs.size() * sizeof(T));
            into_lanes(x + first * s.input(), lanes, s.input(), inputs.data());
            group(s, inputs.data(), weights.data(), b, outputs.data(), winners + first * n_out);
            out_of_lanes(outputs.data(), lanes, n_out, y + first * n_out);
        }
    }

    // Transposes, in pieces of which both sides stay in the first-level cache.
    static void into_lanes(const T* examples, int lanes, std::int64_t size, T* to) {
        for (std::int64_t i = 0; i < size; i += kPiece)
            for (int n = 0; n < lanes; ++n)
                for (std::int64_t j = i; j < (size < i + kPiece ? size : i + kPiece); ++j)
                    to[j * kLanes + n] = examples[n * size + j];
    }

    static void out_of_lanes(const T* from, int lanes, std::int64_t size, T* examples) {
        for (std::int64_t i = 0; i < size; i += kPiece)
            for (int n = 0; n < lanes; ++n)
                for (std::int64_t j = i; j < (size < i + kPiece ? size : i + kPiece); ++j)
                    examples[n * size + j] = from[j * kLanes + n];
    }

    // One group of kLanes examples, [row][column][channel][lane].
    static void group(const Shape& s, const T* x, const T* w, const T* b, T* y, std::uint8_t* winners) {
        const std::int64_t down = s.width * s.in * kLanes, right = s.in * kLanes;
        for (std::int64_t py = 0; py < s.pooled_height(); ++py)
            for (std::int64_t px = 0; px < s.pooled_width(); ++px) {
                const T* corner = x + 2 * py * down + 2 * px * right;
                const std::int64_t at = py * s.pooled_width() + px;
                for (std::int64_t o = 0; o < s.out; o += kChannelBlock) {
                    V sums[4][kChannelBlock];
                    window(s, corner, down, right, w + o * s.taps(), sums);
                    for (int c = 0; c < kChannelBlock && o + c < s.out; ++c)
                        pool(sums, c, b[o + c], y + (at * s.out + o + c) * kLanes, winners + ((o + c) * s.pooled() + at) * kLanes);
                }
            }
    }

    // The convolution at the four places of a pooling window, for a block of channels.
    static inline void window(const Shape& s, const T* x, std::int64_t down, std::int64_t right, const T* w, V (&sums)[4][kChannelBlock]) {
        for (int p = 0; p < 4; ++p)
            for (int c = 0; c < kChannelBlock; ++c) sums[p][c] = V{};
        for (std::int64_t i = 0; i < s.kernel; ++i) {
            const T* upper = x + i * down;
            const T* lower = upper + down;
            for (std::int64_t t = 0; t < s.row(); ++t, w += kChannelBlock) {
                const V x0 = *reinterpret_cast<const V*>(upper + t * kLanes), x1 = *reinterpret_cast<const V*>(upper + t * kLanes + right);
                const V x2 = *reinterpret_cast<const V*>(lower + t * kLanes), x3 = *reinterpret_cast<const V*>(lower + t * kLanes + right);
                for (int c = 0; c < kChannelBlock; ++c) {
                    sums[0][c] += x0 * w[c];
                    sums[1][c] += x1 * w[c];
                    sums[2][c] += x2 * w[c];
                    sums[3][c] += x3 * w[c];
                }
            }
        }
    }

    // The first of equals wins and a nan wins over all, as in torch.
    static inline void pool(const V (&sums)[4][kChannelBlock], int c, T bias, T* y, std::uint8_t* winners) {
        V best = sums[0][c];
        Code code{};
        for (int p = 1; p < 4; ++p) {
            const V value = sums[p][c];
            const Code above = (value > best) | (value != value);
            best = above ? value : best;
            code = above ? Code{} + p : code;
        }
        best += bias;
        const Code dead = best <= V{};
        best = dead ? V{} : best;
        code = dead ? Code{} + kDead : code;
        *reinterpret_cast<V*>(y) = best;
        *reinterpret_cast<Bytes*>(winners) = __builtin_convertvector(code, Bytes);
    }

    // -- backward

    struct Winner {
        std::int32_t patch;  // offset of its patch in the input
        T gradient;
    };

    // Those of one channel of one example that ReLU let through, and the sum of their gradients.
    static std::int64_t alive(const Shape& s, const std::uint8_t* codes, const T* gradients, const std::int32_t* patches, Winner* list, T* sum) {
        std::int64_t n = 0;
        for (std::int64_t at = 0; at < s.pooled(); ++at) {
            const std::uint8_t code = codes[at * kLanes];
            list[n] = {patches[at * 4 + (code & 3)], gradients[at * s.out]};
            n += code != kDead;
        }
        T even = 0, odd = 0;  // one sum alone would wait for each addition
        std::int64_t k = 0;
        for (; k + 4 <= n; k += 4) {
            even += list[k].gradient + list[k + 2].gradient;
            odd += list[k + 1].gradient + list[k + 3].gradient;
        }
        for (; k < n; ++k) even += list[k].gradient;
        *sum += even + odd;
        return n;
    }

    // Adds to gw, [row][padded patch row] of one channel; kVectors vectors make a patch row, kRows at once.
    template <int kVectors, int kRows>
    static void scatter(const Shape& s, const T* x, const Winner* winners, std::int64_t n, T* gw) {
        const std::int64_t down = s.width * s.in;
        for (std::int64_t i = 0; i < s.kernel; i += kRows) {
            const int rows = int(s.kernel - i < kRows ? s.kernel - i : kRows);
            if (rows == kRows)
                rows_of<kVectors, kRows>(x + i * down, down, winners, n, gw + i * kVectors * kRowLanes);
            else
                for (int r = 0; r < rows; ++r)
                    rows_of<kVectors, 1>(x + (i + r) * down, down, winners, n, gw + (i + r) * kVectors * kRowLanes);
        }
    }

    template <int kVectors, int kRows>
    static inline void rows_of(const T* x, std::int64_t down, const Winner* winners, std::int64_t n, T* gw) {
        constexpr int kChains = 2 * kRows * kVectors <= kRegisters ? 2 : 1;  // two short sums in turn do not wait for each other
        R sums[kChains][kRows][kVectors];
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v) {
                sums[0][r][v] = *reinterpret_cast<const R*>(gw + (r * kVectors + v) * kRowLanes);
                if (kChains == 2) sums[kChains - 1][r][v] = R{};
            }
        std::int64_t k = 0;
        for (; k + kChains <= n; k += kChains)
            for (int c = 0; c < kChains; ++c) add<kVectors, kRows>(x, down, winners[k + c], sums[c]);
        if (k < n) add<kVectors, kRows>(x, down, winners[k], sums[0]);
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v) {
                if (kChains == 2) sums[0][r][v] += sums[kChains - 1][r][v];
                *reinterpret_cast<R*>(gw + (r * kVectors + v) * kRowLanes) = sums[0][r][v];
            }
    }

    template <int kVectors, int kRows>
    static inline void add(const T* x, std::int64_t down, const Winner& winner, R (&sums)[kRows][kVectors]) {
        const T* patch = x + winner.patch;
        for (int r = 0; r < kRows; ++r)
            for (int v = 0; v < kVectors; ++v) sums[r][v] += *reinterpret_cast<const R*>(patch + r * down + v * kRowLanes) * winner.gradient;
    }

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
        for (std::int64_t at = 0; at < s.pooled(); ++at, list += s.out, gradients += s.out) {
            std::int32_t upper = 0, lower = 0;
            for (std::int32_t o = 0; o < s.out; ++o) {
                const std::int32_t code = codes[(o * s.pooled() + at) * kLanes], alive = code != kDead, below = code >> 1 & 1;
                const std::int32_t place = upper ^ ((upper ^ (std::int32_t(s.out) - 1 - lower)) & -below);
                list[place] = {((code & 1) * std::int32_t(s.out) + o) * std::int32_t(width), gradients[o]};
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

    template <int kVectors>
    static void of_weights(const Shape& s, const T* gy, const T* x, const std::uint8_t* winners, T* gw, T* gb) {
        constexpr int kFit = kRegisters / kVectors, kRows = kFit < 1 ? 1 : (kFit > 5 ? 5 : kFit);
        constexpr std::int64_t row = kVectors * kRowLanes;
        const std::int64_t n_out = s.pooled() * s.out, padded = s.kernel * row;
        std::vector<T> input(s.input() + row, T(0));
        Buffer<T> sums(s.out * padded, T(0));
        Buffer<std::int32_t> patches(s.pooled() * 4);
        for (std::int64_t at = 0; at < s.pooled(); ++at)
            for (int p = 0; p < 4; ++p) patches[at * 4 + p] = std::int32_t(s.corner(at) + (p / 2 * s.width + p % 2) * s.in);
        Buffer<Winner> list(s.pooled() + 1);
        std::fill(gb, gb + s.out, T(0));
        for (std::int64_t n = 0; n < s.examples; ++n) {
            const std::int64_t first = n / kLanes * kLanes;
            std::memcpy(input.data(), x + n * s.input(), s.input() * sizeof(T));
            for (std::int64_t o = 0; o < s.out; ++o) {
                const std::uint8_t* codes = winners + first * n_out + o * s.pooled() * kLanes + (n - first);
                const std::int64_t length = alive(s, codes, gy + n * n_out + o, patches.data(), list.data(), &gb[o]);
                scatter<kVectors, kRows>(s, input.data(), list.data(), length, &sums[o * padded]);
            }
        }
        for (std::int64_t o = 0; o < s.out; ++o)
            for (std::int64_t i = 0; i < s.kernel; ++i) std::memcpy(gw + (o * s.kernel + i) * s.row(), &sums[o * padded + i * row], s.row() * sizeof(T));
    }

    static void of_input(const Shape& s, const T* gy, const T* w, const std::uint8_t* winners, T* gx) {
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

    // The number of vectors in a patch row is a template argument; the next that was compiled is taken. Returns 1 beyond the last.
    static int backward(const Shape& s, const T* gy, const T* x, const T* w, const std::uint8_t* winners, T* gx, T* gw, T* gb) {
        const std::int64_t vectors = (s.row() + kRowLanes - 1) / kRowLanes;
        if (vectors <= 1) of_weights<1>(s, gy, x, winners, gw, gb);
        else if (vectors <= 2) of_weights<2>(s, gy, x, winners, gw, gb);
        else if (vectors <= 4) of_weights<4>(s, gy, x, winners, gw, gb);
        else if (vectors <= 7) of_weights<7>(s, gy, x, winners, gw, gb);
        else if (vectors <= 13) of_weights<13>(s, gy, x, winners, gw, gb);
        else if (vectors <= kMostVectors) of_weights<kMostVectors>(s, gy, x, winners, gw, gb);
        else return 1;
        if (gx) of_input(s, gy, w, winners, gx);
        return 0;
    }
};

}  // namespace

extern "C" {
int mtlray_lanes_float() { return Stage<float>::kLanes; }
int mtlray_lanes_double() { return Stage<double>::kLanes; }
int mtlray_widest_row_float() { return kMostVectors * Stage<float>::kRowLanes; }
int mtlray_widest_row_double() { return kMostVectors * Stage<double>::kRowLanes; }

#define MTLRAY_EXPORT(T)                                                                                                      \
    void mtlray_forward_##T(const std::int64_t* s, const T* x, const T* w, const T* b, T* y, std::uint8_t* winners) {          \
        Stage<T>::forward({s[0], s[1], s[2], s[3], s[4], s[5]}, x, w, b, y, winners);                                          \
    }                                                                                                                         \
    int mtlray_backward_##T(const std::int64_t* s, const T* gy, const T* x, const T* w, const std::uint8_t* winners, T* gx,   \
                            T* gw, T* gb) {                                                                                    \
        return Stage<T>::backward({s[0], s[1], s[2], s[3], s[4], s[5]}, gy, x, w, winners, gx, gw, gb);                    \
    }
MTLRAY_EXPORT(float)
MTLRAY_EXPORT(double)
}
