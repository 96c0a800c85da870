// Puts the hooks into the slots of MindSpore's CPU operators.
#pragma once

#include <string>

namespace blocked {

// Null if the hooks are set, or else why not; then nothing has changed.
const char *install();

// The version of the oneDNN that MindSpore calls, as "3.10.1"; empty if there is none.
std::string onednn_version();

}  // namespace blocked
