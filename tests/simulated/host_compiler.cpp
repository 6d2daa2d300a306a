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
constexpr const char* sanitizer_flags[] = {"-O1",  // its frames are large otherwise
                                           "-fsanitize=address", "-fsanitize-sections=kiln_simulated_*",
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

std::vector<std::string> command(const CompilerInput& input, const std::string& folder) {
  std::vector<std::string> words = {compiler,
                                    "-x",
                                    "c++",
                                    "-std=c++17",
                                    "-O0",
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
  if (!input.headers.empty()) words.push_back("-I" + folder + "/headers");
  words.insert(words.end(),
               {"-I" + std::string(sources), "-include", "device_shim.h", "-o", "object.so", "program.cpp"});
  return words;
}

}  // namespace

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

namespace {

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

bool intact(const std::string& cubin) {
  Cubin header;
  if (cubin.size() < sizeof header) return false;
  std::memcpy(&header, cubin.data(), sizeof header);
  const std::string rest = cubin.substr(sizeof header);
  if (header.bytes != rest.size() || header.checksum != XXH3_64bits(rest.data(), rest.size())) return false;
  return header.number == 0 || ::access(rest.c_str(), R_OK) == 0;
}

}  // namespace

std::string cubin_of(const CompilerInput& input, unsigned number, const std::string& bytes) {
  Cubin header{};
  std::memcpy(header.magic, cubin_magic, sizeof header.magic);
  header.architecture = static_cast<unsigned>(input.architecture);
  header.number = number;
  header.bytes = bytes.size();
  header.checksum = XXH3_64bits(bytes.data(), bytes.size());
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + bytes;
}

std::string object_of(const CompilerInput& input, const std::string& program, std::string& log) {
  static std::atomic<unsigned> counter{0};
  std::error_code error;
  const fs::path folder =
      cache_folder() / ("tmp." + std::to_string(::getpid()) + '.' + std::to_string(counter.fetch_add(1)));
  fs::create_directories(folder, error);
  for (const auto& [name, text] : input.headers) {
    const fs::path path = folder / "headers" / name;
    fs::create_directories(path.parent_path(), error);
    write(path, text);
  }
  std::string object;
  if (write(folder / "program.cpp", program)) {
    const int status = run_in(folder, command(input, folder), folder / "log");
    log = contents(folder / "log");
    if (status < 0) log += "the simulation cannot run " + std::string(compiler) + "\n";
    if (status == 0) object = contents(folder / "object.so");
  } else {
    log = "the simulation cannot write to " + folder.string() + "\n";
  }
  fs::remove_all(folder, error);
  return object;
}

std::string kept(const std::string& name) { return contents(cache_folder() / name); }

std::string keep(const std::string& name, const std::string& bytes) {
  std::string path = cache_folder() / (name + ".XXXXXX");
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return "";
  ::close(file);
  std::error_code error;
  const fs::path published = cache_folder() / name;
  if (write(path, bytes)) fs::rename(path, published, error);
  fs::remove(path, error);
  return published;
}

bool is_kept(const CompilerInput& input) { return intact(kept(key_of(input) + ".cubin")); }

std::string begin_of(const CompilerInput& input, int line) {
  std::string name = input.name;
  for (char& c : name) {
    if (c == '"' || c == '\\' || c == '\n') c = '_';
  }
  return "#line " + std::to_string(line) + " \"" + name + "\"\n";
}

CompilerOutput compile(const CompilerInput& input) {
  const std::string name = key_of(input) + ".cubin";
  if (std::string cubin = kept(name); intact(cubin)) return {true, true, "", std::move(cubin)};
  CompilerOutput output;
  const std::string object = object_of(input, begin_of(input, 1) + translated(input.text), output.log);
  // Errors are not kept: a program that does not compile is a test's subject, or about to be changed.
  output.compiled = !object.empty();
  if (!output.compiled) return output;
  output.cubin = cubin_of(input, 0, object);
  keep(name, output.cubin);
  return output;
}

}  // namespace kiln::simulated
