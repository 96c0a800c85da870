// What MindSpore requests of oneDNN, and what computes it here.
#pragma once

#include <memory>

#include "api.h"

namespace blocked {

// Executes in the place of a primitive. Several threads may execute it at a time.
class Implementation {
 public:
  virtual ~Implementation() = default;

  // What MindSpore takes for its own primitive.
  virtual dnnl_primitive_t handle() const = 0;

  // Throws if anything fails; the inputs are unchanged then.
  virtual void execute(dnnl_stream_t stream, int count, const dnnl_exec_arg_t *args) const = 0;

  // The same by oneDNN, with the layouts that MindSpore requested.
  virtual dnnl_status_t execute_plain(dnnl_stream_t stream, int count,
                                      const dnnl_exec_arg_t *args) noexcept = 0;
};

// An operation on plain tensors. Owns everything it was requested with.
class Operation {
 public:
  virtual ~Operation() = default;

  // `desc` is the one that was made for this operation. Throws if there can be none.
  virtual std::shared_ptr<Implementation> implement(const_dnnl_primitive_desc_t desc) const = 0;

  // oneDNN's primitive with the layouts that MindSpore requested. Throws if there can be none.
  virtual PrimitiveHandle make_plain_primitive(const_dnnl_primitive_desc_t desc) const = 0;
};

// Throws if the operation has to be left to oneDNN: a tensor has another type than float32, or
// something is fused into the operation, which may read the output that is written.
void require_float32(const_dnnl_memory_desc_t desc);
void require_no_post_ops(const_dnnl_primitive_attr_t attr);

// Whether the name of oneDNN's code for an operation, such as jit:avx512_core, has a part.
bool is_implemented_by(const_dnnl_primitive_desc_t desc, const char *part);

int ndims_of(const_dnnl_memory_desc_t desc);
const dnnl_dim_t *dims_of(const_dnnl_memory_desc_t desc);

}  // namespace blocked
