# Rules that hold for all of the code, checked: CHECK is exports, headers or layers.

# Only Kiln's own symbols leave the libraries; of the plug-in one.
function(check_exports)
  execute_process(COMMAND "${NM}" -D --defined-only "${LIBRARIES}/libkiln.so" OUTPUT_VARIABLE symbols
    COMMAND_ERROR_IS_FATAL ANY)
  if(NOT symbols MATCHES " _ZN4kiln7versionEv\n")
    message(FATAL_ERROR "libkiln.so does not export kiln::version()")
  endif()
  string(REPLACE "\n" ";" lines "${symbols}")
  foreach(line IN LISTS lines)
    if(line AND NOT line MATCHES " (_ZNK?[OR]?4kiln|_ZT.N4kiln|_ZTh.*N4kiln|_ZGVN4kiln|kiln_)")
      message(SEND_ERROR "libkiln.so exports ${line}")
    endif()
  endforeach()
  if(EXISTS "${LIBRARIES}/libkiln-llvm.so")
    execute_process(COMMAND "${NM}" -D --defined-only "${LIBRARIES}/libkiln-llvm.so" OUTPUT_VARIABLE symbols
      COMMAND_ERROR_IS_FATAL ANY)
    if(NOT symbols MATCHES "^[^\n]* kiln_llvm_plugin\n$")
      message(SEND_ERROR "libkiln-llvm.so must export kiln_llvm_plugin alone, but exports:\n${symbols}")
    endif()
  endif()
endfunction()

# A user's file that includes Kiln sees no header of LLVM, spdlog or fmt, and none of the slow standard ones.
function(check_headers)
  string(JOIN "|" slow algorithm any atomic chrono condition_variable deque filesystem format fstream functional future
    iomanip iostream istream list locale map memory mutex optional ostream queue random ranges regex set shared_mutex
    sstream stack stdexcept streambuf string thread unordered_map unordered_set valarray variant)
  file(GLOB headers "${ROOT}/core/include/kiln/*.h")
  foreach(header IN LISTS headers)
    execute_process(COMMAND "${COMPILER}" -std=c++20 -M -x c++ "-I${ROOT}/core/include" "${header}"
      OUTPUT_VARIABLE files COMMAND_ERROR_IS_FATAL ANY)
    if(files MATCHES "/(llvm|llvm-c|spdlog|fmt)/[^ ]*|/c\\+\\+/[0-9]+/(${slow})[ \n\\]")
      message(SEND_ERROR "${header} pulls in ${CMAKE_MATCH_0}")
    endif()
  endforeach()
endfunction()

# Dependencies point one way: core <- backends <- cpu, cuda. LLVM and the environment have their files.
function(check_layers)
  set(core_must_not "backends|cpu|cuda")
  set(backends_must_not "cpu|cuda")
  set(cpu_must_not "cuda")
  set(cuda_must_not "cpu")
  foreach(folder IN ITEMS core backends cpu cuda)
    file(GLOB_RECURSE sources "${ROOT}/${folder}/*.h" "${ROOT}/${folder}/*.cpp" "${ROOT}/${folder}/*.cu")
    foreach(source IN LISTS sources)
      file(STRINGS "${source}" includes REGEX "^ *#include \"(${${folder}_must_not})/")
      if(includes)
        message(SEND_ERROR "${source}: ${includes}")
      endif()
      # LLVM's headers are slow to compile: they stay in the code generator's few files.
      file(STRINGS "${source}" includes REGEX "^ *#include [<\"]llvm")
      if(includes AND NOT source MATCHES "/cpu/(codegen[^/]*|object|compile[^/]*)\\.(cpp|h)$")
        message(SEND_ERROR "${source}: ${includes}")
      endif()
      # The environment is read in one place, and by the faults that are planted to test the tests.
      file(STRINGS "${source}" reads REGEX "getenv")
      if(reads AND NOT source MATCHES "/core/(config\\.cpp|planted_faults\\.h)$")
        message(SEND_ERROR "${source}: ${reads}")
      endif()
    endforeach()
  endforeach()
endfunction()

cmake_language(CALL check_${CHECK})
