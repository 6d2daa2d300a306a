// What a program compiled for the simulated device and the simulated driver know of one another. Built-in types alone:
// the program includes it without any other header.
#pragma once

namespace kiln::simulated {

struct Index3 {
  unsigned x, y, z;
};

// What a thread asks of the others of its warp; `argument` and `width` are the shuffle's.
enum class WarpOperation : int {
  synchronize,
  shuffle,
  shuffle_up,
  shuffle_down,
  shuffle_xor,
  ballot,
  any,
  all,
  match_any,
  reduce_add,
  reduce_min_signed,
  reduce_max_signed,
  reduce_min_unsigned,
  reduce_max_unsigned,
  reduce_and,
  reduce_or,
  reduce_xor,
};

// How a thread ends its launch, other than by an access that faults.
enum class Failure : int { trap, assertion, misuse };

enum class BarrierVote : int { none, any, all, count };

// The driver's services. `line` is the text's, and tells one barrier from another.
struct Services {
  int (*barrier)(unsigned line, BarrierVote vote, int predicate);
  unsigned long long (*warp)(WarpOperation operation, unsigned line, unsigned mask, unsigned long long value,
                             int argument, int width);
  void (*yield)();
  void (*fail)(Failure failure, unsigned line, const char* text);
  long long (*clock)();
};

// What the running thread sees of itself. The driver writes it before a thread goes on.
struct DeviceState {
  Index3 thread;
  Index3 block;
  Index3 block_size;
  Index3 grid_size;
  unsigned lane;
  unsigned dynamic_shared_bytes;
  unsigned char* dynamic_shared;
  Services services;
};

struct Parameter {
  unsigned bytes;
  unsigned alignment;
  unsigned offset;  // in a packed buffer of parameters
  bool is_pointer;
};

struct Kernel {
  const char* name;
  void (*run)(void** parameters);  // one thread
  const Parameter* parameters;
  unsigned parameter_count;
  unsigned parameter_bytes;
  unsigned most_threads;  // of __launch_bounds__; 0 without one
  const Kernel* next;
};

// The one symbol a compiled program exports; a unit of several exports one of each.
struct Module {
  unsigned version;
  DeviceState* state;
  const Kernel* const* kernels;
  unsigned char* shared_begin;  // the __shared__ variables of all kernels
  unsigned char* shared_end;
};

constexpr unsigned module_version = 1;
constexpr const char* module_symbol = "kiln_simulated_module";  // in a unit with _ and the program's number behind it

// The bytes nvrtcGetCUBIN hands out: this header, then the shared object, or the path of one that has several programs.
struct Cubin {
  char magic[8];
  unsigned architecture;  // 90 for sm_90
  unsigned number;        // of the program in its unit, from 1; 0 where the shared object follows
  unsigned long long bytes;
  unsigned long long checksum;  // of what follows
};

constexpr char cubin_magic[9] = "KILNCUBN";

}  // namespace kiln::simulated
