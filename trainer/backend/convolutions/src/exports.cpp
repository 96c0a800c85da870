// What Python calls through ctypes. No exception leaves these functions.
#include <string>

#include "hooks.h"
#include "install.h"
#include "scratch.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

// Null if MindSpore's convolutions and BatchNorm are computed here from now on, or else why not; then
// nothing has changed. Further calls change nothing.
EXPORT const char *blocked_install() try {
  return blocked::install();
} catch (...) {
  return "not enough memory";
}

// The version of the oneDNN that MindSpore calls, as "3.10.1"; empty if there is none.
EXPORT const char *blocked_onednn() try {
  static thread_local std::string current;
  current = blocked::onednn_version();
  return current.c_str();
} catch (...) {
  return "";
}

// Operations that are computed here, and that are left to oneDNN in plain layouts; executions here, and
// in plain layouts because something failed; bytes of scratch memory now.
EXPORT void blocked_counts(unsigned long long *counts) {
  counts[0] = blocked::counters.made;
  counts[1] = blocked::counters.left_plain;
  counts[2] = blocked::counters.executed;
  counts[3] = blocked::counters.executed_plain;
  counts[4] = blocked::scratch().bytes();
}
