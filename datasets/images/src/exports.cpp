// What Python calls through ctypes. No exception leaves these functions.
#include <exception>

#include "normalise.h"
#include "resize.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT int images_supported() { return __builtin_cpu_supports("avx2") != 0; }

// Returns whether there was enough memory.
EXPORT int images_resize(const unsigned char *pixels, int height, int width, long stride,
                         const float *box, int filter, unsigned char *out, int out_height,
                         int out_width) try {
  images::resize({pixels, height, width, stride}, box, static_cast<images::Filter>(filter), out,
                 out_height, out_width);
  return 1;
} catch (const std::exception &) {
  return 0;
}

EXPORT void images_normalise(const unsigned char *pixels, int height, int width, long stride,
                             int mirror, const float *scale, const float *shift, float *out) {
  images::normalise({pixels, height, width, stride}, mirror != 0, scale, shift, out);
}
