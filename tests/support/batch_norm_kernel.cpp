// What test_batch_norm_kernel.py calls of the library's BatchNorm, in a number of ranges of tiles.
#include "batch_norm_kernel.h"

namespace {

template <typename Task>
void compute(const Task &task, std::size_t ranges) {
  const std::size_t tiles = blocked::count_tiles(task.settings);
  for (std::size_t i = ranges; i-- > 0;)
    blocked::compute_tiles(task, tiles * i / ranges, tiles * (i + 1) / ranges);
}

}  // namespace

extern "C" {

// values: scale, shift, mean, variance and the gradients of scale and shift, of all channels each.
void forward(const std::size_t *shape, int uses_given_statistics, const float *src, float *values,
             float *dst, std::size_t ranges) {
  const std::size_t c = shape[1];
  compute(blocked::BatchNormForward{{shape[0], c, shape[2], 1e-5F, uses_given_statistics != 0},
                                    src, values, values + c, values + 2 * c, values + 3 * c, dst},
          ranges);
}

void backward(const std::size_t *shape, int uses_given_statistics, const float *src,
              const float *diff_dst, float *values, float *diff_src, std::size_t ranges) {
  const std::size_t c = shape[1];
  compute(blocked::BatchNormBackward{{shape[0], c, shape[2], 1e-5F, uses_given_statistics != 0},
                                     src, values, values + 2 * c, values + 3 * c, diff_dst,
                                     diff_src, values + 4 * c, values + 5 * c},
          ranges);
}
}
