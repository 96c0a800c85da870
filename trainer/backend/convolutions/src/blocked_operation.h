// An operation in blocked layouts, with plain tensors outside.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "operation.h"
#include "primitive.h"

namespace blocked {

class BlockedOperation {
 public:
  // `desc` is from `make_blocked_desc`. Throws if a primitive or a reorder cannot be made.
  BlockedOperation(const_dnnl_primitive_desc_t desc,
                     std::shared_ptr<const Operation> operation);

  // What MindSpore takes for its own primitive.
  dnnl_primitive_t handle() const { return primitive_.handle(); }

  // Reorders the inputs, executes, reorders the output. Throws if any of it fails; the plain
  // inputs are unchanged then.
  void execute(dnnl_stream_t stream, int count, const dnnl_exec_arg_t *args) const;

  // The same with the layouts that MindSpore requested, by a primitive that is made at the first
  // call.
  dnnl_status_t execute_plain(dnnl_stream_t stream, int count, const dnnl_exec_arg_t *args) noexcept;

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

  std::shared_ptr<const Operation> operation_;
  Primitive primitive_;
  std::vector<Tensor> tensors_;  // those whose layout differs from the plain one
  std::size_t scratch_size_ = 0;
  std::mutex plain_mutex_;
  PrimitiveHandle plain_;
};

}  // namespace blocked
