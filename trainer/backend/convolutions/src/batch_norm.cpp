#include "batch_norm.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "threads.h"

namespace blocked {
namespace {

// By the number of dimensions, of which the second are the channels.
constexpr int kMinDims = 2, kMaxDims = 5;
constexpr const char *kPlainLayouts[] = {"ab", "abc", "abcd", "abcde"};

void require(bool condition) {
  if (!condition) throw Failure(dnnl_unimplemented);
}

// Throws if it is not a plain tensor of float32 that has elements.
void require_plain(const_dnnl_memory_desc_t desc) {
  require_float32(desc);
  const int ndims = ndims_of(desc);
  require(kMinDims <= ndims && ndims <= kMaxDims);
  const dnnl_dim_t *dims = dims_of(desc);
  require(std::all_of(dims, dims + ndims, [](dnnl_dim_t size) { return size > 0; }));
  dnnl_memory_desc_t plain = nullptr;
  check(api.memory_desc_create_with_string_tag(&plain, ndims, dims, dnnl_f32,
                                               kPlainLayouts[ndims - kMinDims]));
  require(api.memory_desc_equal(desc, MemoryDesc(plain).get()) != 0);
}

// MindSpore always has scale and shift, and given statistics in inference.
bool has_usual_settings(const BatchNormRequest &request) {
  const bool uses_given_statistics = (request.flags & dnnl_use_global_stats) != 0;
  if ((request.flags & ~dnnl_use_global_stats) != (dnnl_use_scale | dnnl_use_shift)) return false;
  if (request.is_backward) return request.prop == dnnl_backward;
  return request.prop == dnnl_forward_training ||
         (request.prop == dnnl_forward_inference && uses_given_statistics);
}

BatchNormSettings settings_of(const BatchNormRequest &request) {
  const dnnl_dim_t *dims = dims_of(request.src);
  const dnnl_dim_t plane = std::accumulate(dims + kMinDims, dims + ndims_of(request.src),
                                           dnnl_dim_t{1}, std::multiplies<>());
  return {static_cast<std::size_t>(dims[0]), static_cast<std::size_t>(dims[1]),
          static_cast<std::size_t>(plane), request.epsilon,
          (request.flags & dnnl_use_global_stats) != 0};
}

class Arguments {
 public:
  Arguments(int count, const dnnl_exec_arg_t *args) : begin_(args), end_(args + count) {}

  float *operator[](int arg) const {
    const auto *entry = std::find_if(begin_, end_, [&](const auto &a) { return a.arg == arg; });
    require(entry != end_);
    void *data = nullptr;
    check(api.memory_get_data_handle(entry->memory, &data));
    require(data != nullptr);
    return static_cast<float *>(data);
  }

 private:
  const dnnl_exec_arg_t *begin_, *end_;
};

BatchNormForward forward_task(const BatchNormSettings &settings, const Arguments &args) {
  return {settings, args[DNNL_ARG_SRC], args[DNNL_ARG_SCALE], args[DNNL_ARG_SHIFT],
          args[DNNL_ARG_MEAN], args[DNNL_ARG_VARIANCE], args[DNNL_ARG_DST]};
}

BatchNormBackward backward_task(const BatchNormSettings &settings, const Arguments &args) {
  return {settings, args[DNNL_ARG_SRC], args[DNNL_ARG_SCALE], args[DNNL_ARG_MEAN],
          args[DNNL_ARG_VARIANCE], args[DNNL_ARG_DIFF_DST], args[DNNL_ARG_DIFF_SRC],
          args[DNNL_ARG_DIFF_SCALE], args[DNNL_ARG_DIFF_SHIFT]};
}

class VectorBatchNorm : public Implementation {
 public:
  VectorBatchNorm(bool is_backward, const BatchNormSettings &settings, PrimitiveHandle plain)
      : is_backward_(is_backward), settings_(settings), plain_(std::move(plain)) {}

  dnnl_primitive_t handle() const override { return plain_.get(); }

  void execute(dnnl_stream_t stream, int count, const dnnl_exec_arg_t *args) const override {
    const Arguments arguments(count, args);
    if (is_backward_)
      compute(stream, backward_task(settings_, arguments));
    else
      compute(stream, forward_task(settings_, arguments));
  }

  dnnl_status_t execute_plain(dnnl_stream_t stream, int count,
                              const dnnl_exec_arg_t *args) noexcept override {
    const auto status = api.primitive_execute(plain_.get(), stream, count, args);
    return status == dnnl_success ? api.stream_wait(stream) : status;
  }

 private:
  template <typename Task>
  void compute(dnnl_stream_t stream, const Task &task) const {
    parallel_for(stream, count_tiles(settings_), [&](std::size_t begin, std::size_t end) {
      compute_tiles(task, begin, end);
    });
  }

  bool is_backward_;
  BatchNormSettings settings_;
  PrimitiveHandle plain_;
};

}  // namespace

dnnl_status_t create_desc(dnnl_primitive_desc_t *desc, const BatchNormRequest &r) noexcept {
  if (r.is_backward)
    return api.batch_normalization_backward_primitive_desc_create(
        desc, r.engine, r.prop, r.diff_src, r.dst, r.src, r.epsilon, r.flags, r.hint, r.attr);
  return api.batch_normalization_forward_primitive_desc_create(
      desc, r.engine, r.prop, r.src, r.dst, r.epsilon, r.flags, r.attr);
}

PrimitiveDesc make_fast_desc(const BatchNormRequest &request) {
  require(has_usual_settings(request));
  require_no_post_ops(request.attr);
  require_plain(request.src);
  require_plain(request.dst);
  if (request.is_backward) require_plain(request.diff_src);
  dnnl_primitive_desc_t desc = nullptr;
  check(create_desc(&desc, request));
  return PrimitiveDesc(desc);
}

BatchNorm::BatchNorm(const BatchNormRequest &request)
    : is_backward_(request.is_backward), settings_(settings_of(request)) {}

std::shared_ptr<Implementation> BatchNorm::implement(const_dnnl_primitive_desc_t desc) const {
  return std::make_shared<VectorBatchNorm>(is_backward_, settings_, make_primitive(desc));
}

PrimitiveHandle BatchNorm::make_plain_primitive(const_dnnl_primitive_desc_t desc) const {
  return make_primitive(desc);
}

}  // namespace blocked
