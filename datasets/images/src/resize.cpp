#include "resize.h"

#include <immintrin.h>

#include <algorithm>
#include <cstring>

#define AVX2 __attribute__((target("avx2")))

namespace images {
namespace {

constexpr int kChunk = 16;  // bytes of a vector
constexpr int kRound = 1 << (Weights::kBits - 1);

std::size_t padded(std::size_t bytes) { return (bytes + kChunk - 1) / kChunk * kChunk + kChunk; }

AVX2 __m128i load(const void *address) {
  return _mm_loadu_si128(static_cast<const __m128i *>(address));
}

AVX2 __m256i load_two(const void *low, const void *high) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(load(low)), load(high), 1);
}

AVX2 __m256i add_product(__m256i sum, __m256i pixels, __m256i weights) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pixels, weights));
}

AVX2 __m256i combine(__m256i high, __m256i low) {
  const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high, Weights::kLowBits), low);
  return _mm256_srai_epi32(sum, Weights::kBits);
}

// The channels of pixels `at` and `at` + 1 of a vector of RGB, paired and widened to 16 bits.
AVX2 __m256i pairs_from(int at) {
  const char a = static_cast<char>(kChannels * at), b = static_cast<char>(a + kChannels), o = -1;
  return _mm256_broadcastsi128_si256(_mm_setr_epi8(a, o, b, o, a + 1, o, b + 1, o, a + 2, o, b + 2,
                                                   o, o, o, o, o));
}

// Two pixels of the result at a time. Reads beyond the last pixel of `row`, and writes beyond that of
// `out`, as far as `padded` permits.
AVX2 void resize_row(const std::uint8_t *row, int begin, const Weights &weights,
                     std::uint8_t *out) {
  const __m256i left = pairs_from(0), right = pairs_from(2);
  for (int x = 0; x < weights.size; x += 2) {
    const std::uint8_t *one = row + kChannels * (weights.first[x] - begin);
    const std::uint8_t *other = row + kChannels * std::max(0, weights.first[x + 1] - begin);
    __m256i high = _mm256_setzero_si256(), low = _mm256_set1_epi32(kRound);
    for (int group = 0; group < weights.groups; ++group) {
      const int offset = group * Weights::kGroup * kChannels;
      const __m256i pixels = load_two(one + offset, other + offset);
      const __m256i factors = load_two(weights.packed(x, group), weights.packed(x + 1, group));
      const __m256i first = _mm256_shuffle_epi8(pixels, left);
      const __m256i second = _mm256_shuffle_epi8(pixels, right);
      high = add_product(high, first, _mm256_shuffle_epi32(factors, 0x00));
      high = add_product(high, second, _mm256_shuffle_epi32(factors, 0x55));
      low = add_product(low, first, _mm256_shuffle_epi32(factors, 0xaa));
      low = add_product(low, second, _mm256_shuffle_epi32(factors, 0xff));
    }
    const __m256i words = _mm256_packs_epi32(combine(high, low), _mm256_setzero_si256());
    const __m256i bytes = _mm256_packus_epi16(words, words);
    const int pixels[] = {_mm256_extract_epi32(bytes, 0), _mm256_extract_epi32(bytes, 4)};
    std::memcpy(out + kChannels * x, &pixels[0], 4);
    std::memcpy(out + kChannels * (x + 1), &pixels[1], 4);
  }
}

// One row of the result from `rows` of equal length, whose number is even.
AVX2 void add_rows(const std::uint8_t *const *rows, int pairs, const std::int32_t *weights,
                   std::size_t bytes, std::uint8_t *out) {
  for (std::size_t x = 0; x < bytes; x += kChunk) {
    __m256i high[] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
    __m256i low[] = {_mm256_set1_epi32(kRound), _mm256_set1_epi32(kRound)};
    for (int i = 0; i < pairs; ++i) {
      const std::int32_t *pair = weights + i / 2 * Weights::kGroup + i % 2;
      const __m128i above = load(rows[2 * i] + x), below = load(rows[2 * i + 1] + x);
      const __m256i first = _mm256_cvtepu8_epi16(_mm_unpacklo_epi8(above, below));
      const __m256i second = _mm256_cvtepu8_epi16(_mm_unpackhi_epi8(above, below));
      const __m256i top = _mm256_set1_epi32(pair[0]), bottom = _mm256_set1_epi32(pair[2]);
      high[0] = add_product(high[0], first, top);
      high[1] = add_product(high[1], second, top);
      low[0] = add_product(low[0], first, bottom);
      low[1] = add_product(low[1], second, bottom);
    }
    const __m256i mixed = _mm256_packs_epi32(combine(high[0], low[0]), combine(high[1], low[1]));
    const __m256i words = _mm256_permute4x64_epi64(mixed, 0xd8);
    const __m128i result = _mm_packus_epi16(_mm256_castsi256_si128(words),
                                            _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i *>(out + x), result);
  }
}

// The rows that were resized last: as many as a row of the result needs.
class Rows {
 public:
  Rows(const Image &image, const Weights &weights, int capacity)
      : image_(image), weights_(weights), capacity_(capacity) {
    begin_ = weights.first[0];
    const int last = weights.size - 1;
    bytes_ = static_cast<std::size_t>(weights.first[last] + weights.count[last] - begin_) * kChannels;
    const std::size_t beyond = weights.groups * Weights::kGroup * kChannels;
    source_.resize(padded(bytes_ + beyond));
    stride_ = padded(static_cast<std::size_t>(weights.size) * kChannels);
    resized_.resize(stride_ * capacity);
  }

  void resize(int row) {
    const std::uint8_t *source = image_.pixels + row * image_.stride + begin_ * kChannels;
    std::memcpy(source_.data(), source, bytes_);
    resize_row(source_.data(), begin_, weights_, resized_.data() + stride_ * (row % capacity_));
  }

  const std::uint8_t *operator[](int row) const {
    return resized_.data() + stride_ * (row % capacity_);
  }

 private:
  const Image &image_;
  const Weights &weights_;
  int capacity_, begin_;
  std::size_t bytes_, stride_;
  std::vector<std::uint8_t> source_, resized_;
};

}  // namespace

void resize(const Image &image, const float box[4], Filter filter, std::uint8_t *out, int height,
            int width) {
  const Weights across(image.width, box[0], box[2], width, filter);
  const Weights down(image.height, box[1], box[3], height, filter);
  Rows rows(image, across, *std::max_element(down.count.begin(), down.count.end()));
  std::vector<const std::uint8_t *> used(static_cast<std::size_t>(down.groups) * Weights::kGroup);
  const std::size_t bytes = static_cast<std::size_t>(width) * kChannels;
  std::vector<std::uint8_t> result(padded(bytes));
  int next = 0;
  for (int y = 0; y < height; ++y) {
    const int first = down.first[y], end = first + down.count[y];
    for (next = std::max(next, first); next < end; ++next) rows.resize(next);
    const int pairs = (down.count[y] + 1) / 2;
    for (int i = 0; i < 2 * pairs; ++i) used[i] = rows[std::min(first + i, end - 1)];
    add_rows(used.data(), pairs, down.packed(y, 0), bytes, result.data());
    std::memcpy(out + bytes * y, result.data(), bytes);
  }
}

}  // namespace images
