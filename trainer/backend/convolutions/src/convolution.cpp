#include "convolution.h"

#include <algorithm>

namespace blocked {
namespace {

// The shape of a descriptor, with a layout of oneDNN's choice.
MemoryDesc any_layout(const_dnnl_memory_desc_t plain) {
  require_float32(plain);
  dnnl_memory_desc_t desc = nullptr;
  check(api.memory_desc_create_with_tag(&desc, ndims_of(plain), dims_of(plain), dnnl_f32,
                                        dnnl_format_tag_any));
  return MemoryDesc(desc);
}

PrimitiveDesc make_desc(const ConvolutionRequest &request) {
  dnnl_primitive_desc_t desc = nullptr;
  check(create_desc(&desc, request));
  return PrimitiveDesc(desc);
}

}  // namespace

dnnl_status_t create_desc(dnnl_primitive_desc_t *desc, const ConvolutionRequest &r) noexcept {
  switch (r.direction) {
    case Direction::forward:
      return api.convolution_forward_primitive_desc_create(
          desc, r.engine, r.prop, r.alg, r.src, r.weights, r.bias, r.dst, r.strides, r.dilates,
          r.padding_l, r.padding_r, r.attr);
    case Direction::backward_data:
      return api.convolution_backward_data_primitive_desc_create(
          desc, r.engine, r.alg, r.src, r.weights, r.dst, r.strides, r.dilates, r.padding_l,
          r.padding_r, r.hint, r.attr);
    case Direction::backward_weights:
      return api.convolution_backward_weights_primitive_desc_create(
          desc, r.engine, r.alg, r.src, r.weights, r.bias, r.dst, r.strides, r.dilates,
          r.padding_l, r.padding_r, r.hint, r.attr);
  }
  return dnnl_unimplemented;
}

PrimitiveDesc make_blocked_desc(const ConvolutionRequest &request) {
  require_no_post_ops(request.attr);
  const MemoryDesc src = any_layout(request.src);
  const MemoryDesc weights = any_layout(request.weights);
  const MemoryDesc dst = any_layout(request.dst);
  const PrimitiveAttr attr = with_user_scratchpad(request.attr);
  ConvolutionRequest blocked = request;
  blocked.src = src.get();
  blocked.weights = weights.get();
  blocked.dst = dst.get();
  blocked.attr = attr.get();
  return make_desc(blocked);
}

Convolution::Convolution(const ConvolutionRequest &request)
    : Operation(request.engine),
      request_(request),
      src_(clone(request.src)),
      weights_(clone(request.weights)),
      bias_(clone(request.bias)),
      dst_(clone(request.dst)),
      attr_(clone(request.attr)) {
  request_.src = src_.get();
  request_.weights = weights_.get();
  request_.bias = bias_.get();
  request_.dst = dst_.get();
  request_.strides = keep(strides_, request.strides);
  request_.dilates = keep(dilates_, request.dilates);
  request_.padding_l = keep(padding_l_, request.padding_l);
  request_.padding_r = keep(padding_r_, request.padding_r);
  request_.hint = nullptr;  // belongs to the caller
  request_.attr = attr_.get();
}

const dnnl_dim_t *Convolution::keep(Dims &copy, const dnnl_dim_t *dims) const {
  if (dims == nullptr) return nullptr;
  std::copy_n(dims, ndims_of(src_.get()) - 2, copy.values);  // one number per spatial dimension
  return copy.values;
}

PrimitiveDesc Convolution::make_plain_desc() const {
  if (request_.direction == Direction::forward) return make_desc(request_);
  ConvolutionRequest forward = request_;
  forward.direction = Direction::forward;
  forward.prop = dnnl_forward_training;
  const PrimitiveDesc hint = make_desc(forward);
  ConvolutionRequest backward = request_;
  backward.hint = hint.get();
  return make_desc(backward);
}

std::vector<Operand> Convolution::operands() const {
  const auto src = src_.get(), weights = weights_.get(), dst = dst_.get();
  switch (request_.direction) {
    case Direction::backward_data:
      return {{DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, dst, true},
              {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, weights, true},
              {DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, src, false}};
    case Direction::backward_weights:
      return {{DNNL_ARG_SRC, dnnl_query_src_md, src, true},
              {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, dst, true},
              {DNNL_ARG_DIFF_WEIGHTS, dnnl_query_diff_weights_md, weights, false}};
    default:
      return {{DNNL_ARG_SRC, dnnl_query_src_md, src, true},
              {DNNL_ARG_WEIGHTS, dnnl_query_weights_md, weights, true},
              {DNNL_ARG_DST, dnnl_query_dst_md, dst, false}};
  }
}

}  // namespace blocked
