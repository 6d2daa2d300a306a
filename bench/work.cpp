// One bench on one dtype and size: buffers, contenders, and the comparison with the reference.
#include "bench/work.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>

namespace bench {
namespace {

Buffer& add_to(std::vector<Buffer>& buffers, std::vector<View>& views, const std::string& dtype, std::int64_t count) {
  buffers.emplace_back(std::size_t(count) * size_of_dtype(dtype));
  views.push_back({buffers.back().data(), dtype, count});
  return buffers.back();
}

template <class T>
bool close(T result, T reference, const Tolerance& tolerance) {
  if (result == reference || (std::isnan(result) && std::isnan(reference))) return true;
  if (!std::isfinite(result) || !std::isfinite(reference)) return false;
  const T magnitude = std::max(std::abs(reference), T(tolerance.floor));
  const double unit = double(std::nextafter(magnitude, std::numeric_limits<T>::infinity()) - magnitude);
  return std::abs(double(result) - double(reference)) <= tolerance.ulp * unit;
}

bool close(std::int64_t result, std::int64_t reference, const Tolerance&) { return result == reference; }

// The bits of an f16 or a bf16: every operation on them is rounded, so there is one right result.
bool close(std::uint16_t result, std::uint16_t reference, const Tolerance&) { return result == reference; }

template <class T>
std::string difference_of(const View& result, const View& reference, const Tolerance& tolerance) {
  const T* ours = static_cast<const T*>(result.data);
  const T* theirs = static_cast<const T*>(reference.data);
  std::mutex mutex;
  std::int64_t first = reference.count, wrong = 0;
  on_all_cores(reference.count, [&](std::int64_t begin, std::int64_t end) {
    // Most arrays agree bit for bit: blocks that do are not looked at element by element.
    constexpr std::int64_t block = 4096;
    std::int64_t first_here = reference.count, wrong_here = 0;
    for (std::int64_t from = begin; from < end; from += block) {
      const std::int64_t to = std::min(end, from + block);
      if (std::memcmp(ours + from, theirs + from, std::size_t(to - from) * sizeof(T)) == 0) continue;
      for (std::int64_t i = from; i < to; ++i) {
        if (close(ours[i], theirs[i], tolerance)) continue;
        first_here = std::min(first_here, i);
        ++wrong_here;
      }
    }
    const std::lock_guard lock(mutex);
    first = std::min(first, first_here);
    wrong += wrong_here;
  });
  if (double(wrong) <= tolerance.share * double(reference.count)) return {};
  return fmt::format("{} of {} elements differ, first [{}]: {} where {} is right", wrong, reference.count, first,
                     ours[first], theirs[first]);
}

}  // namespace

std::size_t size_of_dtype(const std::string& dtype) {
  if (dtype == "f16" || dtype == "bf16") return 2;
  if (dtype == "f32") return 4;
  if (dtype == "f64" || dtype == "i64") return 8;
  throw std::invalid_argument("no such dtype in the benchmark: " + dtype);
}

Work::Work(std::string bench, std::string dtype, std::int64_t n, int threads)
    : bench_(std::move(bench)), dtype_(std::move(dtype)), n_(n), thread_counts_{1} {
  if (threads > 1) thread_counts_.push_back(threads);
}

Buffer& Work::add_input(const std::string& dtype, std::int64_t count) {
  return add_to(inputs_, input_views_, dtype, count);
}

Buffer& Work::add_output(const std::string& dtype, std::int64_t count) {
  return add_to(outputs_, output_views_, dtype, count);
}

Buffer& Work::add_reference(const std::string& dtype, std::int64_t count) {
  return add_to(references_, reference_views_, dtype, count);
}

const Tolerance& Work::tolerance_of(const std::string& variant) const {
  if (native_ && variant.starts_with("native")) return *native_;
  return variant.ends_with("_fast") ? fast_ : strict_;
}

Contender& Work::add(Contender contender) {
  contenders_.push_back(std::move(contender));
  return contenders_.back();
}

Work::Checked Work::check(const Contender& contender) const {
  // All ones is a NaN, and no count of steps: a contender that writes nothing cannot pass on another's results.
  for (const Buffer& output : outputs_)
    on_all_cores(std::int64_t(output.bytes()), [&](std::int64_t begin, std::int64_t end) {
      std::memset(output.as<char>() + begin, 0xff, std::size_t(end - begin));
    });
  Checked checked;
  if (contender.before) contender.before();
  const auto begin = std::chrono::steady_clock::now();
  contender.run(1);
  checked.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (contender.finish) contender.finish();
  if (contender.after) contender.after();
  const std::vector<View> results = contender.results();
  if (results.size() != reference_views_.size())
    checked.wrong = fmt::format("{} results where {} are right", results.size(), reference_views_.size());
  for (std::size_t index = 0; checked.wrong.empty() && index < results.size(); ++index)
    checked.wrong = difference(results[index], reference_views_[index], tolerance_of(contender.variant));
  return checked;
}

std::string difference(const View& result, const View& reference, const Tolerance& tolerance) {
  if (result.dtype != reference.dtype)
    return fmt::format("the result is {} where {} is right", result.dtype, reference.dtype);
  if (result.count != reference.count)
    return fmt::format("the result has {} elements where {} are right", result.count, reference.count);
  if (reference.dtype == "f32") return difference_of<float>(result, reference, tolerance);
  if (reference.dtype == "f64") return difference_of<double>(result, reference, tolerance);
  if (size_of_dtype(reference.dtype) == 2) return difference_of<std::uint16_t>(result, reference, tolerance);
  return difference_of<std::int64_t>(result, reference, tolerance);
}

}  // namespace bench
