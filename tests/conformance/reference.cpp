// Reads the files that tests/reference/make_values.py writes.
#include "tests/conformance/reference.h"

#include "core/access.h"
#include "tests/support/folder.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <vector>

namespace kiln::conformance {
namespace {

struct Tensor {
  DType dtype;
  std::vector<std::int64_t> extents;
  std::size_t offset;  // of its elements in the file
};

struct File {
  std::vector<char> bytes;
  std::map<std::string, Tensor> tensors;

  explicit File(const std::string& name) {
    const std::string path = test::tests_folder() + "/reference/values/" + name + ".bin";
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("no reference values: " + path);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
    for (std::size_t at = 0; at < bytes.size();) at = read_tensor(at);
  }

  std::size_t read_tensor(std::size_t at) {
    const auto byte = [&] { return static_cast<unsigned char>(bytes.at(at++)); };
    const std::size_t length = byte();
    const std::string name(bytes.data() + at, length);
    at += length;
    Tensor t;
    t.dtype = DType(static_cast<TypeCode>(byte()));
    const int rank = byte();
    std::size_t size = t.dtype.size();
    for (int k = 0; k < rank; ++k, at += 4) {
      std::int32_t extent;
      std::memcpy(&extent, bytes.data() + at, 4);
      t.extents.push_back(extent);
      size *= static_cast<std::size_t>(extent);
    }
    t.offset = at;
    if (at + size > bytes.size()) throw std::runtime_error("truncated reference values: " + name);
    tensors.emplace(name, std::move(t));
    return at + size;
  }
};

const File& file_of(const std::string& name) {
  static std::map<std::string, File> files;
  const auto found = files.find(name);
  return found != files.end() ? found->second : files.emplace(name, File(name)).first->second;
}

}  // namespace

std::vector<std::string> names_in(const std::string& file) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : file_of(file).tensors) names.push_back(name);
  return names;
}

bool has_reference(const std::string& file, const std::string& name) { return file_of(file).tensors.contains(name); }

Array reference(const std::string& file, const std::string& name) {
  const File& f = file_of(file);
  const auto found = f.tensors.find(name);
  if (found == f.tensors.end()) throw std::runtime_error("no reference value " + name + " in " + file);
  const Tensor& t = found->second;
  Array a = detail::new_array(t.dtype, t.extents, Location::current());
  const auto size = static_cast<std::size_t>(detail::element_count(t.extents)) * t.dtype.size();
  if (size > 0) std::memcpy(detail::Access::layout(a).data, f.bytes.data() + t.offset, size);
  return a;
}

}  // namespace kiln::conformance
