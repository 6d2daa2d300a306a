// What the figures were measured on: asking the system, and measuring the anchors.
#include "bench/machine.h"

#include <sys/utsname.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "bench/natives/natives.h"

namespace bench {
namespace {

std::string field_of_cpuinfo(const std::string& name) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(name)) {
      const auto colon = line.find(':');
      if (colon != std::string::npos) return line.substr(std::min(line.size(), colon + 2));
    }
  return {};
}

std::vector<std::string> cpu_features() {
  const std::set<std::string> wanted = {"sse4_2",  "avx",      "avx2",     "fma",      "f16c",        "bmi2",
                                        "avx512f", "avx512dq", "avx512bw", "avx512vl", "avx512_bf16", "avx512_fp16"};
  std::vector<std::string> features;
  std::istringstream flags(field_of_cpuinfo("flags"));
  for (std::string flag; flags >> flag;)
    if (wanted.contains(flag)) features.push_back(flag);
  return features;
}

// The first line that git prints about the sources; empty if there is none, or no git.
std::string first_line_of_git(const std::string& arguments) {
  const std::string command = fmt::format("git -C '{}' {} 2>/dev/null", BENCH_SOURCE_FOLDER, arguments);
  std::string text;
  if (FILE* pipe = popen(command.c_str(), "r")) {
    char line[512];
    if (std::fgets(line, sizeof(line), pipe)) text = line;
    while (std::fgets(line, sizeof(line), pipe)) {  // else git would end with an error of the pipe
    }
    pclose(pipe);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.pop_back();
  return text;
}

double seconds_of(NativeFunction function, const NativeCall& call) {
  const auto begin = std::chrono::steady_clock::now();
  function(call);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The shortest of seven runs of the fastest implementation.
double fastest_native(const std::string& bench, const NativeCall& call) {
  double best = 1e9;
  const NativeBuilds builds = native_builds();
  natives_wake(call.threads);
  for (std::size_t b = 0; b < builds.count; ++b)
    for (std::size_t f = 0; f < builds.data[b]->file_count; ++f)
      for (std::size_t k = 0; k < builds.data[b]->files[f].count; ++k) {
        const NativeKernel& native = builds.data[b]->files[f].data[k];
        if (builds.data[b]->fast || bench != native.bench || std::strcmp(native.dtype, "f32") != 0) continue;
        for (int run = 0; run < 7; ++run) best = std::min(best, seconds_of(native.run, call));
      }
  natives_sleep(call.threads);
  return best;
}

double anchor_copy(int threads) {
  const std::int64_t n = 50'000'000;
  const Buffer from(std::size_t(n) * 4), to(std::size_t(n) * 4);
  NativeCall call;
  call.inputs[0] = from.data();
  call.outputs[0] = to.data();
  call.n = n;
  call.threads = threads;
  return 2.0 * 4 * double(n) / fastest_native("copy", call) * 1e-9;
}

double anchor_fma() {
  float sink = 0;
  double operations = 0;
  NativeCall call;
  call.outputs[0] = &sink;
  call.outputs[1] = &operations;
  call.n = 2'000'000;
  const double seconds = fastest_native("anchor_fma", call);
  return operations / seconds * 1e-9;
}

std::string now_in_utc() {
  const std::time_t now = std::time(nullptr);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", std::gmtime(&now));
  return text;
}

double rounded(double value) { return double(std::int64_t(value * 100 + 0.5)) / 100; }

}  // namespace

nlohmann::ordered_json machine_header(const Suite& suite, const Options& options) {
  nlohmann::ordered_json header;
  utsname system{};
  uname(&system);
  header["date"] = now_in_utc();
  header["machine"] = {
      {"cpu", field_of_cpuinfo("model name")},
      {"family", field_of_cpuinfo("cpu family")},
      {"model", field_of_cpuinfo("model\t")},
      {"cores", sysconf(_SC_NPROCESSORS_ONLN)},
      {"l2_bytes", sysconf(_SC_LEVEL2_CACHE_SIZE)},
      {"l3_bytes", sysconf(_SC_LEVEL3_CACHE_SIZE)},
      {"memory_bytes", std::int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE)},
      {"system", fmt::format("{} {}", system.sysname, system.release)},
  };
  header["cpu_features"] = cpu_features();
  nlohmann::ordered_json compilers = nlohmann::ordered_json::array();
  const NativeBuilds builds = native_builds();
  for (std::size_t b = 0; b < builds.count; ++b)
    compilers.push_back(fmt::format("{} ({}){}", builds.data[b]->compiler, builds.data[b]->version,
                                    builds.data[b]->fast ? " -ffast-math" : ""));
  header["compilers"] = compilers;
  const std::string commit = first_line_of_git("rev-parse --short HEAD");
  header["commit"] = commit.empty() ? "unknown" : commit;
  header["uncommitted_changes"] = !first_line_of_git("status --porcelain").empty();
  header["mxcsr"] = fmt::format("0x{:04x}", _mm_getcsr());
  header["threads"] = options.threads;
  header["quick"] = options.quick;
  header["anchor_copy"] = rounded(anchor_copy(options.threads));
  header["anchor_fma"] = rounded(anchor_fma());
  for (const auto& [key, value] : suite.header()) header[key] = value();
  return header;
}

}  // namespace bench
