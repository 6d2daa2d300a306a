// The host's capabilities against what the kernel reports.
#include "cpu/target.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include <kiln/error.h>

namespace kiln::on_cpu {
namespace {

std::set<std::string> kernel_flags() {
  std::ifstream file("/proc/cpuinfo");
  std::set<std::string> flags;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    for (std::string word; words >> word;) flags.insert(word);
    break;
  }
  return flags;
}

bool has_feature(const std::string& features, const std::string& name) {
  return ("," + features + ",").find(",+" + name + ",") != std::string::npos;
}

TEST(Target, FeaturesAgreeWithTheKernel) {
  const std::set<std::string> flags = kernel_flags();
  ASSERT_FALSE(flags.empty());
  const std::pair<const char*, const char*> names[] = {{"sse4.2", "sse4_2"},
                                                       {"avx", "avx"},
                                                       {"avx2", "avx2"},
                                                       {"fma", "fma"},
                                                       {"f16c", "f16c"},
                                                       {"bmi2", "bmi2"},
                                                       {"lzcnt", "abm"},
                                                       {"avx512f", "avx512f"},
                                                       {"avx512vl", "avx512vl"},
                                                       {"avx512bw", "avx512bw"},
                                                       {"avx512vbmi2", "avx512_vbmi2"}};
  for (const auto& [ours, kernels] : names)
    EXPECT_EQ(has_feature(host_target().features, ours), flags.count(kernels) == 1) << ours;
}

TEST(Target, EveryFeatureIsSwitchedOnOrOff) {
  std::istringstream list(host_target().features);
  int count = 0;
  for (std::string item; std::getline(list, item, ','); ++count) {
    ASSERT_GT(item.size(), 1u);
    EXPECT_TRUE(item[0] == '+' || item[0] == '-') << item;
  }
  EXPECT_GT(count, 20);
}

TEST(Target, WidthsAreConsistent) {
  const Target& target = host_target();
  EXPECT_LE(target.vector_bits, target.physical_vector_bits);
  EXPECT_EQ(target.has_avx2, has_feature(target.features, "avx2") && has_feature(target.features, "fma"));
  EXPECT_EQ(target.physical_vector_bits >= 256, target.has_avx2);
  EXPECT_GE(target.last_level_cache_bytes, 128u << 10);
  EXPECT_EQ(target.cpu.rfind("x86-64", 0), 0u);
  EXPECT_FALSE(target.tune_cpu.empty());
}

TEST(Target, OnlyTheWidthChanges) {
  for (const int bits : {128, 256, 512}) {
    Target target = host_target_with_vector_bits(bits);
    EXPECT_EQ(target.vector_bits, bits);
    target.vector_bits = host_target().vector_bits;
    EXPECT_EQ(target, host_target());
  }
}

TEST(Target, RefusesOtherWidths) {
  for (const int bits : {0, 64, 192, 1024, -256}) EXPECT_THROW(host_target_with_vector_bits(bits), UsageError) << bits;
}

}  // namespace
}  // namespace kiln::on_cpu
