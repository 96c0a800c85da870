// oneDNN's interface of a thread pool, which MindSpore implements: that of dnnl_threadpool_iface.hpp
// until oneDNN 3.10. Later versions append to it.
#pragma once

#include <cstdint>
#include <functional>

namespace dnnl::threadpool_interop {

struct threadpool_iface {
  virtual int get_num_threads() const = 0;
  virtual bool get_in_parallel() const = 0;
  virtual void parallel_for(int n, const std::function<void(int thread, int threads)> &fn) = 0;
  virtual std::uint64_t get_flags() const = 0;  // 0: parallel_for returns when all calls have returned
  virtual ~threadpool_iface() = default;
};

}  // namespace dnnl::threadpool_interop
