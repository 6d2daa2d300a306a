// Carries a recipe out while the function it stands for is traced, and writes the same program down as C++.
#pragma once

#include "core/ops.h"
#include "tests/fuzz/recipe.h"

#include <kiln/kiln.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kiln::fuzz {

/// An extent as a word: equal words are equal extents in every data set. `size` is about what it is.
struct ExtentName {
  std::string base;  // "n", or "1"
  int less = 0;      // so many fewer than base, at least 0 …
  int step = 1;      // … of which every step-th counts
  double size = 1;

  bool operator==(const ExtentName& other) const {
    return base == other.base && less == other.less && step == other.step;
  }
  bool is_one() const { return base == "1"; }
};

/// A scalar or an array in the traced function, and its C++ text.
struct Term {
  std::shared_ptr<Value> value;
  std::shared_ptr<Array> array;
  std::string text;
  std::vector<ExtentName> extents;
  int group = -1;  // arrays that may share memory have one number; -1: fresh memory
  bool writable = false;

  bool is_array() const { return array != nullptr; }
  DType dtype() const { return array ? array->dtype() : value->dtype(); }
};

/// What a Var or an element may be updated by.
inline constexpr ir::Op reductions[] = {ir::Op::add,     ir::Op::add,     ir::Op::multiply, ir::Op::minimum,
                                        ir::Op::maximum, ir::Op::bit_and, ir::Op::bit_or,   ir::Op::bit_xor};

/// What may be done to an array here. Inside a prange: read it, if no iteration writes it; write the iteration's own
/// elements, and read no others; or update any element by one operation.
enum class Mode : std::uint8_t { free, read_only, own, update_only };

struct IndexName {
  Term term;
  ExtentName extent;
  int low = 0, high = 0;  // it lies in [low, extent - high)
};

struct NamedArray {
  Term term;
  Mode mode = Mode::free;
  std::vector<std::optional<Term>> own;  // by axis: the index that is the iteration's own
  ir::Op op = ir::Op::add;               // update_only
  bool whole = false;                    // a root, not a view
};

struct NamedVariable {
  std::shared_ptr<Var> variable;
  std::string text;
  bool fixed = false;
  enum class Use : std::uint8_t { free, read_only, reduce } use = Use::free;
  ir::Op op = ir::Op::add;  // reduce
};

/// What is in scope.
struct Scope {
  std::vector<NamedArray> arrays;
  std::vector<Term> values;
  std::vector<IndexName> indices;
  std::vector<NamedVariable> variables;
  bool in_prange = false;  // inside no break_ may leave it
  bool can_leave = false;  // a loop is open, and no prange inside it
  bool can_continue = false;
  double turns = 1;  // how often this place is reached, about
};

class Executor {
 public:
  Executor(const Recipe& recipe, std::vector<Array> arrays, std::vector<Value> scalars);

  /// Carries out the body. The results are what a function may return afterwards.
  void run();
  const std::vector<Term>& results() const { return results_; }
  /// The function's body as C++.
  const std::string& text() const { return text_; }

 private:
  // Statements.
  void block(const Node& node);
  void statement(const Node& node);
  void declare_variable(const Node& node);
  void update_variable(const Node& node);
  void assign_variable(const Node& node);
  void store_element(const Node& node, bool update);
  void store_view(const Node& node, bool update);
  void store_selected(const Node& node, const Term& target, const Term& x, bool update);
  void name_array(const Node& node);
  void range_loop(const Node& node);
  void prange_loop(const Node& node);
  void while_loop(const Node& node);
  void make_local(std::uint32_t which);
  void branch(const Node& node);
  void leave(const Node& node);
  void swap_arrays(const Node& node);
  void atomic_update(const Node& node);
  void ticket_loop(const Node& node);
  void stencil_loop(const Node& node);
  void product_loop(const Node& node);
  void finish();
  void enter_prange(std::size_t target, const std::vector<int>& axes, const std::vector<IndexName>& indices,
                    const Node& node);
  void enter_reading_prange(int written);
  // A loop that is yet to be opened.
  struct NamedLoop {
    IndexName index;
    Term begin, end;
    std::string name;
    double turns = 1;
  };
  NamedLoop loop_over(const Term& array, int axis, int margin);
  void over(NamedLoop loop, bool parallel, const std::function<void(const Term& index)>& body);
  void inside(const std::function<void()>& body);
  void line(const std::string& text);

  // Scalars.
  Term scalar(const Node& node);
  Term literal(const Node& node);
  Term constant(DType dtype, std::uint32_t which);
  Term leaf_value(std::uint32_t which);
  Term load(const Node& node);
  Term guarded_load(const Node& node);
  Term condition(const Node& node);
  Term integer(Term x);
  Term boolean(Term x);
  Term named(const std::string& prefix, const Term& x);
  // Where an access goes; condition, if any, must hold.
  struct Place {
    std::vector<Term> indices;
    std::optional<Term> condition;
    std::string text;
  };
  Place place(const NamedArray& array, const std::uint32_t* n);
  Term index_of(const NamedArray& array, int axis, std::uint32_t n, std::optional<Term>& condition);
  Term element(const NamedArray& array, const Place& place);
  Term extent(const Term& array, int axis);

  // Arrays.
  Term array(const Node& node, const Term* like = nullptr);
  Term any_array(std::uint32_t which, const Term* like);
  Term whole(const NamedArray& array);
  Term view(const Term& x, std::uint32_t which);
  Term indices(const Term& x, std::uint32_t which);
  Term gathered(const Term& x, std::uint32_t which);
  Term map(const Node& node, const Term* like);
  Term made(const Node& node);
  Term reduce_axes(const Node& node);
  Term reshaped(const Node& node);
  Term scanned(const Node& node);
  Term reduced(const Term& x, std::uint32_t which);
  bool affordable(const Term& x);
  int base_group(const Term& x) const { return x.group; }

  // Both.
  Term apply(ir::Op op, std::vector<Term> operands);
  Term cast(const Term& x, DType dtype);
  ir::Op any_op(std::uint32_t which, int arity) const;
  void coerce(ir::Op op, std::vector<Term>& operands);

  static Term of(const Value& value, std::string text);
  static Term of(const Array& array, std::string text, std::vector<ExtentName> extents, int group, bool writable);
  std::string fresh(const char* prefix) { return prefix + std::to_string(names_++); }

  const Recipe& recipe_;
  Scope scope_;
  std::vector<Term> results_;
  std::string text_;
  int indent_ = 1, names_ = 0, groups_ = 0;
  double work_ = 0;
  int loop_depth_ = 0;
};

/// Whether the extents of both broadcast together in every data set.
bool broadcasts(const Term& a, const Term& b);
/// All of an array, as one axis.
ExtentName flattened(const std::vector<ExtentName>& extents);
Element element_at(const Array& a, const std::vector<Term>& at);
/// A number as C++ that has exactly this value and this type.
std::string number_text(double x);
std::string number_text(std::int64_t x);
/// i8 … f64 as C++ writes them: "std::int8_t", "double".
const char* c_type(DType dtype);

}  // namespace kiln::fuzz
