// The arrays and numbers a recipe is called with.
#include "tests/fuzz/inputs.h"

#include "core/host_ops.h"
#include "tests/fuzz/execute.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <limits>

namespace kiln::fuzz {

namespace {

// Elements of no argument, before and after each buffer.
constexpr std::int64_t margin = 64;

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

template <class T>
T number(std::uint64_t h, int spice) {
  if constexpr (std::is_same_v<T, bool>) return (h & 1) != 0;
  if constexpr (std::is_floating_point_v<T>) {
    constexpr T special[] = {std::numeric_limits<T>::quiet_NaN(),  std::numeric_limits<T>::infinity(),
                             -std::numeric_limits<T>::infinity(),  T(-0.0),
                             std::numeric_limits<T>::denorm_min(), std::numeric_limits<T>::max(),
                             std::numeric_limits<T>::lowest(),     T(0)};
    if (spice == 2 && h % 16 == 0) return special[(h >> 8) % 8];
    if (spice >= 1)
      return static_cast<T>((static_cast<double>(h >> 11) * 0x1p-53 - 0.5) *
                            std::pow(2.0, static_cast<double>((h >> 3) % 12)));
    return static_cast<T>(static_cast<double>(static_cast<std::int64_t>(h >> 8 & 63) - 32) / 8);
  } else {
    constexpr T special[] = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max(), T(0), T(-1)};
    if (spice == 2 && h % 16 == 0) return special[(h >> 8) % 4];
    if (spice >= 1) return static_cast<T>(h >> 8);
    return static_cast<T>(static_cast<std::int64_t>(h >> 8 & 15) - (std::is_signed_v<T> ? 8 : 0));
  }
}

// A half-precision number, kept as its bits.
template <std::uint16_t (*rounded)(float), float (*widened)(std::uint16_t)>
struct Half {
  std::uint16_t bits = 0;
  Half() = default;
  explicit Half(float x) : bits(rounded(x)) {}
  explicit operator double() const { return static_cast<double>(widened(bits)); }
};
using F16 = Half<float_to_f16, f16_to_float>;
using Bf16 = Half<float_to_bf16, bf16_to_float>;

template <class T>
T element(std::uint64_t h, int spice) {
  if constexpr (std::is_same_v<T, F16> || std::is_same_v<T, Bf16>) return T(number<float>(h, spice));
  if constexpr (ComplexNumber<T>) {
    using Part = typename T::value_type;
    const Part re = number<Part>(h, spice);
    return {re, number<Part>(mixed(h), spice)};
  } else if constexpr (std::is_arithmetic_v<T>) {
    return number<T>(h, spice);
  }
}

template <class F>
void with_type(DType dtype, F&& f) {
  switch (dtype.code()) {
    case TypeCode::bool_: return f(bool{});
    case TypeCode::i8: return f(std::int8_t{});
    case TypeCode::i16: return f(std::int16_t{});
    case TypeCode::i32: return f(std::int32_t{});
    case TypeCode::i64: return f(std::int64_t{});
    case TypeCode::u8: return f(std::uint8_t{});
    case TypeCode::u16: return f(std::uint16_t{});
    case TypeCode::u32: return f(std::uint32_t{});
    case TypeCode::u64: return f(std::uint64_t{});
    case TypeCode::f16: return f(F16{});
    case TypeCode::bf16: return f(Bf16{});
    case TypeCode::f32: return f(float{});
    case TypeCode::c64: return f(std::complex<float>{});
    case TypeCode::c128: return f(std::complex<double>{});
    default: return f(double{});
  }
}

std::string text_of(std::int64_t x) { return std::to_string(x); }

template <class List>
std::string joined(const List& list) {
  std::string out;
  for (const auto& x : list) out += (out.empty() ? "" : ", ") + text_of(x);
  return out;
}

}  // namespace

Inputs::Inputs(const Recipe& recipe, int set) {
  for (std::size_t k = 0; k < recipe.inputs.size(); ++k) add(recipe, k, recipe.extents[set]);
  for (const Scalar& s : recipe.scalars) {
    if (s.weak) {
      if (s.dtype.is_floating())
        scalars_.push_back(Value(s.real)), numbers_.push_back("Value(" + number_text(s.real) + ")");
      else
        scalars_.push_back(Value(s.integer)), numbers_.push_back("Value(" + number_text(s.integer) + ")");
      continue;
    }
    const std::string name = s.dtype.is_bool() ? "kiln::bool_" : s.dtype.name();
    if (s.dtype.is_complex())
      scalars_.push_back(s.dtype(Operand(std::complex<double>(s.real, s.integer)))),
          numbers_.push_back(name + "(std::complex<double>(" + number_text(s.real) + ", " + number_text(s.integer) +
                             "))");
    else if (s.dtype.is_floating())
      scalars_.push_back(s.dtype(Operand(s.real))), numbers_.push_back(name + "(" + number_text(s.real) + ")");
    else
      scalars_.push_back(s.dtype(Operand(s.integer))), numbers_.push_back(name + "(" + number_text(s.integer) + ")");
  }
}

void Inputs::add(const Recipe& recipe, std::size_t number_of_input, const std::int64_t* extents) {
  const Input& x = recipe.inputs[number_of_input];
  const std::size_t rank = x.classes.size();
  std::vector<std::int64_t> own;
  for (int c : x.classes) own.push_back(extents[c]);
  if (x.shares < 0) {
    std::vector<std::int64_t> outer;
    if (x.broadcast) {
      outer.push_back(own.back());
    } else {
      for (int axis : x.order) {
        const std::size_t k = static_cast<std::size_t>(axis);
        // Two more along the first axis, for those that share and are shifted.
        outer.push_back(2 * x.pads[k] + std::max<std::int64_t>(0, (own[k] - 1) * std::abs(x.steps[k]) + 1) +
                        (axis == 0 ? 2 : 0));
      }
    }
    std::int64_t count = 1;
    for (std::int64_t e : outer) count *= e;
    auto memory = std::make_unique<Memory>();
    memory->dtype = x.dtype;
    memory->bytes.resize(static_cast<std::size_t>(count + 2 * margin) * x.dtype.size());
    with_type(x.dtype, [&](auto zero) {
      for (std::int64_t e = 0; e < count + 2 * margin; ++e) {
        const auto value = element<decltype(zero)>(mixed(x.seed + static_cast<std::uint64_t>(e)), x.spice);
        std::memcpy(memory->bytes.data() + static_cast<std::size_t>(e) * sizeof value, &value, sizeof value);
      }
    });
    fresh_.push_back(memory->bytes);
    bases_.push_back(borrow(memory->bytes.data() + static_cast<std::size_t>(margin) * x.dtype.size(), x.dtype, outer));
    buffers_.push_back(std::move(memory));
    buffer_extents_.push_back(std::move(outer));
    buffer_of_.push_back(static_cast<int>(buffers_.size() - 1));
  } else {
    buffer_of_.push_back(buffer_of_[static_cast<std::size_t>(x.shares)]);
  }
  const std::size_t buffer = static_cast<std::size_t>(buffer_of_.back());
  const Array& base = bases_[buffer];
  std::string text = "b" + std::to_string(buffer);
  if (x.broadcast) {
    arrays_.push_back(base.broadcast_to(Shape(std::span<const std::int64_t>(own))));
    views_.push_back(text + ".broadcast_to({" + joined(own) + "})");
    return;
  }
  std::vector<Slice> slices;
  std::string list;
  for (int axis : x.order) {
    const std::size_t k = static_cast<std::size_t>(axis);
    const std::int64_t lo = x.pads[k] + (axis == 0 ? x.shift : 0), width = std::abs(x.steps[k]);
    const std::int64_t last = lo + (own[k] - 1) * width;
    list += list.empty() ? "" : ", ";
    if (own[k] == 0) {
      slices.push_back(slice(0, 0));
      list += "slice(0, 0)";
    } else if (x.steps[k] > 0) {
      slices.push_back(slice(lo, last + 1, width));
      list += "slice(" + text_of(lo) + ", " + text_of(last + 1) + ", " + text_of(width) + ")";
    } else if (lo == 0) {
      slices.push_back(slice(last, _, -width));
      list += "slice(" + text_of(last) + ", _, " + text_of(-width) + ")";
    } else {
      slices.push_back(slice(last, lo - 1, -width));
      list += "slice(" + text_of(last) + ", " + text_of(lo - 1) + ", " + text_of(-width) + ")";
    }
  }
  text += "(" + list + ")";
  std::vector<int> axes(rank);
  for (std::size_t k = 0; k < rank; ++k) axes[static_cast<std::size_t>(x.order[k])] = static_cast<int>(k);
  if (rank == 1) {
    arrays_.push_back(base(slices[0]));
  } else if (rank == 2) {
    arrays_.push_back(base(slices[0], slices[1]).transpose({axes[0], axes[1]}));
    text += ".transpose({" + joined(axes) + "})";
  } else {
    arrays_.push_back(base(slices[0], slices[1], slices[2]).transpose({axes[0], axes[1], axes[2]}));
    text += ".transpose({" + joined(axes) + "})";
  }
  views_.push_back(text);
}

void Inputs::reset() {
  for (std::size_t k = 0; k < buffers_.size(); ++k)
    std::copy(fresh_[k].begin(), fresh_[k].end(), buffers_[k]->bytes.begin());
}

std::string Inputs::text() const {
  std::string out;
  for (std::size_t k = 0; k < buffers_.size(); ++k) {
    const Memory& memory = *buffers_[k];
    const std::size_t size = memory.dtype.size(), count = fresh_[k].size() / size - 2 * margin;
    std::string list;
    with_type(memory.dtype, [&](auto zero) {
      for (std::size_t e = 0; e < count; ++e) {
        auto x = zero;
        std::memcpy(&x, fresh_[k].data() + (e + margin) * size, size);
        list += e ? ", " : "";
        if constexpr (ComplexNumber<decltype(x)>)
          list += "{" + number_text(static_cast<double>(x.real())) + ", " + number_text(static_cast<double>(x.imag())) +
                  "}";
        else if constexpr (!std::is_integral_v<decltype(x)>)
          list += number_text(static_cast<double>(x));
        else if constexpr (std::is_same_v<decltype(x), std::uint64_t>)
          list += std::to_string(x) + "u";
        else
          list += number_text(static_cast<std::int64_t>(x));
      }
    });
    const DType kept = memory.dtype.is_bool() ? i8 : memory.dtype == f16 || memory.dtype == bf16 ? f32 : memory.dtype;
    const std::string cast = memory.dtype.is_bool() ? "kiln::bool_" : memory.dtype.name();
    out += "  Array b" + std::to_string(k) + " = array(std::vector<" + c_type(kept) + ">{" + list + "})" +
           (kept == memory.dtype ? "" : ".astype(" + cast + ")") + ".reshape({" + joined(buffer_extents_[k]) + "});\n";
  }
  for (std::size_t k = 0; k < views_.size(); ++k) out += "  Array a" + std::to_string(k) + " = " + views_[k] + ";\n";
  for (std::size_t k = 0; k < numbers_.size(); ++k)
    out += "  Value s" + std::to_string(k) + " = " + numbers_[k] + ";\n";
  return out;
}

}  // namespace kiln::fuzz
