#if !defined(__linux__) || !defined(__x86_64__)
#error "MindSpore's imports can be changed on Linux on x86-64 only"
#endif

#include "slots.h"

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string_view>

namespace blocked {
namespace {

using Relocation = ElfW(Rela);

struct Table {
  const Relocation *begin = nullptr;
  std::size_t bytes = 0;
};

struct DynamicSection {
  const ElfW(Sym) *symbols = nullptr;
  const char *names = nullptr;
  Table calls, data;
};

struct Search {
  const char *library;
  std::vector<Slot> slots;
};

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

const ElfW(Phdr) *find_segment(const dl_phdr_info &library, ElfW(Word) type) {
  for (int i = 0; i < library.dlpi_phnum; ++i)
    if (library.dlpi_phdr[i].p_type == type) return &library.dlpi_phdr[i];
  return nullptr;
}

template <typename Entry>
const Entry *pointer(ElfW(Addr) address) {
  return reinterpret_cast<const Entry *>(address);
}

DynamicSection read_dynamic(const ElfW(Dyn) *entry) {
  DynamicSection section;
  for (; entry->d_tag != DT_NULL; ++entry) {
    const auto address = entry->d_un.d_ptr;  // glibc has added the library's own address to it
    switch (entry->d_tag) {
      case DT_SYMTAB: section.symbols = pointer<ElfW(Sym)>(address); break;
      case DT_STRTAB: section.names = pointer<char>(address); break;
      case DT_JMPREL: section.calls.begin = pointer<Relocation>(address); break;
      case DT_PLTRELSZ: section.calls.bytes = entry->d_un.d_val; break;
      case DT_RELA: section.data.begin = pointer<Relocation>(address); break;
      case DT_RELASZ: section.data.bytes = entry->d_un.d_val; break;
      default: break;
    }
  }
  return section;
}

bool is_read_only(const dl_phdr_info &library, ElfW(Addr) offset) {
  const auto *relro = find_segment(library, PT_GNU_RELRO);
  return relro != nullptr && offset >= relro->p_vaddr && offset < relro->p_vaddr + relro->p_memsz;
}

void add_slots(const dl_phdr_info &library, const DynamicSection &section, const Table &table,
               std::vector<Slot> &slots) {
  if (table.begin == nullptr) return;
  const auto *end = table.begin + table.bytes / sizeof(Relocation);
  for (const auto *relocation = table.begin; relocation != end; ++relocation) {
    const auto type = ELF64_R_TYPE(relocation->r_info);
    if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT) continue;
    const auto &symbol = section.symbols[ELF64_R_SYM(relocation->r_info)];
    slots.push_back({section.names + symbol.st_name,
                     reinterpret_cast<void **>(library.dlpi_addr + relocation->r_offset),
                     is_read_only(library, relocation->r_offset)});
  }
}

int visit(dl_phdr_info *library, std::size_t, void *argument) {
  auto &search = *static_cast<Search *>(argument);
  const auto *dynamic = find_segment(*library, PT_DYNAMIC);
  if (dynamic == nullptr || !ends_with(library->dlpi_name, search.library)) return 0;
  const auto section =
      read_dynamic(pointer<ElfW(Dyn)>(library->dlpi_addr + dynamic->p_vaddr));
  if (section.symbols == nullptr || section.names == nullptr) return 0;
  add_slots(*library, section, section.calls, search.slots);
  add_slots(*library, section, section.data, search.slots);
  return 1;
}

bool protect(void *address, int protection) noexcept {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(address) & ~(page - 1);
  return mprotect(reinterpret_cast<void *>(start), page, protection) == 0;
}

}  // namespace

std::vector<Slot> find_slots(const char *library) {
  Search search{library, {}};
  dl_iterate_phdr(visit, &search);
  return std::move(search.slots);
}

bool write_slot(const Slot &slot, void *function) noexcept {
  if (slot.is_read_only && !protect(slot.address, PROT_READ | PROT_WRITE)) return false;
  __atomic_store_n(slot.address, function, __ATOMIC_RELEASE);
  if (slot.is_read_only) protect(slot.address, PROT_READ);
  return true;
}

}  // namespace blocked
