// The warp operations of CUDA C++. They are macros because a thread names the line it waits at.
#pragma once

namespace kiln::simulated {

template <typename T>
inline T shuffle(WarpOperation operation, unsigned line, unsigned mask, T value, int argument, int width = 32) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA shuffles values of 32 and 64 bits");
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  bits = state.services.warp(operation, line, mask, bits, argument, width);
  T result;
  __builtin_memcpy(&result, &bits, sizeof result);
  return result;
}

inline unsigned vote(WarpOperation operation, unsigned line, unsigned mask, int predicate) {
  return static_cast<unsigned>(state.services.warp(operation, line, mask, predicate != 0, 0, 32));
}

template <typename T>
inline unsigned match_any(unsigned line, unsigned mask, T value) {
  unsigned long long bits = 0;
  __builtin_memcpy(&bits, &value, sizeof value);
  return static_cast<unsigned>(state.services.warp(WarpOperation::match_any, line, mask, bits, 0, 32));
}

inline void synchronize_warp(unsigned line, unsigned mask = 0xffffffffu) {
  state.services.warp(WarpOperation::synchronize, line, mask, 0, 0, 32);
}

inline unsigned reduce(WarpOperation of_signed, WarpOperation of_unsigned, unsigned line, unsigned mask,
                       unsigned value) {
  (void)of_signed;
  return static_cast<unsigned>(state.services.warp(of_unsigned, line, mask, value, 0, 32));
}
inline int reduce(WarpOperation of_signed, WarpOperation of_unsigned, unsigned line, unsigned mask, int value) {
  (void)of_unsigned;
  return static_cast<int>(state.services.warp(of_signed, line, mask, static_cast<unsigned>(value), 0, 32));
}

}  // namespace kiln::simulated

#define KILN_SIMULATED_SHUFFLE(operation, ...) \
  (::kiln::simulated::shuffle(::kiln::simulated::WarpOperation::operation, __LINE__, __VA_ARGS__))
#define __shfl_sync(...) KILN_SIMULATED_SHUFFLE(shuffle, __VA_ARGS__)
#define __shfl_up_sync(...) KILN_SIMULATED_SHUFFLE(shuffle_up, __VA_ARGS__)
#define __shfl_down_sync(...) KILN_SIMULATED_SHUFFLE(shuffle_down, __VA_ARGS__)
#define __shfl_xor_sync(...) KILN_SIMULATED_SHUFFLE(shuffle_xor, __VA_ARGS__)

#define KILN_SIMULATED_VOTE(operation, mask, predicate) \
  (::kiln::simulated::vote(::kiln::simulated::WarpOperation::operation, __LINE__, (mask), (predicate)))
#define __ballot_sync(mask, predicate) KILN_SIMULATED_VOTE(ballot, mask, predicate)
#define __any_sync(mask, predicate) (static_cast<int>(KILN_SIMULATED_VOTE(any, mask, predicate)))
#define __all_sync(mask, predicate) (static_cast<int>(KILN_SIMULATED_VOTE(all, mask, predicate)))
#define __match_any_sync(mask, value) (::kiln::simulated::match_any(__LINE__, (mask), (value)))
#define __syncwarp(...) (::kiln::simulated::synchronize_warp(__LINE__ __VA_OPT__(, ) __VA_ARGS__))

#define KILN_SIMULATED_REDUCE(of_signed, of_unsigned, mask, value)        \
  (::kiln::simulated::reduce(::kiln::simulated::WarpOperation::of_signed, \
                             ::kiln::simulated::WarpOperation::of_unsigned, __LINE__, (mask), (value)))
#define __reduce_add_sync(mask, value) KILN_SIMULATED_REDUCE(reduce_add, reduce_add, mask, value)
#define __reduce_min_sync(mask, value) KILN_SIMULATED_REDUCE(reduce_min_signed, reduce_min_unsigned, mask, value)
#define __reduce_max_sync(mask, value) KILN_SIMULATED_REDUCE(reduce_max_signed, reduce_max_unsigned, mask, value)
#define __reduce_and_sync(mask, value) KILN_SIMULATED_REDUCE(reduce_and, reduce_and, mask, value)
#define __reduce_or_sync(mask, value) KILN_SIMULATED_REDUCE(reduce_or, reduce_or, mask, value)
#define __reduce_xor_sync(mask, value) KILN_SIMULATED_REDUCE(reduce_xor, reduce_xor, mask, value)

// Which threads run together is for the device to say; here each runs alone.
inline unsigned __activemask() { return 1u << kiln::simulated::state.lane; }
inline unsigned __lane_id() { return kiln::simulated::state.lane; }
