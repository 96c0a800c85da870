// Pixels of red, green and blue, of 8 bits each.
#pragma once

#include <cstddef>
#include <cstdint>

namespace images {

constexpr int kChannels = 3;

struct Image {
  const std::uint8_t *pixels;
  int height, width;
  std::ptrdiff_t stride;  // bytes from one row to the next
};

}  // namespace images
