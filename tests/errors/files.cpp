// Misuse of files: not there, not .npy, cut short, no name for the dtype.
#include "tests/errors/expect_error.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace {

using namespace kiln;
using namespace kiln::tests;
namespace fs = std::filesystem;

// A folder of this test's own, gone afterwards.
class Files : public testing::Test {
 protected:
  Files() : folder_(fs::temp_directory_path() / ("kiln-errors-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
  }
  ~Files() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string written(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  std::string bytes_of(const std::string& file) const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

 private:
  fs::path folder_;
};

TEST_F(Files, NotThere) {
  expect_error<RuntimeError>(
      {"load(\"no_such_file.npy\")", no_dtypes, no_shapes, "relative paths start at /", {"No such file"}}, [] {
        next_line_is_wrong();
        (void)load("no_such_file.npy");
      });
}

TEST_F(Files, Empty) {
  const std::string file = written("empty.npy", "");
  expect_error<RuntimeError>({"load(\"" + file + "\")", no_dtypes, no_shapes, "numpy.save", {"the file is empty"}},
                             [&] {
                               next_line_is_wrong();
                               (void)load(file.c_str());
                             });
}

TEST_F(Files, HeaderCutShort) {
  save(path("whole.npy").c_str(), arange(100));
  const std::string file = written("cut.npy", bytes_of(path("whole.npy")).substr(0, 40));
  expect_error<RuntimeError>(
      {"load(\"" + file + "\")", no_dtypes, no_shapes, "write it again", {"truncated in its header", "40"}}, [&] {
        next_line_is_wrong();
        (void)load(file.c_str());
      });
}

TEST_F(Files, ElementsThatAreNoNumbers) {
  const std::string file = std::string(KILN_TESTS_FOLDER) + "/reference/npy/refused_text.npy";
  expect_error<RuntimeError>({"load(\"" + file + "\")", no_dtypes, no_shapes, "astype(float)", {"<U2"}}, [&] {
    next_line_is_wrong();
    (void)load(file.c_str());
  });
}

TEST_F(Files, SavingNoArray) {
  const std::string file = path("none.npy");
  expect_error<UsageError>(
      {"save(\"" + file + "\"", no_dtypes, no_shapes, "assign one first", {"never given an array"}}, [&] {
        next_line_is_wrong();
        save(file.c_str(), Array());
      });
}

TEST_F(Files, LoadingInsideATracedFunction) {
  static std::string file;
  file = path("one.npy");
  save(file.c_str(), arange(3));
  static auto f = jit([](Array a) {
    next_line_is_wrong();
    return a + load(file.c_str());
  });
  expect_error<UsageError>({"concrete array", {"i64"}, {"(3,)"}, "pass it as a parameter"}, [] { f(zeros(3)); });
}

}  // namespace
