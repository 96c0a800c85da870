// The places in a loaded library where the dynamic linker keeps the addresses of imported functions.
#pragma once

#include <vector>

namespace blocked {

struct Slot {
  const char *name;  // of the imported function
  void **address;
  bool is_read_only;  // the linker has protected it after its work
};

// The slots of a loaded library, by the end of its path; none if it is not loaded.
std::vector<Slot> find_slots(const char *library);

// Writes a slot, so that a thread that calls through it meets the old function or the new one.
// False, and nothing written, if the system does not allow it.
bool write_slot(const Slot &slot, void *function) noexcept;

}  // namespace blocked
