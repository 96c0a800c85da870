// What MindSpore requests of a convolution, and oneDNN's descriptors that are made of it.
#pragma once

#include <vector>

#include "operation.h"

namespace blocked {

// A tensor of a convolution, with a layout that may be blocked.
struct Operand {
  int arg;
  dnnl_query_t query;
  const_dnnl_memory_desc_t plain;
  bool is_input;
};

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
PrimitiveDesc make_fast_desc(const ConvolutionRequest &request);

// A request that owns its arguments.
class Convolution : public Operation, public std::enable_shared_from_this<Convolution> {
 public:
  explicit Convolution(const ConvolutionRequest &request);

  std::shared_ptr<Implementation> implement(const_dnnl_primitive_desc_t desc) const override;
  PrimitiveHandle make_plain_primitive(const_dnnl_primitive_desc_t = nullptr) const override;

  std::vector<Operand> operands() const;
  dnnl_engine_t engine() const { return request_.engine; }

 private:
  PrimitiveDesc make_plain_desc() const;
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
