// Shares kernels out by how long they take to compile, the longest first.
#include "cuda/units.h"

#include "backends/quiet_threads.h"
#include "cuda/compile.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <string_view>
#include <system_error>
#include <thread>

namespace kiln::on_cuda {

namespace {

// How long NVRTC takes for a kernel, in bytes of its text: a byte is about 20 µs (sm_90, NVRTC 13.0: kernels of 2.5 to
// 8.5 KB in 50 to 110 ms beyond the 35 of an empty one). What the prelude folds sums with, expanded, is as long as
// 2000.
constexpr std::size_t bytes_of_folding = 2000, bytes_of_nothing = 1700;

struct KernelText {
  std::string_view text, name;
  std::size_t cost;
};

std::size_t cost(std::string_view kernel) {
  std::size_t bytes = kernel.size();
  for (const std::string_view folding : {"kiln_fold_", "kiln_tree<"})
    for (std::size_t at = 0; (at = kernel.find(folding, at)) != kernel.npos; ++at) bytes += bytes_of_folding;
  return bytes;
}

// A kernel begins a line, and its name stands before the first parenthesis behind its bounds.
std::vector<KernelText> kernels_of(std::string_view source) {
  constexpr std::string_view begins = "KILN_KERNEL ", bounds = "__launch_bounds__(";
  std::vector<KernelText> kernels;
  const auto next = [&](std::size_t from) {
    std::size_t at = source.find(begins, from);
    while (at != 0 && at != source.npos && source[at - 1] != '\n') at = source.find(begins, at + 1);
    return std::min(at, source.size());
  };
  for (std::size_t at = next(0); at != source.size();) {
    const std::size_t end = next(at + begins.size());
    const std::string_view text = source.substr(at, end - at);
    std::size_t name = begins.size();
    if (text.substr(name).starts_with(bounds)) name = text.find(") ", name) + 2;
    kernels.push_back({text, text.substr(name, text.find('(', name) - name), cost(text)});
    at = end;
  }
  return kernels;
}

}  // namespace

std::vector<Unit> units(const std::string& source, std::size_t most) {
  const std::vector<KernelText> kernels = kernels_of(source);
  std::vector<std::size_t> order(kernels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return kernels[a].cost > kernels[b].cost; });
  std::size_t all = 0;
  for (const KernelText& kernel : kernels) all += kernel.cost;
  const std::size_t each = std::max(kernels.empty() ? 0 : kernels[order[0]].cost, 2 * bytes_of_nothing);
  const std::size_t count = std::clamp<std::size_t>((all + each - 1) / each, 1, std::max<std::size_t>(most, 1));

  std::vector<std::size_t> load(count), unit_of(kernels.size());
  for (const std::size_t kernel : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += kernels[kernel].cost;
    unit_of[kernel] = static_cast<std::size_t>(least - load.begin());
  }
  const std::size_t declared =
      kernels.empty() ? source.size() : static_cast<std::size_t>(kernels[0].text.data() - source.data());
  std::vector<Unit> units(count, Unit{source.substr(0, declared), {}});
  for (std::size_t k = 0; k < kernels.size(); ++k) {
    units[unit_of[k]].text += kernels[k].text;
    units[unit_of[k]].kernels.emplace_back(kernels[k].name);
  }
  return units;
}

void compile_units(const std::vector<Unit>& units, int architecture, std::vector<std::string>& cubins) {
  std::vector<std::size_t> missing;
  for (std::size_t k = 0; k < units.size(); ++k)
    if (cubins[k].empty()) missing.push_back(k);
  std::vector<std::exception_ptr> errors(missing.size());
  std::atomic<std::size_t> next{0};
  const auto compile_some = [&] {
    for (std::size_t k = next++; k < missing.size(); k = next++) {
      try {
        cubins[missing[k]] = compile(units[missing[k]].text, architecture, Output::cubin);
      } catch (...) {
        errors[k] = std::current_exception();
      }
    }
  };
  std::vector<std::jthread> threads;
  try {
    const backends::StartsQuietThreads quiet;
    const std::size_t most = std::min<std::size_t>(missing.size(), std::max(1u, std::thread::hardware_concurrency()));
    while (threads.size() + 1 < most) threads.emplace_back(compile_some);
  } catch (const std::system_error&) {
    // No more threads are to be had: those there are do it.
  }
  compile_some();
  for (std::jthread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace kiln::on_cuda
