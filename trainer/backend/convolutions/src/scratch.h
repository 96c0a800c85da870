// Scratch memory for blocked tensors, shared by all operations and threads.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

namespace blocked {

// Tensors and scratchpads start at a cache line, as oneDNN's vector code expects.
constexpr std::size_t kAlignment = 64;

constexpr std::size_t aligned(std::size_t size) {
  return (size + kAlignment - 1) / kAlignment * kAlignment;
}

struct Block {
  struct Free {
    void operator()(char *data) const { std::free(data); }
  };
  std::unique_ptr<char, Free> data;
  std::size_t size = 0;
};

// A pool of blocks. An execution leases one block for all it needs, so executions in several threads
// do not meet, and those one after another use the same memory while it is still in the processor's
// cache. What is free is bounded; what is leased is what the running operations need.
class ScratchPool {
 public:
  // At most this much is retained between executions; more is returned to the system at once. A
  // tensor of 32 images in 64 channels of 112x112 takes 103 MB, and a convolution reorders two.
  static constexpr std::size_t kMaxFree = std::size_t{1} << 30;

  class Lease {
   public:
    Lease(ScratchPool &pool, Block block) : pool_(pool), block_(std::move(block)) {}
    Lease(const Lease &) = delete;
    Lease &operator=(const Lease &) = delete;
    ~Lease() { pool_.give_back(std::move(block_)); }
    char *data() const { return block_.data.get(); }

   private:
    ScratchPool &pool_;
    Block block_;
  };

  // Throws std::bad_alloc if there is not enough memory.
  Lease lease(std::size_t size) { return Lease(*this, take(size)); }

  // Bytes leased and free.
  std::size_t bytes() const;

 private:
  Block take(std::size_t size);
  void give_back(Block block) noexcept;

  mutable std::mutex mutex_;
  std::vector<Block> free_;  // by size, smallest first
  std::size_t free_bytes_ = 0;
  std::size_t leased_bytes_ = 0;
};

// The pool of this process.
ScratchPool &scratch();

}  // namespace blocked
