// The functions that stand in for seven of oneDNN's, in MindSpore's CPU operators.
#pragma once

#include <array>
#include <atomic>

namespace blocked {

struct Hook {
  const char *name;  // of oneDNN's function
  void *function;
};

// All of them have to be set, or none.
const std::array<Hook, 7> &hooks();

struct Counters {
  std::atomic<unsigned long long> made_blocked{0}, left_plain{0};
  std::atomic<unsigned long long> executed_blocked{0}, executed_plain{0};
};

extern Counters counters;

}  // namespace blocked
