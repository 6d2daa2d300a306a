// The pass that collects kernels' texts, in a child: the driver's state stays there.
#include "tests/fuzz/collect.h"

#include "tests/simulated/control.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace kiln::fuzz {

void compile_together(const std::function<void()>& run) {
  const char* const path = std::getenv("KILN_NVRTC");
  void* const library = path ? ::dlopen(path, RTLD_NOW | RTLD_LOCAL) : nullptr;
  using Compile = decltype(kiln_simulated_compile_collected);
  auto* const compile =
      library ? reinterpret_cast<Compile*>(::dlsym(library, "kiln_simulated_compile_collected")) : nullptr;
  if (!compile) return;
  std::string folder = (std::filesystem::temp_directory_path() / "kiln-collected-XXXXXX").string();
  if (!::mkdtemp(folder.data())) return;
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("KILN_SIMULATED_COLLECT", folder.c_str(), 1);
    run();
    std::_Exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);  // of a child that died the rest is compiled one by one
  compile(folder.c_str());
}

}  // namespace kiln::fuzz
