// Detects the host processor with cpuid, and its last cache with cpuid or sysfs.
#include "cpu/target.h"

#include <cpuid.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <thread>

#include <kiln/error.h>

namespace kiln::on_cpu {
namespace {

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// Under a hypervisor each cpuid leaves the guest and costs a microsecond or more, so every leaf is read once.
struct Leaves {
  Registers vendor;
  Registers basic;       // leaf 1
  Registers structured;  // leaf 7, subleaf 0
  Registers extended;    // leaf 0x80000001
  std::uint64_t enabled_state = 0;
};

Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  __cpuid_count(leaf, subleaf, r.eax, r.ebx, r.ecx, r.edx);
  return r;
}

std::uint64_t read_enabled_state() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (std::uint64_t{high} << 32) | low;
}

constexpr bool bit(unsigned word, int index) { return ((word >> index) & 1U) != 0; }

Leaves read_leaves() {
  Leaves leaves;
  leaves.vendor = cpuid(0, 0);
  leaves.basic = cpuid(1, 0);
  if (leaves.vendor.eax >= 7) leaves.structured = cpuid(7, 0);
  leaves.extended = cpuid(0x80000001, 0);
  const bool has_xgetbv = bit(leaves.basic.ecx, 27);
  if (has_xgetbv) leaves.enabled_state = read_enabled_state();
  return leaves;
}

struct Feature {
  const char* name;
  bool present;
};

struct Capabilities {
  bool ymm = false;  // the operating system saves the 256-bit registers
  bool zmm = false;  // ... and the 512-bit ones
  bool level2 = false, level3 = false, level4 = false;
  bool avx2_and_fma = false;
  bool modern_avx512 = false;
  std::string features;
};

Capabilities capabilities_of(const Leaves& l) {
  Capabilities c;
  c.ymm = (l.enabled_state & 0x6) == 0x6 && bit(l.basic.ecx, 28);
  c.zmm = c.ymm && (l.enabled_state & 0xe6) == 0xe6 && bit(l.structured.ebx, 16);
  const bool avx2 = c.ymm && bit(l.structured.ebx, 5);
  const bool fma = c.ymm && bit(l.basic.ecx, 12);
  const bool f16c = c.ymm && bit(l.basic.ecx, 29);
  const bool bmi = bit(l.structured.ebx, 3), bmi2 = bit(l.structured.ebx, 8);
  const bool lzcnt = bit(l.extended.ecx, 5), movbe = bit(l.basic.ecx, 22);
  const bool dq = c.zmm && bit(l.structured.ebx, 17), cd = c.zmm && bit(l.structured.ebx, 28);
  const bool bw = c.zmm && bit(l.structured.ebx, 30), vl = c.zmm && bit(l.structured.ebx, 31);
  const bool vbmi2 = c.zmm && bit(l.structured.ecx, 6);
  const Feature features[] = {
      {"sse3", bit(l.basic.ecx, 0)},
      {"ssse3", bit(l.basic.ecx, 9)},
      {"sse4.1", bit(l.basic.ecx, 19)},
      {"sse4.2", bit(l.basic.ecx, 20)},
      {"popcnt", bit(l.basic.ecx, 23)},
      {"cx16", bit(l.basic.ecx, 13)},
      {"sahf", bit(l.extended.ecx, 0)},
      {"lzcnt", lzcnt},
      {"movbe", movbe},
      {"bmi", bmi},
      {"bmi2", bmi2},
      {"avx", c.ymm},
      {"avx2", avx2},
      {"fma", fma},
      {"f16c", f16c},
      {"avx512f", c.zmm},
      {"avx512cd", cd},
      {"avx512dq", dq},
      {"avx512bw", bw},
      {"avx512vl", vl},
      {"avx512vbmi", c.zmm && bit(l.structured.ecx, 1)},
      {"avx512vbmi2", vbmi2},
      {"avx512vnni", c.zmm && bit(l.structured.ecx, 11)},
      {"avx512bitalg", c.zmm && bit(l.structured.ecx, 12)},
      {"avx512vpopcntdq", c.zmm && bit(l.structured.ecx, 14)},
      {"avx512fp16", bw && vl && bit(l.structured.edx, 23)},
      // Its conversion flushes denormal numbers to zero, so no rounding to bf16 may use it.
      {"avx512bf16", false},
  };
  for (const Feature& feature : features) {
    if (!c.features.empty()) c.features += ',';
    c.features += feature.present ? '+' : '-';
    c.features += feature.name;
  }
  c.level2 = features[0].present && features[1].present && features[2].present && features[3].present &&
             features[4].present && features[5].present && features[6].present;
  c.level3 = c.level2 && avx2 && fma && f16c && bmi && bmi2 && lzcnt && movbe;
  c.level4 = c.level3 && c.zmm && dq && cd && bw && vl;
  c.avx2_and_fma = avx2 && fma;
  // The first generation of AVX-512 lowers the clock for 512-bit arithmetic; the ones with VBMI2 do so hardly or not.
  c.modern_avx512 = c.level4 && vbmi2;
  return c;
}

const char* tune_amd(unsigned family, unsigned model) {
  if (family == 0x17) return model < 0x30 ? "znver1" : "znver2";
  if (family == 0x19) return (model >= 0x10 && model <= 0x1f) || model >= 0x60 ? "znver4" : "znver3";
  if (family >= 0x1a) return "znver5";
  return "generic";
}

const char* tune_intel(unsigned family, unsigned model) {
  if (family != 6) return "generic";
  switch (model) {
    case 0x3c:
    case 0x3f:
    case 0x45:
    case 0x46: return "haswell";
    case 0x3d:
    case 0x47:
    case 0x4f:
    case 0x56: return "broadwell";
    case 0x4e:
    case 0x5e:
    case 0x8e:
    case 0x9e:
    case 0xa5:
    case 0xa6: return "skylake";
    case 0x55: return "skylake-avx512";
    case 0x7d:
    case 0x7e: return "icelake-client";
    case 0x6a:
    case 0x6c: return "icelake-server";
    case 0x8c:
    case 0x8d: return "tigerlake";
    case 0x97:
    case 0x9a:
    case 0xb7:
    case 0xba:
    case 0xbf: return "alderlake";
    case 0x8f: return "sapphirerapids";
    case 0xcf: return "emeraldrapids";
    case 0xad:
    case 0xae: return "graniterapids";
    default: return "generic";
  }
}

std::string vendor_of(const Leaves& leaves) {
  const unsigned words[] = {leaves.vendor.ebx, leaves.vendor.edx, leaves.vendor.ecx};
  std::string vendor(sizeof words, ' ');
  std::memcpy(vendor.data(), words, sizeof words);
  return vendor;
}

std::string tune_cpu_of(const Leaves& leaves) {
  const unsigned signature = leaves.basic.eax;
  unsigned family = (signature >> 8) & 0xf;
  unsigned model = (signature >> 4) & 0xf;
  if (family == 6 || family == 15) model |= ((signature >> 16) & 0xf) << 4;
  if (family == 15) family += (signature >> 20) & 0xff;
  const std::string name = vendor_of(leaves);
  if (name == "AuthenticAMD") return tune_amd(family, model);
  if (name == "GenuineIntel") return tune_intel(family, model);
  return "generic";
}

// The size in a sysfs cache entry ("32768K"), 0 if there is none.
std::size_t cache_size(const char* path) {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[32];
  const ssize_t length = ::read(file, text, sizeof text);
  ::close(file);
  if (length <= 0) return 0;
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text, text + length, size);
  if (error != std::errc()) return 0;
  if (end < text + length && *end == 'K') return size << 10;
  if (end < text + length && *end == 'M') return size << 20;
  return size;
}

// The third-level cache as the processor describes it, 0 if it does not: five times faster than asking the kernel.
std::size_t third_level_cache(const Leaves& leaves) {
  const bool amd = vendor_of(leaves) == "AuthenticAMD";
  if (amd ? !bit(leaves.extended.ecx, 22) : leaves.vendor.eax < 4) return 0;
  const Registers r = cpuid(amd ? 0x8000001d : 4, 3);
  const bool is_third_level = (r.eax & 0x1f) != 0 && ((r.eax >> 5) & 0x7) == 3;
  if (!is_third_level) return 0;
  const std::size_t line = (r.ebx & 0xfff) + 1, partitions = ((r.ebx >> 12) & 0x3ff) + 1, ways = (r.ebx >> 22) + 1;
  return line * partitions * ways * (std::size_t{r.ecx} + 1);
}

std::size_t last_level_cache_bytes(const Leaves& leaves) {
  if (const std::size_t size = third_level_cache(leaves)) return size;
  for (const char* path :
       {"/sys/devices/system/cpu/cpu0/cache/index3/size", "/sys/devices/system/cpu/cpu0/cache/index2/size"})
    if (const std::size_t size = cache_size(path)) return size;
  for (const int name : {_SC_LEVEL3_CACHE_SIZE, _SC_LEVEL2_CACHE_SIZE})
    if (const long size = ::sysconf(name); size > 0) return static_cast<std::size_t>(size);
  return std::size_t{1} << 20;  // no information (some containers): small enough to be safe for streaming stores
}

// A cache that many cores share is this process's in part: two cores of a chip with 504 MiB (Xeon 6) take 0.8 of the
// time for a triad past the cache from 16 MiB an array on.
std::size_t own_part(std::size_t cache_bytes) {
  constexpr std::size_t share_of_core = std::size_t{16} << 20;
  return std::min(cache_bytes, share_of_core * std::max(1u, std::thread::hardware_concurrency()));
}

Target detect() {
  const Leaves leaves = read_leaves();
  Capabilities found = capabilities_of(leaves);
  Target target;
  target.cpu = found.level4 ? "x86-64-v4" : found.level3 ? "x86-64-v3" : found.level2 ? "x86-64-v2" : "x86-64";
  target.tune_cpu = tune_cpu_of(leaves);
  target.features = std::move(found.features);
  target.has_avx2 = found.avx2_and_fma;
  target.vector_registers = found.level4 ? 32 : 16;
  target.physical_vector_bits = found.level4 ? 512 : found.avx2_and_fma ? 256 : 128;
  target.vector_bits = found.modern_avx512 ? 512 : found.avx2_and_fma ? 256 : 128;
  target.last_level_cache_bytes = own_part(last_level_cache_bytes(leaves));
  return target;
}

}  // namespace

const Target& host_target() {
  static const Target& target = *new Target(detect());  // never destroyed: kernels may run during exit
  return target;
}

Target host_target_with_vector_bits(int vector_bits) {
  if (vector_bits != 128 && vector_bits != 256 && vector_bits != 512)
    throw UsageError("the vector width must be 128, 256 or 512 bits, not " + std::to_string(vector_bits));
  Target target = host_target();
  target.vector_bits = vector_bits;
  return target;
}

}  // namespace kiln::on_cpu
