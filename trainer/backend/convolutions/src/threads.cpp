#include "threads.h"

#include <algorithm>

#include "api.h"
#include "thread_pool.h"

namespace blocked {
namespace {

using ThreadPool = dnnl::threadpool_interop::threadpool_iface;

// Null if the calling thread has to compute alone.
ThreadPool *find_pool(dnnl_stream_t stream) {
  void *pool = nullptr;
  check(api.threadpool_interop_stream_get_threadpool(stream, &pool));
  auto *threads = static_cast<ThreadPool *>(pool);
  const bool is_usable =
      threads != nullptr && threads->get_flags() == 0 && !threads->get_in_parallel();
  return is_usable ? threads : nullptr;
}

}  // namespace

void parallel_for(dnnl_stream_t stream, std::size_t count,
                  const std::function<void(std::size_t, std::size_t)> &action) {
  ThreadPool *pool = find_pool(stream);
  const auto available = static_cast<std::size_t>(pool ? std::max(pool->get_num_threads(), 1) : 1);
  const int threads = static_cast<int>(std::min(count, available));
  if (threads <= 1) return action(0, count);
  pool->parallel_for(threads, [&](int thread, int total) {
    action(count * thread / total, count * (thread + 1) / total);
  });
}

}  // namespace blocked
