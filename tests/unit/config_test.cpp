// What the KILN_* variables of the environment are read as.
#include "core/config.h"

#include <gtest/gtest.h>

#include <climits>
#include <cstdlib>
#include <optional>
#include <utility>

namespace kiln {
namespace {

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    const char* old = std::getenv(name);
    if (old != nullptr) before_ = old;
    had_ = old != nullptr;
    value != nullptr ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { had_ ? ::setenv(name_, before_.c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::string before_;
  bool had_;
};

TEST(Config, WhereTheCacheIs) {
  const Variable home("HOME", "/home/somebody"), xdg("XDG_CACHE_HOME", nullptr), own("KILN_CACHE_DIR", nullptr),
      size("KILN_CACHE_SIZE", nullptr), on("KILN_DISK_CACHE", nullptr);
  EXPECT_EQ(read_environment().cache_directory, "/home/somebody/.cache/kiln");
  EXPECT_EQ(read_environment().cache_bytes, std::uint64_t{1} << 30);
  const Variable cache_home("XDG_CACHE_HOME", "/var/somebody");
  EXPECT_EQ(read_environment().cache_directory, "/var/somebody/kiln");
  const Variable directory("KILN_CACHE_DIR", "/scratch/code");
  EXPECT_EQ(read_environment().cache_directory, "/scratch/code");
  const Variable off("KILN_DISK_CACHE", "0");
  EXPECT_EQ(read_environment().cache_directory, "");
}

TEST(Config, SizesHaveUnits) {
  const Variable on("KILN_DISK_CACHE", nullptr);
  const std::pair<const char*, std::uint64_t> cases[] = {{"1000", 1000},
                                                         {"64K", 64 << 10},
                                                         {"3m", 3 << 20},
                                                         {"2G", std::uint64_t{2} << 30},
                                                         {"", std::uint64_t{1} << 30},
                                                         {"many", std::uint64_t{1} << 30},
                                                         {"5X", std::uint64_t{1} << 30},
                                                         {"-1", std::uint64_t{1} << 30}};
  for (const auto& [text, bytes] : cases) {
    const Variable size("KILN_CACHE_SIZE", text);
    EXPECT_EQ(read_environment().cache_bytes, bytes) << text;
  }
}

TEST(Config, SwitchesAreOnUnlessEmptyOrZero) {
  for (const auto& [text, on] :
       {std::pair<const char*, bool>{nullptr, false}, {"", false}, {"0", false}, {"1", true}}) {
    const Variable jit("KILN_DISABLE_JIT", text), check("KILN_CHECK", text);
    EXPECT_EQ(read_environment().disable_jit, on) << (text ? text : "not set");
    EXPECT_EQ(read_environment().check, on) << (text ? text : "not set");
  }
}

TEST(Config, BoundsCheckIsSaidOrNot) {
  for (const auto& [text, wanted] : {std::pair<const char*, std::optional<bool>>{nullptr, std::nullopt},
                                     {"", std::nullopt},
                                     {"0", false},
                                     {"1", true}}) {
    const Variable variable("KILN_BOUNDS_CHECK", text);
    EXPECT_EQ(read_environment().bounds_check, wanted) << (text ? text : "not set");
  }
}

TEST(Config, ThreadsAreAPositiveNumber) {
  const std::pair<const char*, int> cases[] = {
      {nullptr, 0}, {"", 0},        {"3", 3},    {"0", 0},
      {"-2", 0},    {"3 cores", 0}, {"many", 0}, {"99999999999999999999", INT_MAX}};
  for (const auto& [text, threads] : cases) {
    const Variable variable("KILN_NUM_THREADS", text);
    EXPECT_EQ(read_environment().threads, threads) << (text ? text : "not set");
  }
}

TEST(Config, WhatIsWrongIsTold) {
  const Variable threads("KILN_NUM_THREADS", "two"), size("KILN_CACHE_SIZE", "5X"), kept("KILN_GPU_KEEP", "0"),
      units("KILN_GPU_UNITS", "-3"), level("KILN_LOG", "loud");
  const Config read = read_environment();
  EXPECT_EQ(read.refused, (std::vector<std::string>{
                              "KILN_LOG=loud counts as not set: it must be trace, debug, info, warn, error or off",
                              "KILN_NUM_THREADS=two counts as not set: it must be a positive number",
                              "KILN_CACHE_SIZE=5X counts as not set: it must be a number of bytes, or with a K, M or G",
                              "KILN_GPU_UNITS=-3 counts as not set: it must be a positive number"}));
  EXPECT_EQ(read.log_level, "warn");
  EXPECT_EQ(read.gpu_units, 8u);
  EXPECT_EQ(read.gpu_kept_bytes, 0u);
}

}  // namespace
}  // namespace kiln
