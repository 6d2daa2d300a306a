// Loads the objects the compiler makes: an ELF64 relocatable becomes code that can be called, without LLVM.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kiln::on_cpu {

// The address of a symbol the object does not define, or nullptr if there is none.
using SymbolResolver = void* (*)(const char* name);

class LoadedObject {
 public:
  // Throws CompileError for an object that is corrupt, needs something this loader does not do (thread-local storage,
  // constructors, indirect functions) or a symbol that the resolver does not know; RuntimeError if the system refuses
  // memory. Nothing is registered with the unwinder: no exception may cross a loaded function.
  static std::unique_ptr<LoadedObject> load(std::span<const char> object, SymbolResolver resolver);

  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;
  ~LoadedObject();

  // The address of a global symbol the object defines, nullptr if it defines none of that name.
  void* find(std::string_view name) const;
  std::size_t mapped_bytes() const { return size_; }

 private:
  friend class ObjectLoad;
  LoadedObject(void* base, std::size_t size) : base_(base), size_(size) {}

  void* base_;
  std::size_t size_;
  std::vector<std::pair<std::string, void*>> symbols_;
};

}  // namespace kiln::on_cpu
