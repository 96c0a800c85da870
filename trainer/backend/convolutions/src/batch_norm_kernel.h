// The arithmetic of BatchNorm on plain tensors: samples x channels x plane.
#pragma once

#include <cstddef>

namespace blocked {

struct BatchNormSettings {
  std::size_t samples, channels;
  std::size_t plane;  // the number of elements of a channel of a sample
  float epsilon;
  bool uses_given_statistics;  // mean and variance do not depend on src
};

struct BatchNormForward {
  BatchNormSettings settings;
  const float *src, *scale, *shift;
  float *mean, *variance;  // inputs if they are given, else outputs
  float *dst;
};

struct BatchNormBackward {
  BatchNormSettings settings;
  const float *src, *scale, *mean, *variance, *diff_dst;
  float *diff_src, *diff_scale, *diff_shift;
};

// A tensor is divided into tiles of whole channels, each of which can be computed by another thread.
std::size_t count_tiles(const BatchNormSettings &settings);

// The bits of the result depend neither on the ranges of tiles nor on the instruction set.
void compute_tiles(const BatchNormForward &task, std::size_t begin, std::size_t end);
void compute_tiles(const BatchNormBackward &task, std::size_t begin, std::size_t end);

}  // namespace blocked
