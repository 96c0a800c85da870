#include "blocked_convolution.h"

#include <algorithm>
#include <utility>

#include "scratch.h"

namespace blocked {

// The scratch memory begins with the scratchpad of whichever primitive runs; the tensors follow.
BlockedConvolution::BlockedConvolution(const_dnnl_primitive_desc_t desc,
                                       std::shared_ptr<const Convolution> convolution)
    : convolution_(std::move(convolution)), primitive_(desc) {
  for (const Operand &operand : convolution_->operands()) add_tensor(desc, operand);
  std::size_t scratchpad = primitive_.scratch_size();
  for (const Tensor &tensor : tensors_)
    scratchpad = std::max(scratchpad, tensor.reorder.scratch_size());
  const std::size_t start = aligned(scratchpad);
  for (Tensor &tensor : tensors_) tensor.offset += start;
  scratch_size_ += start;
}

void BlockedConvolution::add_tensor(const_dnnl_primitive_desc_t desc, const Operand &operand) {
  const auto blocked = api.primitive_desc_query_md(desc, operand.query, 0);
  if (blocked == nullptr) throw Failure(dnnl_unimplemented);
  if (api.memory_desc_equal(blocked, operand.plain)) return;
  const auto from = operand.is_input ? operand.plain : blocked;
  const auto to = operand.is_input ? blocked : operand.plain;
  tensors_.push_back({operand.arg, operand.is_input, clone(blocked),
                      reserve(api.memory_desc_get_size(blocked)),
                      make_reorder(from, to, convolution_->engine())});
}

std::size_t BlockedConvolution::reserve(std::size_t size) {
  return std::exchange(scratch_size_, scratch_size_ + aligned(size));
}

void BlockedConvolution::reorder(const Tensor &tensor, dnnl_memory_t plain, dnnl_memory_t blocked,
                                 dnnl_stream_t stream, char *scratch) const {
  const auto from = tensor.is_input ? plain : blocked;
  const auto to = tensor.is_input ? blocked : plain;
  tensor.reorder.execute(stream, convolution_->engine(),
                         {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}}, scratch);
}

void BlockedConvolution::execute(dnnl_stream_t stream, int count,
                                 const dnnl_exec_arg_t *args) const {
  const auto lease = scratch().lease(scratch_size_);
  Args blocked_args(args, args + count);
  std::vector<std::pair<Memory, dnnl_memory_t>> memories;  // blocked and plain, as in tensors_
  for (const Tensor &tensor : tensors_) {
    const auto arg = std::find_if(blocked_args.begin(), blocked_args.end(),
                                  [&](const auto &a) { return a.arg == tensor.arg; });
    if (arg == blocked_args.end()) throw Failure(dnnl_unimplemented);
    memories.emplace_back(
        make_memory(tensor.desc.get(), convolution_->engine(), lease.data() + tensor.offset),
        arg->memory);
    arg->memory = memories.back().first.get();
  }
  const auto reorder_all = [&](bool inputs) {
    for (std::size_t i = 0; i < tensors_.size(); ++i)
      if (tensors_[i].is_input == inputs)
        reorder(tensors_[i], memories[i].second, memories[i].first.get(), stream, lease.data());
  };
  reorder_all(true);
  primitive_.execute(stream, convolution_->engine(), std::move(blocked_args), lease.data());
  reorder_all(false);
}

dnnl_status_t BlockedConvolution::execute_plain(dnnl_stream_t stream, int count,
                                                const dnnl_exec_arg_t *args) noexcept try {
  const std::lock_guard lock(plain_mutex_);
  if (!plain_) plain_ = convolution_->make_plain_primitive();
  const auto status = api.primitive_execute(plain_.get(), stream, count, args);
  return status == dnnl_success ? api.stream_wait(stream) : status;
} catch (const Failure &failure) {
  return failure.status;
} catch (...) {
  return dnnl_out_of_memory;
}

}  // namespace blocked
