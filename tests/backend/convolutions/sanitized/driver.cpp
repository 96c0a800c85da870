// Convolutions and BatchNorm in several threads, plain at first, then by the library; both must agree.
// scripts/sanitize builds and runs it.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "operators.h"

extern "C" {
const char *blocked_install();
const char *blocked_onednn();
void blocked_counts(unsigned long long *counts);
}

namespace {

using Values = std::vector<float>;

constexpr int kThreads = 4, kRounds = 4;
constexpr float kTolerance = 1e-5F;
constexpr Pass kPasses[] = {Pass::forward, Pass::backward_data, Pass::backward_weights,
                            Pass::batch_norm, Pass::batch_norm_inference,
                            Pass::batch_norm_backward};
constexpr Shape kShapes[] = {
    {4, 8, 16, 6, 3, 1, 1, 1},   {4, 8, 16, 6, 3, 2, 1, 1},  {4, 8, 16, 7, 1, 2, 0, 1},
    {2, 5, 7, 6, 1, 1, 0, 1},    {2, 3, 8, 32, 7, 2, 3, 1},  {4, 32, 32, 9, 3, 1, 1, 32},
    {4, 32, 64, 9, 3, 1, 1, 4},  {2, 1, 6, 32, 5, 1, 0, 1},  {1, 1, 1, 1, 1, 1, 0, 1},
    {2, 64, 64, 16, 3, 1, 1, 1}, {3, 17, 33, 5, 2, 1, 0, 1}, {4, 96, 64, 2, 3, 1, 1, 1},
};

struct Case {
  Shape shape;
  Pass pass;
  Values first, second, expected;
};

Values random_values(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Values values(count);
  for (float &value : values) value = normal(generator);
  return values;
}

std::vector<Case> plain_cases() {
  std::vector<Case> cases;
  for (const Shape &shape : kShapes)
    for (const Pass pass : kPasses) {
      Case c{shape, pass, random_values(shape.first(pass), 1), random_values(shape.second(pass), 2),
             Values(shape.output(pass))};
      Operator(shape, pass).run(c.first.data(), c.second.data(), c.expected.data());
      cases.push_back(std::move(c));
    }
  return cases;
}

std::atomic<int> failures{0};

void run_and_compare(const Operator &convolution, Case &c) {
  Values output(c.expected.size());
  convolution.run(c.first.data(), c.second.data(), output.data());
  float largest = 0, difference = 0;
  for (std::size_t i = 0; i < output.size(); ++i) {
    largest = std::max(largest, std::abs(c.expected[i]));
    difference = std::max(difference, std::abs(c.expected[i] - output[i]));
  }
  if (!(difference <= kTolerance * largest)) ++failures;
}

void in_threads(const std::function<void(int)> &action) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(action, thread);
  for (auto &thread : threads) thread.join();
}

// The threads execute the same primitives at a time, each beginning at another one.
void share_operators(std::vector<Case> &cases) {
  std::vector<std::unique_ptr<Operator>> operators;
  for (const Case &c : cases) operators.push_back(std::make_unique<Operator>(c.shape, c.pass));
  in_threads([&](int thread) {
    for (std::size_t k = 0; k < kRounds * cases.size(); ++k) {
      const std::size_t i = (k + thread) % cases.size();
      run_and_compare(*operators[i], cases[i]);
    }
  });
}

// Each thread creates and destroys its own; meanwhile it reads the counters.
void make_operators(std::vector<Case> &cases) {
  in_threads([&](int thread) {
    for (std::size_t k = 0; k < cases.size(); ++k) {
      Case &c = cases[(k + thread * 5) % cases.size()];
      const Operator convolution(c.shape, c.pass);
      for (int round = 0; round < 2; ++round) run_and_compare(convolution, c);
      unsigned long long counts[5];
      blocked_counts(counts);
    }
  });
}

}  // namespace

int main() {
  auto cases = plain_cases();
  in_threads([](int) {
    if (const char *reason = blocked_install()) {
      std::printf("%s\n", reason);
      ++failures;
    }
  });
  share_operators(cases);
  make_operators(cases);
  unsigned long long counts[5];
  blocked_counts(counts);
  std::printf("oneDNN %s: %llu operations made here, %llu left plain; executed: %llu here, "
              "%llu plain because something failed; %llu bytes of scratch memory; %d failures\n",
              blocked_onednn(), counts[0], counts[1], counts[2], counts[3], counts[4],
              failures.load());
  const bool covered = counts[0] > 0 && counts[2] > 0 && counts[3] > 0;
  return failures == 0 && covered ? 0 : 1;
}
