// One pass over the text that knows comments, literals, directives and braces, and nothing else of C++.
#include "tests/simulated/program_text.h"

#include <cctype>
#include <vector>

namespace kiln::simulated {
namespace {

bool begins_name(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool continues_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

class Translation {
 public:
  explicit Translation(std::string_view text) : text_(text) {}

  std::string run() {
    while (at_ < text_.size()) {
      if (const std::size_t end = end_of_uninteresting(at_); end > at_) {
        if (text_[at_] == '#') directive(text_.substr(at_, end - at_));
        copy_to(end);
      } else if (begins_name(text_[at_])) {
        name();
      } else {
        punctuation();
      }
    }
    return std::move(output_);
  }

 private:
  struct Brace {
    bool c_linkage = false;
    std::string kernel;  // whose body it opens
    std::string bound;
  };

  struct Macro {
    std::string name;
    bool c_linkage;
  };

  void copy_to(std::size_t end) {
    output_.append(text_, at_, end - at_);
    at_ = end;
  }

  // The end of the space, comment, literal or directive at `from`, or `from` where there is none.
  std::size_t end_of_uninteresting(std::size_t from) const {
    const char c = text_[from];
    const std::string_view rest = text_.substr(from);
    if (std::isspace(static_cast<unsigned char>(c))) return from + 1;
    if (rest.starts_with("//")) return end_of_line(from);
    if (rest.starts_with("/*")) return after(text_.find("*/", from + 2), 2);
    if (c == '#') return end_of_line(from);
    if (rest.starts_with("R\"")) {
      const std::size_t open = text_.find('(', from);
      if (open == std::string_view::npos) return text_.size();
      const std::string close = ")" + std::string(text_.substr(from + 2, open - from - 2)) + "\"";
      return after(text_.find(close, open), close.size());
    }
    if (c == '"' || c == '\'') {
      std::size_t end = from + 1;
      while (end < text_.size() && text_[end] != c) end += text_[end] == '\\' ? 2 : 1;
      return after(end, 1);
    }
    return from;
  }

  std::size_t after(std::size_t position, std::size_t count) const {
    return position >= text_.size() ? text_.size() : position + count;
  }

  std::size_t end_of_line(std::size_t from) const {
    std::size_t end = text_.find('\n', from);
    while (end != std::string_view::npos && end > 0 && text_[end - 1] == '\\') end = text_.find('\n', end + 1);
    return end == std::string_view::npos ? text_.size() : end;
  }

  std::size_t skip(std::size_t from) const {
    while (from < text_.size()) {
      const std::size_t end = end_of_uninteresting(from);
      if (end == from) break;
      from = end;
    }
    return from;
  }

  std::string_view name_at(std::size_t from) const {
    std::size_t end = from;
    if (end < text_.size() && begins_name(text_[end])) {
      while (end < text_.size() && continues_name(text_[end])) ++end;
    }
    return text_.substr(from, end - from);
  }

  // The position after the parenthesis that closes the one at `from`.
  std::size_t end_of_parentheses(std::size_t from) const {
    int depth = 0;
    while (from < text_.size()) {
      if (const std::size_t end = end_of_uninteresting(from); end > from) {
        from = end;
        continue;
      }
      if (text_[from] == '(') ++depth;
      if (text_[from] == ')' && --depth == 0) return from + 1;
      ++from;
    }
    return from;
  }

  // A macro whose text has __global__ in it, as `#define KERNEL extern "C" __global__ void`, begins a kernel as that
  // does.
  void directive(std::string_view line) {
    const auto word_after = [&](std::string_view word) {
      std::size_t begin = line.find(word);
      if (begin == std::string_view::npos) return std::string_view();
      begin += word.size();
      while (begin < line.size() && (line[begin] == ' ' || line[begin] == '\t')) ++begin;
      std::size_t end = begin;
      while (end < line.size() && continues_name(line[end])) ++end;
      return line.substr(begin, end - begin);
    };
    const std::string_view macro = word_after("define");
    if (macro.empty() || line.find("__global__") == std::string_view::npos) return;
    macros_.push_back({std::string(macro), line.find("extern \"C\"") != std::string_view::npos});
  }

  void name() {
    const std::string_view word = name_at(at_);
    for (const Macro& macro : macros_) {
      if (macro.name != word) continue;
      c_linkage_ |= macro.c_linkage;
      kernel(at_ + word.size());
    }
    if (word == "extern" && dynamic_shared()) return;
    if (word == "extern") {
      const std::size_t next = at_ + word.size();
      std::size_t quote = next;
      while (quote < text_.size() && std::isspace(static_cast<unsigned char>(text_[quote]))) ++quote;
      if (text_.substr(quote).starts_with("\"C\"")) {
        c_linkage_ = true;
        copy_to(quote + 3);
        return;
      }
    }
    if (word == "template") template_ = true;
    if (word == "__global__") kernel(at_ + word.size());
    copy_to(at_ + word.size());
  }

  // extern __shared__ T name[];  becomes  T* const name = …;
  bool dynamic_shared() {
    constexpr std::string_view qualifier = "__shared__";
    const std::size_t shared = skip(at_ + std::string_view("extern").size());
    if (name_at(shared) != qualifier) return false;
    const std::size_t type = shared + qualifier.size();
    const std::size_t bracket = text_.find('[', type);
    const std::size_t end = text_.find(';', type);
    if (bracket >= end || end == std::string_view::npos) return false;
    std::size_t name_end = bracket;
    while (name_end > type && std::isspace(static_cast<unsigned char>(text_[name_end - 1]))) --name_end;
    std::size_t name_begin = name_end;
    while (name_begin > type && continues_name(text_[name_begin - 1])) --name_begin;
    if (inside_function()) {
      output_.append(text_, type, name_begin - type);
      output_ += "* const ";
      output_.append(text_, name_begin, name_end - name_begin);
      output_ += " = KILN_SIMULATED_DYNAMIC_SHARED";
    } else {
      output_ += "static_assert(false, \"the simulation takes extern __shared__ inside functions alone\")";
    }
    at_ = end;
    return true;
  }

  bool inside_function() const {
    for (const Brace& brace : braces_) {
      if (!brace.c_linkage) return true;
    }
    return false;
  }

  // Learns the name and bound of the kernel declared at `from`, behind __global__.
  void kernel(std::size_t from) {
    std::string bound = "0";
    bool c_linkage = c_linkage_;
    for (const Brace& brace : braces_) c_linkage |= brace.c_linkage;
    for (from = skip(from); from < text_.size(); from = skip(from)) {
      const std::string_view word = name_at(from);
      if (word.empty()) return;
      const std::size_t next = skip(from + word.size());
      if (next >= text_.size() || text_[next] != '(') {
        from += word.size();
        continue;
      }
      const std::size_t end = end_of_parentheses(next);
      if (word == "__launch_bounds__") {
        bound = first_argument(text_.substr(next + 1, end - next - 2));
      } else if (word == "__attribute__") {
      } else {
        if (c_linkage && !template_) pending_ = Brace{false, std::string(word), std::move(bound)};
        return;
      }
      from = end;
    }
  }

  static std::string first_argument(std::string_view arguments) {
    int depth = 0;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i] == '(') ++depth;
      if (arguments[i] == ')') --depth;
      if (arguments[i] == ',' && depth == 0) return std::string(arguments.substr(0, i));
    }
    return std::string(arguments);
  }

  void punctuation() {
    const char c = text_[at_];
    if (c == '{') {
      Brace brace = std::move(pending_);
      if (brace.kernel.empty() && c_linkage_ && ends_with_linkage()) brace.c_linkage = true;
      braces_.push_back(std::move(brace));
    }
    copy_to(at_ + 1);
    if (c == '}' && !braces_.empty()) {
      const Brace brace = std::move(braces_.back());
      braces_.pop_back();
      if (!brace.kernel.empty()) output_ += " KILN_SIMULATED_KERNEL(" + brace.kernel + ", (" + brace.bound + "))";
    }
    if (c == '{' || c == '}' || c == ';') {
      c_linkage_ = false;
      template_ = false;
      pending_ = {};
    }
  }

  bool ends_with_linkage() const {
    std::size_t end = output_.size();
    while (end > 0 && std::isspace(static_cast<unsigned char>(output_[end - 1]))) --end;
    return std::string_view(output_).substr(0, end).ends_with("\"C\"");
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string output_;
  std::vector<Brace> braces_;
  std::vector<Macro> macros_;
  Brace pending_;           // the kernel whose body the next brace opens
  bool c_linkage_ = false;  // since the last declaration ended
  bool template_ = false;
};

}  // namespace

std::string translated(std::string_view text) { return Translation(text).run(); }

}  // namespace kiln::simulated
