// The switch is ten instructions: 20 ns, where swapcontext's system calls take 700.
#include "tests/simulated/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if !defined(__x86_64__)
#error "the switch between fibers is written for x86-64"
#endif

// Saves what a call must preserve, stores the stack pointer through the first argument, continues at the second.
asm(R"(
.text
.type kiln_simulated_switch, @function
kiln_simulated_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size kiln_simulated_switch, .-kiln_simulated_switch
)");
extern "C" void kiln_simulated_switch(void** save, void* to);

namespace kiln::simulated {
namespace {

Fiber* current_fiber = nullptr;
void* resumer = nullptr;  // the stack pointer of who resumed it

#if defined(__SANITIZE_ADDRESS__)
const void* resumer_stack = nullptr;
std::size_t resumer_stack_bytes = 0;
#endif

}  // namespace

Fiber::Fiber() {
  void* mapping = ::mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  ::mprotect(mapping, guard_bytes, PROT_NONE);
  mapping_ = static_cast<char*>(mapping);
  stack_ = mapping_ + guard_bytes;
  static std::size_t made = 0;
  colour_ = made++ * 320 % 4096;
}

Fiber::~Fiber() { ::munmap(mapping_, guard_bytes + stack_bytes); }

Fiber* Fiber::current() { return current_fiber; }

void Fiber::main() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &resumer_stack, &resumer_stack_bytes);
#endif
  for (;;) {
    current_fiber->job_();
    current_fiber->job_ = nullptr;
    suspend();
  }
}

// A stack whose first switch arrives at main(), as after a call.
void Fiber::prepare() {
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(stack_, stack_bytes);
#endif
  auto** at = reinterpret_cast<void**>(top());
  *--at = nullptr;  // keeps the stack aligned, and ends a debugger's walk
  *--at = reinterpret_cast<void*>(&Fiber::main);
  for (int i = 0; i < 6; ++i) *--at = nullptr;
  saved_ = at;
}

void Fiber::start(void (*job)()) {
  if (saved_ == nullptr) prepare();
  job_ = job;
  resume();
}

void Fiber::resume() {
  current_fiber = this;
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, stack_, stack_bytes);
#endif
  kiln_simulated_switch(&resumer, saved_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
  current_fiber = nullptr;
}

void Fiber::suspend() {
  Fiber& fiber = *current_fiber;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fiber.fake_stack_, resumer_stack, resumer_stack_bytes);
#endif
  kiln_simulated_switch(&fiber.saved_, resumer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fiber.fake_stack_, &resumer_stack, &resumer_stack_bytes);
#endif
}

void Fiber::abandon() {
  Fiber& fiber = *current_fiber;
  fiber.job_ = nullptr;
  // The switch saves where nobody returns to; the next start prepares the stack anew. Not on the stack, which
  // AddressSanitizer may have given up by then.
  static void* forgotten = nullptr;
  fiber.saved_ = nullptr;
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(fiber.stack_, stack_bytes);
  __sanitizer_start_switch_fiber(nullptr, resumer_stack, resumer_stack_bytes);
#endif
  kiln_simulated_switch(&forgotten, resumer);
  std::abort();
}

}  // namespace kiln::simulated
