// docs/reference is made of the public headers' docstrings and the tables of operations and reductions: a page for each
// header, written by this test under KILN_UPDATE_GOLDEN=1 and compared with what is committed otherwise.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

const std::string root = KILN_TESTS_FOLDER "/..";

std::string content(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string trimmed(std::string_view line) {
  const std::size_t first = line.find_first_not_of(' '), last = line.find_last_not_of(' ');
  return first == std::string_view::npos ? "" : std::string(line.substr(first, last - first + 1));
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// ---- Headers --------------------------------------------------------------------------------------------------------

// One header as a page: sections, docstrings as text, declarations as code.
class Page {
 public:
  explicit Page(const std::string& header) {
    std::istringstream lines(content(root + "/core/include/kiln/" + header));
    for (std::string line; std::getline(lines, line);) read(line);
    flush();
  }
  std::string text() const { return text_; }

 private:
  // What a reader of the header skips: implementation, private parts, macros.
  bool is_hidden(const std::string& line) {
    if (hidden_depth_ > 0 || line == "namespace detail {") {
      for (const char c : line) hidden_depth_ += (c == '{') - (c == '}');
      return true;
    }
    if (continues_) {
      continues_ = line.ends_with("\\");
      return true;
    }
    if (line.starts_with("#")) {
      continues_ = line.ends_with("\\");
      return true;
    }
    if (line == " private:" || line == " protected:") private_ = true;
    if (line == " public:" || line == "};") {
      const bool was = private_;
      private_ = false;
      if (was || line == " public:") return line == " public:";
    }
    return private_;
  }

  void read(const std::string& line) {
    if (first_ && line.starts_with("// ")) {
      summary_ += (summary_.empty() ? "" : " ") + line.substr(3);
      return;
    }
    if (first_) {
      text_ += summary_ + "\n";
      first_ = false;
    }
    if (is_hidden(line)) return;
    const std::string bare = trimmed(line);
    if (body_ > 0) return skip_body(bare);
    if (bare.starts_with("// ---- ")) {
      flush();
      text_ += "\n## " + bare.substr(8, bare.find(" --", 8) - 8) + "\n";
    } else if (bare.starts_with("///")) {
      if (!code_.empty()) flush();
      doc_ += trimmed(bare.substr(3)) + "\n";
    } else if (bare.empty()) {
      flush();
    } else if (const std::string made = made_by_macro(bare); !made.empty()) {
      code_ += made + "\n";
    } else if (!is_noise(bare)) {
      declare(line);
    } else if (bare.starts_with("friend ")) {
      skip_body(bare);
    }
  }

  // What the headers' own macros declare.
  static std::string made_by_macro(const std::string& bare) {
    const std::size_t open = bare.find('('), close = bare.rfind(')');
    if (open == std::string::npos || close == std::string::npos || !bare.starts_with("KILN_")) return "";
    const std::string macro = bare.substr(0, open), name = bare.substr(open + 1, close - open - 1);
    if (macro == "KILN_SCALAR_BINARY") return "Value operator" + name + "(const Operand& a, const Operand& b);";
    if (macro == "KILN_ARRAY_BINARY") return "Array " + name + "(a, b);  // arrays, or one array and one number";
    if (macro == "KILN_ARRAY_TERNARY") return "Array " + name + "(a, b, c);  // at least one array among them";
    if (macro == "KILN_ARRAY_UPDATE") return "  Array& operator" + name + "(x) &;";
    if (macro == "KILN_VIEW_UPDATE") return "  void operator" + name + "(x);";
    return "";
  }

  // Only names that are declared ahead.
  static bool is_ahead(const std::string& code) {
    std::istringstream lines(code);
    for (std::string line; std::getline(lines, line);) {
      const bool ahead = (line.starts_with("class ") || line.starts_with("struct ")) && line.ends_with(";");
      if (!ahead) return false;
    }
    return true;
  }

  static bool is_noise(const std::string& bare) {
    for (const char* start :
         {"//", "namespace ", "inline namespace ", "constexpr BoundsCheck nothing_said", "}  // namespace", "friend ",
          "static_assert", "KILN_", "using std::", "template <class = void>"})
      if (bare.starts_with(start) && !bare.starts_with("KILN_API") && !bare.starts_with("KILN_ERROR_CLASS"))
        return true;
    return bare == "}" || bare == "};" || bare == "{";
  }

  // A declaration without its body, its attributes and the parameter that takes the caller's line.
  void declare(std::string line) {
    replace_all(line, "KILN_API ", "");
    for (const char* where : {", Location l = Location::current()", "Location l = Location::current()",
                              ", Location where = Location::current()", "Location where = Location::current()"})
      replace_all(line, where, "");
    if (const std::size_t comment = line.find("  // "); comment != std::string::npos) line.resize(comment);
    int open = 0;
    for (const char c : line) open += (c == '{') - (c == '}');
    const std::string bare = trimmed(line);
    const bool is_type = bare.starts_with("class ") || bare.starts_with("struct ") || bare.starts_with("enum ");
    if (is_type && open > 0) {
      code_ += line + "\n";
      return;
    }
    if (open > 0) body_ = open;
    const std::size_t brace = line.find(" {");
    const bool is_function = line.find('(') != std::string::npos;
    if (brace != std::string::npos && is_function) line = line.substr(0, brace) + ";";
    if (const std::size_t colon = line.find(") : "); colon != std::string::npos) line = line.substr(0, colon + 1) + ";";
    if (!trimmed(line).empty()) code_ += line + "\n";
  }

  void skip_body(const std::string& bare) {
    for (const char c : bare) body_ += (c == '{') - (c == '}');
  }

  void flush() {
    if (doc_.empty() && is_ahead(code_)) code_.clear();
    if (doc_.empty() && code_.empty()) return;
    text_ += "\n" + doc_;
    if (!code_.empty()) text_ += (doc_.empty() ? "" : "\n") + std::string("```cpp\n") + code_ + "```\n";
    doc_.clear();
    code_.clear();
  }

  std::string text_, summary_, doc_, code_;
  bool first_ = true, private_ = false, continues_ = false;
  int hidden_depth_ = 0, body_ = 0;
};

// ---- Tables ---------------------------------------------------------------------------------------------------------

struct Operation {
  const char* name;
  const char* spelling;
  int arity;
  const char* rule;
  bool is_function;
};

constexpr Operation operations[] = {
#define KILN_OPERATOR(name, spelling, arity, rule, ...) {#name, spelling, arity, #rule, false},
#define KILN_FUNCTION(name, spelling, arity, rule, ...) {#name, spelling, arity, #rule, true},
#include <kiln/ops.def>
#undef KILN_OPERATOR
#undef KILN_FUNCTION
};

// What the operands are cast to and what the result is, in words.
const std::map<std::string, std::string> rules = {
    {"numeric", "numbers of any dtype; their common dtype"},
    {"numeric_no_bool", "numbers, not bools; their common dtype"},
    {"numeric_not_bool", "numbers, a bool counts as i8; their common dtype"},
    {"real_not_bool", "real numbers, a bool counts as i8; their common dtype"},
    {"magnitude", "numbers of any dtype; the same, of complex ones the dtype of their parts"},
    {"floating", "floats and complex numbers; of bools and 8 bits f16, of 16 bits f32, of other integers f64"},
    {"real_floating", "floats; of bools and 8 bits f16, of 16 bits f32, of other integers f64"},
    {"rounding", "numbers; integers stay as they are"},
    {"real_rounding", "real numbers; integers stay as they are"},
    {"true_division", "numbers; of integers f64"},
    {"comparison", "two numbers or two bools; bool"},
    {"logical", "anything, compared with 0; bool"},
    {"bitwise", "integers, or all bools; their common dtype"},
    {"shift", "integers; their common dtype"},
    {"integer", "integers; their common dtype"},
    {"bit_count", "integers or bools; u8"},
    {"predicate", "numbers; bool"},
    {"real_predicate", "real numbers; bool"},
    {"select", "a bool and two that promote; their common dtype"},
    {"from_parts", "two real numbers; c64 of floats up to 32 bits and of integers up to 16, else c128"},
    {"part", "numbers of any dtype; the same, of complex ones the dtype of their parts"},
    {"phase", "numbers of any dtype; floats as of `atan2`, of complex ones the dtype of their parts"},
};

std::string operations_page() {
  std::string text =
      "The operations that work element by element, on numbers and on arrays that broadcast. How exact they are: "
      "[accuracy.md](accuracy.md).\n\n| operation | operands and result |\n|---|---|\n";
  for (const Operation& o : operations) {
    std::string written;
    if (o.is_function) {
      written = std::string(o.name) + (o.arity == 1 ? "(x)" : o.arity == 2 ? "(a, b)" : "(a, b, c)");
    } else if (o.arity == 1) {
      written = std::string(o.spelling) + "x";
    } else {
      written = o.arity == 2 ? "a " + std::string(o.spelling) + " b" : std::string(o.spelling) + "(c, a, b)";
    }
    replace_all(written, "|", "\\|");
    const auto rule = rules.find(o.rule);
    EXPECT_NE(rule, rules.end()) << "no words for the rule " << o.rule;
    text += "| `" + written + "` | " + (rule == rules.end() ? o.rule : rule->second) + " |\n";
  }
  return text;
}

// ---- Pages ----------------------------------------------------------------------------------------------------------

struct Entry {
  const char* page;
  const char* title;
  std::vector<std::string> headers;
};
const Entry entries[] = {
    {"arrays", "Arrays", {"array.h"}},
    {"values", "Values, Vars and dtypes", {"value.h", "dtype.h"}},
    {"functions", "Functions", {"functions.h"}},
    {"control", "Control flow", {"control.h"}},
    {"jit", "Compiled functions", {"jit.h", "options.h", "inspect.h"}},
    {"devices", "Devices and their memory", {"device.h", "stream.h", "transfer.h", "dlpack.h"}},
    {"errors", "Errors", {"error.h"}},
};

std::map<std::string, std::string> pages() {
  std::map<std::string, std::string> all;
  std::string index =
      "# Reference\n\nMade of the public headers' docstrings and the table of operations (`tests/guide`). Parameters "
      "that take the caller's line are left out.\n\n";
  for (const Entry& e : entries) {
    std::string text = "# " + std::string(e.title) + "\n";
    for (const std::string& header : e.headers) text += "\n" + Page(header).text();
    all[std::string(e.page) + ".md"] = text;
    index += "- [" + std::string(e.title) + "](" + e.page + ".md)\n";
  }
  all["operations.md"] = "# Operations\n\n" + operations_page();
  index += "- [Operations](operations.md)\n- [Accuracy](accuracy.md), as measured\n";
  all["README.md"] = index;
  return all;
}

TEST(Reference, IsWhatTheHeadersSay) {
  const bool update = std::getenv("KILN_UPDATE_GOLDEN") != nullptr;
  for (const auto& [name, text] : pages()) {
    const std::string path = root + "/docs/reference/" + name;
    if (update) std::ofstream(path) << text;
    EXPECT_EQ(content(path), text) << name << " is out of date: KILN_UPDATE_GOLDEN=1 kiln-guide writes it";
  }
}

}  // namespace
