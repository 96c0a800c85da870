// The hooks that create descriptors: those of the fast code where there is some.
#include <memory>

#include "batch_norm.h"
#include "convolution.h"
#include "hooks.h"
#include "registry.h"

namespace blocked {
namespace {

template <typename OperationType, typename Request>
dnnl_status_t create_desc_for(dnnl_primitive_desc_t *desc, const Request &request) noexcept {
  const bool is_fast = succeeds([&] {
    auto fast = make_fast_desc(request);
    operations().add(fast.get(), std::make_shared<const OperationType>(request));
    *desc = fast.release();
  });
  if (is_fast) return dnnl_success;
  ++counters.left_plain;
  return create_desc(desc, request);
}

}  // namespace

dnnl_status_t create_convolution_forward_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_prop_kind_t prop, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t bias,
    const_dnnl_memory_desc_t dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t padding_l, const dnnl_dims_t padding_r, const_dnnl_primitive_attr_t attr) {
  return create_desc_for<Convolution, ConvolutionRequest>(
      desc, {Direction::forward, engine, prop, alg, src, weights, bias, dst, strides, dilates,
             padding_l, padding_r, nullptr, attr});
}

dnnl_status_t create_convolution_backward_data_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t weights,
    const_dnnl_memory_desc_t diff_dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t padding_l, const dnnl_dims_t padding_r, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  return create_desc_for<Convolution, ConvolutionRequest>(
      desc, {Direction::backward_data, engine, dnnl_prop_kind_undef, alg, diff_src, weights,
             nullptr, diff_dst, strides, dilates, padding_l, padding_r, hint, attr});
}

dnnl_status_t create_convolution_backward_weights_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t diff_weights,
    const_dnnl_memory_desc_t diff_bias, const_dnnl_memory_desc_t diff_dst,
    const dnnl_dims_t strides, const dnnl_dims_t dilates, const dnnl_dims_t padding_l,
    const dnnl_dims_t padding_r, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  return create_desc_for<Convolution, ConvolutionRequest>(
      desc, {Direction::backward_weights, engine, dnnl_prop_kind_undef, alg, src, diff_weights,
             diff_bias, diff_dst, strides, dilates, padding_l, padding_r, hint, attr});
}

dnnl_status_t create_batch_norm_forward_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_prop_kind_t prop,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t dst, float epsilon, unsigned flags,
    const_dnnl_primitive_attr_t attr) {
  return create_desc_for<BatchNorm, BatchNormRequest>(
      desc, {false, engine, prop, src, dst, nullptr, epsilon, flags, nullptr, attr});
}

dnnl_status_t create_batch_norm_backward_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_prop_kind_t prop,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t diff_dst,
    const_dnnl_memory_desc_t src, float epsilon, unsigned flags, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  return create_desc_for<BatchNorm, BatchNormRequest>(
      desc, {true, engine, prop, src, diff_dst, diff_src, epsilon, flags, hint, attr});
}

}  // namespace blocked
