// The results of shuffles, votes and reductions, lane by lane.
#include "tests/simulated/warp.h"

#include <algorithm>
#include <cstdint>

namespace kiln::simulated {
namespace {

// What a lane that takes no part contributes: on a GPU, undefined.
constexpr unsigned long long undefined_value = 0xd7d7d7d7d7d7d7d7;

int source_of(const WarpRequest& request, int lane) {
  const int width = std::clamp(request.width, 1, 32);
  const int first = lane / width * width;
  const int last = first + width - 1;
  switch (request.operation) {
    case WarpOperation::shuffle: return first + (request.argument & (width - 1));
    case WarpOperation::shuffle_up: return lane - request.argument < first ? lane : lane - request.argument;
    case WarpOperation::shuffle_down: return lane + request.argument > last ? lane : lane + request.argument;
    default: {  // a lane may read below its group, but not above
      const int source = lane ^ request.argument;
      return source > last || source > 31 ? lane : source;
    }
  }
}

bool is_shuffle(WarpOperation operation) {
  return operation >= WarpOperation::shuffle && operation <= WarpOperation::shuffle_xor;
}

template <typename Read>
std::uint32_t ballot(WarpRequest* const (&lanes)[32], const Read& read) {
  std::uint32_t bits = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (lanes[lane] != nullptr && read(*lanes[lane])) bits |= 1u << lane;
  }
  return bits;
}

template <typename Value, typename Combine>
std::uint32_t reduced(WarpRequest* const (&lanes)[32], const Combine& combine) {
  bool first = true;
  Value result{};
  for (const WarpRequest* request : lanes) {
    if (request == nullptr) continue;
    const auto value = static_cast<Value>(static_cast<std::uint32_t>(request->value));
    result = first ? value : combine(result, value);
    first = false;
  }
  return static_cast<std::uint32_t>(result);
}

// The one result of a vote or reduction.
std::uint32_t common(WarpRequest* const (&lanes)[32], WarpOperation operation) {
  using U = std::uint32_t;
  using S = std::int32_t;
  const std::uint32_t set = ballot(lanes, [](const WarpRequest& request) { return request.value != 0; });
  switch (operation) {
    case WarpOperation::ballot: return set;
    case WarpOperation::any: return set != 0;
    case WarpOperation::all: return set == ballot(lanes, [](const WarpRequest&) { return true; });
    case WarpOperation::reduce_add: return reduced<U>(lanes, [](U a, U b) { return a + b; });
    case WarpOperation::reduce_min_signed: return reduced<S>(lanes, [](S a, S b) { return std::min(a, b); });
    case WarpOperation::reduce_max_signed: return reduced<S>(lanes, [](S a, S b) { return std::max(a, b); });
    case WarpOperation::reduce_min_unsigned: return reduced<U>(lanes, [](U a, U b) { return std::min(a, b); });
    case WarpOperation::reduce_max_unsigned: return reduced<U>(lanes, [](U a, U b) { return std::max(a, b); });
    case WarpOperation::reduce_and: return reduced<U>(lanes, [](U a, U b) { return a & b; });
    case WarpOperation::reduce_or: return reduced<U>(lanes, [](U a, U b) { return a | b; });
    case WarpOperation::reduce_xor: return reduced<U>(lanes, [](U a, U b) { return a ^ b; });
    default: return 0;
  }
}

}  // namespace

const char* name_of(WarpOperation operation) {
  switch (operation) {
    case WarpOperation::synchronize: return "__syncwarp";
    case WarpOperation::shuffle: return "__shfl_sync";
    case WarpOperation::shuffle_up: return "__shfl_up_sync";
    case WarpOperation::shuffle_down: return "__shfl_down_sync";
    case WarpOperation::shuffle_xor: return "__shfl_xor_sync";
    case WarpOperation::ballot: return "__ballot_sync";
    case WarpOperation::any: return "__any_sync";
    case WarpOperation::all: return "__all_sync";
    case WarpOperation::match_any: return "__match_any_sync";
    default: return "__reduce_sync";
  }
}

void exchange(WarpRequest* const (&lanes)[32]) {
  unsigned long long results[32] = {};
  WarpOperation operation{};
  for (const WarpRequest* request : lanes) {
    if (request != nullptr) operation = request->operation;
  }
  const std::uint32_t shared = is_shuffle(operation) ? 0 : common(lanes, operation);
  for (int lane = 0; lane < 32; ++lane) {
    if (lanes[lane] == nullptr) continue;
    if (is_shuffle(operation)) {
      const WarpRequest* source = lanes[source_of(*lanes[lane], lane)];
      results[lane] = source == nullptr ? undefined_value : source->value;
    } else if (operation == WarpOperation::match_any) {
      results[lane] = ballot(lanes, [&](const WarpRequest& other) { return other.value == lanes[lane]->value; });
    } else {
      results[lane] = shared;
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    if (lanes[lane] != nullptr) lanes[lane]->value = results[lane];
  }
}

}  // namespace kiln::simulated
