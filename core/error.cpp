// The exceptions: reference-counted text, so that copying one never throws.
#include <kiln/error.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace kiln {

namespace {

// The count stands in front of the text.
struct Counted {
  std::atomic<unsigned> references{1};
};

Counted* counted(const char* text) { return reinterpret_cast<Counted*>(const_cast<char*>(text)) - 1; }

const char* new_text(std::string_view message) {
  void* memory = std::malloc(sizeof(Counted) + message.size() + 1);
  if (!memory) throw std::bad_alloc();
  char* text = reinterpret_cast<char*>(new (memory) Counted + 1);
  std::memcpy(text, message.data(), message.size());
  text[message.size()] = 0;
  return text;
}

void retain(const char* text) { counted(text)->references.fetch_add(1, std::memory_order_relaxed); }

void release(const char* text) {
  if (counted(text)->references.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(counted(text));
}

std::string with_line(std::string_view message, const Location& where) {
  if (where.line() == 0) return std::string(message);
  return std::string(where.file_name()) + ":" + std::to_string(where.line()) + ": " + std::string(message);
}

}  // namespace

Error::Error(std::string_view message) : text_(new_text(message)) {}

Error::Error(std::string_view message, Location where)
    : text_(new_text(with_line(message, where))), file_(where.file_name()), line_(where.line()) {}

Error::Error(const Error& other) noexcept
    : std::exception(other), text_(other.text_), file_(other.file_), line_(other.line_) {
  retain(text_);
}

Error& Error::operator=(const Error& other) noexcept {
  retain(other.text_);
  release(text_);
  text_ = other.text_;
  file_ = other.file_;
  line_ = other.line_;
  return *this;
}

Error::~Error() { release(text_); }
const char* Error::what() const noexcept { return text_; }

// Out of line, so that each class has one type_info, in this library.
UsageError::~UsageError() = default;
ShapeError::~ShapeError() = default;
DTypeError::~DTypeError() = default;
IndexError::~IndexError() = default;
CompileError::~CompileError() = default;
RuntimeError::~RuntimeError() = default;
InternalError::~InternalError() = default;

}  // namespace kiln
