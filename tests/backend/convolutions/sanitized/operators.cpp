#include "operators.h"

#include <stdexcept>
#include <string>

#include "onednn.h"

extern "C" {
dnnl_status_t dnnl_engine_create(dnnl_engine_t *, int kind, std::size_t index);
dnnl_status_t dnnl_stream_create(dnnl_stream_t *, dnnl_engine_t, unsigned flags);
dnnl_status_t dnnl_stream_destroy(dnnl_stream_t);
}

namespace {

constexpr int kCpu = 1;
constexpr unsigned kInOrder = 1;
// The plain layouts, as in dnnl_format_tag_t: abcd and, with groups, abcde.
constexpr auto kAbcd = static_cast<dnnl_format_tag_t>(5);
constexpr auto kAbcde = static_cast<dnnl_format_tag_t>(6);

void check(dnnl_status_t status) {
  if (status != dnnl_success) throw std::runtime_error("status " + std::to_string(status));
}

dnnl_engine_t engine() {
  static const dnnl_engine_t engine = [] {
    dnnl_engine_t created = nullptr;
    check(dnnl_engine_create(&created, kCpu, 0));
    return created;
  }();
  return engine;
}

dnnl_memory_desc_t plain(int ndims, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
  dnnl_memory_desc_t desc = nullptr;
  check(dnnl_memory_desc_create_with_tag(&desc, ndims, dims, dnnl_f32, tag));
  return desc;
}

}  // namespace

struct Operator::State {
  Pass pass;
  dnnl_memory_desc_t src, weights, dst;
  dnnl_primitive_t primitive = nullptr;

  dnnl_primitive_desc_t make_desc(const Shape &s, Pass which, dnnl_primitive_desc_t hint) const {
    const dnnl_dims_t strides = {s.stride, s.stride}, padding = {s.padding, s.padding};
    const dnnl_dims_t dilates = {0, 0};
    dnnl_primitive_desc_t desc = nullptr;
    if (which == Pass::forward)
      check(dnnl_convolution_forward_primitive_desc_create(
          &desc, engine(), dnnl_forward_training, dnnl_convolution_direct, src, weights, nullptr,
          dst, strides, dilates, padding, padding, nullptr));
    else if (which == Pass::backward_data)
      check(dnnl_convolution_backward_data_primitive_desc_create(
          &desc, engine(), dnnl_convolution_direct, src, weights, dst, strides, dilates, padding,
          padding, hint, nullptr));
    else
      check(dnnl_convolution_backward_weights_primitive_desc_create(
          &desc, engine(), dnnl_convolution_direct, src, weights, nullptr, dst, strides, dilates,
          padding, padding, hint, nullptr));
    return desc;
  }
};

Operator::Operator(const Shape &s, Pass pass) : state_(new State{pass, {}, {}, {}}) {
  const dnnl_dims_t src = {s.batch, s.channels, s.size, s.size};
  const dnnl_dims_t weights = {s.groups, s.filters / s.groups, s.channels / s.groups, s.kernel,
                               s.kernel};
  const dnnl_dims_t dst = {s.batch, s.filters, s.output_size(), s.output_size()};
  state_->src = plain(4, src, kAbcd);
  state_->weights = s.groups > 1 ? plain(5, weights, kAbcde) : plain(4, weights + 1, kAbcd);
  state_->dst = plain(4, dst, kAbcd);
  const auto forward = state_->make_desc(s, Pass::forward, nullptr);
  const auto desc = pass == Pass::forward ? forward : state_->make_desc(s, pass, forward);
  check(dnnl_primitive_create(&state_->primitive, desc));
  dnnl_primitive_desc_destroy(forward);
  if (desc != forward) dnnl_primitive_desc_destroy(desc);
}

Operator::~Operator() {
  dnnl_primitive_destroy(state_->primitive);
  for (auto desc : {state_->src, state_->weights, state_->dst}) dnnl_memory_desc_destroy(desc);
}

void Operator::run(float *first, float *second, float *output) const {
  struct Place {
    int arg;
    dnnl_memory_desc_t desc;
  };
  const auto &[pass, src, weights, dst, primitive] = *state_;
  const Place forward[] = {{DNNL_ARG_SRC, src}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, dst}};
  const Place data[] = {
      {DNNL_ARG_DIFF_DST, dst}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DIFF_SRC, src}};
  const Place gradient[] = {
      {DNNL_ARG_SRC, src}, {DNNL_ARG_DIFF_DST, dst}, {DNNL_ARG_DIFF_WEIGHTS, weights}};
  const auto *places =
      pass == Pass::forward ? forward : pass == Pass::backward_data ? data : gradient;
  float *handles[] = {first, second, output};
  dnnl_stream_t stream = nullptr;
  check(dnnl_stream_create(&stream, engine(), kInOrder));
  dnnl_exec_arg_t args[3];
  for (int i = 0; i < 3; ++i) {
    args[i].arg = places[i].arg;
    check(dnnl_memory_create(&args[i].memory, places[i].desc, engine(), handles[i]));
  }
  check(dnnl_primitive_execute(primitive, stream, 3, args));
  check(dnnl_stream_wait(stream));
  for (auto &arg : args) dnnl_memory_destroy(arg.memory);
  dnnl_stream_destroy(stream);
}
