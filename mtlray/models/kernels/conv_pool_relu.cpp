// ReLU(max_pool_2x2(convolution(x, w) + b)), stride 1, no padding, and its gradients; one thread.
//
// Images are [example][row][column][channel], weights [out][row][column][in]; the result is like an image or, where asked for,
// [example][channel][row][column]. Sums run in an order that depends on the input alone, so that the same input gives the same
// bits. `winners` says for each window which of its places has the largest value, for whole groups of kLanes examples:
// [group][out][window][lane].

#include "forward.h"
#include "input_gradient.h"
#include "weights_gradient.h"

namespace {
Shape shape(const std::int64_t* s) { return {s[0], s[1], s[2], s[3], s[4], s[5], s[6]}; }
}  // namespace

extern "C" {
int mtlray_lanes_float() { return Lanes<float>::kLanes; }
int mtlray_lanes_double() { return Lanes<double>::kLanes; }
int mtlray_widest_row_float() { return WeightsGradient<float>::kMostVectors * WeightsGradient<float>::kRowLanes; }
int mtlray_widest_row_double() { return WeightsGradient<double>::kMostVectors * WeightsGradient<double>::kRowLanes; }

// `s` are the numbers of a Shape; `gx` may be null. backward returns 1 for rows beyond the widest, and 0.
#define MTLRAY_EXPORT(T)                                                                                                      \
    void mtlray_forward_##T(const std::int64_t* s, const T* x, const T* w, const T* b, T* y, std::uint8_t* winners) {         \
        Forward<T>::run(shape(s), x, w, b, y, winners);                                                                       \
    }                                                                                                                         \
    int mtlray_backward_##T(const std::int64_t* s, const T* gy, const T* x, const T* w, const std::uint8_t* winners, T* gx,   \
                            T* gw, T* gb) {                                                                                   \
        if (gx) InputGradient<T>::run(shape(s), gy, w, winners, gx);                                                          \
        return WeightsGradient<T>::run(shape(s), gy, x, winners, gw, gb);                                                     \
    }
MTLRAY_EXPORT(float)
MTLRAY_EXPORT(double)
}
