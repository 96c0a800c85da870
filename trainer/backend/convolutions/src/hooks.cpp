#include "hooks.h"

#include <memory>

#include "blocked_convolution.h"
#include "registry.h"

namespace blocked {

Counters counters;

namespace {

// Never destroyed: at exit MindSpore destroys primitives after this library's own objects.
auto &convolutions = *new Registry<const_dnnl_primitive_desc_t, const Convolution>;
auto &primitives = *new Registry<const_dnnl_primitive_t, BlockedConvolution>;

// Runs an action; false if it threw.
template <typename Action>
bool succeeds(Action action) noexcept try {
  action();
  return true;
} catch (...) {
  return false;
}

dnnl_status_t create_convolution_desc(dnnl_primitive_desc_t *desc,
                                      const ConvolutionRequest &request) noexcept {
  const bool is_blocked = succeeds([&] {
    auto convolution = std::make_shared<const Convolution>(request);
    auto blocked = make_blocked_desc(request);
    convolutions.add(blocked.get(), std::move(convolution));
    *desc = blocked.release();
  });
  if (is_blocked) return dnnl_success;
  ++counters.left_plain;
  return create_desc(desc, request);
}

dnnl_status_t create_forward_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_prop_kind_t prop, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t bias,
    const_dnnl_memory_desc_t dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t padding_l, const dnnl_dims_t padding_r, const_dnnl_primitive_attr_t attr) {
  return create_convolution_desc(
      desc, {Direction::forward, engine, prop, alg, src, weights, bias, dst, strides, dilates,
             padding_l, padding_r, nullptr, attr});
}

dnnl_status_t create_backward_data_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t diff_src, const_dnnl_memory_desc_t weights,
    const_dnnl_memory_desc_t diff_dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t padding_l, const dnnl_dims_t padding_r, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  return create_convolution_desc(
      desc, {Direction::backward_data, engine, dnnl_prop_kind_undef, alg, diff_src, weights,
             nullptr, diff_dst, strides, dilates, padding_l, padding_r, hint, attr});
}

dnnl_status_t create_backward_weights_desc(
    dnnl_primitive_desc_t *desc, dnnl_engine_t engine, dnnl_alg_kind_t alg,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t diff_weights,
    const_dnnl_memory_desc_t diff_bias, const_dnnl_memory_desc_t diff_dst,
    const dnnl_dims_t strides, const dnnl_dims_t dilates, const dnnl_dims_t padding_l,
    const dnnl_dims_t padding_r, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t attr) {
  return create_convolution_desc(
      desc, {Direction::backward_weights, engine, dnnl_prop_kind_undef, alg, src, diff_weights,
             diff_bias, diff_dst, strides, dilates, padding_l, padding_r, hint, attr});
}

dnnl_status_t destroy_desc(dnnl_primitive_desc_t desc) {
  convolutions.remove(desc);
  return api.primitive_desc_destroy(desc);
}

dnnl_status_t create_primitive(dnnl_primitive_t *primitive, const_dnnl_primitive_desc_t desc) {
  const auto convolution = convolutions.find(desc);
  if (!convolution) return api.primitive_create(primitive, desc);
  const bool is_blocked = succeeds([&] {
    auto blocked = std::make_shared<BlockedConvolution>(desc, convolution);
    const auto handle = blocked->handle();
    primitives.add(handle, std::move(blocked));
    *primitive = handle;
  });
  ++(is_blocked ? counters.made_blocked : counters.left_plain);
  if (is_blocked) return dnnl_success;
  dnnl_status_t status = dnnl_out_of_memory;
  succeeds([&] {
    status = api.primitive_create(primitive, convolution->make_plain_desc().get());
  });
  return status;
}

dnnl_status_t execute_primitive(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                                const dnnl_exec_arg_t *args) {
  const auto blocked = primitives.find(primitive);
  if (!blocked) return api.primitive_execute(primitive, stream, count, args);
  if (succeeds([&] { blocked->execute(stream, count, args); })) {
    ++counters.executed_blocked;
    return dnnl_success;
  }
  ++counters.executed_plain;
  return blocked->execute_plain(stream, count, args);
}

dnnl_status_t destroy_primitive(dnnl_primitive_t primitive) {
  // A blocked convolution owns its primitive, and lives until the last execution has ended.
  return primitives.remove(primitive) ? dnnl_success : api.primitive_destroy(primitive);
}

template <typename Function>
void *address(Function *function) {
  return reinterpret_cast<void *>(function);
}

}  // namespace

const std::array<Hook, 7> &hooks() {
  static const std::array<Hook, 7> all = {{
      {"dnnl_convolution_forward_primitive_desc_create", address(create_forward_desc)},
      {"dnnl_convolution_backward_data_primitive_desc_create", address(create_backward_data_desc)},
      {"dnnl_convolution_backward_weights_primitive_desc_create",
       address(create_backward_weights_desc)},
      {"dnnl_primitive_desc_destroy", address(destroy_desc)},
      {"dnnl_primitive_create", address(create_primitive)},
      {"dnnl_primitive_execute", address(execute_primitive)},
      {"dnnl_primitive_destroy", address(destroy_primitive)},
  }};
  return all;
}

}  // namespace blocked
