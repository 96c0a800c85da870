#include "hooks.h"

namespace blocked {

Counters counters;

#define BLOCKED_HOOK(name, function) \
  Hook { "dnnl_" #name, reinterpret_cast<void *>(&function) }

const std::array<Hook, 9> &hooks() {
  static const std::array<Hook, 9> all = {
      BLOCKED_HOOK(convolution_forward_primitive_desc_create, create_convolution_forward_desc),
      BLOCKED_HOOK(convolution_backward_data_primitive_desc_create,
                   create_convolution_backward_data_desc),
      BLOCKED_HOOK(convolution_backward_weights_primitive_desc_create,
                   create_convolution_backward_weights_desc),
      BLOCKED_HOOK(batch_normalization_forward_primitive_desc_create,
                   create_batch_norm_forward_desc),
      BLOCKED_HOOK(batch_normalization_backward_primitive_desc_create,
                   create_batch_norm_backward_desc),
      BLOCKED_HOOK(primitive_desc_destroy, destroy_desc),
      BLOCKED_HOOK(primitive_create, create_primitive),
      BLOCKED_HOOK(primitive_execute, execute_primitive),
      BLOCKED_HOOK(primitive_destroy, destroy_primitive),
  };
  return all;
}

}  // namespace blocked
