// The functions that stand in for nine of oneDNN's, in MindSpore's CPU operators: those that describe
// convolutions and BatchNorm, and those that create, execute and destroy what is described.
#pragma once

#include <array>
#include <atomic>

#include "api.h"

namespace blocked {

struct Hook {
  const char *name;  // of oneDNN's function
  void *function;
};

// All of them have to be set, or none.
const std::array<Hook, 9> &hooks();

struct Counters {
  std::atomic<unsigned long long> made{0}, left_plain{0}, executed{0}, executed_plain{0};
};

extern Counters counters;

// Runs an action; false if it threw. No exception may reach oneDNN's caller.
template <typename Action>
bool succeeds(Action action) noexcept try {
  action();
  return true;
} catch (...) {
  return false;
}

// The hooks have the types of the functions for which they stand in.
decltype(dnnl_convolution_forward_primitive_desc_create) create_convolution_forward_desc;
decltype(dnnl_convolution_backward_data_primitive_desc_create) create_convolution_backward_data_desc;
decltype(dnnl_convolution_backward_weights_primitive_desc_create)
    create_convolution_backward_weights_desc;
decltype(dnnl_batch_normalization_forward_primitive_desc_create) create_batch_norm_forward_desc;
decltype(dnnl_batch_normalization_backward_primitive_desc_create) create_batch_norm_backward_desc;
decltype(dnnl_primitive_desc_destroy) destroy_desc;
decltype(dnnl_primitive_create) create_primitive;
decltype(dnnl_primitive_execute) execute_primitive;
decltype(dnnl_primitive_destroy) destroy_primitive;

}  // namespace blocked
