// Turns pixels into normalised floats, one plane per channel.
#pragma once

#include "image.h"

namespace images {

// Writes value * scale - shift, rounded twice, as 3 x height x width floats. A mirrored result has the
// rightmost pixel first. Needs AVX2.
void normalise(const Image &image, bool mirror, const float scale[3], const float shift[3],
               float *out);

}  // namespace images
