// Calls the kernels of images in four threads, under a sanitizer: images, boxes and results of random
// sizes, each in memory of exactly its size. scripts/sanitize builds and runs it.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

extern "C" {
int images_supported();
int images_resize(const unsigned char *, int, int, long, const float *, int, unsigned char *, int, int);
void images_normalise(const unsigned char *, int, int, long, int, const float *, const float *, float *);
}

namespace {

constexpr int kCalls = 400, kLargest = 90, kThreads = 4;

struct Random {
  std::mt19937 generator;
  int whole(int low, int high) { return std::uniform_int_distribution<>(low, high)(generator); }
  float edge(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(generator);
  }
};

void expect(bool holds, const char *what) {
  if (holds) return;
  std::fprintf(stderr, "expected %s\n", what);
  std::abort();
}

// An image of one value keeps it, whatever the size, the box and the filter.
void resize(Random &random) {
  const int height = random.whole(1, kLargest), width = random.whole(1, kLargest);
  const int out_height = random.whole(1, kLargest), out_width = random.whole(1, kLargest);
  const auto value = static_cast<std::uint8_t>(random.whole(0, 255));
  const std::vector<std::uint8_t> pixels(3 * height * width, value);
  const float left = random.edge(0, width - 0.5f), top = random.edge(0, height - 0.5f);
  const bool all = random.whole(0, 1) == 0;
  const float box[] = {all ? 0 : left, all ? 0 : top,
                       all ? width : std::min<float>(width, random.edge(left + 0.25f, width)),
                       all ? height : std::min<float>(height, random.edge(top + 0.25f, height))};
  std::vector<std::uint8_t> out(3 * out_height * out_width);
  expect(images_resize(pixels.data(), height, width, 3L * width, box, random.whole(2, 3), out.data(),
                       out_height, out_width),
         "memory");
  for (const auto result : out) expect(result == value, "the value of the image");
}

// A mirrored image whose rows are read from the last to the first.
void normalise(Random &random) {
  const int height = random.whole(1, kLargest), width = random.whole(1, kLargest);
  std::vector<std::uint8_t> pixels(3 * height * width);
  for (auto &pixel : pixels) pixel = static_cast<std::uint8_t>(random.whole(0, 255));
  const float scale[] = {2, 2, 2}, shift[] = {1, 1, 1};
  std::vector<float> out(pixels.size());
  images_normalise(pixels.data() + 3L * width * (height - 1), height, width, -3L * width, 1, scale,
                   shift, out.data());
  expect(out[0] == pixels[pixels.size() - 3] * 2.f - 1, "the last pixel first");
}

void run(unsigned seed) {
  Random random{std::mt19937(seed)};
  for (int call = 0; call < kCalls; ++call) {
    resize(random);
    normalise(random);
  }
}

}  // namespace

int main() {
  if (!images_supported()) return 0;
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < kThreads; ++seed) threads.emplace_back(run, seed);
  for (auto &thread : threads) thread.join();
}
