// Vectors of as many numbers as the processor takes at once, memory that suits them, and the shape of a layer.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <utility>
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
// Never inlined: within a larger function the compiler has no registers left for its pointers.
#define MTLRAY_APART __attribute__((noinline))

constexpr std::uint8_t kDead = 4;  // a window's winner is not above zero; else its place in the window, 0 to 3

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
    std::int64_t examples, height, width, in, out, kernel, channels_first;
    std::int64_t pooled_height() const { return (height - kernel + 1) / 2; }
    std::int64_t pooled_width() const { return (width - kernel + 1) / 2; }
    std::int64_t pooled() const { return pooled_height() * pooled_width(); }
    std::int64_t input() const { return height * width * in; }
    std::int64_t taps() const { return kernel * kernel * in; }
    std::int64_t row() const { return kernel * in; }
    std::int64_t blocks() const { return (out + kChannelBlock - 1) / kChannelBlock; }
    // Where an output lies in its example: [out][window] or [window][out].
    std::int64_t place(std::int64_t at, std::int64_t o) const { return channels_first ? o * pooled() + at : at * out + o; }
    std::int64_t corner(std::int64_t at) const { return 2 * ((at / pooled_width()) * width + at % pooled_width()) * in; }
};

template <typename T>
struct Lanes {
    static constexpr int kLanes = kBytes / sizeof(T);
    using V = typename Vector<T, kBytes>::type;
    using Code = decltype(V{} != V{});
    typedef std::uint8_t Bytes __attribute__((vector_size(kLanes), aligned(1), may_alias));

    static V load(const T* from) { return *reinterpret_cast<const V*>(from); }
    static void store(T* to, V values) { *reinterpret_cast<V*>(to) = values; }

    // Writes [row][column], rows `apart`, as [column][row], columns `to_apart`. Whole squares go through registers.
    static void transpose(const T* from, std::int64_t apart, std::int64_t rows, std::int64_t columns, T* to, std::int64_t to_apart) {
        const std::int64_t whole_rows = rows / kLanes * kLanes, whole_columns = columns / kLanes * kLanes;
        for (std::int64_t i = 0; i < whole_rows; i += kLanes)
            for (std::int64_t j = 0; j < whole_columns; j += kLanes) {
                V square[kLanes];
                for (int k = 0; k < kLanes; ++k) square[k] = load(from + (i + k) * apart + j);
                transpose(square);
                for (int k = 0; k < kLanes; ++k) store(to + (j + k) * to_apart + i, square[k]);
            }
        for (std::int64_t i = 0; i < rows; ++i)
            for (std::int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) to[j * to_apart + i] = from[i * apart + j];
    }

    // Each round interleaves the vectors of the upper half with those of the lower; log2(kLanes) of them transpose.
    static inline void transpose(V (&square)[kLanes]) {
        for (int round = 1; round < kLanes; round *= 2) {
            V next[kLanes];
            for (int k = 0; k < kLanes / 2; ++k) {
                next[2 * k] = interleaved<0>(square[k], square[k + kLanes / 2], std::make_integer_sequence<int, kLanes>());
                next[2 * k + 1] = interleaved<kLanes / 2>(square[k], square[k + kLanes / 2], std::make_integer_sequence<int, kLanes>());
            }
            for (int k = 0; k < kLanes; ++k) square[k] = next[k];
        }
    }

    // a[from], b[from], a[from + 1], b[from + 1] and so on.
    template <int from, int... k>
    static inline V interleaved(V a, V b, std::integer_sequence<int, k...>) {
#if defined(__clang__)
        return __builtin_shufflevector(a, b, (from + k / 2 + k % 2 * kLanes)...);
#else
        return __builtin_shuffle(a, b, Code{(from + k / 2 + k % 2 * kLanes)...});
#endif
    }
};

}  // namespace
