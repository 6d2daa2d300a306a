// The builds of the natives in this program, and their OpenMP runtime's sleep.
//
// One OpenMP runtime serves all of them: clang's libomp also has the entries that g++ compiles calls to, so the program
// links libomp alone. Two runtimes would be two pools whose spinning workers take each other's cores.
#include "natives/natives.h"

#include <sched.h>

extern "C" int omp_get_thread_num();

// Not in every OpenMP runtime: where it is missing the runtime's own waiting policy holds.
extern "C" void kmp_set_blocktime(int milliseconds) __attribute__((weak));

#define NATIVE_DECLARE(name)         \
  namespace name {                   \
  const bench::NativeBuild& build(); \
  }
NATIVE_DECLARE(gcc_strict)
NATIVE_DECLARE(gcc_fast)
#ifdef NATIVES_HAVE_CLANG
NATIVE_DECLARE(clang_strict)
NATIVE_DECLARE(clang_fast)
#endif

namespace bench {
namespace {

cpu_set_t callers_cores;

// A core for each thread, as under OMP_PROC_BIND: a worker that is woken starts on its waker's core, and the two would
// share it until the kernel balances the load, for longer than a sample lasts.
void bind_threads(int threads) {
  sched_getaffinity(0, sizeof(callers_cores), &callers_cores);
#pragma omp parallel num_threads(threads)
  {
    const int thread = omp_get_thread_num() % CPU_COUNT(&callers_cores);
    int core = 0;
    for (int seen = -1; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &callers_cores) && ++seen == thread) break;
    cpu_set_t mine;
    CPU_ZERO(&mine);
    CPU_SET(core, &mine);
    sched_setaffinity(0, sizeof(mine), &mine);
  }
}

void empty_region(int threads) {
  volatile int sink = 0;
#pragma omp parallel num_threads(threads)
  sink = 1;
  (void)sink;
}

}  // namespace

NativeBuilds native_builds() {
  static const NativeBuild* const builds[] = {
      &gcc_strict::build(),
      &gcc_fast::build(),
#ifdef NATIVES_HAVE_CLANG
      &clang_strict::build(),
      &clang_fast::build(),
#endif
  };
  return {builds, sizeof(builds) / sizeof(builds[0])};
}

void natives_wake(int threads) {
  if (threads <= 1) return;
  if (kmp_set_blocktime) kmp_set_blocktime(200);
  bind_threads(threads);
}

// The new waiting time holds from the next region on: hence an empty one.
void natives_sleep(int threads) {
  if (threads <= 1) return;
  if (kmp_set_blocktime) kmp_set_blocktime(0);
  empty_region(threads);
  sched_setaffinity(0, sizeof(callers_cores), &callers_cores);
}

}  // namespace bench
