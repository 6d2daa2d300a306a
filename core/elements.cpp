// Eager work on elements: copying, converting and filling strided arrays with ordinary compiled loops.
#include "core/access.h"
#include "core/floating_point.h"
#include "core/host_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace kiln::detail {

namespace {

// ---- One run: elements at a fixed distance ------------------------------------------------------------------------

struct Run {
  std::byte* to;
  const std::byte* from;
  std::int64_t to_stride, from_stride;  // in bytes
  std::int64_t count;
  DType to_dtype, from_dtype;
};
using RunFunction = void (*)(const Run&);

// Through memcpy, so that memory of any type and alignment may be read as any other.
template <class T>
T read(const std::byte* p) {
  T x;
  std::memcpy(&x, p, sizeof(T));
  return x;
}
template <class T>
void write(std::byte* p, const T& x) {
  std::memcpy(p, &x, sizeof(T));
}

// What an element is in memory and in a register. f16 and bf16 compute as float.
struct Boolean {
  using Memory = std::uint8_t;
  static bool get(Memory x) { return x != 0; }
  template <class From>
  static Memory put(From x) {
    return x != From(0);
  }
};
struct Half {
  using Memory = std::uint16_t;
  static float get(Memory x) { return f16_to_float(x); }
  static Memory put(float x) { return float_to_f16(x); }
  static Memory put(double x) { return double_to_f16(x); }
};
struct Brain {
  using Memory = std::uint16_t;
  static float get(Memory x) { return bf16_to_float(x); }
  static Memory put(float x) { return float_to_bf16(x); }
  static Memory put(double x) { return double_to_bf16(x); }
};
template <class T>
struct Plain {
  using Memory = T;
  static T get(T x) { return x; }
  template <class From>
  static T put(From x) {
    if constexpr (std::is_floating_point_v<From> && std::is_integral_v<T>)
      return saturated(x);
    else
      return static_cast<T>(x);
  }
  template <class From>
  static T saturated(From x) {
    using Limits = std::numeric_limits<T>;
    if constexpr (sizeof(T) <= 4) {  // both limits are doubles: no branches, so that it becomes vectors
      const double number = x == x ? static_cast<double>(x) : 0.0;
      return static_cast<T>(std::min(std::max(number, double(Limits::min())), double(Limits::max())));
    } else {
      const From least = static_cast<From>(Limits::min());
      const From beyond = std::ldexp(From(1), Limits::digits);  // the first number too large, exact in every float
      if (x >= least && x < beyond) return static_cast<T>(x);
      return x >= beyond ? Limits::max() : x < least ? Limits::min() : T(0);
    }
  }
};

// In the order of TypeCode; complex numbers take the general way.
using ElementTypes = std::tuple<Boolean, Plain<std::int8_t>, Plain<std::int16_t>, Plain<std::int32_t>,
                                Plain<std::int64_t>, Plain<std::uint8_t>, Plain<std::uint16_t>, Plain<std::uint32_t>,
                                Plain<std::uint64_t>, Half, Brain, Plain<float>, Plain<double>, void, void>;
static_assert(std::tuple_size_v<ElementTypes> == type_code_count);

template <class To, class From>
void convert_one(std::byte* to, const std::byte* from) {
  write<typename To::Memory>(to, To::put(From::get(read<typename From::Memory>(from))));
}

// A fixed count and no overlap: what -O2 needs to make vectors of it.
constexpr std::int64_t block = 64;
template <class To, class From>
void convert_block(std::byte* __restrict to, const std::byte* __restrict from) {
  for (std::size_t k = 0; k < block; ++k)
    convert_one<To, From>(to + k * sizeof(typename To::Memory), from + k * sizeof(typename From::Memory));
}

template <class To, class From>
void convert_run(const Run& r) {
  constexpr std::int64_t to_size = sizeof(typename To::Memory), from_size = sizeof(typename From::Memory);
  std::int64_t k = 0;
  if (r.to_stride == to_size && r.from_stride == from_size)
    for (; k + block <= r.count; k += block) convert_block<To, From>(r.to + k * to_size, r.from + k * from_size);
  for (; k < r.count; ++k) convert_one<To, From>(r.to + k * r.to_stride, r.from + k * r.from_stride);
}

void convert_run_by_number(const Run& r) {
  for (std::int64_t k = 0; k < r.count; ++k) {
    const Number16 x = read_element(r.from + k * r.from_stride, r.from_dtype);
    write_element(r.to + k * r.to_stride, r.to_dtype, convert(x, r.from_dtype, r.to_dtype));
  }
}

template <std::size_t to, std::size_t from>
constexpr RunFunction conversion() {
  using To = std::tuple_element_t<to, ElementTypes>;
  using From = std::tuple_element_t<from, ElementTypes>;
  if constexpr (std::is_void_v<To> || std::is_void_v<From>)
    return &convert_run_by_number;
  else {
    // An integer becomes a short float in one rounding only by way of the reference.
    constexpr bool to_short = std::is_same_v<To, Half> || std::is_same_v<To, Brain>;
    using Register = decltype(From::get(typename From::Memory()));
    if constexpr (to_short && !std::is_floating_point_v<Register>)
      return &convert_run_by_number;
    else
      return &convert_run<To, From>;
  }
}

template <std::size_t... pair>
constexpr std::array<RunFunction, sizeof...(pair)> all_conversions(std::index_sequence<pair...>) {
  return {conversion<pair / type_code_count, pair % type_code_count>()...};
}
constexpr auto conversions = all_conversions(std::make_index_sequence<type_code_count * type_code_count>{});

template <std::size_t size>
void move_run(const Run& r) {
  struct Element {
    std::byte bytes[size];
  };
  constexpr std::int64_t step = size;
  if (r.to_stride == step && r.from_stride == step) {
    std::memcpy(r.to, r.from, static_cast<std::size_t>(r.count) * size);
  } else if (r.from_stride == 0) {
    const Element x = read<Element>(r.from);
    if (r.to_stride == step)
      for (std::int64_t k = 0; k < r.count; ++k) write(r.to + k * step, x);
    else
      for (std::int64_t k = 0; k < r.count; ++k) write(r.to + k * r.to_stride, x);
  } else {
    for (std::int64_t k = 0; k < r.count; ++k) write(r.to + k * r.to_stride, read<Element>(r.from + k * r.from_stride));
  }
}

RunFunction run_function(DType to, DType from) {
  if (to != from)
    return conversions[static_cast<std::size_t>(to.code()) * type_code_count + static_cast<std::size_t>(from.code())];
  switch (to.size()) {
    case 1: return &move_run<1>;
    case 2: return &move_run<2>;
    case 4: return &move_run<4>;
    case 8: return &move_run<8>;
    default: return &move_run<16>;
  }
}

// ---- All of an array ----------------------------------------------------------------------------------------------

struct Axis {
  std::int64_t extent, to, from;  // distances in bytes
};

struct Transfer {
  std::byte* to;
  const std::byte* from;
  DType to_dtype, from_dtype;
  int rank = 0;
  Axis axes[max_rank] = {};
  bool empty = false;
};

std::int64_t bytes(DType dtype) { return static_cast<std::int64_t>(dtype.size()); }
std::int64_t magnitude(std::int64_t x) { return x < 0 ? -x : x; }

// Axes that are next to each other in both arrays become one.
void coalesce(Transfer& t) {
  int kept = 0;
  for (int k = 1; k < t.rank; ++k) {
    Axis& outer = t.axes[kept];
    const Axis inner = t.axes[k];
    if (outer.to == inner.to * inner.extent && outer.from == inner.from * inner.extent)
      outer = {outer.extent * inner.extent, inner.to, inner.from};
    else
      t.axes[++kept] = inner;
  }
  t.rank = std::min(t.rank, kept + 1);
}

// The elements in the order of the destination's memory, upwards.
Transfer transfer(const Layout& to, DType to_dtype, const Layout& from, DType from_dtype, int rank) {
  Transfer t{to.data, from.data, to_dtype, from_dtype};
  for (int k = 0; k < rank; ++k) {
    Axis axis{to.extents[k], to.strides[k] * bytes(to_dtype), from.strides[k] * bytes(from_dtype)};
    if (axis.extent == 0) t.empty = true;
    if (axis.extent <= 1) continue;
    if (axis.to < 0) {
      t.to += (axis.extent - 1) * axis.to;
      t.from += (axis.extent - 1) * axis.from;
      axis = {axis.extent, -axis.to, -axis.from};
    }
    t.axes[t.rank++] = axis;
  }
  // By hand: std::stable_sort allocates.
  for (int k = 1; k < t.rank; ++k)
    for (int j = k; j > 0 && t.axes[j - 1].to < t.axes[j].to; --j) std::swap(t.axes[j - 1], t.axes[j]);
  coalesce(t);
  if (t.rank == 0) t.axes[t.rank++] = {1, bytes(to_dtype), bytes(from_dtype)};
  return t;
}

// A transposed copy goes down the rows of a strip of columns: the source is then read along as many lines as the strip
// is wide, each of them to its end while it is in the nearest cache.
constexpr std::int64_t strip_columns = 16, strip_rows = 512;

void run_tiled(const Transfer& t, RunFunction run, std::byte* to, const std::byte* from, const Axis& rows,
               const Axis& columns) {
  for (std::int64_t i = 0; i < rows.extent; i += strip_rows)
    for (std::int64_t j = 0; j < columns.extent; j += strip_columns) {
      const std::int64_t last = std::min(i + strip_rows, rows.extent);
      const std::int64_t count = std::min(strip_columns, columns.extent - j);
      for (std::int64_t row = i; row < last; ++row)
        run({to + row * rows.to + j * columns.to, from + row * rows.from + j * columns.from, columns.to, columns.from,
             count, t.to_dtype, t.from_dtype});
    }
}

// Which axis, besides the last, should be tiled with it because the source runs fastest there; -1 if none.
int transposed_axis(const Transfer& t) {
  constexpr std::int64_t line = 64;
  int best = -1;
  std::int64_t nearest = magnitude(t.axes[t.rank - 1].from);
  if (nearest < line) return -1;
  for (int k = 0; k + 1 < t.rank; ++k)
    if (magnitude(t.axes[k].from) < nearest) {
      best = k;
      nearest = magnitude(t.axes[k].from);
    }
  return best;
}

void perform(Transfer t, RunFunction run) {
  if (t.empty) return;
  int outer = t.rank - 1;
  if (const int k = transposed_axis(t); k >= 0) {
    std::rotate(t.axes + k, t.axes + k + 1, t.axes + t.rank - 1);
    --outer;
  }
  const Axis last = t.axes[t.rank - 1];
  std::int64_t position[max_rank] = {};
  std::byte* to = t.to;
  const std::byte* from = t.from;
  while (true) {
    if (outer == t.rank - 1)
      run({to, from, last.to, last.from, last.extent, t.to_dtype, t.from_dtype});
    else
      run_tiled(t, run, to, from, t.axes[t.rank - 2], last);
    int k = outer - 1;
    for (; k >= 0; --k) {
      to += t.axes[k].to;
      from += t.axes[k].from;
      if (++position[k] < t.axes[k].extent) break;
      to -= t.axes[k].extent * t.axes[k].to;
      from -= t.axes[k].extent * t.axes[k].from;
      position[k] = 0;
    }
    if (k < 0) return;
  }
}

// ---- Overlap ------------------------------------------------------------------------------------------------------

struct Span {
  const std::byte *begin, *end;
};

Span span_of(const Layout& layout, DType dtype, int rank) {
  std::int64_t low = 0, high = bytes(dtype);
  for (int k = 0; k < rank; ++k) {
    const std::int64_t reach = (layout.extents[k] - 1) * layout.strides[k] * bytes(dtype);
    (reach < 0 ? low : high) += reach;
  }
  return {layout.data + low, layout.data + high};
}

bool may_overlap(const Layout& to, DType to_dtype, const Layout& from, DType from_dtype, int rank) {
  const Span a = span_of(to, to_dtype, rank), b = span_of(from, from_dtype, rank);
  return a.begin < b.end && b.begin < a.end;
}

bool same_elements(const Layout& to, const Layout& from, int rank) {
  return to.data == from.data && std::equal(to.strides, to.strides + rank, from.strides);
}

void copy_through_temporary(const Layout& to, DType to_dtype, const Layout& from, DType from_dtype, int rank) {
  Layout between;
  std::int64_t count = 1;
  for (int k = rank - 1; k >= 0; --k) {
    between.extents[k] = from.extents[k];
    between.strides[k] = count;
    count *= from.extents[k];
  }
  const auto release = [](Storage* s) { s->release(); };
  const std::unique_ptr<Storage, decltype(release)> storage(
      Storage::allocate(static_cast<std::size_t>(count) * from_dtype.size()), release);
  between.data = storage->data();
  perform(transfer(between, from_dtype, from, from_dtype, rank), run_function(from_dtype, from_dtype));
  perform(transfer(to, to_dtype, between, from_dtype, rank), run_function(to_dtype, from_dtype));
}

}  // namespace

void copy_elements(const Layout& to, DType to_dtype, const Layout& from, DType from_dtype, int rank) {
  const Transfer t = transfer(to, to_dtype, from, from_dtype, rank);
  if (t.empty) return;
  const CanonicalFloatingPoint canonical;
  if (!may_overlap(to, to_dtype, from, from_dtype, rank)) return perform(t, run_function(to_dtype, from_dtype));
  if (to_dtype != from_dtype) return copy_through_temporary(to, to_dtype, from, from_dtype, rank);
  if (same_elements(to, from, rank)) return;
  const std::int64_t size = bytes(to_dtype);
  if (t.rank == 1 && t.axes[0].to == size && t.axes[0].from == size)
    std::memmove(t.to, t.from, static_cast<std::size_t>(t.axes[0].extent * size));
  else
    copy_through_temporary(to, to_dtype, from, from_dtype, rank);
}

void fill_elements(const Layout& to, DType dtype, int rank, const Number16& x) {
  alignas(16) std::byte element[16];
  write_element(element, dtype, x);
  Layout one;
  one.data = element;
  std::copy(to.extents, to.extents + rank, one.extents);
  const Transfer t = transfer(to, dtype, one, dtype, rank);
  if (t.empty) return;
  const bool uniform = std::all_of(element, element + dtype.size(), [&](std::byte b) { return b == element[0]; });
  if (uniform && t.rank == 1 && t.axes[0].to == bytes(dtype))
    std::memset(t.to, static_cast<int>(element[0]), static_cast<std::size_t>(t.axes[0].extent) * dtype.size());
  else
    perform(t, run_function(dtype, dtype));
}

}  // namespace kiln::detail
