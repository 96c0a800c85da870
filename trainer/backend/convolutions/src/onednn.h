// The part of oneDNN 3's C API that is called here, so that building needs no headers of oneDNN.
//
// Names, signatures and values are those of oneapi/dnnl/dnnl.h and dnnl_types.h, unchanged since
// oneDNN 3.0. The functions are never linked: api.h takes their types and looks them up at run time.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct dnnl_engine;
struct dnnl_memory;
struct dnnl_memory_desc;
struct dnnl_post_ops;
struct dnnl_primitive;
struct dnnl_primitive_attr;
struct dnnl_primitive_desc;
struct dnnl_stream;

using dnnl_engine_t = dnnl_engine *;
using dnnl_memory_t = dnnl_memory *;
using dnnl_memory_desc_t = dnnl_memory_desc *;
using dnnl_primitive_t = dnnl_primitive *;
using dnnl_primitive_attr_t = dnnl_primitive_attr *;
using dnnl_primitive_desc_t = dnnl_primitive_desc *;
using dnnl_stream_t = dnnl_stream *;
using const_dnnl_memory_t = const dnnl_memory *;
using const_dnnl_memory_desc_t = const dnnl_memory_desc *;
using const_dnnl_post_ops_t = const dnnl_post_ops *;
using const_dnnl_primitive_t = const dnnl_primitive *;
using const_dnnl_primitive_attr_t = const dnnl_primitive_attr *;
using const_dnnl_primitive_desc_t = const dnnl_primitive_desc *;

enum { DNNL_MAX_NDIMS = 12 };
using dnnl_dim_t = std::int64_t;
using dnnl_dims_t = dnnl_dim_t[DNNL_MAX_NDIMS];

// Each enum has the size of an int and passes on values that have no name here.
enum dnnl_status_t : int { dnnl_success = 0, dnnl_out_of_memory = 1, dnnl_unimplemented = 3 };
enum dnnl_data_type_t : int { dnnl_data_type_undef = 0, dnnl_f32 = 3 };
enum dnnl_format_tag_t : int { dnnl_format_tag_any = 1 };
enum dnnl_prop_kind_t : int {
  dnnl_prop_kind_undef = 0,
  dnnl_forward_training = 64,
  dnnl_forward_inference = 96,
  dnnl_backward = 128,
};
enum : unsigned {
  dnnl_use_global_stats = 1,
  dnnl_use_scale = 2,
  dnnl_use_shift = 4,
};
enum dnnl_alg_kind_t : int { dnnl_convolution_direct = 1 };
enum dnnl_scratchpad_mode_t : int { dnnl_scratchpad_mode_user = 1 };
enum dnnl_query_t : int {
  dnnl_query_impl_info_str = 8,
  dnnl_query_src_md = 129,
  dnnl_query_diff_src_md = 130,
  dnnl_query_weights_md = 131,
  dnnl_query_diff_weights_md = 132,
  dnnl_query_dst_md = 133,
  dnnl_query_diff_dst_md = 134,
  dnnl_query_scratchpad_md = 136,
  dnnl_query_ndims_s32 = 256,
  dnnl_query_dims = 257,
  dnnl_query_data_type = 258,
};

enum {
  DNNL_ARG_SRC = 1,
  DNNL_ARG_FROM = DNNL_ARG_SRC,
  DNNL_ARG_DST = 17,
  DNNL_ARG_TO = DNNL_ARG_DST,
  DNNL_ARG_WEIGHTS = 33,
  DNNL_ARG_MEAN = 49,
  DNNL_ARG_VARIANCE = 50,
  DNNL_ARG_SCALE = 51,
  DNNL_ARG_SHIFT = 52,
  DNNL_ARG_SCRATCHPAD = 80,
  DNNL_ARG_DIFF_SRC = 129,
  DNNL_ARG_DIFF_DST = 145,
  DNNL_ARG_DIFF_WEIGHTS = 161,
  DNNL_ARG_DIFF_SCALE = 255,
  DNNL_ARG_DIFF_SHIFT = 256,
};

struct dnnl_exec_arg_t {
  int arg;
  dnnl_memory_t memory;
};

struct dnnl_version_t {
  int major;
  int minor;
  int patch;
  const char *hash;
  unsigned cpu_runtime;
  unsigned gpu_runtime;
};

const dnnl_version_t *dnnl_version();

dnnl_status_t dnnl_convolution_forward_primitive_desc_create(
    dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_prop_kind_t, dnnl_alg_kind_t,
    const_dnnl_memory_desc_t src, const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t bias,
    const_dnnl_memory_desc_t dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t padding_l, const dnnl_dims_t padding_r, const_dnnl_primitive_attr_t);
dnnl_status_t dnnl_convolution_backward_data_primitive_desc_create(
    dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_alg_kind_t, const_dnnl_memory_desc_t diff_src,
    const_dnnl_memory_desc_t weights, const_dnnl_memory_desc_t diff_dst, const dnnl_dims_t strides,
    const dnnl_dims_t dilates, const dnnl_dims_t padding_l, const dnnl_dims_t padding_r,
    const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t);
dnnl_status_t dnnl_convolution_backward_weights_primitive_desc_create(
    dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_alg_kind_t, const_dnnl_memory_desc_t src,
    const_dnnl_memory_desc_t diff_weights, const_dnnl_memory_desc_t diff_bias,
    const_dnnl_memory_desc_t diff_dst, const dnnl_dims_t strides, const dnnl_dims_t dilates,
    const dnnl_dims_t padding_l, const dnnl_dims_t padding_r, const_dnnl_primitive_desc_t hint,
    const_dnnl_primitive_attr_t);
dnnl_status_t dnnl_batch_normalization_forward_primitive_desc_create(
    dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_prop_kind_t, const_dnnl_memory_desc_t src,
    const_dnnl_memory_desc_t dst, float epsilon, unsigned flags, const_dnnl_primitive_attr_t);
dnnl_status_t dnnl_batch_normalization_backward_primitive_desc_create(
    dnnl_primitive_desc_t *, dnnl_engine_t, dnnl_prop_kind_t, const_dnnl_memory_desc_t diff_src,
    const_dnnl_memory_desc_t diff_dst, const_dnnl_memory_desc_t src, float epsilon, unsigned flags,
    const_dnnl_primitive_desc_t hint, const_dnnl_primitive_attr_t);
dnnl_status_t dnnl_reorder_primitive_desc_create(
    dnnl_primitive_desc_t *, const_dnnl_memory_desc_t src, dnnl_engine_t src_engine,
    const_dnnl_memory_desc_t dst, dnnl_engine_t dst_engine, const_dnnl_primitive_attr_t);
dnnl_status_t dnnl_primitive_desc_query(const_dnnl_primitive_desc_t, dnnl_query_t, int index,
                                        void *result);
const_dnnl_memory_desc_t dnnl_primitive_desc_query_md(const_dnnl_primitive_desc_t, dnnl_query_t,
                                                      int index);
dnnl_status_t dnnl_primitive_desc_destroy(dnnl_primitive_desc_t);

dnnl_status_t dnnl_primitive_create(dnnl_primitive_t *, const_dnnl_primitive_desc_t);
dnnl_status_t dnnl_primitive_execute(const_dnnl_primitive_t, dnnl_stream_t, int count,
                                     const dnnl_exec_arg_t *);
dnnl_status_t dnnl_primitive_destroy(dnnl_primitive_t);
dnnl_status_t dnnl_stream_wait(dnnl_stream_t);

dnnl_status_t dnnl_primitive_attr_create(dnnl_primitive_attr_t *);
dnnl_status_t dnnl_primitive_attr_clone(dnnl_primitive_attr_t *, const_dnnl_primitive_attr_t);
dnnl_status_t dnnl_primitive_attr_set_scratchpad_mode(dnnl_primitive_attr_t,
                                                      dnnl_scratchpad_mode_t);
dnnl_status_t dnnl_primitive_attr_get_post_ops(const_dnnl_primitive_attr_t,
                                               const_dnnl_post_ops_t *);
dnnl_status_t dnnl_primitive_attr_destroy(dnnl_primitive_attr_t);
int dnnl_post_ops_len(const_dnnl_post_ops_t);

dnnl_status_t dnnl_memory_desc_create_with_tag(dnnl_memory_desc_t *, int ndims, const dnnl_dims_t,
                                               dnnl_data_type_t, dnnl_format_tag_t);
dnnl_status_t dnnl_memory_desc_create_with_string_tag(dnnl_memory_desc_t *, int ndims,
                                                      const dnnl_dims_t, dnnl_data_type_t,
                                                      const char *tag);
dnnl_status_t dnnl_memory_desc_clone(dnnl_memory_desc_t *, const_dnnl_memory_desc_t);
dnnl_status_t dnnl_memory_desc_query(const_dnnl_memory_desc_t, dnnl_query_t, void *result);
int dnnl_memory_desc_equal(const_dnnl_memory_desc_t, const_dnnl_memory_desc_t);
std::size_t dnnl_memory_desc_get_size(const_dnnl_memory_desc_t);
dnnl_status_t dnnl_memory_desc_destroy(dnnl_memory_desc_t);

dnnl_status_t dnnl_memory_create(dnnl_memory_t *, const_dnnl_memory_desc_t, dnnl_engine_t,
                                 void *handle);
dnnl_status_t dnnl_memory_get_data_handle(const_dnnl_memory_t, void **handle);
dnnl_status_t dnnl_memory_destroy(dnnl_memory_t);

dnnl_status_t dnnl_threadpool_interop_stream_get_threadpool(dnnl_stream_t, void **pool);
}
