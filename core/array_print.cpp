// Printing arrays and scalars, laid out as NumPy does.
#include "core/access.h"
#include "core/array_errors.h"
#include "core/error_text.h"
#include "core/host_ops.h"
#include "core/trace.h"

#include <kiln/error.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

namespace {

using detail::Access;
using ir::part_dtype;

// ---- Floats -------------------------------------------------------------------------------------------------------

// The fewest digits that read back as the same number of the dtype: x = 0.d1d2d3… · 10^point.
struct Decimal {
  bool negative = false;
  std::string digits;  // at least one, no zeros at the end unless it is 0
  int point = 1;
};

Decimal parse_scientific(std::string_view text) {
  Decimal d;
  if (text[0] == '-') d.negative = true;
  const std::size_t e = text.find('e');
  for (char c : text.substr(0, e))
    if (c >= '0' && c <= '9') d.digits += c;
  while (d.digits.size() > 1 && d.digits.back() == '0') d.digits.pop_back();
  d.point = std::atoi(text.data() + e + 1) + 1;
  if (d.digits == "0") d.point = 1;
  return d;
}

template <class... Precision>
Decimal scientific(auto x, Precision... precision) {
  char buffer[40];
  const auto result =
      std::to_chars(buffer, buffer + sizeof(buffer) - 1, x, std::chars_format::scientific, precision...);
  *result.ptr = 0;
  return parse_scientific({buffer, static_cast<std::size_t>(result.ptr - buffer)});
}

double rounded_to(double x, DType dtype) {
  return dtype == f16 ? f16_to_float(double_to_f16(x)) : bf16_to_float(double_to_bf16(x));
}

Decimal shortest(double x, DType dtype) {
  if (dtype == f32) return scientific(static_cast<float>(x));
  if (dtype == f16 || dtype == bf16) {
    constexpr int enough = 5;  // digits always tell two numbers of 11 bits apart
    for (int precision = 0; precision < enough - 1; ++precision) {
      char buffer[32];
      const auto result =
          std::to_chars(buffer, buffer + sizeof(buffer) - 1, x, std::chars_format::scientific, precision);
      *result.ptr = 0;
      if (rounded_to(std::strtod(buffer, nullptr), dtype) == x) return scientific(x, precision);
    }
    return scientific(x, enough - 1);
  }
  return scientific(x);
}

std::string whole_part(const Decimal& d) {
  if (d.point <= 0) return "0";
  std::string whole = d.digits.substr(0, static_cast<std::size_t>(d.point));
  whole.resize(static_cast<std::size_t>(d.point), '0');
  return whole;
}
std::string fraction_part(const Decimal& d) {
  if (d.digits == "0" || d.point >= static_cast<int>(d.digits.size())) return "";
  if (d.point >= 0) return d.digits.substr(static_cast<std::size_t>(d.point));
  return std::string(static_cast<std::size_t>(-d.point), '0') + d.digits;
}

constexpr std::size_t exponent_digits_at_least = 2;

std::size_t exponent_digits(int exponent) {
  return std::max(exponent_digits_at_least, std::to_string(std::abs(exponent)).size());
}
std::string exponent_text(int exponent, std::size_t width) {
  const std::string digits = std::to_string(std::abs(exponent));
  return (exponent < 0 ? "e-" : "e+") + std::string(width - std::min(width, digits.size()), '0') + digits;
}

std::string special_text(double x) { return std::isnan(x) ? "nan" : x < 0 ? "-inf" : "inf"; }

// How all numbers of a column are written: with or without exponent, and how wide on both sides of the point.
class FloatFormat {
 public:
  FloatFormat(const std::vector<double>& numbers, DType dtype, bool always_sign)
      : dtype_(dtype), always_sign_(always_sign) {
    double largest = 0, smallest = std::numeric_limits<double>::infinity();
    for (double x : numbers)
      if (std::isfinite(x) && x != 0) {
        largest = std::max(largest, std::abs(x));
        smallest = std::min(smallest, std::abs(x));
      }
    exponent_ = largest >= 1e8 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1000));
    for (double x : numbers) measure(x);
    for (double x : numbers)
      if (!std::isfinite(x))
        left_ = std::max(left_, signed_special(x).size() - std::min(signed_special(x).size(), right_ + 1));
  }

  std::string operator()(double x) const {
    if (!std::isfinite(x)) return padded(signed_special(x), left_ + 1 + right_);
    const Decimal d = shortest(x, dtype_);
    if (!exponent_) {
      std::string fraction = fraction_part(d);
      fraction.resize(right_, ' ');
      return padded(sign(d) + whole_part(d), left_) + '.' + fraction;
    }
    std::string mantissa = d.digits.substr(1);
    mantissa.resize(digits_, '0');
    return padded(sign(d) + d.digits[0], left_) + '.' + mantissa + exponent_text(d.point - 1, exponent_width_);
  }

 private:
  static std::string padded(const std::string& text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + text;
  }
  std::string sign(const Decimal& d) const { return d.negative ? "-" : always_sign_ ? "+" : ""; }
  std::string signed_special(double x) const { return (always_sign_ && !(x < 0) ? "+" : "") + special_text(x); }
  void measure(double x) {
    if (!std::isfinite(x)) return;
    const Decimal d = shortest(x, dtype_);
    const std::size_t sign_width = sign(d).size();
    if (!exponent_) {
      left_ = std::max(left_, sign_width + whole_part(d).size());
      right_ = std::max(right_, fraction_part(d).size());
      return;
    }
    left_ = std::max(left_, sign_width + 1);
    digits_ = std::max(digits_, d.digits.size() - 1);
    exponent_width_ = std::max(exponent_width_, exponent_digits(d.point - 1));
    right_ = digits_ + 2 + exponent_width_;
  }

  DType dtype_;
  bool always_sign_, exponent_ = false;
  std::size_t left_ = 0, right_ = 0, digits_ = 0, exponent_width_ = 0;
};

// One number by itself, as Python writes it: 0.1, 3.0, 1e+20.
std::string float_text(double x, DType dtype) {
  if (!std::isfinite(x)) return special_text(x);
  const Decimal d = shortest(x, dtype);
  const std::string sign = d.negative ? "-" : "";
  constexpr int first_exponent = 16;
  if (d.point > -4 && d.point <= first_exponent) {
    const std::string fraction = fraction_part(d);
    return sign + whole_part(d) + '.' + (fraction.empty() ? "0" : fraction);
  }
  return sign + d.digits[0] + (d.digits.size() > 1 ? "." + d.digits.substr(1) : "") +
         exponent_text(d.point - 1, exponent_digits_at_least);
}

// ---- Any dtype ----------------------------------------------------------------------------------------------------

std::string integer_text(const Number16& x, DType dtype) {
  if (dtype.is_bool()) return x.i ? "True" : "False";
  return dtype == u64 ? std::to_string(static_cast<std::uint64_t>(x.i)) : std::to_string(x.i);
}

std::string scalar_text(const Number16& x, DType dtype) {
  if (dtype.is_complex()) {
    const auto part = [&](double p) {
      std::string text = float_text(p, part_dtype(dtype));
      if (text.ends_with(".0")) text.resize(text.size() - 2);
      return text;
    };
    const std::string imaginary = part(x.im);
    return '(' + part(x.re) + (imaginary[0] == '-' ? "" : "+") + imaginary + "j)";
  }
  return dtype.is_floating() ? float_text(x.re, dtype) : integer_text(x, dtype);
}

std::vector<std::string> column_texts(const std::vector<Number16>& numbers, DType dtype) {
  std::vector<std::string> texts;
  texts.reserve(numbers.size());
  if (!dtype.is_floating() && !dtype.is_complex()) {
    std::size_t width = 0;
    for (const Number16& x : numbers) {
      texts.push_back(integer_text(x, dtype));
      width = std::max(width, texts.back().size());
    }
    for (std::string& text : texts) text.insert(0, width - text.size(), ' ');
    return texts;
  }
  std::vector<double> parts;
  parts.reserve(numbers.size());
  for (const Number16& x : numbers) parts.push_back(x.re);
  const FloatFormat real(parts, part_dtype(dtype), false);
  if (!dtype.is_complex()) {
    for (double x : parts) texts.push_back(real(x));
    return texts;
  }
  for (std::size_t k = 0; k < numbers.size(); ++k) parts[k] = numbers[k].im;
  const FloatFormat imaginary(parts, part_dtype(dtype), true);
  for (const Number16& x : numbers) {
    std::string text = real(x.re) + imaginary(x.im);
    const std::size_t end = text.find_last_not_of(' ') + 1;  // the j stands at the number, the blanks behind it
    text.insert(end, 1, 'j');
    texts.push_back(std::move(text));
  }
  return texts;
}

// ---- Arrays -------------------------------------------------------------------------------------------------------

constexpr std::int64_t summarised_from = 1000, edge_items = 3;
constexpr std::size_t line_width = 75;

class ArrayPrinter {
 public:
  explicit ArrayPrinter(const Array& a)
      : layout_(Access::readable(a)),
        dtype_(a.dtype()),
        rank_(Access::rank(a)),
        summarised_(detail::element_count(Access::extents(a)) > summarised_from) {}

  std::string print() {
    collect(0, layout_.data);
    texts_ = column_texts(numbers_, dtype_);
    block(0);
    return std::move(out_);
  }

 private:
  bool shortened(int axis) const { return summarised_ && layout_.extents[axis] > 2 * edge_items; }
  // The positions of an axis that are shown.
  template <class F>
  void each_shown(int axis, F f) const {
    const std::int64_t n = layout_.extents[axis];
    for (std::int64_t k = 0; k < n; ++k) {
      if (shortened(axis) && k == edge_items) k = n - edge_items;
      f(k);
    }
  }

  void collect(int axis, const std::byte* address) {
    if (axis == rank_) return numbers_.push_back(read_element(address, dtype_));
    const std::int64_t step = layout_.strides[axis] * static_cast<std::int64_t>(dtype_.size());
    each_shown(axis, [&](std::int64_t k) { collect(axis + 1, address + k * step); });
  }

  void block(int axis) {
    if (axis == rank_) {
      out_ += texts_[next_++];
      return;
    }
    out_ += '[';
    if (axis == rank_ - 1)
      row();
    else
      each_shown(axis, [&](std::int64_t k) {
        if (k > 0) separate(axis);
        if (shortened(axis) && k == layout_.extents[axis] - edge_items) {
          out_ += "...";
          separate(axis);
        }
        block(axis + 1);
      });
    out_ += ']';
  }

  void separate(int axis) {
    out_.append(static_cast<std::size_t>(rank_ - axis - 1), '\n');
    out_.append(static_cast<std::size_t>(axis + 1), ' ');
  }

  // The numbers of the last axis, on as many lines as they need.
  void row() {
    const auto indent = static_cast<std::size_t>(rank_);
    std::size_t column = indent;
    const auto add = [&](const std::string& text, bool first) {
      if (!first && column + 1 + text.size() + indent > line_width) {
        out_.erase(out_.find_last_not_of(' ') + 1);
        out_ += '\n';
        out_.append(indent, ' ');
        column = indent;
      } else if (!first) {
        out_ += ' ';
        ++column;
      }
      out_ += text;
      column += text.size();
    };
    const int axis = rank_ - 1;
    each_shown(axis, [&](std::int64_t k) {
      if (shortened(axis) && k == layout_.extents[axis] - edge_items) add("...", false);
      add(texts_[next_++], k == 0);
    });
  }

  const detail::Layout& layout_;
  DType dtype_;
  int rank_;
  bool summarised_;
  std::vector<Number16> numbers_;
  std::vector<std::string> texts_;
  std::size_t next_ = 0;
  std::string out_;
};

// What the digits do not tell.
std::string suffix(const Array& a) {
  const DType dtype = a.dtype();
  const bool empty = detail::element_count(Access::extents(a)) == 0;
  std::string out;
  if (empty && Access::rank(a) > 1) out = text(" shape ", Access::extents(a));
  if (empty || !(dtype == bool_ || dtype == i64 || dtype == f64 || dtype == c128)) out += text(" ", dtype);
  return out;
}

}  // namespace

namespace {

// operator<< cannot take the caller's line; the newest one of the trace is near.
Location newest_line() {
  const detail::Tracing* t = detail::Tracing::current();
  return t ? t->last_location() : Location();
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Array& a) {
  if (Access::traced(a))
    throw UsageError(text("cannot print ", detail::described(a),
                          " inside a traced function, where it has no numbers yet: return it and print the result"),
                     newest_line());
  if (!a.defined()) return out << "(no array)";
  if (detail::element_count(Access::extents(a)) == 0) return out << "[]" << suffix(a);
  if (Access::rank(a) == 0) return out << scalar_text(read_element(Access::readable(a).data, a.dtype()), a.dtype());
  return out << ArrayPrinter(a).print() << suffix(a);
}

std::ostream& operator<<(std::ostream& out, const Value& x) {
  if (Access::traced(x))
    throw UsageError(
        text("cannot print ", x.dtype(),
             " scalar inside a traced function, where it has no number yet: return it and print the result"),
        newest_line());
  return out << scalar_text(Access::number(x), x.dtype());
}

}  // namespace kiln
