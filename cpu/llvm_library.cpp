// The plug-in with LLVM in it.
#include "cpu/llvm_library.h"

#include "core/error_text.h"

#include <kiln/error.h>
#include <kiln/version.h>

#include <dlfcn.h>
#include <sys/stat.h>
#include <mutex>
#include <string>

namespace kiln::on_cpu {

namespace {

using Entry = decltype(&kiln_llvm_plugin);

std::string beside_this_library() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<void*>(&compile_with_llvm), &info) && info.dli_fname) {
    const std::string path = info.dli_fname;
    const std::size_t slash = path.rfind('/');
    if (slash != std::string::npos) return path.substr(0, slash + 1) + "libkiln-llvm.so";
  }
  return "libkiln-llvm.so";
}

Entry open_library() {
  const std::string path = beside_this_library();
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    throw RuntimeError(text("cannot open Kiln's compiler, ", path, ": ", dlerror(), "; it belongs beside libkiln.so"));
  void* entry = dlsym(library, "kiln_llvm_plugin");
  if (!entry) throw RuntimeError(text(path, " is no Kiln compiler: ", dlerror(), "; install Kiln again"));
  return reinterpret_cast<Entry>(entry);
}

}  // namespace

void compile_with_llvm(const CompileRequest& request, CompileResult& result) {
  static const Entry entry = open_library();  // tried again after a failure
  entry(request, result);
}

std::string llvm_library_version() {
  struct stat file{};
  if (::stat(beside_this_library().c_str(), &file) != 0) return version();
  return text(version(), " ", file.st_size, " ", file.st_mtim.tv_sec, " ", file.st_mtim.tv_nsec);
}

}  // namespace kiln::on_cpu
