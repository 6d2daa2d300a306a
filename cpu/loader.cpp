// A small ELF64 loader for the x86-64 objects of our own code generator.
//
// One mapping holds everything, so that 32-bit relative relocations always reach: code and jump stubs first, then
// constants and the table of addresses (GOT), then data. The mapping is filled while it is writable and not executable;
// then code becomes readable and executable, constants become read-only. No page is ever writable and executable.
// Every field of the file is checked before it is used: an object may come from a damaged disk cache.
#include "cpu/loader.h"

#include <elf.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>

#include <kiln/error.h>

namespace kiln::on_cpu {
namespace {

constexpr std::uint64_t page_bytes = 4096;
constexpr std::uint64_t stub_bytes = 16;
constexpr std::uint64_t slot_bytes = 8;
constexpr std::uint64_t largest_mapping = std::uint64_t{1} << 30;
constexpr std::uint64_t no_address = std::numeric_limits<std::uint64_t>::max();

[[noreturn]] void refuse(const std::string& why) { throw CompileError("cannot load compiled code: " + why); }

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) & ~(alignment - 1);
}

// The three parts of the mapping, by what their pages may do in the end.
enum class Part { code, constants, data };

// The file, with every access checked.
class File {
 public:
  explicit File(std::span<const char> bytes) : bytes_(bytes) {}

  std::span<const char> range(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes_.size() || size > bytes_.size() - offset) refuse("a part lies outside the file");
    return bytes_.subspan(offset, size);
  }

  // Copied out, since nothing promises that the file is aligned.
  template <typename T>
  T read(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, range(offset, sizeof(T)).data(), sizeof(T));
    return value;
  }

  const char* text(const Elf64_Shdr& strings, std::uint64_t offset) const {
    const std::span<const char> table = range(strings.sh_offset, strings.sh_size);
    if (offset >= table.size() || std::memchr(table.data() + offset, 0, table.size() - offset) == nullptr)
      refuse("a name lies outside its table");
    return table.data() + offset;
  }

 private:
  std::span<const char> bytes_;
};

struct Section {
  Elf64_Shdr header;
  bool loaded = false;
  Part part = Part::code;
  std::uint64_t offset = 0;  // inside the mapping
};

struct Symbol {
  Elf64_Sym entry;
  const char* name = "";
  bool defined = false;
  std::uint64_t common_offset = no_address;  // where a COMMON symbol lies in the mapping
  std::uint64_t value = no_address;          // its address, once known
  std::uint64_t stub = no_address;           // offsets of its stub and GOT slot in the mapping
  std::uint64_t slot = no_address;
};

bool uses_got(std::uint32_t type) {
  return type == R_X86_64_GOTPCREL || type == R_X86_64_GOTPCRELX || type == R_X86_64_REX_GOTPCRELX;
}

bool is_unwind_table(const Elf64_Shdr& header, std::string_view name) {
  return header.sh_type == SHT_X86_64_UNWIND || name == ".eh_frame";
}

}  // namespace

// One load, from the first check to the finished object.
class ObjectLoad {
 public:
  ObjectLoad(std::span<const char> object, SymbolResolver resolver) : file_(object), resolver_(resolver) {}

  std::unique_ptr<LoadedObject> run() {
    read_sections();
    read_symbols();
    plan_stubs_and_slots();
    lay_out();
    map();
    copy_sections();
    resolve_symbols();
    write_stubs_and_slots();
    for_each_relocation([this](const Section& target, const Elf64_Rela& r, Symbol& s) { apply(target, r, s); });
    protect();
    publish();
    return std::move(result_);
  }

 private:
  void read_sections() {
    const auto header = file_.read<Elf64_Ehdr>(0);
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) refuse("not an ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_ident[EI_VERSION] != EV_CURRENT || header.e_version != EV_CURRENT || header.e_type != ET_REL ||
        header.e_machine != EM_X86_64)
      refuse("not a relocatable x86-64 object");
    if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0 || header.e_shnum >= SHN_LORESERVE)
      refuse("unusable section table");
    sections_.resize(header.e_shnum);
    const std::span<const char> table = file_.range(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
    for (std::size_t i = 0; i < sections_.size(); ++i)
      std::memcpy(&sections_[i].header, table.data() + i * sizeof(Elf64_Shdr), sizeof(Elf64_Shdr));
    const Elf64_Shdr& names = section(header.e_shstrndx).header;
    if (names.sh_type != SHT_STRTAB) refuse("no table of section names");
    for (Section& s : sections_) classify(s, names);
  }

  void classify(Section& s, const Elf64_Shdr& names) {
    const Elf64_Shdr& header = s.header;
    if (header.sh_type == SHT_NULL || (header.sh_flags & SHF_ALLOC) == 0) return;
    // Nothing throws through a kernel, so tables for the unwinder are left out, and their relocations with them.
    if (is_unwind_table(header, file_.text(names, header.sh_name))) return;
    if (header.sh_type != SHT_PROGBITS && header.sh_type != SHT_NOBITS && header.sh_type != SHT_NOTE)
      refuse("a section of unknown type (constructors, perhaps)");
    if ((header.sh_flags & (SHF_TLS | SHF_COMPRESSED)) != 0) refuse("thread-local or compressed sections");
    const bool executable = (header.sh_flags & SHF_EXECINSTR) != 0;
    const bool writable = (header.sh_flags & SHF_WRITE) != 0;
    if (executable && writable) refuse("a section both writable and executable");
    const std::uint64_t alignment = header.sh_addralign;
    if (alignment > page_bytes || (alignment & (alignment - 1)) != 0) refuse("impossible alignment");
    if (header.sh_size > largest_mapping) refuse("a section too large");
    if (header.sh_type != SHT_NOBITS) file_.range(header.sh_offset, header.sh_size);
    s.loaded = true;
    s.part = executable ? Part::code : writable ? Part::data : Part::constants;
  }

  Section& section(std::uint64_t index) {
    if (index == 0 || index >= sections_.size()) refuse("a section that does not exist");
    return sections_[index];
  }

  void read_symbols() {
    for (std::size_t i = 1; i < sections_.size(); ++i) {
      if (sections_[i].header.sh_type != SHT_SYMTAB) continue;
      if (symbol_table_ != 0) refuse("two symbol tables");
      symbol_table_ = i;
    }
    if (symbol_table_ == 0) return;
    const Elf64_Shdr& header = sections_[symbol_table_].header;
    if (header.sh_entsize != sizeof(Elf64_Sym)) refuse("unusable symbol table");
    const Elf64_Shdr& strings = section(header.sh_link).header;
    if (strings.sh_type != SHT_STRTAB) refuse("no table of symbol names");
    const std::span<const char> table = file_.range(header.sh_offset, header.sh_size);
    symbols_.resize(table.size() / sizeof(Elf64_Sym));
    for (std::size_t i = 0; i < symbols_.size(); ++i) {
      Symbol& symbol = symbols_[i];
      std::memcpy(&symbol.entry, table.data() + i * sizeof(Elf64_Sym), sizeof(Elf64_Sym));
      symbol.name = file_.text(strings, symbol.entry.st_name);
      check(symbol);
    }
  }

  void check(Symbol& symbol) {
    const int type = ELF64_ST_TYPE(symbol.entry.st_info);
    if (type == STT_TLS || type == STT_GNU_IFUNC) refuse("thread-local or indirect symbols");
    const std::uint16_t index = symbol.entry.st_shndx;
    symbol.defined = index != SHN_UNDEF;
    if (!symbol.defined || index == SHN_ABS) return;
    if (index == SHN_COMMON) {
      const std::uint64_t alignment = symbol.entry.st_value;
      if (alignment > page_bytes || (alignment & (alignment - 1)) != 0) refuse("impossible alignment");
      if (symbol.entry.st_size > largest_mapping) refuse("a variable too large");
      return;
    }
    if (symbol.entry.st_value > section(index).header.sh_size) refuse("a symbol outside its section");
  }

  // Calls visit(target section, relocation, symbol) for each relocation of a section that is loaded.
  template <typename Visit>
  void for_each_relocation(Visit visit) {
    for (const Section& s : sections_) {
      const Elf64_Shdr& header = s.header;
      if (header.sh_type != SHT_RELA && header.sh_type != SHT_REL) continue;
      const Section& target = section(header.sh_info);
      if (!target.loaded) continue;
      if (header.sh_type == SHT_REL || header.sh_entsize != sizeof(Elf64_Rela) || header.sh_link != symbol_table_)
        refuse("unusable relocations");
      if (target.header.sh_type == SHT_NOBITS) refuse("relocations in a section without contents");
      const std::span<const char> table = file_.range(header.sh_offset, header.sh_size);
      for (std::size_t at = 0; at + sizeof(Elf64_Rela) <= table.size(); at += sizeof(Elf64_Rela)) {
        Elf64_Rela relocation;
        std::memcpy(&relocation, table.data() + at, sizeof relocation);
        if (ELF64_R_TYPE(relocation.r_info) == R_X86_64_NONE) continue;
        const std::uint64_t index = ELF64_R_SYM(relocation.r_info);
        if (index >= symbols_.size()) refuse("a relocation against a symbol that does not exist");
        visit(target, relocation, symbols_[index]);
      }
    }
  }

  void plan_stubs_and_slots() {
    for_each_relocation([this](const Section&, const Elf64_Rela& relocation, Symbol& symbol) {
      const auto type = static_cast<std::uint32_t>(ELF64_R_TYPE(relocation.r_info));
      // Offsets are relative to the first stub or slot here; lay_out moves them.
      if (type == R_X86_64_PLT32 && !symbol.defined && symbol.stub == no_address) symbol.stub = stub_bytes * stubs_++;
      if (uses_got(type) && symbol.slot == no_address) symbol.slot = slot_bytes * slots_++;
    });
  }

  std::uint64_t place(std::uint64_t offset, Part part) {
    for (Section& s : sections_) {
      if (!s.loaded || s.part != part) continue;
      s.offset = align_up(offset, std::max<std::uint64_t>(s.header.sh_addralign, 1));
      offset = grown(s.offset, s.header.sh_size);
    }
    return offset;
  }

  static std::uint64_t grown(std::uint64_t offset, std::uint64_t size) {
    if (size > largest_mapping || offset > largest_mapping - size) refuse("too large");
    return offset + size;
  }

  void lay_out() {
    const std::uint64_t first_stub = align_up(place(0, Part::code), stub_bytes);
    code_end_ = align_up(grown(first_stub, stubs_ * stub_bytes), page_bytes);
    const std::uint64_t first_slot = align_up(place(code_end_, Part::constants), slot_bytes);
    constants_end_ = align_up(grown(first_slot, slots_ * slot_bytes), page_bytes);
    std::uint64_t end = place(constants_end_, Part::data);
    for (Symbol& symbol : symbols_) {
      if (symbol.stub != no_address) symbol.stub += first_stub;
      if (symbol.slot != no_address) symbol.slot += first_slot;
      if (symbol.entry.st_shndx != SHN_COMMON) continue;
      symbol.common_offset = align_up(end, std::max<std::uint64_t>(symbol.entry.st_value, 1));
      end = grown(symbol.common_offset, symbol.entry.st_size);
    }
    total_ = align_up(end, page_bytes);
    if (total_ == 0) refuse("no code in it");
  }

  void map() {
    void* const base = ::mmap(nullptr, total_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
      throw RuntimeError("cannot map " + std::to_string(total_) + " bytes for compiled code: " + std::strerror(errno));
    result_.reset(new LoadedObject(base, total_));
  }

  char* at(std::uint64_t offset) const { return static_cast<char*>(result_->base_) + offset; }
  std::uint64_t address(std::uint64_t offset) const { return reinterpret_cast<std::uint64_t>(at(offset)); }

  void copy_sections() {
    for (const Section& s : sections_) {
      if (!s.loaded || s.header.sh_type == SHT_NOBITS || s.header.sh_size == 0) continue;
      std::memcpy(at(s.offset), file_.range(s.header.sh_offset, s.header.sh_size).data(), s.header.sh_size);
    }
  }

  // A symbol is resolved when the first relocation needs it: object files list some that nothing refers to.
  std::uint64_t value_of(Symbol& symbol) {
    if (symbol.value != no_address) return symbol.value;
    const std::uint16_t index = symbol.entry.st_shndx;
    if (index == SHN_ABS) return symbol.value = symbol.entry.st_value;
    if (index == SHN_COMMON) return symbol.value = address(symbol.common_offset);
    if (index != SHN_UNDEF) {
      if (!sections_[index].loaded) refuse("a reference to a section that is not loaded");
      return symbol.value = address(sections_[index].offset) + symbol.entry.st_value;
    }
    void* const found = *symbol.name != 0 && resolver_ != nullptr ? resolver_(symbol.name) : nullptr;
    if (found == nullptr) refuse("the symbol '" + std::string(symbol.name) + "' does not exist");
    return symbol.value = reinterpret_cast<std::uint64_t>(found);
  }

  void resolve_symbols() {
    for_each_relocation([this](const Section&, const Elf64_Rela&, Symbol& symbol) { value_of(symbol); });
  }

  void write_stubs_and_slots() {
    for (const Symbol& symbol : symbols_) {
      if (symbol.stub != no_address) {
        constexpr std::array<unsigned char, 6> jump = {0xff, 0x25, 0, 0, 0, 0};  // jmp *[next instruction]
        std::memcpy(at(symbol.stub), jump.data(), jump.size());
        std::memcpy(at(symbol.stub + jump.size()), &symbol.value, sizeof symbol.value);
      }
      if (symbol.slot != no_address) std::memcpy(at(symbol.slot), &symbol.value, sizeof symbol.value);
    }
  }

  void apply(const Section& target, const Elf64_Rela& relocation, Symbol& symbol) {
    const auto type = static_cast<std::uint32_t>(ELF64_R_TYPE(relocation.r_info));
    const std::uint64_t width = type == R_X86_64_64 || type == R_X86_64_PC64 ? 8 : 4;
    if (relocation.r_offset > target.header.sh_size || width > target.header.sh_size - relocation.r_offset)
      refuse("a relocation outside its section");
    const std::uint64_t place = target.offset + relocation.r_offset;
    const auto addend = static_cast<std::uint64_t>(relocation.r_addend);
    const std::uint64_t value = symbol.value + addend;  // unsigned: a corrupt addend may wrap around
    switch (type) {
      case R_X86_64_64: return store64(place, value);
      case R_X86_64_PC64: return store64(place, value - address(place));
      case R_X86_64_PC32: return store32(place, value - address(place), symbol);
      case R_X86_64_32S: return store32(place, value, symbol);
      case R_X86_64_PLT32:
        return store32(place, (symbol.stub != no_address ? address(symbol.stub) + addend : value) - address(place),
                       symbol);
      default:
        if (!uses_got(type)) refuse("relocation type " + std::to_string(type));
        return store32(place, address(symbol.slot) + addend - address(place), symbol);
    }
  }

  void store64(std::uint64_t place, std::uint64_t value) { std::memcpy(at(place), &value, sizeof value); }

  void store32(std::uint64_t place, std::uint64_t value, const Symbol& symbol) {
    const auto narrow = static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
    if (static_cast<std::uint64_t>(static_cast<std::int64_t>(narrow)) != value)
      refuse("the symbol '" + std::string(symbol.name) + "' is out of reach of a 32-bit relocation");
    std::memcpy(at(place), &narrow, sizeof narrow);
  }

  void protect_range(std::uint64_t begin, std::uint64_t end, int protection) {
    if (begin == end) return;
    if (::mprotect(at(begin), end - begin, protection) != 0)
      throw RuntimeError("the system does not allow compiled code to run here: " + std::string(std::strerror(errno)));
  }

  void protect() {
    protect_range(0, code_end_, PROT_READ | PROT_EXEC);
    protect_range(code_end_, constants_end_, PROT_READ);
  }

  void publish() {
    for (Symbol& symbol : symbols_) {
      const int binding = ELF64_ST_BIND(symbol.entry.st_info);
      const std::uint16_t index = symbol.entry.st_shndx;
      if ((binding != STB_GLOBAL && binding != STB_WEAK) || !symbol.defined || index == SHN_ABS) continue;
      if (index != SHN_COMMON && !sections_[index].loaded) continue;
      result_->symbols_.emplace_back(symbol.name, reinterpret_cast<void*>(value_of(symbol)));
    }
  }

  File file_;
  SymbolResolver resolver_;
  std::vector<Section> sections_;
  std::vector<Symbol> symbols_;
  std::size_t symbol_table_ = 0;
  std::uint64_t stubs_ = 0;
  std::uint64_t slots_ = 0;
  std::uint64_t code_end_ = 0;
  std::uint64_t constants_end_ = 0;
  std::uint64_t total_ = 0;
  std::unique_ptr<LoadedObject> result_;
};

std::unique_ptr<LoadedObject> LoadedObject::load(std::span<const char> object, SymbolResolver resolver) {
  return ObjectLoad(object, resolver).run();
}

LoadedObject::~LoadedObject() { ::munmap(base_, size_); }

void* LoadedObject::find(std::string_view name) const {
  for (const auto& [defined, address] : symbols_)
    if (defined == name) return address;
  return nullptr;
}

}  // namespace kiln::on_cpu
