// The demo as a user runs it: on files that NumPy wrote, its result against NumPy's; the figures it prints and writes.
#include <gtest/gtest.h>
#include <kiln/kiln.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

namespace {

namespace fs = std::filesystem;

const std::string demo = std::string(KILN_BUILD_FOLDER) + "/examples/kiln-demo";
const std::string reference = std::string(KILN_TESTS_FOLDER) + "/reference/npy/";

// A folder of this process's own, gone at the end.
class Demo : public ::testing::Test {
 protected:
  Demo() : folder_(fs::temp_directory_path() / ("kiln-demo-" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Demo() override { fs::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  fs::path folder_;
};

struct Finished {
  int status = -1;
  std::string output;  // both streams
};

Finished run(const std::string& arguments) {
  Finished result;
  std::FILE* pipe = ::popen(("'" + demo + "' " + arguments + " 2>&1").c_str(), "r");
  if (!pipe) return result;
  char buffer[4096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) result.output.append(buffer, n);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

nlohmann::json records_in(const std::string& file) {
  std::ifstream json(file);
  return nlohmann::json::parse(json).at("records");
}

TEST_F(Demo, ResultsAreNumPys) {
  int files = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(reference)) {
    const std::string stem = entry.path().stem().string();
    if (!stem.starts_with("tutorial_") || stem.ends_with("_result")) continue;
    SCOPED_TRACE(stem);
    ++files;
    const Finished done = run("--only-result '" + entry.path().string() + "' --output '" + path("result.npy") + "'");
    ASSERT_EQ(done.status, 0) << done.output;
    EXPECT_NE(done.output.find(path("result.npy")), std::string::npos) << done.output;

    const kiln::Array result = kiln::load(path("result.npy").c_str());
    const kiln::Array expected = kiln::load((reference + stem + "_result.npy").c_str());
    ASSERT_EQ(result.dtype(), expected.dtype());
    ASSERT_EQ(result.extent(0), expected.extent(0));
    ASSERT_EQ(result.extent(1), expected.extent(1));
    const double tolerance = expected.dtype() == kiln::f32 ? 1e-6 : 1e-14;
    for (std::int64_t i = 0; i < expected.extent(0); ++i)
      for (std::int64_t j = 0; j < expected.extent(1); ++j) {
        const double x = result(i, j).as_double(), y = expected(i, j).as_double();
        EXPECT_NEAR(x, y, tolerance * (1 + std::abs(y))) << i << ", " << j;
      }
  }
  EXPECT_EQ(files, 24);
}

TEST_F(Demo, TheResultGoesBesideTheFile) {
  fs::copy_file(reference + "numbers_f8_fortran.npy", path("mine.npy"));
  const Finished done = run("--only-result '" + path("mine.npy") + "'");
  EXPECT_EQ(done.status, 0) << done.output;
  EXPECT_TRUE(fs::exists(path("mine-result.npy")));
}

TEST_F(Demo, FilesThatWillNotDoAreRefused) {
  std::ofstream(path("text.npy")) << "no numbers here";
  for (const auto& [file, reason] : {std::pair(path("text.npy"), "not a .npy file"),
                                     {path("missing.npy"), "cannot open the file"},
                                     {reference + "rank_1.npy", "array of shape (5,)"},
                                     {reference + "refused_object.npy", "objects"}}) {
    const Finished refused = run("--only-result '" + file + "' --output '" + path("result.npy") + "'");
    EXPECT_EQ(refused.status, 1) << file;
    EXPECT_NE(refused.output.find(reason), std::string::npos) << refused.output;
    EXPECT_FALSE(fs::exists(path("result.npy")));
  }
}

TEST_F(Demo, AMatrixWithMoreRowsThanColumnsIsRefused) {
  kiln::save(path("tall.npy").c_str(), kiln::ones({7, 4}));
  for (const char* what : {"--only-result", ""}) {
    const Finished refused = run(what + (" '" + path("tall.npy")) + "' --json '" + path("demo.json") + "'");
    EXPECT_EQ(refused.status, 1) << refused.output;
    EXPECT_NE(refused.output.find("has 7 rows and 4 columns"), std::string::npos) << refused.output;
    EXPECT_FALSE(fs::exists(path("tall-result.npy")));
    EXPECT_FALSE(fs::exists(path("demo.json")));
  }
}

// What the demo measures on a file: every figure of every kind, for the file's dtype and shape.
TEST_F(Demo, FiguresOfAFile) {
  for (const auto& [dtype, rows, columns] : {std::tuple(kiln::f32, 40, 60), {kiln::i64, 200, 200}, {kiln::f64, 1, 1}}) {
    const std::string file = path("mine.npy");
    kiln::save(file.c_str(), kiln::arange(rows * columns).reshape({rows, columns}).astype(dtype));
    const Finished done =
        run("'" + file + "' --threads 3 --json '" + path("demo.json") + "' --picture '" + path("picture.png") + "'");
    ASSERT_EQ(done.status, 0) << done.output;
    EXPECT_TRUE(fs::exists(path("mine-result.npy")));
    std::map<std::string, int> variants;
    std::vector<int> threads;
    const nlohmann::json records = records_in(path("demo.json"));
    for (const auto& record : records) {
      if (record.at("bench") == "mandelbrot") continue;
      EXPECT_EQ(record.at("dtype"), dtype.name());
      EXPECT_EQ(record.at("shape"), (std::vector{rows, columns}));
      EXPECT_GT(record.at("seconds_median").get<double>(), 0);
      if (record.at("bench") == "scaling")
        threads.push_back(record.at("threads").get<int>());
      else
        ++variants[record.at("variant").get<std::string>()];
    }
    EXPECT_EQ(variants, (std::map<std::string, int>{{"first_call", 1}, {"warm_call", 1}, {"interpreter", 1}}));
    // A row for each count that the matrix can be shared among: one element cannot be shared.
    EXPECT_EQ(threads, rows == 1 ? std::vector{1} : (std::vector{1, 2, 3}));
    const std::string shape = std::to_string(rows) + "x" + std::to_string(columns);
    EXPECT_NE(done.output.find(std::string(dtype.name()) + "    " + shape), std::string::npos) << done.output;
  }
}

TEST_F(Demo, FiguresPrintedAreTheRecordsWritten) {
  const Finished done = run("--threads 2 --json '" + path("demo.json") + "' --picture '" + path("picture.png") + "'");
  ASSERT_EQ(done.status, 0) << done.output;
  const nlohmann::json records = records_in(path("demo.json"));
  int tutorial = 0, scaling = 0, chosen = 0;
  for (const auto& record : records) {
    EXPECT_GT(record.at("seconds_median").get<double>(), 0);
    EXPECT_GE(record.at("seconds_median").get<double>(), record.at("seconds_min").get<double>());
    tutorial += record.at("bench") == "tutorial";
    if (record.at("bench") != "scaling") continue;
    ++scaling;
    chosen += record.at("chosen").get<bool>();
    const double cost = record.at("core_microseconds").get<double>();
    EXPECT_NEAR(cost, record.at("seconds_median").get<double>() * 1e6 * record.at("threads").get<double>(),
                1e-9 * cost);
    char printed[32];
    std::snprintf(printed, sizeof(printed), cost < 10 ? " %.2f" : " %.0f", cost);
    EXPECT_NE(done.output.find(printed), std::string::npos) << printed << " is not in\n" << done.output;
  }
  EXPECT_EQ(tutorial, 3 * 2 * 3);  // dtypes, sizes, variants
  EXPECT_GE(scaling, 3 * 2 * 2);   // dtypes, sizes, thread counts
  EXPECT_EQ(chosen, 3 * 2);

  std::ifstream picture(path("picture.png"), std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(picture)), {});
  EXPECT_EQ(bytes.substr(1, 3), "PNG");
  EXPECT_NE(done.output.find(path("picture.png")), std::string::npos);
}

}  // namespace
