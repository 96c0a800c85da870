// What MindSpore requests of a convolution, and oneDNN's descriptors that are made of it.
#pragma once

#include "operation.h"

namespace blocked {

enum class Direction { forward, backward_data, backward_weights };

// The arguments of the three functions that create a descriptor of a convolution. `src`, `weights`,
// `bias` and `dst` are the gradients where the direction computes or reads these.
struct ConvolutionRequest {
  Direction direction;
  dnnl_engine_t engine;
  dnnl_prop_kind_t prop;  // of the forward direction only
  dnnl_alg_kind_t alg;
  const_dnnl_memory_desc_t src, weights, bias, dst;
  const dnnl_dim_t *strides, *dilates, *padding_l, *padding_r;
  const_dnnl_primitive_desc_t hint;  // the forward descriptor; of the backward directions only
  const_dnnl_primitive_attr_t attr;
};

// Calls the function of the direction.
dnnl_status_t create_desc(dnnl_primitive_desc_t *desc, const ConvolutionRequest &request) noexcept;

// The same convolution with layouts of oneDNN's choice and scratch memory that is passed in. Throws
// where that is not possible.
PrimitiveDesc make_blocked_desc(const ConvolutionRequest &request);

// A request that owns its arguments.
class Convolution : public Operation {
 public:
  explicit Convolution(const ConvolutionRequest &request);

  PrimitiveDesc make_plain_desc() const override;
  std::vector<Operand> operands() const override;

 private:
  struct Dims {
    dnnl_dims_t values;
  };
  const dnnl_dim_t *keep(Dims &copy, const dnnl_dim_t *dims) const;

  ConvolutionRequest request_;  // its pointers lead to the members below
  MemoryDesc src_, weights_, bias_, dst_;
  Dims strides_{}, dilates_{}, padding_l_{}, padding_r_{};
  PrimitiveAttr attr_;
};

}  // namespace blocked
