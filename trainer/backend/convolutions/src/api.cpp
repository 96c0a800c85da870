#include "api.h"

#include <dlfcn.h>

namespace blocked {

Api api;

bool load_api(void *library) noexcept {
  Api loaded;
#define BLOCKED_LOAD(name)                                                             \
  loaded.name = reinterpret_cast<decltype(loaded.name)>(dlsym(library, "dnnl_" #name)); \
  if (loaded.name == nullptr) return false;
  BLOCKED_FUNCTIONS(BLOCKED_LOAD)
#undef BLOCKED_LOAD
  api = loaded;
  return true;
}

MemoryDesc clone(const_dnnl_memory_desc_t desc) {
  dnnl_memory_desc_t copy = nullptr;
  if (desc != nullptr) check(api.memory_desc_clone(&copy, desc));
  return MemoryDesc(copy);
}

PrimitiveAttr clone(const_dnnl_primitive_attr_t attr) {
  dnnl_primitive_attr_t copy = nullptr;
  if (attr != nullptr) check(api.primitive_attr_clone(&copy, attr));
  return PrimitiveAttr(copy);
}

PrimitiveAttr with_user_scratchpad(const_dnnl_primitive_attr_t attr) {
  PrimitiveAttr copy = clone(attr);
  if (!copy) {
    dnnl_primitive_attr_t created = nullptr;
    check(api.primitive_attr_create(&created));
    copy.reset(created);
  }
  check(api.primitive_attr_set_scratchpad_mode(copy.get(), dnnl_scratchpad_mode_user));
  return copy;
}

PrimitiveHandle make_primitive(const_dnnl_primitive_desc_t desc) {
  dnnl_primitive_t primitive = nullptr;
  check(api.primitive_create(&primitive, desc));
  return PrimitiveHandle(primitive);
}

}  // namespace blocked
