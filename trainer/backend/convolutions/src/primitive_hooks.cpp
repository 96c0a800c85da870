// The hooks that create, execute and destroy primitives.
#include <atomic>
#include <memory>

#include "hooks.h"
#include "registry.h"

namespace blocked {
namespace {

// Makes every n-th execution fail, in tests, so that the plain code is run too.
void fail_on_purpose() {
#ifdef BLOCKED_FAIL_EVERY
  static std::atomic<unsigned> executions{0};
  if (++executions % BLOCKED_FAIL_EVERY == 0) throw Failure(dnnl_unimplemented);
#endif
}

}  // namespace

dnnl_status_t destroy_desc(dnnl_primitive_desc_t desc) {
  operations().remove(desc);
  return api.primitive_desc_destroy(desc);
}

dnnl_status_t create_primitive(dnnl_primitive_t *primitive, const_dnnl_primitive_desc_t desc) {
  const auto operation = operations().find(desc);
  if (!operation) return api.primitive_create(primitive, desc);
  const bool is_made = succeeds([&] {
    auto implementation = operation->implement(desc);
    const auto handle = implementation->handle();
    primitives().add(handle, std::move(implementation));
    *primitive = handle;
  });
  ++(is_made ? counters.made : counters.left_plain);
  if (is_made) return dnnl_success;
  const bool is_plain =
      succeeds([&] { *primitive = operation->make_plain_primitive(desc).release(); });
  return is_plain ? dnnl_success : dnnl_out_of_memory;
}

dnnl_status_t execute_primitive(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                                const dnnl_exec_arg_t *args) {
  const auto implementation = primitives().find(primitive);
  if (!implementation) return api.primitive_execute(primitive, stream, count, args);
  const bool is_executed = succeeds([&] {
    fail_on_purpose();
    implementation->execute(stream, count, args);
  });
  ++(is_executed ? counters.executed : counters.executed_plain);
  return is_executed ? dnnl_success : implementation->execute_plain(stream, count, args);
}

dnnl_status_t destroy_primitive(dnnl_primitive_t primitive) {
  // An implementation owns its primitive, and lives until the last execution has ended.
  return primitives().remove(primitive) ? dnnl_success : api.primitive_destroy(primitive);
}

}  // namespace blocked
