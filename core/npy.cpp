// load and save: arrays as .npy files, NumPy's format 1 to 3.
#include "core/access.h"
#include "core/array_errors.h"
#include "core/error_text.h"

#include <fcntl.h>
#include <kiln/error.h>
#include <kiln/functions.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

namespace {

using detail::Access;
using detail::Layout;
using detail::Storage;

static_assert(std::endian::native == std::endian::little, "byte orders are told apart for little-endian machines");

// Every error of a file names it and the line that asked for it.
struct Request {
  const char* action;  // "load" or "save"
  const char* path;
  Location where;

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw RuntimeError(text(action, "(\"", path, "\"): ", parts...), where);
  }
  [[noreturn]] void fail_system(const char* what) const {
    const int code = errno;
    fail(what, ": ", std::string_view(std::strerror(code)),
         code != ENOENT || *path == '/' ? std::string("; check the path")
                                        : "; relative paths start at " + current_folder());
  }

 private:
  static std::string current_folder() {
    const std::unique_ptr<char, decltype(&std::free)> folder(::realpath(".", nullptr), &std::free);
    return folder ? folder.get() : ".";
  }
};

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool open() const { return descriptor_ >= 0; }

  /// Up to `size` bytes; fewer at the end of the file only.
  std::size_t read(void* to, std::size_t size, const Request& request) {
    std::size_t done = 0;
    while (done < size) {
      const ::ssize_t n = ::read(descriptor_, static_cast<char*>(to) + done, std::min(size - done, largest_step));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) request.fail_system("cannot read the file");
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }
  bool write(const void* from, std::size_t size) {
    for (std::size_t done = 0; done < size;) {
      const ::ssize_t n =
          ::write(descriptor_, static_cast<const char*>(from) + done, std::min(size - done, largest_step));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      done += static_cast<std::size_t>(n);
    }
    return true;
  }
  bool close() {
    const int descriptor = descriptor_;
    descriptor_ = -1;
    return ::close(descriptor) == 0;
  }
  /// Size of a regular file.
  std::optional<std::uint64_t> size() const {
    struct stat status;
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  static constexpr std::size_t largest_step = std::size_t(1) << 30;
  int descriptor_;
};

// ---- The header ---------------------------------------------------------------------------------------------------

constexpr std::string_view magic("\x93NUMPY", 6);

struct ElementFormat {
  DType dtype;
  bool swapped = false;
};

struct Header {
  ElementFormat format;
  bool fortran = false;
  int rank = 0;
  std::int64_t extents[max_rank] = {};
  std::uint64_t data_begin = 0;
};

ElementFormat parse_descr(std::string_view descr, const Request& request) {
  std::string_view rest = descr;
  char order = '|';
  if (!rest.empty() && std::string_view("<>|=").find(rest[0]) != std::string_view::npos) {
    order = rest[0];
    rest.remove_prefix(1);
  }
  struct Known {
    std::string_view name;
    DType dtype;
  };
  static constexpr Known table[] = {{"b1", bool_}, {"i1", i8},  {"i2", i16}, {"i4", i32},  {"i8", i64},
                                    {"u1", u8},    {"u2", u16}, {"u4", u32}, {"u8", u64},  {"f2", f16},
                                    {"f4", f32},   {"f8", f64}, {"c8", c64}, {"c16", c128}};
  for (const Known& known : table)
    if (rest == known.name && (order != '|' || known.dtype.size() == 1))
      return {known.dtype, order == '>' && known.dtype.size() > 1};

  const char kind = rest.empty() ? '?' : rest[0];
  const char* what =
      "which Kiln does not know; write it as one of bool, (u)int8 to (u)int64, float16 to float64, "
      "complex64, complex128";
  if (kind == 'O')
    what = "Python objects, which are no numbers; write it as a number type, as in a.astype(float)";
  else if (kind == 'S' || kind == 'U' || kind == 'a')
    what = "text; write numbers, as in a.astype(float)";
  else if (kind == 'V')
    what = "raw or structured records; write one field at a time, as in a[\"x\"]";
  else if (kind == 'M' || kind == 'm')
    what = "dates or times; write them as numbers, as in a.astype(\"int64\")";
  else if (rest == "f16" || rest == "f12" || rest == "c32" || rest == "c24")
    what = "long double; write it as float64 or complex128, as in a.astype(\"float64\")";
  request.fail("its elements are '", descr, "': ", what);
}

// The header is a Python dict; this reads exactly the part of Python that NumPy writes.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const Request& request) : text_(text), request_(request) {}

  Header parse() {
    Header header;
    bool seen_descr = false, seen_order = false, seen_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = string();
      expect(':');
      if (key == "descr" && !seen_descr) {
        seen_descr = true;
        header.format = descr();
      } else if (key == "fortran_order" && !seen_order) {
        seen_order = true;
        header.fortran = boolean();
      } else if (key == "shape" && !seen_shape) {
        seen_shape = true;
        shape(header);
      } else
        garbage();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (position_ != text_.size() || !seen_descr || !seen_order || !seen_shape) garbage();
    return header;
  }

 private:
  void skip_space() {
    while (position_ < text_.size() && std::string_view(" \t\r\n").find(text_[position_]) != std::string_view::npos)
      ++position_;
  }
  bool accept(char c) {
    skip_space();
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) garbage();
  }
  bool accept_word(std::string_view word) {
    skip_space();
    if (text_.substr(position_, word.size()) != word) return false;
    position_ += word.size();
    return true;
  }

  std::string_view string() {
    skip_space();
    const char quote = position_ < text_.size() ? text_[position_] : 0;
    if (quote != '\'' && quote != '"') garbage();
    const std::size_t begin = ++position_, end = text_.find(quote, begin);
    if (end == std::string_view::npos) garbage();
    position_ = end + 1;
    return text_.substr(begin, end - begin);
  }
  bool boolean() {
    if (accept_word("True")) return true;
    if (!accept_word("False")) garbage();
    return false;
  }
  ElementFormat descr() {
    if (accept('[') || accept('('))
      request_.fail("its elements are structured records, not numbers; write one field at a time, as in a[\"x\"]");
    return parse_descr(string(), request_);
  }
  std::int64_t extent() {
    skip_space();
    std::int64_t n = 0;
    const char* const begin = text_.data() + position_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), n);
    if (error == std::errc::result_out_of_range) request_.fail("its shape has an extent beyond 64 bits");
    if (error != std::errc() || n < 0) garbage();
    position_ += static_cast<std::size_t>(end - begin);
    accept('L');  // Python 2's long integers
    return n;
  }
  void shape(Header& header) {
    expect('(');
    int rank = 0;
    while (!accept(')')) {
      const std::int64_t n = extent();
      if (rank < max_rank) header.extents[rank] = n;
      ++rank;
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    if (rank > max_rank)
      request_.fail("it has ", rank, " axes and Kiln's arrays have at most ", max_rank, "; reshape it before writing");
    header.rank = rank;
  }

  [[noreturn]] void garbage() const {
    std::string shown;
    for (char c : text_.substr(0, 60)) shown += c >= ' ' && c < 127 ? c : '?';
    request_.fail("its header is damaged: byte ", position_, " of \"", shown, text_.size() > 60 ? "…" : "",
                  "\" is not what NumPy writes; write the file again with numpy.save");
  }

  std::string_view text_;
  const Request& request_;
  std::size_t position_ = 0;
};

[[noreturn]] void fail_truncated(const Request& request, const char* part, std::uint64_t present,
                                 std::uint64_t needed) {
  request.fail("the file is truncated in its ", part, ": it has ", present, " bytes and needs ", needed,
               "; copy or write it again");
}

Header read_header(File& file, const Request& request) {
  unsigned char start[12];
  const std::size_t got = file.read(start, 8, request);
  const std::size_t compared = std::min(got, magic.size());
  if (compared == 0 || std::memcmp(start, magic.data(), compared) != 0)
    request.fail(got == 0 ? "the file is empty" : "this is not a .npy file, it does not begin with \\x93NUMPY",
                 got >= 2 && start[0] == 'P' && start[1] == 'K' ? " (an .npz archive: unpack it first)" : "",
                 "; write it with numpy.save");
  if (got < 8) fail_truncated(request, "first bytes", got, 8);
  const int version = start[6];
  if (version < 1 || version > 3)
    request.fail("it has .npy format ", version, ".", static_cast<int>(start[7]),
                 " and formats 1 to 3 are known; write it with numpy.save");

  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t length_got = file.read(start + 8, length_bytes, request);
  if (length_got < length_bytes) fail_truncated(request, "first bytes", 8 + length_got, 8 + length_bytes);
  std::size_t length = 0;
  for (std::size_t k = 0; k < length_bytes; ++k) length |= static_cast<std::size_t>(start[8 + k]) << (8 * k);
  const std::uint64_t data_begin = 8 + length_bytes + length;
  if (const auto size = file.size(); size && *size < data_begin) fail_truncated(request, "header", *size, data_begin);
  // NumPy's headers of plain arrays have 118 bytes, and some more for eight long extents.
  constexpr std::size_t longest = 1 << 20;
  if (length > longest) request.fail("its header says it is ", length, " bytes long, which no array of numbers needs");

  std::string header_text(length, '\0');
  const std::size_t header_got = file.read(header_text.data(), length, request);
  if (header_got < length) fail_truncated(request, "header", data_begin - length + header_got, data_begin);
  Header header = HeaderParser(header_text, request).parse();
  header.data_begin = data_begin;
  return header;
}

// ---- The elements -------------------------------------------------------------------------------------------------

std::uint64_t size_in_bytes(const Header& header, const Request& request) {
  const std::int64_t* const begin = header.extents;
  if (std::find(begin, begin + header.rank, 0) != begin + header.rank) return 0;
  std::int64_t total = static_cast<std::int64_t>(header.format.dtype.size());
  for (int k = 0; k < header.rank; ++k)
    if (__builtin_mul_overflow(total, header.extents[k], &total))
      request.fail("its shape ", std::span<const std::int64_t>(begin, static_cast<std::size_t>(header.rank)), " of ",
                   header.format.dtype, " is more than 2^63 bytes; the header is damaged");
  return static_cast<std::uint64_t>(total);
}

void swap_bytes(std::byte* data, std::size_t bytes, std::size_t unit) {
  for (std::byte* p = data; p != data + bytes; p += unit) std::reverse(p, p + unit);
}

Array array_for(const Header& header, std::size_t bytes) {
  Layout layout;
  std::int64_t stride = 1;
  for (int n = 0; n < header.rank; ++n) {
    const int k = header.fortran ? n : header.rank - 1 - n;
    layout.extents[k] = header.extents[k];
    layout.strides[k] = stride;
    // Of an array without elements the other extents may be anything; its strides are never used.
    if (bytes != 0) stride *= header.extents[k];
  }
  Storage* const storage = Storage::allocate(bytes);
  layout.data = storage->data();
  return Access::make_array(storage, header.format.dtype, header.rank, layout, false);
}

void check_savable(const Array& a, const Request& request) {
  if (Access::traced(a))
    throw UsageError(text("save(\"", request.path, "\", a) of ", detail::described(a),
                          " inside a traced function, where it has no numbers yet: return it and save the result"),
                     request.where);
  if (!a.defined())
    throw UsageError(text("save(\"", request.path, "\", a): a was never given an array; assign one first"),
                     request.where);
  if (a.dtype() == bf16)
    throw DTypeError(text("save(\"", request.path, "\", a) of ", detail::described(a),
                          ": .npy has no name for its dtype; save a.astype(f32)"),
                     request.where);
}

std::string header_of(const Array& a) {
  static constexpr const char* names[] = {"|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4",
                                          "<u8", "<f2", "",    "<f4", "<f8", "<c8", "<c16"};
  std::string dict =
      text("{'descr': '", names[static_cast<int>(a.dtype().code())], "', 'fortran_order': False, 'shape': ");
  append_text(dict, Access::extents(a));
  dict += ", }";
  constexpr std::size_t before = 10, alignment = 64;
  dict.append((alignment - (before + dict.size() + 1) % alignment) % alignment, ' ');
  dict += '\n';
  std::string header(magic);
  header += {'\1', '\0', static_cast<char>(dict.size() & 255), static_cast<char>(dict.size() >> 8)};
  return header + dict;
}

// A file that appears under its name only when it is complete. Devices and pipes are written in place.
class Replacement {
 public:
  explicit Replacement(const Request& request) : request_(request), target_(request.path) {
    if (const std::unique_ptr<char, decltype(&std::free)> real(::realpath(request.path, nullptr), &std::free); real) {
      struct stat status;
      target_ = real.get();
      in_place_ = ::stat(target_.c_str(), &status) == 0 && !S_ISREG(status.st_mode);
    }
    static std::atomic<unsigned> count{0};
    written_ = in_place_ ? target_ : text(target_, ".", ::getpid(), "-", count.fetch_add(1), ".part");
  }
  Replacement(const Replacement&) = delete;
  ~Replacement() {
    if (created_) ::unlink(written_.c_str());
  }

  void write(std::string_view header, const std::byte* data, std::size_t bytes) {
    File file(::open(written_.c_str(), O_WRONLY | O_CLOEXEC | (in_place_ ? 0 : O_CREAT | O_EXCL), 0666));
    if (!file.open()) request_.fail_system("cannot create the file");
    created_ = !in_place_;
    if (!file.write(header.data(), header.size()) || !file.write(data, bytes) || !file.close())
      request_.fail_system("cannot write the file");
    if (in_place_) return;
    if (::rename(written_.c_str(), target_.c_str()) != 0) request_.fail_system("cannot put the file in its place");
    created_ = false;
  }

 private:
  const Request& request_;
  std::string target_, written_;
  bool in_place_ = false, created_ = false;
};

}  // namespace

Array load(const char* path, Location l) {
  const Request request{"load", path, l};
  File file(::open(path, O_RDONLY | O_CLOEXEC));
  if (!file.open()) request.fail_system("cannot open the file");
  const Header header = read_header(file, request);
  const std::uint64_t bytes = size_in_bytes(header, request);
  // Before memory is asked for: a damaged header may want any amount.
  if (const auto size = file.size(); size && *size - header.data_begin < bytes)
    fail_truncated(request, "elements", *size, header.data_begin + bytes);

  Array a = array_for(header, bytes);
  std::byte* const data = Access::layout(a).data;
  const std::size_t got = file.read(data, bytes, request);
  if (got < bytes) fail_truncated(request, "elements", header.data_begin + got, header.data_begin + bytes);
  const DType dtype = header.format.dtype;
  if (header.format.swapped) swap_bytes(data, bytes, dtype.is_complex() ? dtype.size() / 2 : dtype.size());
  if (dtype.is_bool())  // generated code relies on 0 and 1
    std::transform(data, data + bytes, data, [](std::byte b) { return b == std::byte(0) ? b : std::byte(1); });
  return a;
}

void save(const char* path, const ArrayOperand& a) {
  const Request request{"save", path, a.where};
  check_savable(a.array, request);
  const Array* source = &a.array;
  std::optional<Array> contiguous;
  if (!detail::is_contiguous(a.array)) {
    contiguous.emplace(detail::new_array(a.array.dtype(), Access::extents(a.array), a.where));
    detail::copy_elements(Access::layout(*contiguous), a.array.dtype(), Access::readable(a.array, a.where),
                          a.array.dtype(), Access::rank(a.array));
    source = &*contiguous;
  }
  const auto count = static_cast<std::size_t>(detail::element_count(Access::extents(*source)));
  Replacement(request).write(header_of(*source), Access::readable(*source, a.where).data,
                             count * source->dtype().size());
}

}  // namespace kiln
