// oneDNN's functions, looked up in the library that MindSpore itself calls.
#pragma once

#include <exception>
#include <memory>

#include "onednn.h"

namespace blocked {

#define BLOCKED_FUNCTIONS(X)                            \
  X(version)                                            \
  X(convolution_forward_primitive_desc_create)          \
  X(convolution_backward_data_primitive_desc_create)    \
  X(convolution_backward_weights_primitive_desc_create) \
  X(batch_normalization_forward_primitive_desc_create)  \
  X(batch_normalization_backward_primitive_desc_create) \
  X(reorder_primitive_desc_create)                      \
  X(primitive_desc_query)                               \
  X(primitive_desc_query_md)                            \
  X(primitive_desc_destroy)                             \
  X(primitive_create)                                   \
  X(primitive_execute)                                  \
  X(primitive_destroy)                                  \
  X(stream_wait)                                        \
  X(primitive_attr_create)                              \
  X(primitive_attr_clone)                               \
  X(primitive_attr_set_scratchpad_mode)                 \
  X(primitive_attr_get_post_ops)                        \
  X(primitive_attr_destroy)                             \
  X(post_ops_len)                                       \
  X(memory_desc_create_with_tag)                        \
  X(memory_desc_create_with_string_tag)                 \
  X(memory_desc_clone)                                  \
  X(memory_desc_query)                                  \
  X(memory_desc_equal)                                  \
  X(memory_desc_get_size)                               \
  X(memory_desc_destroy)                                \
  X(memory_create)                                      \
  X(memory_get_data_handle)                             \
  X(memory_destroy)                                     \
  X(threadpool_interop_stream_get_threadpool)

struct Api {
#define BLOCKED_MEMBER(name) decltype(&::dnnl_##name) name = nullptr;
  BLOCKED_FUNCTIONS(BLOCKED_MEMBER)
#undef BLOCKED_MEMBER
};

// The functions; filled by `load_api` before the first of them is called.
extern Api api;

// Looks up every function in a library from `dlopen`; false, and `api` unchanged, if one is missing.
bool load_api(void *library) noexcept;

// A status other than success. Caught before control returns to the caller of a hook.
struct Failure : std::exception {
  explicit Failure(dnnl_status_t status) : status(status) {}
  const char *what() const noexcept override { return "oneDNN returned an error"; }
  dnnl_status_t status;
};

inline void check(dnnl_status_t status) {
  if (status != dnnl_success) throw Failure(status);
}

struct Destroy {
  void operator()(dnnl_memory *handle) const { api.memory_destroy(handle); }
  void operator()(dnnl_memory_desc *handle) const { api.memory_desc_destroy(handle); }
  void operator()(dnnl_primitive *handle) const { api.primitive_destroy(handle); }
  void operator()(dnnl_primitive_attr *handle) const { api.primitive_attr_destroy(handle); }
  void operator()(dnnl_primitive_desc *handle) const { api.primitive_desc_destroy(handle); }
};

using Memory = std::unique_ptr<dnnl_memory, Destroy>;
using MemoryDesc = std::unique_ptr<dnnl_memory_desc, Destroy>;
using PrimitiveHandle = std::unique_ptr<dnnl_primitive, Destroy>;
using PrimitiveAttr = std::unique_ptr<dnnl_primitive_attr, Destroy>;
using PrimitiveDesc = std::unique_ptr<dnnl_primitive_desc, Destroy>;

// Copies; null for null.
MemoryDesc clone(const_dnnl_memory_desc_t desc);
PrimitiveAttr clone(const_dnnl_primitive_attr_t attr);

// A copy of the attributes whose scratch memory is passed in at each execution.
PrimitiveAttr with_user_scratchpad(const_dnnl_primitive_attr_t attr);

PrimitiveHandle make_primitive(const_dnnl_primitive_desc_t desc);

}  // namespace blocked
