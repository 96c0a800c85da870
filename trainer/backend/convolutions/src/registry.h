// Which of the objects that MindSpore takes for oneDNN's own are not.
#pragma once

#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "operation.h"

namespace blocked {

// A map from a handle to its value, for several threads. A value lives on while somebody uses it.
template <typename Handle, typename Value>
class Registry {
 public:
  void add(Handle handle, std::shared_ptr<Value> value) {
    const std::unique_lock lock(mutex_);
    values_[handle] = std::move(value);
  }

  // Null if the handle is not there.
  std::shared_ptr<Value> find(Handle handle) const {
    const std::shared_lock lock(mutex_);
    const auto entry = values_.find(handle);
    return entry == values_.end() ? nullptr : entry->second;
  }

  // The same, and the handle is there no longer.
  std::shared_ptr<Value> remove(Handle handle) {
    const std::unique_lock lock(mutex_);
    const auto entry = values_.find(handle);
    if (entry == values_.end()) return nullptr;
    auto value = std::move(entry->second);
    values_.erase(entry);
    return value;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<Handle, std::shared_ptr<Value>> values_;
};

Registry<const_dnnl_primitive_desc_t, const Operation> &operations();
Registry<const_dnnl_primitive_t, Implementation> &primitives();

}  // namespace blocked
