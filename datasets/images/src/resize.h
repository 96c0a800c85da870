// Resizes images as Pillow does, to the bit: along the rows, then along the columns.
#pragma once

#include "image.h"
#include "weights.h"

namespace images {

// Writes height x width pixels. `box` is left, top, right and bottom edge. Needs AVX2.
void resize(const Image &image, const float box[4], Filter filter, std::uint8_t *out, int height,
            int width);

}  // namespace images
