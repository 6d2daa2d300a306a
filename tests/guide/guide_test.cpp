// The guide's snippets: every block of code in docs/guide.md stands here, word for word, and does what the guide says.
#include <kiln/kiln.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include <kiln/kiln.h>
using namespace kiln;

namespace {

// clang-format off
auto distance = jit([](Array x, Array y) { return sqrt(x * x + y * y); });

auto trace_of = jit([](Array a) {
  Var total = 0;
  for (Value i : range(a.shape(0))) total += a(i, i);
  return total;
});

auto collatz = jit([](Array steps) {
  for (Value i : prange(range(1, steps.shape(0)))) {
    Var n = i, count = 0;
    while_([&] { return n != 1; }, [&] {
      if_(n % 2 == 0, [&] { n = floordiv(n, 2); }, [&] { n = 3 * n + 1; });
      count += 1;
    });
    steps(i) = count;
  }
});

auto differences = jit([](Array a) {
  Array d = empty_like(a);
  for (Value i : prange(a.shape(0))) d(i) = where(i > 0, a(i) - a(i - 1), a(i));
  return d;
});

auto smoothed = jit([](Array start, Value steps) {
  Array now = start.copy(), next = start.copy();
  auto mid = slice(1, -1), left = slice(_, -2), right = slice(2, _);
  for ([[maybe_unused]] Value step : range(steps)) {
    next(mid) = (now(left) + 2 * now(mid) + now(right)) / 4;
    kiln::swap(now, next);
  }
  return now;
});

auto histogram_of = jit([](Array x, Value bins) {
  Array counts = zeros(bins, i64);
  Var inside = 0;
  for (Value i : prange(x.size())) {
    Value bin = i64(floor(x(i) * bins));
    if_(bin >= 0 && bin < bins, [&] {
      counts(bin) += 1;
      inside += 1;
    });
  }
  return std::tuple(counts, inside);
});

auto clamp_to = vectorize([](Value x, Value low, Value high) { return where(x < low, low, where(x > high, high, x)); });

struct Line {
  Value slope, offset;
};

void add_square(Var& total, Value x) { total += x * x; }

auto error_of = jit([](Line line, Array x, Array y, int power) {
  Var total = 0.0;
  for (Value i : range(x.size())) {
    Value distance = line.slope * x(i) + line.offset - y(i);
    if (power == 2)
      add_square(total, distance);
    else
      total += abs(distance);
  }
  return total;
});
// clang-format on

template <class T>
std::vector<T> numbers(const Array& a) {
  const Array c = a.copy();
  const auto all = c.read<T>();
  return {all.begin(), all.end()};
}

TEST(Guide, AFunction) {
  // clang-format off
  Array x = linspace(0.0, 3.0, 4), y = x + 1;
  Array d = distance(x, y);             // f64: compiled here
  Array e = distance(f32(x), f32(y));   // f32: compiled here
  d = distance(y, x);                   // found
  // clang-format on
  EXPECT_EQ(numbers<double>(d), (std::vector<double>{1, std::sqrt(5.0), std::sqrt(13.0), 5}));
  EXPECT_EQ(e.dtype(), f32);
  EXPECT_EQ(distance.specializations().size(), 2);
  EXPECT_FALSE(last_call().compiled);
}

TEST(Guide, Arrays) {
  // clang-format off
  Array a = arange(12).reshape({3, 4});  // i64, as NumPy's
  Array row = a(1, _);                   // a view: 4 5 6 7
  Array inner = a(slice(1, _), slice(1, -1));
  inner += 100;                          // writes into a
  a(0, _) = row;                         // and so does this
  Array wide = a(_, newaxis, _);         // shape (3, 1, 4)
  // clang-format on
  EXPECT_EQ(numbers<std::int64_t>(a), (std::vector<std::int64_t>{4, 105, 106, 7, 4, 105, 106, 7, 8, 109, 110, 11}));
  EXPECT_EQ(wide.rank(), 3);
  EXPECT_EQ(wide.extent(1), 1);
}

TEST(Guide, Dtypes) {
  // clang-format off
  Array half = ones({2, 3}, f32) * 0.5;     // f32, not f64
  Array mean_row = half - mean(half, {.axis = 0});
  Array whole = i32(half * 7);              // calling a dtype casts: 3 of 3.5
  // clang-format on
  EXPECT_EQ(half.dtype(), f32);
  EXPECT_EQ(numbers<float>(mean_row), std::vector<float>(6, 0));
  EXPECT_EQ(numbers<std::int32_t>(whole), std::vector<std::int32_t>(6, 3));
  double total = 0;
  for (float element : half.read<float>()) total += element;
  EXPECT_EQ(total, 3);
}

TEST(Guide, Loops) {
  EXPECT_EQ(std::int64_t(trace_of(arange(9).reshape({3, 3}))), 12);
  EXPECT_EQ(trace_of(ones({3, 3}, f32)).dtype(), f32);
  const Array steps = zeros(28, i64);
  collatz(steps);
  EXPECT_EQ(std::int64_t(steps(27)), 111);
  EXPECT_EQ(numbers<double>(differences(array(std::vector<double>{1, 4, 9}))), (std::vector<double>{1, 3, 5}));
  EXPECT_EQ(numbers<double>(smoothed(array(std::vector<double>{0, 0, 16, 0, 0}), 2)),
            (std::vector<double>{0, 4, 6, 4, 0}));
  const auto [counts, inside] = histogram_of(array(std::vector<double>{0.1, 0.6, 0.7, -1, 2, 0.3}), 2);
  EXPECT_EQ(numbers<std::int64_t>(counts), (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(std::int64_t(inside), 4);
}

TEST(Guide, Reductions) {
  // clang-format off
  Array m = arange(6).reshape({2, 3}).astype(f64);
  Value all_of_it = sum(m);
  Array columns = max(m, {.axis = 0});
  Array normal = (m - mean(m, {.axis = 1, .keepdims = true})) / stddev(m, {.axis = 1, .keepdims = true});
  Array positive = sum(m, {.axis = 0, .where = m > 1});
  Value where_smallest = argmin(abs(m - 3));
  // clang-format on
  EXPECT_EQ(double(all_of_it), 15);
  EXPECT_EQ(numbers<double>(columns), (std::vector<double>{3, 4, 5}));
  EXPECT_DOUBLE_EQ(double(normal(0, 2)), std::sqrt(1.5));
  EXPECT_EQ(numbers<double>(positive), (std::vector<double>{3, 4, 7}));
  EXPECT_EQ(std::int64_t(where_smallest), 3);
}

TEST(Guide, Parts) {
  EXPECT_EQ(double(clamp_to(5.0, 0.0, 2.0)), 2);
  EXPECT_EQ(numbers<double>(clamp_to(array(std::vector<double>{-1, 1, 3}), 0.0, 2.0)), (std::vector<double>{0, 1, 2}));
  const Array x = arange(3).astype(f64), y = 2 * x + 3;
  EXPECT_EQ(double(error_of({2.0, 1.0}, x, y, 2)), 12);
  EXPECT_EQ(double(error_of({2.0, 1.0}, x, y, 1)), 6);
}

TEST(Guide, Errors) {
  // clang-format off
  std::string message;
  try {
    distance(zeros(3), zeros(4));
  } catch (const ShapeError& error) {
    message = error.what();
  }
  // clang-format on
  const std::string shown =
      "'+' of f64 array of shape (3,) and f64 array of shape (4,): extents must be equal or 1, counted from the last "
      "axis; a newaxis may be missing, as in a(_, newaxis)";
  EXPECT_NE(message.find(shown), std::string::npos) << message;
  std::ifstream guide(KILN_TESTS_FOLDER "/../docs/guide.md");
  std::stringstream text;
  text << guide.rdbuf();
  EXPECT_NE(text.str().find(shown), std::string::npos) << "the guide shows another message";
}

TEST(Guide, OnAGpu) {
  std::stringstream out;
  std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
  // clang-format off
  Device device = cuda().available() ? cuda() : cpu();
  Array u = linspace(0.0, 3.0, 1000), v = u + 1;
  Array far = distance.on(device)(u, v);
  Array nearest = with_device(device, [&] { return min(far, {.axis = 0}); });  // operations outside a function
  std::cout << last_call().device << ": " << last_call().copies_to_device << " copies\n";
  v += far;                                                                    // on the CPU
  // clang-format on
  std::cout.rdbuf(before);
  EXPECT_EQ(out.str(), std::string(device.name().c_str()) + ": 0 copies\n");
  EXPECT_EQ(numbers<double>(nearest), std::vector<double>{1});
  EXPECT_EQ(numbers<double>(v)[999], 9);
}

TEST(Guide, WhatHappened) {
  (void)distance(ones(2), ones(2));
  std::stringstream out;
  std::streambuf* const before = std::cout.rdbuf(out.rdbuf());
  // clang-format off
  for (int k = 0; k < distance.specializations().size(); ++k)
    std::cout << distance.specializations()[k].signature << ": " << distance.specializations()[k].reason << "\n";
  std::cout << last_call().threads << " threads, because " << last_call().threads_reason << "\n";
  std::cout << distance.inspect("program");  // also "scheduled", "llvm", "asm"
  // clang-format on
  std::cout.rdbuf(before);
  EXPECT_NE(out.str().find("the first call"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("program guide_test.cpp"), std::string::npos) << out.str();
}

// ---- The guide and this file ----------------------------------------------------------------------------------------

// Lines without their indentation.
std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    const std::size_t text = line.find_first_not_of(' ');
    lines.push_back(text == std::string::npos ? "" : line.substr(text));
  }
  return lines;
}

TEST(Guide, EverySnippetStandsHere) {
  const std::vector<std::string> guide = lines_of(KILN_TESTS_FOLDER "/../docs/guide.md");
  const std::vector<std::string> here = lines_of(KILN_TESTS_FOLDER "/guide/guide_test.cpp");
  int snippets = 0;
  for (std::size_t k = 0; k < guide.size(); ++k) {
    if (guide[k] != "```cpp") continue;
    std::vector<std::string> snippet;
    for (++k; k < guide.size() && guide[k] != "```"; ++k) snippet.push_back(guide[k]);
    ++snippets;
    EXPECT_NE(std::search(here.begin(), here.end(), snippet.begin(), snippet.end()), here.end())
        << "not here, or not in these words:\n"
        << (snippet.empty() ? "" : snippet.front());
  }
  EXPECT_GE(snippets, 12);
}

}  // namespace
