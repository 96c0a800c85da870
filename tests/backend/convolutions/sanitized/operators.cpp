#include "operators.h"

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "onednn.h"
#include "thread_pool.h"

extern "C" {
dnnl_status_t dnnl_engine_create(dnnl_engine_t *, int kind, std::size_t index);
dnnl_status_t dnnl_threadpool_interop_stream_create(dnnl_stream_t *, dnnl_engine_t, void *pool);
dnnl_status_t dnnl_stream_destroy(dnnl_stream_t);
}

namespace {

constexpr int kCpu = 1;
constexpr int kUnused = -1;  // instead of an argument of an execution
constexpr unsigned kScaleAndShift = dnnl_use_scale | dnnl_use_shift;
constexpr float kEpsilon = 1e-5F;
// The plain layouts, as in dnnl_format_tag_t: a, abcd and, with groups, abcde.
constexpr auto kA = static_cast<dnnl_format_tag_t>(2);
constexpr auto kAbcd = static_cast<dnnl_format_tag_t>(5);
constexpr auto kAbcde = static_cast<dnnl_format_tag_t>(6);

void check(dnnl_status_t status) {
  if (status != dnnl_success) throw std::runtime_error("status " + std::to_string(status));
}

// As MindSpore's: parallel_for returns when all calls have returned.
struct ThreadPool : dnnl::threadpool_interop::threadpool_iface {
  int get_num_threads() const override { return 2; }
  bool get_in_parallel() const override { return false; }
  std::uint64_t get_flags() const override { return 0; }
  void parallel_for(int n, const std::function<void(int, int)> &fn) override {
    std::vector<std::thread> threads;
    for (int i = 1; i < n; ++i) threads.emplace_back([&fn, i, n] { fn(i, n); });
    fn(0, n);
    for (auto &thread : threads) thread.join();
  }
};

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
  long channels;
  dnnl_memory_desc_t src = nullptr, weights = nullptr, dst = nullptr, statistics = nullptr;
  dnnl_primitive_t primitive = nullptr;

  // The arguments of the first and second input and of the output.
  struct Arguments {
    int args[3];
    dnnl_memory_desc_t descs[3];
  };
  Arguments arguments() const;
  dnnl_primitive_desc_t make_desc(const Shape &s, Pass which, dnnl_primitive_desc_t hint) const;
};

Operator::State::Arguments Operator::State::arguments() const {
  switch (pass) {
    case Pass::forward:
      return {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST}, {src, weights, dst}};
    case Pass::backward_data:
      return {{DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC}, {dst, weights, src}};
    case Pass::backward_weights:
      return {{DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS}, {src, dst, weights}};
    case Pass::batch_norm:  // the second input is not read
    case Pass::batch_norm_inference:
      return {{DNNL_ARG_SRC, kUnused, DNNL_ARG_DST}, {src, src, src}};
    default:
      return {{DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC}, {src, src, src}};
  }
}

dnnl_primitive_desc_t Operator::State::make_desc(const Shape &s, Pass which,
                                                 dnnl_primitive_desc_t hint) const {
  const dnnl_dims_t strides = {s.stride, s.stride}, padding = {s.padding, s.padding};
  const dnnl_dims_t dilates = {0, 0};
  dnnl_primitive_desc_t desc = nullptr;
  switch (which) {
    case Pass::forward:
      check(dnnl_convolution_forward_primitive_desc_create(
          &desc, engine(), dnnl_forward_training, dnnl_convolution_direct, src, weights, nullptr,
          dst, strides, dilates, padding, padding, nullptr));
      break;
    case Pass::backward_data:
      check(dnnl_convolution_backward_data_primitive_desc_create(
          &desc, engine(), dnnl_convolution_direct, src, weights, dst, strides, dilates, padding,
          padding, hint, nullptr));
      break;
    case Pass::backward_weights:
      check(dnnl_convolution_backward_weights_primitive_desc_create(
          &desc, engine(), dnnl_convolution_direct, src, weights, nullptr, dst, strides, dilates,
          padding, padding, hint, nullptr));
      break;
    case Pass::batch_norm:
      check(dnnl_batch_normalization_forward_primitive_desc_create(
          &desc, engine(), dnnl_forward_training, src, src, kEpsilon, kScaleAndShift, nullptr));
      break;
    case Pass::batch_norm_inference:
      check(dnnl_batch_normalization_forward_primitive_desc_create(
          &desc, engine(), dnnl_forward_inference, src, src, kEpsilon,
          kScaleAndShift | dnnl_use_global_stats, nullptr));
      break;
    case Pass::batch_norm_backward:
      check(dnnl_batch_normalization_backward_primitive_desc_create(
          &desc, engine(), dnnl_backward, src, src, src, kEpsilon, kScaleAndShift, hint, nullptr));
  }
  return desc;
}

Operator::Operator(const Shape &s, Pass pass) : state_(new State{pass, s.channels}) {
  const dnnl_dims_t src = {s.batch, s.channels, s.size, s.size};
  const dnnl_dims_t weights = {s.groups, s.filters / s.groups, s.channels / s.groups, s.kernel,
                               s.kernel};
  const dnnl_dims_t dst = {s.batch, s.filters, s.output_size(), s.output_size()};
  state_->src = plain(4, src, kAbcd);
  state_->weights = s.groups > 1 ? plain(5, weights, kAbcde) : plain(4, weights + 1, kAbcd);
  state_->dst = plain(4, dst, kAbcd);
  state_->statistics = plain(1, src + 1, kA);
  const Pass first = is_batch_norm(pass) ? Pass::batch_norm : Pass::forward;
  const auto forward = state_->make_desc(s, first, nullptr);
  const auto desc = pass == first ? forward : state_->make_desc(s, pass, forward);
  check(dnnl_primitive_create(&state_->primitive, desc));
  dnnl_primitive_desc_destroy(forward);
  if (desc != forward) dnnl_primitive_desc_destroy(desc);
}

Operator::~Operator() {
  dnnl_primitive_destroy(state_->primitive);
  for (auto desc : {state_->src, state_->weights, state_->dst, state_->statistics})
    dnnl_memory_desc_destroy(desc);
}

// The arguments that have a value per channel, as MindSpore passes them.
static std::vector<int> channel_arguments(Pass pass) {
  if (!is_batch_norm(pass)) return {};
  if (pass != Pass::batch_norm_backward)
    return {DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_SCALE, DNNL_ARG_SHIFT};
  return {DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_SCALE, DNNL_ARG_DIFF_SCALE,
          DNNL_ARG_DIFF_SHIFT};
}

void Operator::run(float *first, float *second, float *output) const {
  dnnl_stream_t stream = nullptr;
  ThreadPool pool;
  check(dnnl_threadpool_interop_stream_create(&stream, engine(), &pool));
  std::vector<dnnl_exec_arg_t> args;
  const auto add = [&](int arg, dnnl_memory_desc_t desc, float *data) {
    args.push_back({arg, nullptr});
    check(dnnl_memory_create(&args.back().memory, desc, engine(), data));
  };
  float *handles[] = {first, second, output};
  const auto arguments = state_->arguments();
  for (int i = 0; i < 3; ++i)
    if (arguments.args[i] != kUnused) add(arguments.args[i], arguments.descs[i], handles[i]);
  std::vector<std::vector<float>> values;  // per channel
  for (const int arg : channel_arguments(state_->pass)) {
    values.emplace_back(state_->channels, 0.5F);
    add(arg, state_->statistics, values.back().data());
  }
  check(dnnl_primitive_execute(state_->primitive, stream, static_cast<int>(args.size()),
                               args.data()));
  check(dnnl_stream_wait(stream));
  for (auto &arg : args) dnnl_memory_destroy(arg.memory);
  dnnl_stream_destroy(stream);
}
