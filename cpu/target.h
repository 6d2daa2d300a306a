// What the CPU we generate code for can do: known without LLVM, so that a disk-cache key costs microseconds.
#pragma once

#include <cstddef>
#include <string>

namespace kiln::on_cpu {

struct Target {
  std::string cpu;        // LLVM processor that implies nothing the machine lacks: "x86-64" ... "x86-64-v4"
  std::string tune_cpu;   // LLVM processor whose scheduling model fits best; never adds an instruction set
  std::string features;   // LLVM feature string; "-name" as well as "+name", so that it also works across machines
  int vector_bits = 128;  // 128, 256 or 512: how wide the generator makes one vector
  int physical_vector_bits = 128;  // the widest register the processor and the operating system offer
  int vector_registers = 16;       // 32 with AVX-512, also for narrower vectors
  std::size_t last_level_cache_bytes = 0;
  bool quick = false;     // LLVM's fastest code generation
  bool has_avx2 = false;  // AVX2 and FMA: the 256-bit vector mathematics can be called

  bool operator==(const Target&) const = default;
};

// The machine this process runs on; detected once.
const Target& host_target();

// The same machine with another vector width. All encodings stay allowed: 128 on an AVX2 machine still uses AVX2
// instructions on 128-bit registers; a width above the physical one is split by LLVM. Throws UsageError for a width
// that is not 128, 256 or 512.
Target host_target_with_vector_bits(int vector_bits);

}  // namespace kiln::on_cpu
