#include "scratch.h"

#include <algorithm>
#include <new>

namespace blocked {
namespace {

Block allocate(std::size_t size) {
  constexpr std::size_t page = 4096;
  const std::size_t rounded = (std::max<std::size_t>(size, 1) + page - 1) / page * page;
  Block block;
  block.data.reset(static_cast<char *>(std::aligned_alloc(page, rounded)));
  if (!block.data) throw std::bad_alloc();
  block.size = rounded;
  return block;
}

bool smaller(const Block &block, std::size_t size) { return block.size < size; }

}  // namespace

Block ScratchPool::take(std::size_t size) {
  const std::lock_guard lock(mutex_);
  free_.reserve(free_.size() + 8);  // so that giving back cannot fail
  auto found = std::lower_bound(free_.begin(), free_.end(), size, smaller);
  Block block;
  if (found != free_.end()) {
    block = std::move(*found);
    free_.erase(found);
    free_bytes_ -= block.size;
  } else {
    if (!free_.empty()) {  // a larger block takes the place of the largest
      free_bytes_ -= free_.back().size;
      free_.pop_back();
    }
    block = allocate(size);
  }
  leased_bytes_ += block.size;
  return block;
}

void ScratchPool::give_back(Block block) noexcept {
  const std::lock_guard lock(mutex_);
  leased_bytes_ -= block.size;
  if (free_bytes_ + block.size > kMaxFree || free_.size() == free_.capacity()) return;
  free_bytes_ += block.size;
  free_.insert(std::lower_bound(free_.begin(), free_.end(), block.size, smaller),
               std::move(block));
}

std::size_t ScratchPool::bytes() const {
  const std::lock_guard lock(mutex_);
  return free_bytes_ + leased_bytes_;
}

ScratchPool &scratch() {
  static ScratchPool &pool = *new ScratchPool;  // never destroyed: MindSpore may outlive it at exit
  return pool;
}

}  // namespace blocked
