// A convolution in blocked layouts, with plain tensors outside.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "convolution.h"
#include "primitive.h"

namespace blocked {

class BlockedConvolution : public Implementation {
 public:
  // `desc` is from `make_fast_desc`. Throws if a primitive or a reorder cannot be made.
  BlockedConvolution(const_dnnl_primitive_desc_t desc,
                     std::shared_ptr<const Convolution> convolution);

  dnnl_primitive_t handle() const override { return primitive_.handle(); }

  // Reorders the inputs, executes, reorders the output.
  void execute(dnnl_stream_t stream, int count, const dnnl_exec_arg_t *args) const override;

  // The plain primitive is made at the first call.
  dnnl_status_t execute_plain(dnnl_stream_t stream, int count,
                              const dnnl_exec_arg_t *args) noexcept override;

 private:
  struct Tensor {
    int arg;
    bool is_input;
    MemoryDesc desc;  // blocked
    std::size_t offset;  // into the scratch memory
    Primitive reorder;  // plain to blocked for an input, back for an output
  };
  void add_tensor(const_dnnl_primitive_desc_t desc, const Operand &operand);
  std::size_t reserve(std::size_t size);
  void reorder(const Tensor &tensor, dnnl_memory_t plain, dnnl_memory_t blocked,
               dnnl_stream_t stream, char *scratch) const;

  std::shared_ptr<const Convolution> convolution_;
  Primitive primitive_;
  std::vector<Tensor> tensors_;  // those whose layout differs from the plain one
  std::size_t scratch_size_ = 0;
  std::mutex plain_mutex_;
  PrimitiveHandle plain_;
};

}  // namespace blocked
