// Opens libcuda and libnvrtc; says in one line what is missing and how to get it.
#include "cuda/symbols.h"

#include "core/config.h"
#include "core/error_text.h"

#include <dlfcn.h>

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
  int number = 0;
  into.cuDriverGetVersion(&number);
  constexpr int least = 12000;
  if (number < least) {
    why = text("the NVIDIA driver is for CUDA ", version(number), "; Kiln needs one for CUDA ", version(least),
               " or newer");
    return into;
  }
  const CUresult started = into.cuInit(0);
  if (started == CUDA_ERROR_NO_DEVICE)
    why = "there is a driver, but no NVIDIA GPU";
  else if (started != CUDA_SUCCESS)
    why = text("the NVIDIA driver does not start (error ", static_cast<int>(started), ")");
  return into;
}

Nvrtc open_nvrtc() {
  Nvrtc into;
  std::string& why = into.why_not;
  void* library = nullptr;
  if (!config().nvrtc.empty()) {
    library = ::dlopen(config().nvrtc.c_str(), RTLD_NOW | RTLD_LOCAL);
  } else {
    for (const char* name : {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"})
      if (!library) library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  if (!library) {
    why =
        "NVRTC, which compiles for GPUs, is not found (libnvrtc.so.13 or .12); install the CUDA toolkit's NVRTC and "
        "put "
        "its folder into LD_LIBRARY_PATH, or its path into KILN_NVRTC";
    return into;
  }
  KILN_NVRTC_FUNCTIONS(KILN_LOOK_UP)
  if (!why.empty()) why = text("NVRTC cannot be used, ", why, "; install one of CUDA 12 or newer");
  if (why.empty()) into.nvrtcVersion(&into.major, &into.minor);
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
