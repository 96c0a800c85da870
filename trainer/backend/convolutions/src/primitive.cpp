#include "primitive.h"

namespace blocked {

Primitive::Primitive(const_dnnl_primitive_desc_t desc) : handle_(make_primitive(desc)) {
  const auto scratchpad = api.primitive_desc_query_md(desc, dnnl_query_scratchpad_md, 0);
  if (scratchpad == nullptr) return;
  scratch_size_ = api.memory_desc_get_size(scratchpad);
  scratchpad_ = clone(scratchpad);
}

void Primitive::execute(dnnl_stream_t stream, dnnl_engine_t engine, Args args,
                        void *scratch) const {
  Memory scratchpad;
  if (scratch_size_ > 0) {
    scratchpad = make_memory(scratchpad_.get(), engine, scratch);
    args.push_back({DNNL_ARG_SCRATCHPAD, scratchpad.get()});
  }
  check(api.primitive_execute(handle(), stream, static_cast<int>(args.size()), args.data()));
  check(api.stream_wait(stream));
}

Primitive make_reorder(const_dnnl_memory_desc_t from, const_dnnl_memory_desc_t to,
                       dnnl_engine_t engine) {
  const PrimitiveAttr attr = with_user_scratchpad(nullptr);
  dnnl_primitive_desc_t desc = nullptr;
  check(api.reorder_primitive_desc_create(&desc, from, engine, to, engine, attr.get()));
  return Primitive(PrimitiveDesc(desc).get());
}

Memory make_memory(const_dnnl_memory_desc_t desc, dnnl_engine_t engine, void *data) {
  dnnl_memory_t memory = nullptr;
  check(api.memory_create(&memory, desc, engine, data));
  return Memory(memory);
}

}  // namespace blocked
