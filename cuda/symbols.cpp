// Opens libcuda and libnvrtc; says in one line what is missing and how to get it.
#include "cuda/symbols.h"

#include "core/config.h"
#include "core/error_text.h"

#include <dlfcn.h>

#include <vector>

namespace kiln::on_cuda {

namespace {

#define KILN_TEXT_OF(x) #x
#define KILN_NAME_OF(x) KILN_TEXT_OF(x)  // cuda.h names versions of functions by macros

// False, and why, where the library lacks a function.
#define KILN_LOOK_UP(name)                                                                   \
  if (why.empty()) {                                                                         \
    into.name = reinterpret_cast<decltype(into.name)>(::dlsym(library, KILN_NAME_OF(name))); \
    if (!into.name) why = text("it has no ", KILN_NAME_OF(name), ": it is too old");         \
  }

std::string version(int number) { return text(number / 1000, ".", number % 1000 / 10); }

Driver open_driver() {
  Driver into;
  std::string& why = into.why_not;
  void* const library = ::dlopen(config().cuda_driver.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    why = text("no NVIDIA driver (", config().cuda_driver, " is not found); install one to use a GPU");
    return into;
  }
  KILN_DRIVER_FUNCTIONS(KILN_LOOK_UP)
  if (!why.empty()) {
    why = text("the NVIDIA driver cannot be used, ", why, "; install a newer one");
    return into;
  }
  into.cuDriverGetVersion(&into.version);
  constexpr int least = 12000;
  if (into.version < least) {
    why = text("the NVIDIA driver is for CUDA ", version(into.version), "; Kiln needs one for CUDA ", version(least),
               " or newer: install a newer driver");
    return into;
  }
  const CUresult started = into.cuInit(0);
  if (started == CUDA_ERROR_NO_DEVICE)
    why = "there is a driver, but no NVIDIA GPU";
  else if (started != CUDA_SUCCESS)
    why = text("the NVIDIA driver does not start (error ", static_cast<int>(started), ")");
  return into;
}

// Empty, or why it cannot be used with this driver: code of a newer CUDA's compiler does not load on it, but for minor
// versions.
std::string look_up(void* library, Nvrtc& into) {
  std::string why;
  KILN_NVRTC_FUNCTIONS(KILN_LOOK_UP)
  if (!why.empty()) return text("NVRTC cannot be used, ", why, "; install one of CUDA 12 or newer");
  into.nvrtcVersion(&into.major, &into.minor);
  const int driver_version = driver().version;
  if (driver().why_not.empty() && into.major > driver_version / 1000)
    return text("NVRTC is of CUDA ", into.major, ".", into.minor, ", the NVIDIA driver for CUDA ",
                version(driver_version), ": install a driver for CUDA ", into.major,
                ".0 or newer, or the NVRTC of CUDA ", driver_version / 1000, " (its path in KILN_NVRTC)");
  return why;
}

// The newest one that this driver runs the code of.
Nvrtc open_nvrtc() {
  std::vector<std::string> names{config().nvrtc};
  if (names[0].empty())
    names = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"};
  Nvrtc into;
  for (const std::string& name : names) {
    void* const library = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) continue;
    Nvrtc found;
    found.why_not = look_up(library, found);
    if (found.why_not.empty()) return found;
    if (into.why_not.empty()) into = found;
  }
  if (into.why_not.empty())
    into.why_not = text("NVRTC, which compiles for GPUs, is not found (",
                        config().nvrtc.empty() ? "libnvrtc.so.13 or .12" : config().nvrtc.c_str(),
                        "); install the CUDA toolkit's NVRTC and put its folder into LD_LIBRARY_PATH, or its path into "
                        "KILN_NVRTC");
  return into;
}

}  // namespace

const Driver& driver() {
  static const Driver& opened = *new Driver(open_driver());
  return opened;
}

const Nvrtc& nvrtc() {
  static const Nvrtc& opened = *new Nvrtc(open_nvrtc());
  return opened;
}

std::string describe(CUresult result) {
  const char *name = nullptr, *message = nullptr;
  driver().cuGetErrorName(result, &name);
  driver().cuGetErrorString(result, &message);
  return text(name ? name : "CUDA error", ": ", message ? message : "unknown");
}

}  // namespace kiln::on_cuda
