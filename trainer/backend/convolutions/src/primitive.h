// A primitive whose scratch memory is passed in, so that several threads may execute it at a time.
#pragma once

#include <vector>

#include "api.h"

namespace blocked {

using Args = std::vector<dnnl_exec_arg_t>;

class Primitive {
 public:
  // The descriptor must have been made with attributes from `with_user_scratchpad`.
  explicit Primitive(const_dnnl_primitive_desc_t desc);

  dnnl_primitive_t handle() const { return handle_.get(); }
  std::size_t scratch_size() const { return scratch_size_; }

  // Executes it with `scratch_size` bytes at `scratch`.
  void execute(dnnl_stream_t stream, dnnl_engine_t engine, Args args, void *scratch) const;

 private:
  PrimitiveHandle handle_;
  MemoryDesc scratchpad_;
  std::size_t scratch_size_ = 0;
};

// A primitive that copies a tensor from one layout to another.
Primitive make_reorder(const_dnnl_memory_desc_t from, const_dnnl_memory_desc_t to,
                       dnnl_engine_t engine);

Memory make_memory(const_dnnl_memory_desc_t desc, dnnl_engine_t engine, void *data);

}  // namespace blocked
