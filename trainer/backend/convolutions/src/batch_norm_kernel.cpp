#include "batch_norm_kernel.h"

#include <algorithm>
#include <cmath>

// Everything is inlined into functions that the compiler makes for one instruction set each.
#define INLINE __attribute__((always_inline))

namespace blocked {
namespace {

constexpr std::size_t kWidth = 256;

std::size_t channels_per_tile(const BatchNormSettings &settings) {
  return std::max<std::size_t>(1, kWidth / settings.plane);
}

// One channel, or several if their planes are small. Sums are made by column of the rows, which are at
// most kWidth elements long; so all loops run along contiguous memory, and the order of an addition
// depends on no vector width.
struct Tile {
  Tile(const BatchNormSettings &settings, std::size_t index)
      : settings(settings),
        first(index * channels_per_tile(settings)),
        channels(std::min(channels_per_tile(settings), settings.channels - first)),
        columns(std::min(settings.plane, kWidth)) {}

  const BatchNormSettings &settings;
  std::size_t first, channels;
  std::size_t columns;  // per channel
};

// Calls `action` with the position and the length of each row.
template <typename Action>
INLINE inline void for_each_row(const Tile &tile, Action action) {
  const std::size_t size = tile.channels * tile.settings.plane;
  for (std::size_t sample = 0; sample < tile.settings.samples; ++sample) {
    const std::size_t start =
        (sample * tile.settings.channels + tile.first) * tile.settings.plane;
    for (std::size_t offset = 0; offset < size; offset += kWidth)
      action(start + offset, std::min(kWidth, size - offset));
  }
}

INLINE inline double sum(const double *values, std::size_t count) {
  constexpr std::size_t kLanes = 8;
  double lanes[kLanes] = {}, total = 0;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += values[i + lane];
  for (; i < count; ++i) total += values[i];
  for (const double lane : lanes) total += lane;
  return total;
}

// For each column, a value of its channel or a sum.
template <typename Value>
struct Columns {
  Value values[kWidth] = {};

  INLINE Value &operator[](std::size_t column) { return values[column]; }

  INLINE void fill(const Tile &tile, std::size_t channel, Value value) {
    std::fill_n(values + channel * tile.columns, tile.columns, value);
  }

  INLINE double average(const Tile &tile, std::size_t channel) const {
    return sum(values + channel * tile.columns, tile.columns) /
           static_cast<double>(tile.settings.samples * tile.settings.plane);
  }
};

INLINE inline void compute_mean(const BatchNormForward &task, const Tile &tile) {
  Columns<double> sums;
  for_each_row(tile, [&](std::size_t at, std::size_t count) INLINE {
    for (std::size_t i = 0; i < count; ++i) sums[i] += task.src[at + i];
  });
  for (std::size_t c = 0; c < tile.channels; ++c)
    task.mean[tile.first + c] = static_cast<float>(sums.average(tile, c));
}

INLINE inline void compute_variance(const BatchNormForward &task, const Tile &tile) {
  Columns<double> squares;
  Columns<float> mean;
  for (std::size_t c = 0; c < tile.channels; ++c) mean.fill(tile, c, task.mean[tile.first + c]);
  for_each_row(tile, [&](std::size_t at, std::size_t count) INLINE {
    for (std::size_t i = 0; i < count; ++i) {
      const float difference = task.src[at + i] - mean[i];
      squares[i] += difference * difference;
    }
  });
  for (std::size_t c = 0; c < tile.channels; ++c)
    task.variance[tile.first + c] = static_cast<float>(squares.average(tile, c));
}

INLINE inline void compute_tile(const BatchNormForward &task, const Tile &tile) {
  if (!tile.settings.uses_given_statistics) {
    compute_mean(task, tile);
    compute_variance(task, tile);
  }
  Columns<float> mean, scale, shift;
  for (std::size_t c = 0; c < tile.channels; ++c) {
    const std::size_t channel = tile.first + c;
    const float deviation = std::sqrt(task.variance[channel] + tile.settings.epsilon);
    mean.fill(tile, c, task.mean[channel]);
    scale.fill(tile, c, task.scale[channel] / deviation);
    shift.fill(tile, c, task.shift[channel]);
  }
  for_each_row(tile, [&](std::size_t at, std::size_t count) INLINE {
    for (std::size_t i = 0; i < count; ++i)
      task.dst[at + i] = (task.src[at + i] - mean[i]) * scale[i] + shift[i];
  });
}

// Per column: what makes the gradient of the input from that of the output.
struct Coefficients {
  Columns<float> mean, scale, shift, slope;
};

INLINE inline void compute_sums(const BatchNormBackward &task, const Tile &tile,
                                Coefficients &c, Columns<double> &sums,
                                Columns<double> &products) {
  for (std::size_t i = 0; i < tile.channels; ++i) c.mean.fill(tile, i, task.mean[tile.first + i]);
  for_each_row(tile, [&](std::size_t at, std::size_t count) INLINE {
    for (std::size_t i = 0; i < count; ++i) {
      const float gradient = task.diff_dst[at + i];
      sums[i] += gradient;
      products[i] += gradient * (task.src[at + i] - c.mean[i]);
    }
  });
}

INLINE inline void compute_coefficients(const BatchNormBackward &task, const Tile &tile,
                                        Coefficients &c) {
  Columns<double> sums, products;
  compute_sums(task, tile, c, sums, products);
  const auto elements = static_cast<double>(tile.settings.samples * tile.settings.plane);
  const bool is_constant = tile.settings.uses_given_statistics;
  for (std::size_t i = 0; i < tile.channels; ++i) {
    const std::size_t channel = tile.first + i;
    const double variance = task.variance[channel];
    const double inverse = 1 / std::sqrt(variance + tile.settings.epsilon);
    const double shift = sums.average(tile, i), scale = products.average(tile, i) * inverse;
    task.diff_shift[channel] = static_cast<float>(shift * elements);
    task.diff_scale[channel] = static_cast<float>(scale * elements);
    c.scale.fill(tile, i, static_cast<float>(task.scale[channel] * inverse));
    c.shift.fill(tile, i, is_constant ? 0 : static_cast<float>(shift));
    c.slope.fill(tile, i, is_constant ? 0 : static_cast<float>(scale * inverse));
  }
}

INLINE inline void compute_tile(const BatchNormBackward &task, const Tile &tile) {
  Coefficients c;
  compute_coefficients(task, tile, c);
  for_each_row(tile, [&](std::size_t at, std::size_t count) INLINE {
    for (std::size_t i = 0; i < count; ++i) {
      const float difference = task.src[at + i] - c.mean[i];
      task.diff_src[at + i] =
          (task.diff_dst[at + i] - c.shift[i] - difference * c.slope[i]) * c.scale[i];
    }
  });
}

template <typename Task>
INLINE inline void compute(const Task &task, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) compute_tile(task, Tile(task.settings, i));
}

template <typename Task>
__attribute__((target("avx512f"))) void compute_avx512(const Task &task, std::size_t begin,
                                                       std::size_t end) {
  compute(task, begin, end);
}

template <typename Task>
__attribute__((target("avx2"))) void compute_avx2(const Task &task, std::size_t begin,
                                                  std::size_t end) {
  compute(task, begin, end);
}

template <typename Task>
void compute_sse2(const Task &task, std::size_t begin, std::size_t end) {
  compute(task, begin, end);
}

template <typename Task>
void choose_and_compute(const Task &task, std::size_t begin, std::size_t end) {
  if (__builtin_cpu_supports("avx512f")) return compute_avx512(task, begin, end);
  if (__builtin_cpu_supports("avx2")) return compute_avx2(task, begin, end);
  compute_sse2(task, begin, end);
}

}  // namespace

std::size_t count_tiles(const BatchNormSettings &settings) {
  const std::size_t channels = channels_per_tile(settings);
  return (settings.channels + channels - 1) / channels;
}

void compute_tiles(const BatchNormForward &task, std::size_t begin, std::size_t end) {
  choose_and_compute(task, begin, end);
}

void compute_tiles(const BatchNormBackward &task, std::size_t begin, std::size_t end) {
  choose_and_compute(task, begin, end);
}

}  // namespace blocked
