// The weights of a resize along one axis: those of Pillow, to the bit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace images {

enum class Filter { kBilinear = 2, kBicubic = 3 };  // Pillow's numbers

// A pixel of the result is the sum of neighbouring pixels, each multiplied by a weight of 22 binary
// places. A vector instruction multiplies numbers of 16 bits, so a weight is high * 2^15 + low.
struct Weights {
  static constexpr int kBits = 22, kLowBits = 15;
  static constexpr int kGroup = 4;  // pixels

  // Pixels are resized from `begin` to `end`, which are positions in an axis of `length` pixels.
  Weights(int length, float begin, float end, int size, Filter filter);

  // Of a pixel of the result and a group: two pairs of high parts, then two of low parts.
  const std::int32_t *packed(int pixel, int group) const {
    return pairs.data() + (static_cast<std::size_t>(pixel) * groups + group) * kGroup;
  }

  int size;    // of the result
  int groups;  // per pixel of the result; weights beyond `count` are 0
  std::vector<int> first, count;  // one more than `size`, which adds no pixels
  std::vector<std::int32_t> pairs;

 private:
  void set(int pixel, const std::vector<double> &values);
};

}  // namespace images
