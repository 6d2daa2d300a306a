/* The tests' control of the simulated driver: faults, properties, order, counters. Look the functions up with dlsym. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What can be made to fail. The result is a CUresult; 0 stands for the one named here. */
enum kiln_simulated_fault {
  kiln_simulated_fault_allocation,      /* cuMemAlloc, cuMemAllocAsync: out of memory */
  kiln_simulated_fault_host_allocation, /* cuMemHostAlloc: out of memory */
  kiln_simulated_fault_launch,          /* the call of cuLaunchKernel: out of resources */
  kiln_simulated_fault_kernel,          /* a kernel, when it runs: illegal address, and the context is lost */
  kiln_simulated_fault_copy,            /* the call of a copy or memset: invalid value */
  kiln_simulated_fault_copy_run,        /* a copy, when it runs: illegal address, and the context is lost */
  kiln_simulated_fault_module,          /* cuModuleLoadData: out of memory */
  kiln_simulated_fault_stream,          /* cuStreamCreate: out of memory */
  kiln_simulated_fault_event,           /* cuEventCreate: out of memory */
  kiln_simulated_fault_synchronize,     /* cuStreamSynchronize, cuEventSynchronize, cuCtxSynchronize: launch failed */
  kiln_simulated_fault_count
};

/* All since the last reset. Device bytes are those asked for. */
struct kiln_simulated_counts {
  unsigned long long launches;    /* calls that succeeded */
  unsigned long long kernels_run; /* launches that have run */
  unsigned long long threads_run;
  unsigned long long copies_to_device; /* calls that succeeded, as all below */
  unsigned long long bytes_to_device;
  unsigned long long copies_to_host;
  unsigned long long bytes_to_host;
  unsigned long long copies_on_device;
  unsigned long long bytes_on_device;
  unsigned long long pageable_copies; /* asynchronous copies of host memory that is not pinned */
  unsigned long long memsets;
  unsigned long long allocations;
  unsigned long long frees;
  unsigned long long live_allocations; /* now */
  unsigned long long live_bytes;       /* now */
  unsigned long long peak_bytes;
  unsigned long long live_host_allocations; /* pinned, now */
  unsigned long long live_streams;          /* created and not destroyed, now */
  unsigned long long live_events;
  unsigned long long live_modules;
  unsigned long long modules_loaded;
  unsigned long long synchronizations; /* of streams, events and contexts; synchronous copies are not among them */
  unsigned long long events_recorded;
  unsigned long long waits;  /* cuStreamWaitEvent */
  unsigned long long queued; /* operations that have not run, now */
};

enum kiln_simulated_order { kiln_simulated_order_forward, kiln_simulated_order_reverse };
enum kiln_simulated_streams { kiln_simulated_streams_lazy, kiln_simulated_streams_eager };

/* --- libcuda-simulated.so --- */

/* A driver as it is after loading: no contexts, no memory, no faults, all settings as the environment has them. */
void kiln_simulated_reset(void);
void kiln_simulated_reset_counts(void);
void kiln_simulated_get_counts(struct kiln_simulated_counts* counts);

/* The kth call from now fails, k = 1 the next; 0 takes the fault back. */
void kiln_simulated_fail(enum kiln_simulated_fault fault, unsigned long long kth, int result);
/* Every call that needs the device fails with this CUresult from now on, until the reset. */
void kiln_simulated_lose_device(int device, int result);

/* Before cuInit. */
void kiln_simulated_set_devices(int count);
void kiln_simulated_set_driver_version(int version); /* 13000 for 13.0 */
void kiln_simulated_set_compute_capability(int major, int minor);
void kiln_simulated_set_pools(int supported); /* whether there are memory pools */
/* What cuInit answers; 0 for success, 100 (CUDA_ERROR_NO_DEVICE) on a machine whose driver finds none. */
void kiln_simulated_set_init_result(int result);

/* At any time. */
void kiln_simulated_set_memory(size_t bytes); /* of each device */
void kiln_simulated_set_order(enum kiln_simulated_order order);
void kiln_simulated_set_streams(enum kiln_simulated_streams streams);
/* This CUstream says that it is being captured; null: none does. */
void kiln_simulated_set_capturing(void* stream);
/* Whether device memory is without access except while the device uses it. */
void kiln_simulated_set_protection(int on);

/* Of the last operation that failed while it ran: kernel, block, thread, reason. Empty where none has. */
const char* kiln_simulated_diagnosis(void);

/* --- libnvrtc-simulated.so --- */

unsigned long long kiln_simulated_compiler_runs(void);
unsigned long long kiln_simulated_compiler_cache_hits(void);
void kiln_simulated_fail_compile(unsigned long long kth);
/* Compiles the programs that were collected in this folder, many at once, and keeps them: how many there were. In a
   process with KILN_SIMULATED_COLLECT naming the folder NVRTC collects every program and refuses it. */
unsigned long long kiln_simulated_compile_collected(const char* folder);

#ifdef __cplusplus
}
#endif
