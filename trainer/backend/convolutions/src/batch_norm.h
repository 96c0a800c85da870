// BatchNorm: oneDNN has vector code for blocked layouts only.
#pragma once

#include "operation.h"

namespace blocked {

// The arguments of the two functions that create a descriptor of a batch normalisation.
struct BatchNormRequest {
  bool is_backward;
  dnnl_engine_t engine;
  dnnl_prop_kind_t prop;
  const_dnnl_memory_desc_t src;
  const_dnnl_memory_desc_t dst;  // its gradient, if it is backward
  const_dnnl_memory_desc_t diff_src;  // of the backward direction only
  float epsilon;
  unsigned flags;
  const_dnnl_primitive_desc_t hint;  // the forward descriptor; of the backward direction only
  const_dnnl_primitive_attr_t attr;
};

// Calls the function of the direction.
dnnl_status_t create_desc(dnnl_primitive_desc_t *desc, const BatchNormRequest &request) noexcept;

// The same with blocked layouts and scratch memory that is passed in. Throws where that is not
// possible or where oneDNN has no vector code for it.
PrimitiveDesc make_blocked_desc(const BatchNormRequest &request);

// A request that owns its arguments.
class BatchNorm : public Operation {
 public:
  explicit BatchNorm(const BatchNormRequest &request);

  PrimitiveDesc make_plain_desc() const override;
  std::vector<Operand> operands() const override;

 private:
  BatchNormRequest request_;  // its pointers lead to the members below
  MemoryDesc src_, dst_, diff_src_;
  PrimitiveAttr attr_;
};

}  // namespace blocked
