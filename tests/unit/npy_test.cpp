// load and save: files that NumPy wrote, files that are damaged, and what Kiln writes.
#include "core/access.h"
#include "core/error_text.h"
#include "core/host_ops.h"

#include <gtest/gtest.h>
#include <kiln/error.h>
#include <kiln/functions.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace kiln;
using kiln::detail::Access;
namespace fs = std::filesystem;

std::string reference(const std::string& name) {
  return std::string(KILN_TESTS_FOLDER) + "/reference/npy/" + name + ".npy";
}

// A folder of this test's own, gone afterwards.
class Npy : public ::testing::Test {
 protected:
  Npy() : folder_(fs::temp_directory_path() / text("kiln-npy-", ::getpid())) { fs::create_directories(folder_); }
  ~Npy() override { fs::remove_all(folder_); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string written(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  fs::path folder_;
};

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// .npy of format 1 with this header.
std::string file_with(std::string header, const std::string& data) {
  header += '\n';
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size() & 255) +
         static_cast<char>(header.size() >> 8) + header + data;
}
std::string good_file() {
  return file_with("{'descr': '<i4', 'fortran_order': False, 'shape': (3, 2), }", std::string(24, '\5'));
}

Number16 element(const Array& a, const std::vector<std::int64_t>& position) {
  std::int64_t offset = 0;
  for (std::size_t k = 0; k < position.size(); ++k) offset += position[k] * Access::strides(a)[k];
  return read_element(Access::layout(a).data + offset * static_cast<std::int64_t>(a.dtype().size()), a.dtype());
}

// numbers() of make_npy.py.
Number16 expected_number(DType dtype, std::int64_t k) {
  Number16 x;
  if (dtype.is_bool())
    x.i = k % 3 == 0;
  else if (dtype.is_integer()) {
    x.i = k * 21 - 5;
    return convert(x, i64, dtype);
  } else {
    x.re = static_cast<double>(k) * 0.75 - 2.5;
    if (dtype.is_complex()) x.im = static_cast<double>(k) - 4;
  }
  return x;
}

void expect_numbers(const Array& a, DType dtype, const std::vector<std::int64_t>& extents) {
  ASSERT_EQ(a.dtype(), dtype);
  ASSERT_TRUE(std::ranges::equal(Access::extents(a), extents));
  std::int64_t count = std::accumulate(extents.begin(), extents.end(), std::int64_t(1), std::multiplies<>());
  for (std::int64_t k = 0; k < count; ++k) {
    std::vector<std::int64_t> position(extents.size());
    std::int64_t left = k;
    for (std::size_t axis = extents.size(); axis-- > 0; left /= extents[axis]) position[axis] = left % extents[axis];
    const Number16 x = element(a, position), y = expected_number(dtype, k);
    const bool has_parts = dtype.is_floating() || dtype.is_complex();
    EXPECT_TRUE(has_parts ? x.re == y.re : x.i == y.i) << "element " << k;
    EXPECT_TRUE(!dtype.is_complex() || x.im == y.im) << "element " << k;
  }
}

// ---- What NumPy wrote ---------------------------------------------------------------------------------------------

struct Named {
  const char* name;
  DType dtype;
};
constexpr Named named_dtypes[] = {{"b1", bool_}, {"i1", i8},  {"i2", i16}, {"i4", i32},  {"i8", i64},
                                  {"u1", u8},    {"u2", u16}, {"u4", u32}, {"u8", u64},  {"f2", f16},
                                  {"f4", f32},   {"f8", f64}, {"c8", c64}, {"c16", c128}};

TEST_F(Npy, EveryDtypeBothOrdersBothByteOrders) {
  for (const auto& [name, dtype] : named_dtypes) {
    const std::string stem = std::string("numbers_") + name;
    SCOPED_TRACE(stem);
    expect_numbers(load(reference(stem).c_str()), dtype, {3, 4});
    const Array fortran = load(reference(stem + "_fortran").c_str());
    expect_numbers(fortran, dtype, {3, 4});
    EXPECT_EQ(Access::strides(fortran)[0], 1);  // not copied into C order
    EXPECT_EQ(Access::strides(fortran)[1], 3);
    if (dtype.size() > 1) expect_numbers(load(reference(stem + "_big").c_str()), dtype, {3, 4});
  }
}

TEST_F(Npy, EveryRankAndVersion) {
  expect_numbers(load(reference("rank_0").c_str()), f64, {});
  expect_numbers(load(reference("rank_1").c_str()), f64, {5});
  expect_numbers(load(reference("rank_3_fortran").c_str()), f32, {2, 3, 4});
  expect_numbers(load(reference("rank_8").c_str()), i16, {1, 2, 1, 3, 1, 2, 1, 1});
  expect_numbers(load(reference("empty").c_str()), f64, {0, 3});
  expect_numbers(load(reference("empty_fortran").c_str()), f64, {3, 0, 2});
  expect_numbers(load(reference("version_2").c_str()), i32, {3, 4});
  expect_numbers(load(reference("version_3").c_str()), i32, {3, 4});
}

TEST_F(Npy, HeadersThatOthersWrite) {
  const std::string data(24, '\1');
  for (const char* header : {"{'shape': (3L, 2L), 'fortran_order': False, 'descr': '<i4'}",
                             "{\"descr\":\"<i4\",\"fortran_order\":False,\"shape\":(3,2)}",
                             "  { 'descr' : '=i4' ,\n 'fortran_order' : False , 'shape' : ( 3 , 2 , ) , }   "}) {
    const Array a = load(written("other.npy", file_with(header, data)).c_str());
    EXPECT_EQ(a.dtype(), i32) << header;
    EXPECT_EQ(element(a, {2, 1}).i, 0x01010101) << header;
  }
}

TEST_F(Npy, BoolsOtherThanOneBecomeOne) {
  const Array a = load(written("bools.npy", file_with("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}",
                                                      std::string("\0\1\7", 3)))
                           .c_str());
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(Access::layout(a).data), 3), std::string("\0\1\1", 3));
}

// ---- What is wrong ------------------------------------------------------------------------------------------------

// The message of the error of loading this file; it names the file, and the line in this file.
std::string load_error(const std::string& file) {
  const Location here = Location::current();
  try {
    load(file.c_str(), here);
  } catch (const RuntimeError& e) {
    EXPECT_EQ(e.line(), here.line());
    EXPECT_NE(std::string(e.what()).find(text("load(\"", file, "\"): ")), std::string::npos) << e.what();
    return e.what();
  }
  return "no error";
}

void expect_contains(const std::string& message, std::initializer_list<const char*> parts) {
  for (const char* part : parts) EXPECT_NE(message.find(part), std::string::npos) << part << " is not in: " << message;
}

TEST_F(Npy, MissingFilesAndFolders) {
  expect_contains(load_error(path("missing.npy")), {"cannot open the file", "No such file"});
  expect_contains(load_error(folder_.string()), {"cannot read the file", "directory"});
}

TEST_F(Npy, OtherFiles) {
  expect_contains(load_error(written("empty", "")), {"the file is empty", "numpy.save"});
  expect_contains(load_error(written("text", "1 2 3\n4 5 6\n")), {"not a .npy file", "numpy.save"});
  expect_contains(load_error(written("zip", std::string("PK\3\4 and more"))), {"not a .npy file", ".npz"});
  std::string future = good_file();
  future[6] = 9;
  expect_contains(load_error(written("future", future)), {"format 9.0", "formats 1 to 3"});
}

TEST_F(Npy, TruncatedAnywhere) {
  const std::string whole = good_file();
  for (std::size_t length = 1; length < whole.size(); ++length) {
    const std::string message = load_error(written("part.npy", whole.substr(0, length)));
    expect_contains(message, {"truncated", text("it has ", length, " bytes and needs ").c_str()});
    if (length + 24 >= whole.size()) expect_contains(message, {text("needs ", whole.size()).c_str(), "elements"});
  }
  EXPECT_EQ(load_error(written("whole.npy", whole)), "no error");
  EXPECT_EQ(load_error(written("more.npy", whole + "what follows is another's")), "no error");
}

TEST_F(Npy, RefusedElements) {
  expect_contains(load_error(reference("refused_text")), {"<U2", "text", "astype(float)"});
  expect_contains(load_error(reference("refused_bytes")), {"|S2", "text", "astype(float)"});
  expect_contains(load_error(reference("refused_object")), {"|O", "objects", "astype(float)"});
  expect_contains(load_error(reference("refused_structured")), {"structured", "a[\"x\"]"});
  expect_contains(load_error(reference("refused_dates")), {"dates", "int64"});
  expect_contains(load_error(reference("refused_long_double")), {"long double", "float64"});
  expect_contains(load_error(reference("rank_9")), {"9 axes", "at most 8", "reshape"});
}

TEST_F(Npy, DamagedHeaders) {
  const std::string data(64, '\0');
  for (const char* header :
       {"", "{", "{}", "[]", "{'descr': '<i4'}", "{'descr': '<i4', 'fortran_order': False, 'shape': (3, 2)",
        "{'descr': '<i4', 'fortran_order': 0, 'shape': (3, 2)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (-3, 2)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3, x)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': 3}",
        "{'descr': '<i4', 'descr': '<i4', 'fortran_order': False, 'shape': (3, 2)}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3, 2)} junk", "{'descr': '<i4",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (3 2)}", "{'name': 1}"})
    expect_contains(load_error(written("bad.npy", file_with(header, data))), {"header is damaged", "numpy.save"});
  for (const char* descr : {"", "<", "i4", "<i3", "<i44", "|i4", "<q8", "<f4 "})
    expect_contains(
        load_error(written("bad.npy",
                           file_with(text("{'descr': '", descr, "', 'fortran_order': False, 'shape': (3, 2)}"), data))),
        {text("its elements are '", descr, "'").c_str(), "complex128"});
}

TEST_F(Npy, HugeExtents) {
  const auto error = [&](const char* shape) {
    return load_error(
        written("huge.npy", file_with(text("{'descr': '<f8', 'fortran_order': False, 'shape': ", shape, "}"), "")));
  };
  expect_contains(error("(4294967296, 4294967296)"), {"(4294967296, 4294967296)", "2^63"});
  expect_contains(error("(99999999999999999999,)"), {"beyond 64 bits"});
  expect_contains(error("(1000000000000, 1000)"), {"truncated", "needs 8000000000000"});
  EXPECT_EQ(error("(0, 9223372036854775807, 9223372036854775807)"), "no error");
}

TEST_F(Npy, DamagedBytesAreErrorsOrArrays) {
  std::mt19937 random(5);
  const std::string whole = bytes_of(reference("rank_3_fortran"));
  int errors = 0;
  for (int turn = 0; turn < 1200; ++turn) {
    std::string bytes = whole;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes)
      bytes[random() % 128] = static_cast<char>(random() % 2 ? random() : "0123456789(),'<>TF{}"[random() % 20]);
    if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 1));
    errors += load_error(written("damaged.npy", bytes)) != "no error";
  }
  EXPECT_GT(errors, 600);
  EXPECT_LT(errors, 1200);
}

// ---- What Kiln writes ---------------------------------------------------------------------------------------------

TEST_F(Npy, SavedArraysAreWhatNumPyWrites) {
  for (const auto& [name, dtype] : named_dtypes) {
    const std::string stem = std::string("numbers_") + name;
    SCOPED_TRACE(stem);
    save(path("c.npy").c_str(), load(reference(stem).c_str()));
    EXPECT_EQ(bytes_of(path("c.npy")), bytes_of(reference(stem)));
    save(path("fortran.npy").c_str(), load(reference(stem + "_fortran").c_str()));  // written in C order
    EXPECT_EQ(bytes_of(path("fortran.npy")), bytes_of(reference(stem)));
  }
  for (const char* stem : {"rank_0", "rank_1", "rank_8", "empty"}) {
    save(path("again.npy").c_str(), load(reference(stem).c_str()));
    EXPECT_EQ(bytes_of(path("again.npy")), bytes_of(reference(stem))) << stem;
  }
}

TEST_F(Npy, SavingReplacesTheFileAndLeavesNothingBeside) {
  const Array a = load(reference("rank_1").c_str());
  fs::create_symlink(path("real.npy"), path("link.npy"));
  for (int turn = 0; turn < 2; ++turn) save(path("real.npy").c_str(), a);
  save(path("link.npy").c_str(), load(reference("rank_0").c_str()));
  EXPECT_TRUE(fs::is_symlink(path("link.npy")));
  EXPECT_EQ(bytes_of(path("real.npy")), bytes_of(reference("rank_0")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 2);
}

TEST_F(Npy, SavingFailsWithTheFileAndTheReason) {
  const Array a = load(reference("rank_1").c_str());
  const Location here = Location::current();
  try {
    save(path("no/such/folder.npy").c_str(), {a, here});
    FAIL();
  } catch (const RuntimeError& e) {
    expect_contains(e.what(), {"no/such/folder.npy", "cannot create the file", "No such file"});
    EXPECT_EQ(e.line(), here.line());
  }
  try {
    save("/dev/full", a);
    FAIL();
  } catch (const RuntimeError& e) {
    expect_contains(e.what(), {"/dev/full", "cannot write the file", "No space left"});
  }
}

TEST_F(Npy, Bf16HasNoName) {
  const std::int64_t extents[] = {2};
  try {
    save(path("bf16.npy").c_str(), detail::new_array(bf16, extents, Location::current()));
    FAIL();
  } catch (const DTypeError& e) {
    expect_contains(e.what(), {"bf16", "(2,)", "astype(f32)"});
  }
  EXPECT_FALSE(fs::exists(path("bf16.npy")));
}

}  // namespace
