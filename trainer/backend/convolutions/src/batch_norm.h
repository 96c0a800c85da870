// BatchNorm: oneDNN has vector code for blocked layouts only. It is computed here, on plain tensors.
#pragma once

#include "batch_norm_kernel.h"
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

// The same descriptor. Throws if the request is not one of those that are computed here: plain tensors
// of float32, with scale and shift.
PrimitiveDesc make_fast_desc(const BatchNormRequest &request);

class BatchNorm : public Operation {
 public:
  explicit BatchNorm(const BatchNormRequest &request);

  std::shared_ptr<Implementation> implement(const_dnnl_primitive_desc_t desc) const override;
  PrimitiveHandle make_plain_primitive(const_dnnl_primitive_desc_t desc) const override;

 private:
  bool is_backward_;
  BatchNormSettings settings_;
};

}  // namespace blocked
