// Operators that call oneDNN as MindSpore's operators do: a stand-in for libmindspore_ops_cpu.so.
#pragma once

#include <cstddef>
#include <memory>

enum class Pass { forward, backward_data, backward_weights, batch_norm, batch_norm_inference, batch_norm_backward };

constexpr bool is_batch_norm(Pass pass) { return pass >= Pass::batch_norm; }

struct Shape {
  long batch, channels, filters, size, kernel, stride, padding, groups;

  long output_size() const { return (size + 2 * padding - kernel) / stride + 1; }
  std::size_t src() const { return batch * channels * size * size; }
  std::size_t weights() const { return filters * (channels / groups) * kernel * kernel; }
  std::size_t dst() const { return batch * filters * output_size() * output_size(); }
  // The number of elements of the first and second input and of the output. BatchNorm's are those of
  // the convolution's input.
  std::size_t first(Pass pass) const { return pass == Pass::backward_data ? dst() : src(); }
  std::size_t second(Pass pass) const {
    if (is_batch_norm(pass)) return src();
    return pass == Pass::backward_weights ? dst() : weights();
  }
  std::size_t output(Pass pass) const {
    if (pass == Pass::backward_weights) return weights();
    return pass == Pass::forward ? dst() : src();
  }
};

// One operator. Several threads may run it at a time.
class Operator {
 public:
  Operator(const Shape &shape, Pass pass);
  ~Operator();
  void run(float *first, float *second, float *output) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};
