// The ELF loader: every relocation it knows, page protection, and damaged objects.
#include "cpu/loader.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include <kiln/error.h>

namespace kiln::on_cpu {
namespace {

// Writes an ELF64 relocatable, section by section, as an assembler would.
class ObjectWriter {
 public:
  ObjectWriter() {
    add_section("", SHT_NULL, 0, {});
    symbols_.push_back({});
    strings_.push_back('\0');
  }

  int add_section(const std::string& name, unsigned type, std::uint64_t flags, std::vector<unsigned char> bytes,
                  std::uint64_t size = 0) {
    Elf64_Shdr header{};
    header.sh_type = type;
    header.sh_flags = flags;
    header.sh_addralign = 16;
    header.sh_size = type == SHT_NOBITS ? size : bytes.size();
    sections_.push_back({name, header, std::move(bytes), {}});
    return static_cast<int>(sections_.size()) - 1;
  }

  int add_symbol(const std::string& name, int section, std::uint64_t value, int binding = STB_GLOBAL,
                 int type = STT_NOTYPE, std::uint64_t size = 0) {
    Elf64_Sym symbol{};
    symbol.st_name = static_cast<Elf64_Word>(strings_.size());
    strings_ += name;
    strings_.push_back('\0');
    symbol.st_info = static_cast<unsigned char>(ELF64_ST_INFO(binding, type));
    symbol.st_shndx = static_cast<Elf64_Half>(section);
    symbol.st_value = value;
    symbol.st_size = size;
    symbols_.push_back(symbol);
    return static_cast<int>(symbols_.size()) - 1;
  }

  void relocate(int section, std::uint64_t offset, unsigned type, int symbol, std::int64_t addend) {
    sections_[static_cast<std::size_t>(section)].relocations.push_back(
        {offset, ELF64_R_INFO(static_cast<std::uint64_t>(symbol), type), addend});
  }

  // Appends code and returns where it starts.
  std::uint64_t append(int section, std::initializer_list<unsigned char> code) {
    auto& bytes = sections_[static_cast<std::size_t>(section)].bytes;
    const std::uint64_t at = bytes.size();
    bytes.insert(bytes.end(), code);
    sections_[static_cast<std::size_t>(section)].header.sh_size = bytes.size();
    return at;
  }

  std::vector<char> finish() {
    const std::size_t loaded = sections_.size();
    const int symtab = static_cast<int>(loaded);
    add_section(".symtab", SHT_SYMTAB, 0, bytes_of(symbols_));
    sections_.back().header.sh_entsize = sizeof(Elf64_Sym);
    sections_.back().header.sh_link = static_cast<Elf64_Word>(symtab + 1);
    add_section(".strtab", SHT_STRTAB, 0, {strings_.begin(), strings_.end()});
    for (std::size_t i = 0; i < loaded; ++i) {
      if (sections_[i].relocations.empty()) continue;
      add_section(".rela" + sections_[i].name, SHT_RELA, 0, bytes_of(sections_[i].relocations));
      sections_.back().header.sh_entsize = sizeof(Elf64_Rela);
      sections_.back().header.sh_link = static_cast<Elf64_Word>(symtab);
      sections_.back().header.sh_info = static_cast<Elf64_Word>(i);
    }
    return write();
  }

 private:
  struct Section {
    std::string name;
    Elf64_Shdr header;
    std::vector<unsigned char> bytes;
    std::vector<Elf64_Rela> relocations;
  };

  template <typename T>
  static std::vector<unsigned char> bytes_of(const std::vector<T>& items) {
    std::vector<unsigned char> bytes(items.size() * sizeof(T));
    std::memcpy(bytes.data(), items.data(), bytes.size());
    return bytes;
  }

  std::vector<char> write() {
    std::string names(1, '\0');
    add_section(".shstrtab", SHT_STRTAB, 0, {});
    for (Section& section : sections_) {
      section.header.sh_name = static_cast<Elf64_Word>(names.size());
      names += section.name;
      names.push_back('\0');
    }
    sections_.back().bytes.assign(names.begin(), names.end());
    sections_.back().header.sh_size = names.size();
    std::vector<char> file(sizeof(Elf64_Ehdr));
    for (Section& section : sections_) {
      section.header.sh_offset = file.size();
      file.insert(file.end(), section.bytes.begin(), section.bytes.end());
    }
    Elf64_Ehdr header{};
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_ident[EI_VERSION] = EV_CURRENT;
    header.e_type = ET_REL;
    header.e_machine = EM_X86_64;
    header.e_version = EV_CURRENT;
    header.e_shoff = file.size();
    header.e_ehsize = sizeof header;
    header.e_shentsize = sizeof(Elf64_Shdr);
    header.e_shnum = static_cast<Elf64_Half>(sections_.size());
    header.e_shstrndx = static_cast<Elf64_Half>(sections_.size() - 1);
    std::memcpy(file.data(), &header, sizeof header);
    for (const Section& section : sections_) {
      const char* const bytes = reinterpret_cast<const char*>(&section.header);
      file.insert(file.end(), bytes, bytes + sizeof section.header);
    }
    return file;
  }

  std::vector<Section> sections_;
  std::vector<Elf64_Sym> symbols_;
  std::string strings_;
};

int outside_variable = 4711;
int outside_function(int x) { return 3 * x; }

void* resolve(const char* name) {
  if (std::strcmp(name, "outside_function") == 0) return reinterpret_cast<void*>(outside_function);
  if (std::strcmp(name, "outside_variable") == 0) return &outside_variable;
  return nullptr;
}

void* resolve_nothing(const char*) { return nullptr; }

// One function per kind of relocation.
std::vector<char> sample_object() {
  ObjectWriter w;
  const int text = w.add_section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, {});
  const int constants = w.add_section(".rodata", SHT_PROGBITS, SHF_ALLOC, {});
  const int data = w.add_section(".data", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE, {});
  const int bss = w.add_section(".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, {}, 5000);
  w.add_section(".comment", SHT_PROGBITS, 0, {'x', 0});
  const int unwind = w.add_section(".eh_frame", SHT_X86_64_UNWIND, SHF_ALLOC, {1, 2, 3, 4, 5, 6, 7, 8});
  const int in_constants = w.add_symbol("", constants, 0, STB_LOCAL, STT_SECTION);
  const int in_data = w.add_symbol("", data, 0, STB_LOCAL, STT_SECTION);
  const int in_bss = w.add_symbol("", bss, 4096, STB_LOCAL, STT_OBJECT);
  const int function = w.add_symbol("outside_function", SHN_UNDEF, 0);
  const int variable = w.add_symbol("outside_variable", SHN_UNDEF, 0);
  w.add_symbol("never_used_and_nowhere_defined", SHN_UNDEF, 0);
  const int common = w.add_symbol("common_counter", SHN_COMMON, 8, STB_GLOBAL, STT_OBJECT, 8);
  const int absolute = w.add_symbol("absolute", SHN_ABS, 1234);
  w.relocate(unwind, 0, R_X86_64_PC32, function, 0);  // never applied: the section is not loaded

  const double thousand = 1000;
  std::uint64_t bits;
  std::memcpy(&bits, &thousand, sizeof bits);
  for (int i = 0; i < 8; ++i) w.append(constants, {static_cast<unsigned char>(bits >> (8 * i))});
  std::uint64_t at = w.append(text, {0xf2, 0x0f, 0x58, 0x05, 0, 0, 0, 0, 0xc3});  // addsd xmm0, [constant]; ret
  w.relocate(text, at + 4, R_X86_64_PC32, in_constants, -4);
  w.add_symbol("add_thousand", text, at, STB_GLOBAL, STT_FUNC);

  at = w.append(text, {0x48, 0x83, 0xec, 0x08, 0xe8, 0, 0, 0, 0, 0x48, 0x83, 0xc4, 0x08, 0xc3});  // call
  w.relocate(text, at + 5, R_X86_64_PLT32, function, -4);
  const int triple = w.add_symbol("triple", text, at, STB_GLOBAL, STT_FUNC);

  at = w.append(text, {0x48, 0x8b, 0x05, 0, 0, 0, 0, 0x8b, 0x00, 0xc3});  // mov rax, [slot]; mov eax, [rax]; ret
  w.relocate(text, at + 3, R_X86_64_REX_GOTPCRELX, variable, -4);
  w.add_symbol("read_outside", text, at, STB_GLOBAL, STT_FUNC);

  at = w.append(text, {0xff, 0x25, 0, 0, 0, 0});  // jmp *[slot]
  w.relocate(text, at + 2, R_X86_64_GOTPCRELX, triple, -4);
  w.add_symbol("triple_by_slot", text, at, STB_GLOBAL, STT_FUNC);

  at = w.append(text, {0xff, 0x05, 0, 0, 0, 0, 0x8b, 0x05, 0, 0, 0, 0, 0xc3});  // inc [bss]; mov eax, [bss]; ret
  w.relocate(text, at + 2, R_X86_64_PC32, in_bss, -4);
  w.relocate(text, at + 8, R_X86_64_PC32, in_bss, -4);
  w.add_symbol("count", text, at, STB_GLOBAL, STT_FUNC);

  at = w.append(text, {0xff, 0x05, 0, 0, 0, 0, 0x8b, 0x05, 0, 0, 0, 0, 0xc3});
  w.relocate(text, at + 2, R_X86_64_PC32, common, -4);
  w.relocate(text, at + 8, R_X86_64_PC32, common, -4);
  w.add_symbol("count_common", text, at, STB_GLOBAL, STT_FUNC);

  const std::uint64_t pointer = w.append(data, {0, 0, 0, 0, 0, 0, 0, 0});
  w.relocate(data, pointer, R_X86_64_64, triple, 0);
  at = w.append(text, {0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xff, 0xe0});  // mov rax, [pointer]; jmp rax
  w.relocate(text, at + 3, R_X86_64_PC32, in_data, static_cast<std::int64_t>(pointer) - 4);
  w.add_symbol("triple_by_pointer", text, at, STB_GLOBAL, STT_FUNC);

  const std::uint64_t distance = w.append(constants, {0, 0, 0, 0, 0, 0, 0, 0});
  w.relocate(constants, distance, R_X86_64_PC64, triple, 0);
  at = w.append(text, {0x48, 0x8d, 0x05, 0, 0, 0, 0, 0x48, 0x03, 0x00, 0xff, 0xe0});  // lea rax; add rax, [rax]; jmp
  w.relocate(text, at + 3, R_X86_64_PC32, in_constants, static_cast<std::int64_t>(distance) - 4);
  w.add_symbol("triple_by_distance", text, at, STB_GLOBAL, STT_FUNC);

  at = w.append(text, {0x48, 0xc7, 0xc0, 0, 0, 0, 0, 0xc3});  // mov rax, absolute; ret
  w.relocate(text, at + 3, R_X86_64_32S, absolute, 1);
  w.add_symbol("absolute_plus_one", text, at, STB_GLOBAL, STT_FUNC);
  return w.finish();
}

// An object whose one instruction refers to `name`, by one relocation.
std::vector<char> object_with(unsigned type, const std::string& name) {
  ObjectWriter w;
  const int text = w.add_section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR, {0xe8, 0, 0, 0, 0, 0xc3, 0, 0, 0});
  w.relocate(text, 1, type, w.add_symbol(name, SHN_UNDEF, 0), -4);
  w.add_symbol("start", text, 0, STB_GLOBAL, STT_FUNC);
  return w.finish();
}

template <typename Signature>
Signature* function(const LoadedObject& object, const char* name) {
  void* const address = object.find(name);
  EXPECT_NE(address, nullptr) << name;
  return reinterpret_cast<Signature*>(address);
}

// "r-xp" and so on, for the page at an address.
std::string protection_of(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::uintptr_t begin, end;
    char dash;
    std::string protection;
    words >> std::hex >> begin >> dash >> end >> protection;
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    if (begin <= wanted && wanted < end) return protection;
  }
  return "not mapped";
}

std::string message_of(std::span<const char> object, SymbolResolver resolver) {
  try {
    LoadedObject::load(object, resolver);
  } catch (const CompileError& error) {
    return error.what();
  }
  return "";
}

TEST(Loader, AppliesEveryRelocation) {
  const auto object = LoadedObject::load(sample_object(), resolve);
  EXPECT_EQ(function<double(double)>(*object, "add_thousand")(0.5), 1000.5);
  EXPECT_EQ(function<int(int)>(*object, "triple")(14), 42);
  EXPECT_EQ(function<int()>(*object, "read_outside")(), 4711);
  EXPECT_EQ(function<int(int)>(*object, "triple_by_slot")(5), 15);
  EXPECT_EQ(function<int(int)>(*object, "triple_by_pointer")(6), 18);
  EXPECT_EQ(function<int(int)>(*object, "triple_by_distance")(7), 21);
  EXPECT_EQ(function<long()>(*object, "absolute_plus_one")(), 1235);
  for (int i = 1; i < 4; ++i) {
    EXPECT_EQ(function<int()>(*object, "count")(), i);
    EXPECT_EQ(function<int()>(*object, "count_common")(), i);
  }
}

TEST(Loader, TwoLoadsShareNothing) {
  const std::vector<char> bytes = sample_object();
  const auto first = LoadedObject::load(bytes, resolve);
  const auto second = LoadedObject::load(bytes, resolve);
  EXPECT_EQ(function<int()>(*first, "count")(), 1);
  EXPECT_EQ(function<int()>(*first, "count")(), 2);
  EXPECT_EQ(function<int()>(*second, "count")(), 1);
}

TEST(Loader, FindsOnlyWhatIsDefined) {
  const auto object = LoadedObject::load(sample_object(), resolve);
  EXPECT_EQ(object->find("outside_function"), nullptr);
  EXPECT_EQ(object->find("tripl"), nullptr);
  EXPECT_EQ(object->find(""), nullptr);
  EXPECT_NE(object->find("common_counter"), nullptr);
}

TEST(Loader, NoPageIsWritableAndExecutable) {
  const auto object = LoadedObject::load(sample_object(), resolve);
  const char* const code = static_cast<const char*>(object->find("triple"));
  EXPECT_EQ(protection_of(code), "r-xp");
  EXPECT_EQ(protection_of(object->find("common_counter")), "rw-p");
  const char* const begin = code - reinterpret_cast<std::uintptr_t>(code) % 4096;
  int constants = 0;
  for (std::size_t offset = 0; offset < object->mapped_bytes(); offset += 4096) {
    const std::string protection = protection_of(begin + offset);
    EXPECT_FALSE(protection[1] == 'w' && protection[2] == 'x') << offset;
    constants += protection == "r--p";
  }
  EXPECT_EQ(constants, 1);
}

TEST(Loader, UnmapsWhenDestroyed) {
  // Large enough that no other mapping takes the same place in between.
  ObjectWriter w;
  w.add_section(".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, {}, 64 << 20);
  w.add_symbol("memory", 1, 0);
  auto object = LoadedObject::load(w.finish(), resolve);
  const char* const middle = static_cast<const char*>(object->find("memory")) + (32 << 20);
  EXPECT_EQ(protection_of(middle), "rw-p");
  object.reset();
  EXPECT_EQ(protection_of(middle), "not mapped");
}

TEST(Loader, NamesTheMissingSymbol) {
  EXPECT_NE(message_of(object_with(R_X86_64_PLT32, "nowhere"), resolve_nothing).find("'nowhere'"), std::string::npos);
  EXPECT_NE(message_of(object_with(R_X86_64_PLT32, "nowhere"), nullptr).find("'nowhere'"), std::string::npos);
  EXPECT_EQ(message_of(object_with(R_X86_64_PLT32, "outside_function"), resolve), "");
}

TEST(Loader, RefusesWhatIsOutOfReach) {
  const std::string message = message_of(object_with(R_X86_64_32S, "outside_variable"), [](const char*) -> void* {
    return reinterpret_cast<void*>(std::uintptr_t{0x7fff12345678});
  });
  EXPECT_NE(message.find("out of reach"), std::string::npos) << message;
}

TEST(Loader, RefusesWhatItDoesNotDo) {
  EXPECT_NE(message_of(object_with(R_X86_64_TPOFF32, "outside_variable"), resolve).find("relocation type"),
            std::string::npos);
  ObjectWriter both;
  both.add_section(".text", SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR | SHF_WRITE, {0xc3});
  EXPECT_NE(message_of(both.finish(), resolve), "");
  ObjectWriter constructors;
  constructors.add_section(".init_array", SHT_INIT_ARRAY, SHF_ALLOC | SHF_WRITE, {0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_NE(message_of(constructors.finish(), resolve), "");
  ObjectWriter local;
  local.add_section(".tdata", SHT_PROGBITS, SHF_ALLOC | SHF_WRITE | SHF_TLS, {0});
  EXPECT_NE(message_of(local.finish(), resolve), "");
  ObjectWriter huge;
  huge.add_section(".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, {}, std::uint64_t{1} << 62);
  EXPECT_NE(message_of(huge.finish(), resolve), "");
  EXPECT_NE(message_of({}, resolve), "");
}

// Loads a damaged object: an exception of the two kinds or an object, never a crash. Returns whether it loaded.
bool survives(std::span<const char> damaged) {
  try {
    return LoadedObject::load(damaged, resolve) != nullptr;
  } catch (const CompileError&) {
    return false;
  } catch (const RuntimeError&) {
    return false;
  }
}

TEST(LoaderFuzz, EveryTruncation) {
  const std::vector<char> object = sample_object();
  // An exact copy each time, so that an address sanitizer sees a read past the end. The section table is last: nothing
  // shorter can load.
  for (std::size_t size = 0; size < object.size(); ++size)
    EXPECT_FALSE(survives(std::vector<char>(object.begin(), object.begin() + static_cast<std::ptrdiff_t>(size))))
        << size;
  EXPECT_TRUE(survives(object));
}

TEST(LoaderFuzz, EveryByte) {
  const std::vector<char> object = sample_object();
  std::vector<char> damaged = object;
  std::size_t loaded = 0;
  for (std::size_t i = 0; i < object.size(); ++i) {
    for (const int flip : {0x01, 0x10, 0x80, 0xff}) {
      damaged[i] = static_cast<char>(object[i] ^ flip);
      loaded += survives(damaged);
    }
    damaged[i] = object[i];
  }
  EXPECT_GT(loaded, 0u);  // damaged instructions cannot be told from others
  EXPECT_LT(loaded, 4 * object.size());
}

TEST(LoaderFuzz, SeveralBytes) {
  const std::vector<char> object = sample_object();
  std::mt19937 random(20240711);
  std::size_t refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::vector<char> damaged = object;
    for (unsigned n = 1 + random() % 8; n > 0; --n) {
      const std::size_t at = random() % damaged.size();
      const unsigned kind = random() % 3;
      damaged[at] = static_cast<char>(kind == 0 ? 0xff : kind == 1 ? 0 : random());
    }
    refused += !survives(damaged);
  }
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace kiln::on_cpu
