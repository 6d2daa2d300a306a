// What CUDA C++ has built in, for the host's compiler: qualifiers, indices, vector types, barriers; the rest in the
// headers included at the end. No header of the C or C++ library: reading one takes ten times as long as compiling a
// kernel.
#pragma once

#include "module.h"

#define KILN_SIMULATED_DEVICE 1
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __CUDACC_VER_MAJOR__ 13
#define __CUDACC_VER_MINOR__ 0

typedef decltype(sizeof(0)) size_t;
typedef decltype((char*)0 - (char*)0) ptrdiff_t;

// --- qualifiers ---

#define __host__
#define __device__
#define __global__
#define __constant__
#define __managed__
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __builtin_align__(n) __attribute__((aligned(n)))
// One block runs at a time, so that its shared variables can be the module's; the driver spoils them before each block.
// An `extern __shared__` array is rewritten to KILN_SIMULATED_DYNAMIC_SHARED before the compiler sees it.
#define __shared__ static __attribute__((section(KILN_SIMULATED_SHARED)))
// Each program of a unit has a section and a list of its own.
#define KILN_SIMULATED_SHARED "kiln_simulated_shared"
#define KILN_SIMULATED_KERNELS ::kiln::simulated::kernels

// --- the running thread ---

namespace kiln::simulated {

__attribute__((visibility("hidden"))) inline DeviceState state;
__attribute__((visibility("hidden"))) inline const Kernel* kernels = nullptr;

struct DynamicShared {
  template <typename T>
  operator T*() const {
    return reinterpret_cast<T*>(state.dynamic_shared);
  }
};

}  // namespace kiln::simulated

#define KILN_SIMULATED_DYNAMIC_SHARED (::kiln::simulated::DynamicShared{})

using uint3 = kiln::simulated::Index3;

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : x(vx), y(vy), z(vz) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return uint3{x, y, z}; }
};

#define threadIdx (static_cast<const uint3&>(::kiln::simulated::state.thread))
#define blockIdx (static_cast<const uint3&>(::kiln::simulated::state.block))
#define blockDim (static_cast<const uint3&>(::kiln::simulated::state.block_size))
#define gridDim (static_cast<const uint3&>(::kiln::simulated::state.grid_size))
constexpr int warpSize = 32;

// --- vector types ---

#define KILN_SIMULATED_VECTORS(name, type, alignment2, alignment4)            \
  struct name##1 { type x; };                                                 \
  struct __align__(alignment2) name##2 { type x, y; };                        \
  struct name##3 { type x, y, z; };                                           \
  struct __align__(alignment4) name##4 { type x, y, z, w; };                  \
  inline name##1 make_##name##1(type x) { return {x}; }                       \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }            \
  inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; } \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

KILN_SIMULATED_VECTORS(char, signed char, 2, 4)
KILN_SIMULATED_VECTORS(uchar, unsigned char, 2, 4)
KILN_SIMULATED_VECTORS(short, short, 4, 8)
KILN_SIMULATED_VECTORS(ushort, unsigned short, 4, 8)
KILN_SIMULATED_VECTORS(int, int, 8, 16)
KILN_SIMULATED_VECTORS(longlong, long long, 16, 16)
KILN_SIMULATED_VECTORS(ulonglong, unsigned long long, 16, 16)
KILN_SIMULATED_VECTORS(float, float, 8, 16)
KILN_SIMULATED_VECTORS(double, double, 16, 16)

struct uint1 {
  unsigned x;
};
struct __align__(8) uint2 {
  unsigned x, y;
};
struct __align__(16) uint4 {
  unsigned x, y, z, w;
};
inline uint1 make_uint1(unsigned x) { return {x}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// --- barriers and failures ---

#define __syncthreads() \
  ((void)::kiln::simulated::state.services.barrier(__LINE__, ::kiln::simulated::BarrierVote::none, 0))
#define __syncthreads_or(predicate) \
  (::kiln::simulated::state.services.barrier(__LINE__, ::kiln::simulated::BarrierVote::any, (predicate) != 0))
#define __syncthreads_and(predicate) \
  (::kiln::simulated::state.services.barrier(__LINE__, ::kiln::simulated::BarrierVote::all, (predicate) != 0))
#define __syncthreads_count(predicate) \
  (::kiln::simulated::state.services.barrier(__LINE__, ::kiln::simulated::BarrierVote::count, (predicate) != 0))

// Memory is one here; a compiler's barrier keeps the order the text has.
inline void __threadfence() { asm volatile("" ::: "memory"); }
inline void __threadfence_block() { asm volatile("" ::: "memory"); }
inline void __threadfence_system() { asm volatile("" ::: "memory"); }

#define __trap() (::kiln::simulated::state.services.fail(::kiln::simulated::Failure::trap, __LINE__, "__trap"))
#define __brkpt() __trap()
#undef assert
#define assert(condition)             \
  ((condition) ? static_cast<void>(0) \
               : ::kiln::simulated::state.services.fail(::kiln::simulated::Failure::assertion, __LINE__, #condition))

inline void __nanosleep(unsigned) { kiln::simulated::state.services.yield(); }
inline long long clock64() { return kiln::simulated::state.services.clock(); }
inline int clock() { return static_cast<int>(clock64()); }

extern "C" int printf(const char*, ...);
extern "C" void* memcpy(void*, const void*, size_t);
extern "C" void* memset(void*, int, size_t);

#include "device_atomics.h"
#include "device_bits.h"
#include "device_math.h"
#include "device_warp.h"

// --- kernels ---

namespace kiln::simulated {

template <typename T>
constexpr bool is_pointer = false;
template <typename T>
constexpr bool is_pointer<T*> = true;

template <auto function, typename Type = decltype(function)>
struct KernelOf;

template <auto function, typename... Types>
struct KernelOf<function, void (*)(Types...)> {
  static constexpr unsigned count = sizeof...(Types);

  struct Parameters {
    Parameter list[count + 1];
    unsigned bytes;
  };
  static constexpr Parameters describe() {
    Parameters result{{{sizeof(Types), alignof(Types), 0, is_pointer<Types>}..., {}}, 0};
    for (unsigned i = 0; i < count; ++i) {
      const unsigned alignment = result.list[i].alignment;
      result.list[i].offset = (result.bytes + alignment - 1) / alignment * alignment;
      result.bytes = result.list[i].offset + result.list[i].bytes;
    }
    return result;
  }
  static constexpr Parameters parameters = describe();

  struct Call {
    Call(Types... values) { function(values...); }
  };
  static void run(void** values) {
    Call{*static_cast<Types*>(*values++)...};  // braces evaluate from the left
    (void)values;
  }
};

struct Registration {
  Registration(Kernel& kernel, const Kernel*& list) {
    kernel.next = list;
    list = &kernel;
  }
};

}  // namespace kiln::simulated

// The translation of a program's text puts one behind each kernel's body.
#define KILN_SIMULATED_KERNEL(name, bound)                                                                \
  static ::kiln::simulated::Kernel kiln_simulated_kernel_##name = {                                       \
      #name,                                                                                              \
      &::kiln::simulated::KernelOf<&name>::run,                                                           \
      ::kiln::simulated::KernelOf<&name>::parameters.list,                                                \
      ::kiln::simulated::KernelOf<&name>::count,                                                          \
      ::kiln::simulated::KernelOf<&name>::parameters.bytes,                                               \
      bound,                                                                                              \
      nullptr};                                                                                           \
  static ::kiln::simulated::Registration kiln_simulated_registration_##name(kiln_simulated_kernel_##name, \
                                                                            KILN_SIMULATED_KERNELS);

#define KILN_SIMULATED_MODULE(name, list, section)                                                       \
  extern "C" {                                                                                           \
  extern unsigned char __start_##section[] __attribute__((weak, visibility("hidden")));                  \
  extern unsigned char __stop_##section[] __attribute__((weak, visibility("hidden")));                   \
  extern __attribute__((visibility("default"))) const kiln::simulated::Module name;                      \
  const kiln::simulated::Module name = {kiln::simulated::module_version, &kiln::simulated::state, &list, \
                                        __start_##section, __stop_##section};                            \
  }
KILN_SIMULATED_MODULE(kiln_simulated_module, kiln::simulated::kernels, kiln_simulated_shared)
