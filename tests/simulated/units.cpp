// A unit has what its programs begin with, Kiln's prelude, once, and each program's own text in a namespace: reading
// the prelude and starting the compiler and the linker take most of the time of a single program.
#include "tests/simulated/units.h"

#include "tests/simulated/module.h"
#include "tests/simulated/program_text.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>
#include <vector>

namespace kiln::simulated {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view last_line = "#define KILN_KERNEL extern \"C\" __global__ void\n";  // of the prelude
constexpr std::size_t most_programs = 48;

std::size_t end_of_prelude(std::string_view text) {
  const std::size_t at = text.find(last_line);
  return at == std::string_view::npos ? 0 : at + last_line.size();
}

// --- files of the folder: architecture, name, definitions, an empty line, the text ---

std::string as_file(const CompilerInput& input) {
  std::string file = std::to_string(input.architecture) + '\n' + input.name + '\n';
  for (const std::string& definition : input.definitions) file += definition + '\n';
  return file + '\n' + input.text;
}

CompilerInput from_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  CompilerInput input;
  std::string line;
  std::getline(file, line);
  input.architecture = std::atoi(line.c_str());
  std::getline(file, input.name);
  while (std::getline(file, line) && !line.empty()) input.definitions.push_back(line);
  std::ostringstream text;
  text << file.rdbuf();
  input.text = std::move(text).str();
  return input;
}

// --- units ---

using Unit = std::vector<CompilerInput>;

std::string text_of(const Unit& unit) {
  const std::size_t prelude = end_of_prelude(unit.front().text);
  const std::string_view shared = std::string_view(unit.front().text).substr(0, prelude);
  const int line = 1 + static_cast<int>(std::count(shared.begin(), shared.end(), '\n'));
  std::string text = begin_of(unit.front(), 1) + translated(shared) +
                     "#undef KILN_KERNEL\n#define KILN_KERNEL static void\n"
                     "#undef KILN_SIMULATED_KERNELS\n#define KILN_SIMULATED_KERNELS kernels_of_program\n";
  for (std::size_t k = 0; k < unit.size(); ++k) {
    const std::string number = std::to_string(k + 1), section = "kiln_simulated_shared_" + number;
    // The translation learns from the macro which functions are kernels.
    const std::string own = translated(std::string(last_line) + unit[k].text.substr(prelude)).substr(last_line.size());
    text += "#undef KILN_SIMULATED_SHARED\n#define KILN_SIMULATED_SHARED \"" + section + "\"\nnamespace program_" +
            number + " {\nstatic const ::kiln::simulated::Kernel* kernels_of_program = nullptr;\n" +
            begin_of(unit[k], line) + own + "\n}\nKILN_SIMULATED_MODULE(" + module_symbol + "_" + number +
            ", program_" + number + "::kernels_of_program, " + section + ")\n";
  }
  return text;
}

// A unit that is refused keeps nothing: its programs are then compiled one at a time, with messages of their own.
void compile(const Unit& unit) {
  CompilerInput whole = unit.front();
  whole.text = text_of(unit);
  std::string log;
  const std::string object = object_of(whole, whole.text, log);
  if (object.empty()) return;
  const std::string path = keep(key_of(whole) + ".so", object);
  for (std::size_t k = 0; k < unit.size(); ++k) {
    keep(key_of(unit[k]) + ".cubin", cubin_of(unit[k], static_cast<unsigned>(k + 1), path));
  }
}

std::vector<Unit> units_of(const std::string& folder) {
  std::map<std::string, Unit> alike;  // by all but the programs' own text
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    CompilerInput input = from_file(entry.path());
    const std::string file = as_file(input);
    alike[file.substr(0, end_of_prelude(file))].push_back(std::move(input));
  }
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  std::vector<Unit> units;
  for (auto& [shared, all] : alike) {
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.text < b.text; });
    const std::size_t size = std::min(most_programs, (all.size() + cores - 1) / cores);
    for (std::size_t first = 0; first < all.size(); first += size) {
      const std::size_t last = std::min(all.size(), first + size);
      units.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(first),
                         all.begin() + static_cast<std::ptrdiff_t>(last));
    }
  }
  return units;
}

}  // namespace

void collect(const CompilerInput& input, const std::string& folder) {
  const std::string_view own = std::string_view(input.text).substr(end_of_prelude(input.text));
  const bool fits = own.size() < input.text.size() && input.headers.empty() &&
                    own.find("#define") == std::string_view::npos && own.find("extern") == std::string_view::npos;
  if (!fits || is_kept(input)) return;
  std::ofstream(fs::path(folder) / key_of(input), std::ios::binary) << as_file(input);
}

unsigned long long compile_collected(const std::string& folder) {
  const std::vector<Unit> units = units_of(folder);
  std::error_code error;
  fs::remove_all(folder, error);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t k = next++; k < units.size(); k = next++) compile(units[k]);
  };
  std::vector<std::thread> threads;
  for (unsigned k = 1; k < std::thread::hardware_concurrency() && k < units.size(); ++k) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  unsigned long long programs = 0;
  for (const Unit& unit : units) programs += unit.size();
  return programs;
}

}  // namespace kiln::simulated
