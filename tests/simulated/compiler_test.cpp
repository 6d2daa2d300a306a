// The simulated NVRTC: options, logs, what is kept, and what the text may look like.
#include "tests/simulated/simulated_test.h"

#include <unistd.h>

#include <chrono>

namespace {

using namespace simulated_test;

// A program nobody has compiled before.
std::string fresh_program(const char* name) {
  return "// " + std::to_string(::getpid()) + ' ' +
         std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) +
         "\nextern \"C\" __global__ void " + name + "() {}\n";
}

TEST(Compiler, KeepsWhatItCompiledByContent) {
  const std::string text = fresh_program("k");
  const auto runs = cu(kiln_simulated_compiler_runs)();
  const Compiled first = compile(text);
  EXPECT_EQ(cu(kiln_simulated_compiler_runs)(), runs + 1);
  const auto hits = cu(kiln_simulated_compiler_cache_hits)();
  const Compiled second = compile(text);
  EXPECT_EQ(cu(kiln_simulated_compiler_runs)(), runs + 1);
  EXPECT_EQ(cu(kiln_simulated_compiler_cache_hits)(), hits + 1);
  EXPECT_FALSE(first.cubin.empty());
  EXPECT_EQ(first.cubin, second.cubin);
  compile(text, {"-arch=sm_90", "-fmad=false", "-DX=1"});
  EXPECT_EQ(cu(kiln_simulated_compiler_runs)(), runs + 2);
}

// Programs that begin alike are collected, compiled at once, and then found, each with its own kernels and shared
// memory.
TEST_F(Simulated, CompilesCollectedProgramsAtOnce) {
  const std::string fresh = fresh_program("");
  const std::string prelude =
      fresh.substr(0, fresh.find('\n') + 1) + "#define KILN_KERNEL extern \"C\" __global__ void\n";
  const auto program = [&](int k) {
    return prelude + "struct step { static __device__ float of(float x) { return x + " + std::to_string(k) +
           "; } };\nKILN_KERNEL __launch_bounds__(64) k_0(float* p) {\n  __shared__ float all[" +
           std::to_string(8 * k + 8) +
           "];\n  all[threadIdx.x] = step::of(*p);\n  __syncthreads();\n  *p = all[threadIdx.x];\n}\n";
  };
  char folder[] = "/tmp/kiln-collected-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  ::setenv("KILN_SIMULATED_COLLECT", folder, 1);
  for (int k = 0; k < 5; ++k) EXPECT_EQ(compile(program(k)).result, NVRTC_ERROR_COMPILATION);
  ::unsetenv("KILN_SIMULATED_COLLECT");
  EXPECT_EQ(cu(kiln_simulated_compile_collected)(folder), 5u);
  const auto runs = cu(kiln_simulated_compiler_runs)();
  const CUdeviceptr p = upload(std::vector<float>{1});
  for (int k = 0; k < 5; ++k) {
    const CUfunction f = kernel(program(k), "k_0");
    int bytes = 0;
    EXPECT_CUDA(cu(cuFuncGetAttribute)(&bytes, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, f));
#if defined(__SANITIZE_ADDRESS__)
    EXPECT_GT(bytes, 4 * (8 * k + 8));  // and a guard behind it
    EXPECT_LE(bytes, 4 * (8 * k + 8) + 64);
#else
    EXPECT_EQ(bytes, 4 * (8 * k + 8));
#endif
    EXPECT_CUDA(launch(f, 1, 1, 0, nullptr, p));
  }
  EXPECT_EQ(download<float>(p, 1)[0], 1 + 0 + 1 + 2 + 3 + 4);
  EXPECT_EQ(cu(kiln_simulated_compiler_runs)(), runs);
}

TEST(Compiler, LogsErrorsWithTheTextsLines) {
  const Compiled compiled = compile("extern \"C\" __global__ void k() {\n  int x = missing;\n}\n");
  EXPECT_EQ(compiled.result, NVRTC_ERROR_COMPILATION);
  EXPECT_NE(compiled.log.find("test.cu:2:"), std::string::npos) << compiled.log;
  EXPECT_NE(compiled.log.find("missing"), std::string::npos) << compiled.log;
}

TEST(Compiler, KnowsNvrtcsOptions) {
  const std::string text = "extern \"C\" __global__ void k() {}";
  for (const char* option :
       {"--std=c++17", "-std=c++20", "-default-device", "--device-as-default-execution-space", "-lineinfo",
        "--ftz=false", "--prec-div=true", "--prec-sqrt=true", "--maxrregcount=64", "-w", "--diag-suppress=177",
        "--restrict", "--Ofast-compile=max", "--minimal", "--extra-device-vectorization", "-DA=1", "-UA",
        "--use_fast_math", "--generate-line-info"}) {
    EXPECT_EQ(compile(text, {"-arch=sm_90", option}).result, NVRTC_SUCCESS) << option;
  }
  EXPECT_EQ(compile(text, {"-arch", "sm_90", "-D", "B=2"}).result, NVRTC_SUCCESS);
  for (const char* option : {"--no-such-option", "-O3", "-march=native", "--gpu-architecture=sm_42"}) {
    const Compiled compiled = compile(text, {option});
    EXPECT_EQ(compiled.result, NVRTC_ERROR_INVALID_OPTION) << option;
    EXPECT_NE(compiled.log.find("nvrtc: error:"), std::string::npos);
  }
}

TEST(Compiler, MakesNoCubinForAVirtualArchitecture) {
  const Compiled compiled = compile("extern \"C\" __global__ void k() {}", {"-arch=compute_90"});
  EXPECT_EQ(compiled.result, NVRTC_SUCCESS);
  EXPECT_TRUE(compiled.cubin.empty());
}

TEST(Compiler, RefusesWhatIsNoProgram) {
  nvrtcProgram program = nullptr;
  EXPECT_EQ(cu(nvrtcCreateProgram)(&program, nullptr, "x", 0, nullptr, nullptr), NVRTC_ERROR_INVALID_INPUT);
  EXPECT_EQ(cu(nvrtcCompileProgram)(nullptr, 0, nullptr), NVRTC_ERROR_INVALID_PROGRAM);
  EXPECT_EQ(cu(nvrtcDestroyProgram)(&program), NVRTC_ERROR_INVALID_PROGRAM);
  ASSERT_EQ(cu(nvrtcCreateProgram)(&program, "int x;", "x", 0, nullptr, nullptr), NVRTC_SUCCESS);
  nvrtcProgram copy = program;
  EXPECT_EQ(cu(nvrtcDestroyProgram)(&program), NVRTC_SUCCESS);
  EXPECT_EQ(cu(nvrtcCompileProgram)(copy, 0, nullptr), NVRTC_ERROR_INVALID_PROGRAM);
  int major = 0;
  int minor = 0;
  EXPECT_EQ(cu(nvrtcVersion)(&major, &minor), NVRTC_SUCCESS);
  EXPECT_EQ(major, 13);
  int count = 0;
  EXPECT_EQ(cu(nvrtcGetNumSupportedArchs)(&count), NVRTC_SUCCESS);
  std::vector<int> architectures(static_cast<std::size_t>(count));
  EXPECT_EQ(cu(nvrtcGetSupportedArchs)(architectures.data()), NVRTC_SUCCESS);
  EXPECT_EQ(architectures.front(), 75);
  EXPECT_STREQ(cu(nvrtcGetErrorString)(NVRTC_ERROR_COMPILATION), "NVRTC_ERROR_COMPILATION");
}

TEST(Compiler, FailsWhenToldTo) {
  cu(kiln_simulated_fail_compile)(2);
  EXPECT_EQ(compile("extern \"C\" __global__ void k() {}").result, NVRTC_SUCCESS);
  EXPECT_EQ(compile("extern \"C\" __global__ void k() {}").result, NVRTC_ERROR_COMPILATION);
  EXPECT_EQ(compile("extern \"C\" __global__ void k() {}").result, NVRTC_SUCCESS);
}

TEST_F(Simulated, FindsKernelsHoweverTheyAreDeclared) {
  const CUmodule module = load(R"(
    #define KERNEL extern "C" __global__ void
    #define BOUND 64
    // extern "C" __global__ void not_this_one() {}
    const char* text = "extern \"C\" __global__ void nor_this() {}";
    extern "C" __global__ void declared(int*);
    KERNEL __launch_bounds__(BOUND * 2, (1)) by_macro(int* p) { if (p) { *p = 1; } }
    extern "C" { __global__ void in_a_block(int* p) { *p = '{'; } }
    extern "C" __launch_bounds__(32) __global__ void bound_first(int* p) { /* } */ *p = 3; }
    __global__ void mangled(int* p) { *p = 4; }
    template <typename T> __global__ void generic(T* p) { *p = 5; }
    extern "C" __global__ void declared(int* p) { *p = 6; }
    namespace inner { extern "C" __global__ void in_a_namespace(int* p) { *p = 7; } }
    using inner::in_a_namespace;
  )");
  for (const char* name : {"by_macro", "in_a_block", "bound_first", "declared", "in_a_namespace"}) {
    CUfunction f = nullptr;
    EXPECT_CUDA(cu(cuModuleGetFunction)(&f, module, name)) << name;
  }
  for (const char* name : {"not_this_one", "nor_this", "mangled", "generic"}) {
    CUfunction f = nullptr;
    EXPECT_EQ(cu(cuModuleGetFunction)(&f, module, name), CUDA_ERROR_NOT_FOUND) << name;
  }
  int threads = 0;
  EXPECT_CUDA(cu(cuFuncGetAttribute)(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function(module, "by_macro")));
  EXPECT_EQ(threads, 128);
}

}  // namespace
