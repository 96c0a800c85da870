// What MindSpore requests of oneDNN: an operation on plain tensors.
#pragma once

#include <vector>

#include "api.h"

namespace blocked {

// A tensor of an operation, with a layout that may be blocked.
struct Operand {
  int arg;
  dnnl_query_t query;
  const_dnnl_memory_desc_t plain;
  bool is_input;
};

// Owns everything it was requested with.
class Operation {
 public:
  explicit Operation(dnnl_engine_t engine) : engine_(engine) {}
  virtual ~Operation() = default;

  // A descriptor with the layouts that MindSpore requested.
  virtual PrimitiveDesc make_plain_desc() const = 0;
  virtual std::vector<Operand> operands() const = 0;
  dnnl_engine_t engine() const { return engine_; }

 private:
  dnnl_engine_t engine_;
};

// Throws if the operation cannot be blocked: a tensor has another type than float32, or something is
// fused into the operation, which may read the output that is written.
void require_float32(const_dnnl_memory_desc_t desc);
void require_no_post_ops(const_dnnl_primitive_attr_t attr);

// Whether the name of oneDNN's code for an operation, such as jit:avx512_core, has a part.
bool is_implemented_by(const_dnnl_primitive_desc_t desc, const char *part);

int ndims_of(const_dnnl_memory_desc_t desc);
const dnnl_dim_t *dims_of(const_dnnl_memory_desc_t desc);

}  // namespace blocked
