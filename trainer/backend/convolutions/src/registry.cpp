#include "registry.h"

namespace blocked {

// Never destroyed: at exit MindSpore destroys primitives after this library's own objects.

Registry<const_dnnl_primitive_desc_t, const Operation> &operations() {
  static auto &registry = *new Registry<const_dnnl_primitive_desc_t, const Operation>;
  return registry;
}

Registry<const_dnnl_primitive_t, Implementation> &primitives() {
  static auto &registry = *new Registry<const_dnnl_primitive_t, Implementation>;
  return registry;
}

}  // namespace blocked
