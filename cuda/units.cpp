// Shares kernels out by how long they take to compile, the longest first.
#include "cuda/units.h"

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
// 8.5 KB in 50 to 110 ms beyond the 35 of an empty one). A function of the prelude that folds sums, expanded, is as
// long as 2000.
constexpr std::size_t bytes_of_folding = 2000, bytes_of_nothing = 1700;

std::size_t cost(std::string_view kernel) {
  std::size_t bytes = kernel.size();
  for (std::size_t at = 0; (at = kernel.find("kiln_fold_", at)) != kernel.npos; ++at) bytes += bytes_of_folding;
  return bytes;
}

}  // namespace

std::vector<std::string> units(const std::string& source, std::size_t most) {
  constexpr std::string_view begins = "\nKILN_KERNEL ";
  std::vector<std::string_view> kernels;
  std::size_t end = source.size();
  for (std::size_t at; (at = source.rfind(begins, end - 1)) != source.npos && at < end; end = at)
    kernels.insert(kernels.begin(), std::string_view(source).substr(at, end - at));
  std::vector<std::size_t> costs, order(kernels.size());
  for (const std::string_view kernel : kernels) costs.push_back(cost(kernel));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return costs[a] > costs[b]; });

  const std::size_t all = std::accumulate(costs.begin(), costs.end(), std::size_t{0});
  const std::size_t each = std::max(kernels.empty() ? 0 : costs[order[0]], 2 * bytes_of_nothing);
  const std::size_t count = std::clamp<std::size_t>((all + each - 1) / each, 1, std::max<std::size_t>(most, 1));
  std::vector<std::size_t> load(count), unit_of(kernels.size());
  for (const std::size_t kernel : order) {
    const auto least = std::min_element(load.begin(), load.end());
    *least += costs[kernel];
    unit_of[kernel] = static_cast<std::size_t>(least - load.begin());
  }
  std::vector<std::string> texts(count, source.substr(0, end));
  for (std::size_t k = 0; k < kernels.size(); ++k) texts[unit_of[k]] += kernels[k];
  return texts;
}

std::vector<std::string> compile_units(const std::vector<std::string>& texts, int architecture) {
  std::vector<std::string> cubins(texts.size());
  std::vector<std::exception_ptr> errors(texts.size());
  const auto compile_one = [&](std::size_t k) {
    try {
      cubins[k] = compile(texts[k], architecture, Output::cubin);
    } catch (...) {
      errors[k] = std::current_exception();
    }
  };
  std::atomic<std::size_t> next{0};
  const auto compile_some = [&] {
    for (std::size_t k = next++; k < texts.size(); k = next++) compile_one(k);
  };
  {
    std::vector<std::jthread> threads;
    const std::size_t most = std::min<std::size_t>(texts.size(), std::max(1u, std::thread::hardware_concurrency()));
    try {
      while (threads.size() + 1 < most) threads.emplace_back(compile_some);
    } catch (const std::system_error&) {
      // No more threads are to be had: those there are do it.
    }
    compile_some();
  }
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
  return cubins;
}

}  // namespace kiln::on_cuda
