#include "operation.h"

#include <cstring>

namespace blocked {

void require_float32(const_dnnl_memory_desc_t desc) {
  dnnl_data_type_t type = dnnl_data_type_undef;
  if (desc != nullptr) check(api.memory_desc_query(desc, dnnl_query_data_type, &type));
  if (type != dnnl_f32) throw Failure(dnnl_unimplemented);
}

void require_no_post_ops(const_dnnl_primitive_attr_t attr) {
  const_dnnl_post_ops_t post_ops = nullptr;
  if (attr != nullptr) check(api.primitive_attr_get_post_ops(attr, &post_ops));
  if (post_ops != nullptr && api.post_ops_len(post_ops) > 0) throw Failure(dnnl_unimplemented);
}

bool is_implemented_by(const_dnnl_primitive_desc_t desc, const char *part) {
  const char *name = nullptr;
  check(api.primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name));
  return name != nullptr && std::strstr(name, part) != nullptr;
}

int ndims_of(const_dnnl_memory_desc_t desc) {
  int ndims = 0;
  check(api.memory_desc_query(desc, dnnl_query_ndims_s32, &ndims));
  return ndims;
}

const dnnl_dim_t *dims_of(const_dnnl_memory_desc_t desc) {
  dnnl_dims_t *dims = nullptr;
  check(api.memory_desc_query(desc, dnnl_query_dims, &dims));
  return *dims;
}

}  // namespace blocked
