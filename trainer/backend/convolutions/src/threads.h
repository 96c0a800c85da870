// The threads with which MindSpore has oneDNN compute.
#pragma once

#include <cstddef>
#include <functional>

#include "onednn.h"

namespace blocked {

// Calls `action` with ranges that cover 0 to `count`, in the threads of a stream, and returns when all
// calls have returned. `action` must not throw.
void parallel_for(dnnl_stream_t stream, std::size_t count,
                  const std::function<void(std::size_t begin, std::size_t end)> &action);

}  // namespace blocked
