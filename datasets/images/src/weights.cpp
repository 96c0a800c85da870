#include "weights.h"

#include <algorithm>
#include <cmath>

namespace images {
namespace {

double bilinear(double x) { return std::max(0.0, 1.0 - std::abs(x)); }

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

// Two numbers of 16 bits, of which a pixel and its right neighbour are the factors.
std::int32_t pair(int left, int right) {
  const auto bits = [](int value) { return static_cast<std::uint32_t>(value) & 0xffff; };
  return static_cast<std::int32_t>(bits(left) | bits(right) << 16);
}

// The weights of `count` pixels from `first` on, which have the sum 1; then zeros.
void compute(Filter filter, int first, double centre, double narrow, int count,
             std::vector<double> &values) {
  double sum = 0.0;
  std::fill(values.begin(), values.end(), 0.0);
  for (int i = 0; i < count; ++i) {
    const double distance = (i + first - centre + 0.5) * narrow;
    values[i] = filter == Filter::kBicubic ? bicubic(distance) : bilinear(distance);
    sum += values[i];
  }
  if (sum != 0.0)
    for (double &value : values) value /= sum;
}

}  // namespace

Weights::Weights(int length, float begin, float end, int size, Filter filter)
    : size(size), first(size + 1), count(size + 1) {
  const double scale = static_cast<double>(end - begin) / size;
  const double stretch = std::max(scale, 1.0);  // shrinking smooths
  const double support = (filter == Filter::kBicubic ? 2.0 : 1.0) * stretch;
  const auto centre = [&](int pixel) { return begin + (pixel + 0.5) * scale; };
  for (int pixel = 0; pixel < size; ++pixel) {
    first[pixel] = std::max(0, static_cast<int>(centre(pixel) - support + 0.5));
    const int last = std::min(length, static_cast<int>(centre(pixel) + support + 0.5));
    count[pixel] = last - first[pixel];
  }
  groups = (*std::max_element(count.begin(), count.end()) + kGroup - 1) / kGroup;
  pairs.resize(static_cast<std::size_t>(size + 1) * groups * kGroup);
  std::vector<double> values(static_cast<std::size_t>(groups) * kGroup);
  for (int pixel = 0; pixel < size; ++pixel) {
    compute(filter, first[pixel], centre(pixel), 1.0 / stretch, count[pixel], values);
    set(pixel, values);
  }
}

void Weights::set(int pixel, const std::vector<double> &values) {
  const auto high = [](int value) { return value >> kLowBits; };
  const auto low = [](int value) { return value & ((1 << kLowBits) - 1); };
  for (int group = 0; group < groups; ++group) {
    int whole[kGroup];
    for (int i = 0; i < kGroup; ++i) {
      const double value = values[static_cast<std::size_t>(group) * kGroup + i];
      whole[i] = static_cast<int>((value < 0 ? -0.5 : 0.5) + value * (1 << kBits));
    }
    std::int32_t *out = pairs.data() + (static_cast<std::size_t>(pixel) * groups + group) * kGroup;
    for (int i = 0; i < 2; ++i) {
      out[i] = pair(high(whole[2 * i]), high(whole[2 * i + 1]));
      out[i + 2] = pair(low(whole[2 * i]), low(whole[2 * i + 1]));
    }
  }
}

}  // namespace images
