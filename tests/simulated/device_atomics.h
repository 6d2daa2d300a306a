// The atomic operations of CUDA C++. One thread runs at a time, so plain reads and writes are atomic enough; the
// barrier for the compiler keeps it from holding a value in a register across one.
#pragma once

namespace kiln::simulated {

template <typename T, typename Update>
inline __attribute__((always_inline)) T update(T* address, Update&& updated) {
  volatile T* place = address;
  const T old = *place;
  *place = updated(old);
  asm volatile("" ::: "memory");
  return old;
}

}  // namespace kiln::simulated

#define KILN_SIMULATED_ATOMIC(name, type, expression)                                          \
  inline type name(type* address, type value) {                                                \
    return ::kiln::simulated::update(address, [&](type old) -> type { return (expression); }); \
  }                                                                                            \
  inline type name##_block(type* address, type value) { return name(address, value); }         \
  inline type name##_system(type* address, type value) { return name(address, value); }

#define KILN_SIMULATED_ATOMICS_OF_INTEGERS(type)                    \
  KILN_SIMULATED_ATOMIC(atomicMin, type, value < old ? value : old) \
  KILN_SIMULATED_ATOMIC(atomicMax, type, value > old ? value : old) \
  KILN_SIMULATED_ATOMIC(atomicAnd, type, old& value)                \
  KILN_SIMULATED_ATOMIC(atomicOr, type, old | value)                \
  KILN_SIMULATED_ATOMIC(atomicXor, type, old ^ value)

#define KILN_SIMULATED_ATOMIC_CAS(type)                                                                               \
  inline type atomicCAS(type* address, type compare, type value) {                                                    \
    return ::kiln::simulated::update(address, [&](type old) -> type { return old == compare ? value : old; });        \
  }                                                                                                                   \
  inline type atomicCAS_block(type* address, type compare, type value) { return atomicCAS(address, compare, value); } \
  inline type atomicCAS_system(type* address, type compare, type value) { return atomicCAS(address, compare, value); }

KILN_SIMULATED_ATOMICS_OF_INTEGERS(int)
KILN_SIMULATED_ATOMICS_OF_INTEGERS(unsigned)
KILN_SIMULATED_ATOMICS_OF_INTEGERS(long long)
KILN_SIMULATED_ATOMICS_OF_INTEGERS(unsigned long long)

// CUDA has no atomicAdd or atomicExch of long long, and atomicSub of 32 bits alone. Integers wrap.
KILN_SIMULATED_ATOMIC(atomicAdd, int, static_cast<int>(static_cast<unsigned>(old) + static_cast<unsigned>(value)))
KILN_SIMULATED_ATOMIC(atomicAdd, unsigned, old + value)
KILN_SIMULATED_ATOMIC(atomicAdd, unsigned long long, old + value)
KILN_SIMULATED_ATOMIC(atomicAdd, float, old + value)
KILN_SIMULATED_ATOMIC(atomicAdd, double, old + value)
KILN_SIMULATED_ATOMIC(atomicSub, int, static_cast<int>(static_cast<unsigned>(old) - static_cast<unsigned>(value)))
KILN_SIMULATED_ATOMIC(atomicSub, unsigned, old - value)
KILN_SIMULATED_ATOMIC(atomicExch, int, ((void)old, value))
KILN_SIMULATED_ATOMIC(atomicExch, unsigned, ((void)old, value))
KILN_SIMULATED_ATOMIC(atomicExch, unsigned long long, ((void)old, value))
KILN_SIMULATED_ATOMIC(atomicExch, float, ((void)old, value))
KILN_SIMULATED_ATOMIC(atomicInc, unsigned, old >= value ? 0u : old + 1)
KILN_SIMULATED_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
KILN_SIMULATED_ATOMIC_CAS(int)
KILN_SIMULATED_ATOMIC_CAS(unsigned)
KILN_SIMULATED_ATOMIC_CAS(unsigned long long)
KILN_SIMULATED_ATOMIC_CAS(unsigned short)

template <typename T>
inline T __ldg(const T* address) {
  return *address;
}
#define KILN_SIMULATED_LOAD(name)   \
  template <typename T>             \
  inline T name(const T* address) { \
    return *address;                \
  }
KILN_SIMULATED_LOAD(__ldcg)
KILN_SIMULATED_LOAD(__ldca)
KILN_SIMULATED_LOAD(__ldcs)
KILN_SIMULATED_LOAD(__ldlu)
KILN_SIMULATED_LOAD(__ldcv)

#define KILN_SIMULATED_STORE(name)              \
  template <typename T>                         \
  inline void name(T* address, const T value) { \
    *address = value;                           \
  }
KILN_SIMULATED_STORE(__stwb)
KILN_SIMULATED_STORE(__stcg)
KILN_SIMULATED_STORE(__stcs)
KILN_SIMULATED_STORE(__stwt)
