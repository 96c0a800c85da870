#include "install.h"

#include <dlfcn.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "api.h"
#include "hooks.h"
#include "slots.h"

namespace blocked {
namespace {

constexpr char kOperators[] = "/libmindspore_ops_cpu.so";

struct Target {
  Slot slot;
  const Hook *hook;
};

// The slots that the hooks belong into.
std::vector<Target> find_targets() {
  std::vector<Target> targets;
  for (const Slot &slot : find_slots(kOperators))
    for (const Hook &hook : hooks())
      if (std::strcmp(slot.name, hook.name) == 0) targets.push_back({slot, &hook});
  return targets;
}

bool covers_all_hooks(const std::vector<Target> &targets) {
  for (const Hook &hook : hooks()) {
    bool is_covered = false;
    for (const Target &target : targets) is_covered |= target.hook == &hook;
    if (!is_covered) return false;
  }
  return true;
}

// The library that MindSpore's slots lead to, which need not be the only oneDNN in the process.
void *find_onednn(const std::vector<Target> &targets) {
  Dl_info info;
  if (targets.empty() || dladdr(*targets.front().slot.address, &info) == 0) return nullptr;
  return dlopen(info.dli_fname, RTLD_NOLOAD | RTLD_NOW | RTLD_LOCAL);
}

bool lead_to(void *library, const std::vector<Target> &targets) {
  for (const Target &target : targets)
    if (*target.slot.address != dlsym(library, target.hook->name)) return false;
  return true;
}

bool write(const std::vector<Target> &targets) {
  std::vector<void *> before;
  for (const Target &target : targets) {
    before.push_back(*target.slot.address);
    if (write_slot(target.slot, target.hook->function)) continue;
    for (std::size_t i = 0; i + 1 < before.size(); ++i) write_slot(targets[i].slot, before[i]);
    return false;
  }
  return true;
}

std::mutex mutex;  // of `api` while it is loaded

const char *try_install() {
  const auto targets = find_targets();
  if (targets.empty()) return "libmindspore_ops_cpu.so is not loaded or does not call oneDNN";
  if (!covers_all_hooks(targets)) return "libmindspore_ops_cpu.so calls other functions of oneDNN";
  void *library = find_onednn(targets);
  if (library == nullptr) return "the oneDNN that MindSpore calls was not found";
  if (!lead_to(library, targets)) return "another library already stands between MindSpore and oneDNN";
  if (!load_api(library)) return "this oneDNN lacks a function that is needed";
  if (api.version()->major != 3) return "expected version 3 of oneDNN";
  return write(targets) ? nullptr : "the system does not allow to change MindSpore's imports";
}

}  // namespace

const char *install() {
  static bool is_installed = false;
  const std::lock_guard lock(mutex);
  if (is_installed) return nullptr;
  const char *reason = try_install();
  is_installed = reason == nullptr;
  return reason;
}

std::string onednn_version() {
  const std::lock_guard lock(mutex);
  void *library = nullptr;
  const dnnl_version_t *version = nullptr;
  if (api.version != nullptr) {
    version = api.version();
  } else if ((library = find_onednn(find_targets())) != nullptr) {
    const auto function = reinterpret_cast<decltype(api.version)>(dlsym(library, "dnnl_version"));
    if (function != nullptr) version = function();
  }
  if (version == nullptr) return "";
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

}  // namespace blocked
