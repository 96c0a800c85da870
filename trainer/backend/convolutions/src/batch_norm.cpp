#include "batch_norm.h"

namespace blocked {
namespace {

// Channels in blocks of 16 for AVX-512 and of 8 for AVX2, of images and volumes.
struct Layout {
  int ndims;
  dnnl_dim_t block;
  const char *tag;
};
constexpr Layout kLayouts[] = {
    {4, 16, "aBcd16b"}, {4, 8, "aBcd8b"}, {5, 16, "aBcde16b"}, {5, 8, "aBcde8b"}};

// The shape of a descriptor in a layout; null for null.
MemoryDesc in_layout(const Layout &layout, const_dnnl_memory_desc_t plain) {
  dnnl_memory_desc_t desc = nullptr;
  if (plain != nullptr)
    check(api.memory_desc_create_with_string_tag(&desc, layout.ndims, dims_of(plain), dnnl_f32,
                                                 layout.tag));
  return MemoryDesc(desc);
}

PrimitiveDesc make_desc(const BatchNormRequest &request) {
  dnnl_primitive_desc_t desc = nullptr;
  check(create_desc(&desc, request));
  return PrimitiveDesc(desc);
}

PrimitiveDesc make_desc_in(const Layout &layout, const BatchNormRequest &request,
                           const_dnnl_primitive_attr_t attr) {
  const MemoryDesc src = in_layout(layout, request.src);
  const MemoryDesc dst = in_layout(layout, request.dst);
  const MemoryDesc diff_src = in_layout(layout, request.diff_src);
  BatchNormRequest blocked = request;
  blocked.src = src.get();
  blocked.dst = dst.get();
  blocked.diff_src = diff_src.get();
  blocked.attr = attr;
  return make_desc(blocked);
}

}  // namespace

dnnl_status_t create_desc(dnnl_primitive_desc_t *desc, const BatchNormRequest &r) noexcept {
  if (r.is_backward)
    return api.batch_normalization_backward_primitive_desc_create(
        desc, r.engine, r.prop, r.diff_src, r.dst, r.src, r.epsilon, r.flags, r.hint, r.attr);
  return api.batch_normalization_forward_primitive_desc_create(
      desc, r.engine, r.prop, r.src, r.dst, r.epsilon, r.flags, r.attr);
}

PrimitiveDesc make_blocked_desc(const BatchNormRequest &request) {
  require_float32(request.src);
  require_float32(request.dst);
  require_no_post_ops(request.attr);
  const PrimitiveAttr attr = with_user_scratchpad(request.attr);
  for (const Layout &layout : kLayouts) {
    // Channels that do not fill the last block would be read beyond the end of scale and shift.
    if (layout.ndims != ndims_of(request.src) || dims_of(request.src)[1] % layout.block != 0)
      continue;
    PrimitiveDesc desc = make_desc_in(layout, request, attr.get());
    if (is_implemented_by(desc.get(), "jit")) return desc;  // vector code, not reference code
  }
  throw Failure(dnnl_unimplemented);
}

BatchNorm::BatchNorm(const BatchNormRequest &request)
    : Operation(request.engine),
      request_(request),
      src_(clone(request.src)),
      dst_(clone(request.dst)),
      diff_src_(clone(request.diff_src)),
      attr_(clone(request.attr)) {
  request_.src = src_.get();
  request_.dst = dst_.get();
  request_.diff_src = diff_src_.get();
  request_.hint = nullptr;  // belongs to the caller
  request_.attr = attr_.get();
}

PrimitiveDesc BatchNorm::make_plain_desc() const {
  if (!request_.is_backward) return make_desc(request_);
  BatchNormRequest forward = request_;
  forward.is_backward = false;
  forward.prop = dnnl_forward_training;
  const PrimitiveDesc hint = make_desc(forward);
  BatchNormRequest backward = request_;
  backward.hint = hint.get();
  return make_desc(backward);
}

std::vector<Operand> BatchNorm::operands() const {
  const Operand src{DNNL_ARG_SRC, dnnl_query_src_md, src_.get(), true};
  if (!request_.is_backward) return {src, {DNNL_ARG_DST, dnnl_query_dst_md, dst_.get(), false}};
  return {src,
          {DNNL_ARG_DIFF_DST, dnnl_query_diff_dst_md, dst_.get(), true},
          {DNNL_ARG_DIFF_SRC, dnnl_query_diff_src_md, diff_src_.get(), false}};
}

}  // namespace blocked
