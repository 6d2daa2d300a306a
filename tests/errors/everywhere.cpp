// The same misuse is an error of the same kind, at the same line, eager, compiled and interpreted.
#include <gtest/gtest.h>
#include <kiln/kiln.h>

#include <string>
#include <typeinfo>

namespace {

using namespace kiln;

// The kind of the error and its line.
template <class Action>
std::string error_of(Action&& action) {
  try {
    (void)action();
  } catch (const Error& e) {
    return std::string(typeid(e).name()) + " at line " + std::to_string(e.line());
  }
  return "none";
}

template <class E, class Body, class... A>
void expect_everywhere(Body, const A&... arguments) {
  const auto f = jit(Body{});
  const std::string wanted = error_of([&] { return f.with({.interpret = true})(arguments...); });
  EXPECT_EQ(wanted.find(typeid(E).name()), 0u) << wanted;
  EXPECT_EQ(error_of([&] { return f(arguments...); }), wanted) << "compiled";
  EXPECT_EQ(error_of([&] { return Body{}(arguments...); }), wanted) << "eager";
}

const Array m = zeros({3, 4}), v = zeros(3), w = zeros(4), bytes = zeros(3, u8), none = zeros(0);

TEST(Everywhere, Shapes) {
  expect_everywhere<ShapeError>([](Array a, Array b) { return a + b; }, m, v);
  expect_everywhere<ShapeError>([](Array a, Array b) { return allclose(a, b); }, m, v);
  expect_everywhere<ShapeError>([](Array a, Array b) { return dot(a, b); }, v, w);
  expect_everywhere<ShapeError>([](Array a, Array b) { return dot(a, b); }, m, v);
  expect_everywhere<ShapeError>([](Array a) { return a.reshape({5, 5}).copy(); }, m);
  expect_everywhere<ShapeError>([](Array a) { return a.reshape({-1, 5}).copy(); }, m);
  expect_everywhere<ShapeError>([](Array a) { return a.reshape({-1, -1}).copy(); }, m);
  expect_everywhere<ShapeError>([](Array a) { return a.broadcast_to({3, 5}).copy(); }, m);
  expect_everywhere<ShapeError>([](Array a) { return diagonal(a).copy(); }, v);
  expect_everywhere<ShapeError>([](Array a) { return trace(a); }, v);
  expect_everywhere<ShapeError>([](Array a) { return max(a); }, none);
  expect_everywhere<ShapeError>([](Array a) { return min(a, {.axis = 0}); }, none);
  expect_everywhere<ShapeError>([](Array a) { return argmax(a); }, none);
  expect_everywhere<ShapeError>([](Array a) { return nanargmin(a, {.axis = 0}); }, none);
  expect_everywhere<ShapeError>([](Array a, Array b) { return sum(a, {.where = b > 0}); }, m, v);
  expect_everywhere<UsageError>([](Array a, Array b) { return argmin(a, {.where = b > 0}); }, m, m);
  expect_everywhere<DTypeError>([](Array a) { return min(a, {.initial = 256}); }, bytes);
  expect_everywhere<ShapeError>([](Array a, Value n) { return zeros({n, 2}) + sum(a); }, v, -3);
  expect_everywhere<ShapeError>([](Array a) { return a.item(); }, v);
}

TEST(Everywhere, Stores) {
  const auto rows = [](Array a, Array b) {
    a(0, _) = b;
    return a;
  };
  expect_everywhere<ShapeError>(rows, m, v);
  const auto matrix = [](Array a, Array b) {
    a(rest) = b;
    return a;
  };
  expect_everywhere<ShapeError>(matrix, v, m);
  expect_everywhere<UsageError>(matrix, v.as_read_only(), v);
  const auto number = [](Array a) {
    a(0) = 300;
    return a;
  };
  expect_everywhere<DTypeError>(number, bytes);
  expect_everywhere<UsageError>(number, v.as_read_only());
  const auto update = [](Array a) {
    a += 0.5;
    return a;
  };
  expect_everywhere<DTypeError>(update, bytes);
}

TEST(Everywhere, Indices) {
  expect_everywhere<IndexError>([](Array a) { return Value(a(7)); }, v);
  expect_everywhere<IndexError>([](Array a, Value i) { return Value(a(i)); }, v, 9);
  expect_everywhere<IndexError>([](Array a) { return Value(a(0)); }, m);
  expect_everywhere<IndexError>([](Array a) { return a(0, _, _).copy(); }, m);
  expect_everywhere<IndexError>([](Array a) { return a(rest, rest).copy(); }, v);
  expect_everywhere<IndexError>([](Array a) { return sum(a, {.axis = 2}); }, m);
  expect_everywhere<IndexError>([](Array a) { return a.transpose({0, 0}).copy(); }, m);
  expect_everywhere<UsageError>([](Array a) { return a(slice(0, 2, 0)).copy(); }, v);
  expect_everywhere<DTypeError>([](Array a) { return Value(a(1.5)); }, v);
}

TEST(Everywhere, DTypes) {
  expect_everywhere<DTypeError>([](Array a) { return a & 1; }, v);
  expect_everywhere<DTypeError>([](Array a) { return a(0) & 1; }, v);
  expect_everywhere<DTypeError>([](Array a) { return a + 300; }, bytes);
  expect_everywhere<DTypeError>([](Array a) { return a(0) + 300; }, bytes);
  expect_everywhere<DTypeError>([](Array a) { return where(a > 0, a, 300); }, bytes);
  expect_everywhere<DTypeError>([](Array a) { return clip(a, -1, 3); }, bytes);
  expect_everywhere<DTypeError>([](Array a) { return where(a, a, 1); }, v);
  expect_everywhere<DTypeError>([](Array a) { return linspace(0, 1, 2.5) + sum(a); }, v);
  expect_everywhere<UsageError>([](Array a) { return arange(0, 3, 0) + sum(a); }, v);
}

}  // namespace
