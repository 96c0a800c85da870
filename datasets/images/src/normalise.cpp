#include "normalise.h"

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

namespace images {
namespace {

constexpr int kStep = 8;  // pixels of a vector

struct Row {
  const std::uint8_t *pixels;
  int width, channel;
  bool mirror;
  float scale, shift;
};

// Where the bytes of a channel are in 16 bytes: four pixels, the first of which begins at byte `first`.
AVX2 __m128i positions(int channel, int first, bool mirror) {
  alignas(16) char at[16];
  for (char &place : at) place = -1;  // zero
  for (int i = 0; i < 4; ++i)
    at[4 * (mirror ? 3 - i : i)] = static_cast<char>(first + kChannels * i + channel);
  return _mm_load_si128(reinterpret_cast<const __m128i *>(at));
}

AVX2 __m128i load(const std::uint8_t *bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes));
}

AVX2 void normalise_row(const Row &row, float *out) {
  // Eight pixels are 24 bytes: the last four of them begin at byte 4 of the second vector.
  const __m128i low = positions(row.channel, 0, row.mirror);
  const __m128i high = positions(row.channel, 4, row.mirror);
  const __m256 scale = _mm256_set1_ps(row.scale), shift = _mm256_set1_ps(row.shift);
  int x = 0;
  for (; x + kStep <= row.width; x += kStep) {
    const std::uint8_t *pixels = row.pixels + kChannels * x;
    const __m128i left = _mm_shuffle_epi8(load(pixels), low);
    const __m128i right = _mm_shuffle_epi8(load(pixels + kStep), high);
    const __m256i whole = row.mirror ? _mm256_set_m128i(left, right) : _mm256_set_m128i(right, left);
    const __m256 values = _mm256_cvtepi32_ps(whole);
    const __m256 result = _mm256_sub_ps(_mm256_mul_ps(values, scale), shift);
    _mm256_storeu_ps(out + (row.mirror ? row.width - kStep - x : x), result);
  }
  for (; x < row.width; ++x) {
    const float value = row.pixels[kChannels * x + row.channel] * row.scale;
    out[row.mirror ? row.width - 1 - x : x] = value - row.shift;
  }
}

}  // namespace

void normalise(const Image &image, bool mirror, const float scale[3], const float shift[3],
               float *out) {
  const std::size_t plane = static_cast<std::size_t>(image.height) * image.width;
  for (int y = 0; y < image.height; ++y) {
    const std::uint8_t *pixels = image.pixels + y * image.stride;
    float *rows = out + static_cast<std::size_t>(y) * image.width;
    for (int channel = 0; channel < kChannels; ++channel)
      normalise_row({pixels, image.width, channel, mirror, scale[channel], shift[channel]},
                    rows + plane * channel);
  }
}

}  // namespace images
