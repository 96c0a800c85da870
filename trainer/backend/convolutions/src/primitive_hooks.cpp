// The hooks that create, execute and destroy primitives.
#include <memory>

#include "hooks.h"
#include "registry.h"

namespace blocked {

dnnl_status_t destroy_desc(dnnl_primitive_desc_t desc) {
  operations().remove(desc);
  return api.primitive_desc_destroy(desc);
}

dnnl_status_t create_primitive(dnnl_primitive_t *primitive, const_dnnl_primitive_desc_t desc) {
  const auto operation = operations().find(desc);
  if (!operation) return api.primitive_create(primitive, desc);
  const bool is_blocked = succeeds([&] {
    auto blocked = std::make_shared<BlockedOperation>(desc, operation);
    const auto handle = blocked->handle();
    primitives().add(handle, std::move(blocked));
    *primitive = handle;
  });
  ++(is_blocked ? counters.made_blocked : counters.left_plain);
  if (is_blocked) return dnnl_success;
  dnnl_status_t status = dnnl_out_of_memory;
  succeeds([&] {
    status = api.primitive_create(primitive, operation->make_plain_desc().get());
  });
  return status;
}

dnnl_status_t execute_primitive(const_dnnl_primitive_t primitive, dnnl_stream_t stream, int count,
                                const dnnl_exec_arg_t *args) {
  const auto blocked = primitives().find(primitive);
  if (!blocked) return api.primitive_execute(primitive, stream, count, args);
  if (succeeds([&] { blocked->execute(stream, count, args); })) {
    ++counters.executed_blocked;
    return dnnl_success;
  }
  ++counters.executed_plain;
  return blocked->execute_plain(stream, count, args);
}

dnnl_status_t destroy_primitive(dnnl_primitive_t primitive) {
  // A blocked operation owns its primitive, and lives until the last execution has ended.
  return primitives().remove(primitive) ? dnnl_success : api.primitive_destroy(primitive);
}

}  // namespace blocked
