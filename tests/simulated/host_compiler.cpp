// Compiles in a temporary folder, keeps results by their content and publishes them by rename.
#include "tests/simulated/host_compiler.h"

#include "tests/simulated/module.h"
#include "tests/simulated/program_text.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#define XXH_INLINE_ALL
#include <xxhash.h>

extern char** environ;

namespace kiln::simulated {
namespace {

namespace fs = std::filesystem;

constexpr const char* compiler = KILN_SIMULATED_COMPILER;
constexpr const char* sources = KILN_SIMULATED_SOURCES;
constexpr const char* shim_headers[] = {"device_shim.h", "device_atomics.h", "device_bits.h",
                                        "device_math.h", "device_warp.h",    "module.h"};

#if defined(__SANITIZE_ADDRESS__)
constexpr const char* sanitizer_flags[] = {"-fsanitize=address", "-fsanitize-sections=kiln_simulated_*",
                                           "-fno-omit-frame-pointer", "-g1"};
#else
constexpr std::initializer_list<const char*> sanitizer_flags = {};
#endif

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

bool write(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  return file.good();
}

// The build's folder, or one of this user's where that cannot be written.
fs::path cache_folder() {
  std::error_code error;
  for (const char* candidate :
       {static_cast<const char*>(std::getenv("KILN_SIMULATED_CACHE")), KILN_SIMULATED_CACHE_FOLDER}) {
    if (candidate == nullptr || *candidate == '\0') continue;
    fs::create_directories(candidate, error);
    if (!error && ::access(candidate, W_OK) == 0) return candidate;
  }
  const fs::path fallback = fs::temp_directory_path(error) / ("kiln-simulated-" + std::to_string(::getuid()));
  fs::create_directories(fallback, error);
  fs::permissions(fallback, fs::perms::owner_all, error);
  return fallback;
}

// The compiler is told apart by its version, size and date: asking it would start a process.
const std::string& toolchain() {
  static const std::string text = [] {
    std::string result = KILN_SIMULATED_COMPILER_VERSION;
    struct stat status{};
    if (::stat(compiler, &status) == 0) {
      result += ' ' + std::to_string(status.st_size) + ' ' + std::to_string(status.st_mtim.tv_sec);
    }
    for (const char* header : shim_headers) result += contents(fs::path(sources) / header);
    return result;
  }();
  return text;
}

std::vector<std::string> command(const CompilerInput& input, const fs::path& folder) {
  std::vector<std::string> words = {compiler,
                                    "-x",
                                    "c++",
                                    "-std=c++17",
                                    "-O1",
                                    "-fPIC",
                                    "-shared",
                                    "-nostdlib",
                                    "-fno-exceptions",
                                    "-fno-rtti",
                                    "-fvisibility=hidden",
                                    "-ffp-contract=off",
                                    "-fno-strict-aliasing",
                                    "-fno-math-errno",
                                    "-fwrapv",
                                    "-w"};
#if !defined(__clang__)
  words.emplace_back("-fno-gnu-unique");  // such a symbol would keep the module from being unloaded
#endif
  for (const char* flag : sanitizer_flags) words.emplace_back(flag);
  words.push_back("-D__CUDA_ARCH__=" + std::to_string(10 * input.architecture));
  for (const std::string& definition : input.definitions) words.push_back(definition);
  if (!input.headers.empty()) words.push_back("-I" + (folder / "headers").string());
  words.insert(words.end(),
               {"-I" + std::string(sources), "-include", "device_shim.h", "-o", "object.so", "program.cpp"});
  return words;
}

std::string key_of(const CompilerInput& input) {
  std::string all = toolchain();
  const auto add = [&all](const std::string& part) { all += '\0' + std::to_string(part.size()) + ':' + part; };
  add(input.text);
  add(input.name);
  for (const std::string& word : command(input, "")) add(word);
  for (const auto& [name, text] : input.headers) {
    add(name);
    add(text);
  }
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
  char digits[40];
  std::snprintf(digits, sizeof digits, "%016llx%016llx", static_cast<unsigned long long>(hash.high64),
                static_cast<unsigned long long>(hash.low64));
  return digits;
}

// The exit status, or -1 where the compiler could not be started. What it says goes to `log`.
int run_in(const fs::path& folder, const std::vector<std::string>& words, const fs::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t process = 0;
  const int error = ::posix_spawn(&process, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return -1;
  int status = 0;
  while (::waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return -1;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string with_header(int architecture, const std::string& object) {
  Cubin header{};
  std::memcpy(header.magic, cubin_magic, sizeof header.magic);
  header.architecture = static_cast<unsigned>(architecture);
  header.object_bytes = object.size();
  header.checksum = XXH3_64bits(object.data(), object.size());
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + object;
}

bool intact(const std::string& cubin) {
  Cubin header;
  if (cubin.size() < sizeof header) return false;
  std::memcpy(&header, cubin.data(), sizeof header);
  return header.object_bytes == cubin.size() - sizeof header &&
         header.checksum == XXH3_64bits(cubin.data() + sizeof header, header.object_bytes);
}

CompilerOutput run_compiler(const CompilerInput& input, const fs::path& folder) {
  CompilerOutput output;
  for (const auto& [name, text] : input.headers) {
    std::error_code error;
    const fs::path path = folder / "headers" / name;
    fs::create_directories(path.parent_path(), error);
    write(path, text);
  }
  std::string name = input.name;
  for (char& c : name) {
    if (c == '"' || c == '\\' || c == '\n') c = '_';
  }
  if (!write(folder / "program.cpp", "#line 1 \"" + name + "\"\n" + translated(input.text))) {
    output.log = "the simulation cannot write to " + folder.string() + "\n";
    return output;
  }
  const int status = run_in(folder, command(input, folder), folder / "log");
  output.log = contents(folder / "log");
  if (status < 0) output.log += "the simulation cannot run " + std::string(compiler) + "\n";
  output.compiled = status == 0;
  if (output.compiled) output.cubin = with_header(input.architecture, contents(folder / "object.so"));
  return output;
}

}  // namespace

CompilerOutput compile(const CompilerInput& input) {
  static std::atomic<unsigned> counter{0};
  const fs::path cache = cache_folder();
  const fs::path kept = cache / (key_of(input) + ".cubin");
  if (std::string cubin = contents(kept); intact(cubin)) return {true, true, "", std::move(cubin)};
  std::error_code error;
  const fs::path folder = cache / ("tmp." + std::to_string(::getpid()) + '.' + std::to_string(counter.fetch_add(1)));
  fs::create_directories(folder, error);
  CompilerOutput output = run_compiler(input, folder);
  // Errors are not kept: a program that does not compile is a test's subject, or about to be changed.
  if (output.compiled && write(folder / "cubin", output.cubin)) fs::rename(folder / "cubin", kept, error);
  fs::remove_all(folder, error);
  return output;
}

}  // namespace kiln::simulated
