# Kiln's libraries: libkiln.so, the same as a static library for tests of internals, and the LLVM plug-in.
#
#   kiln-program   what both the library and the plug-in contain: the Program and its tables, the machine, its vector maths
#   kiln-runtime   everything else of the library
#   kiln           libkiln.so = kiln-program + kiln-runtime
#   kiln-internal  the same objects as a static library, nothing hidden
#   kiln-llvm      libkiln-llvm.so = code generator + kiln-program + LLVM; errors come from libkiln.so
file(GLOB kiln_sources CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" core/*.cpp backends/*.cpp cpu/*.cpp)

# The GPU's backend needs the CUDA toolkit's headers to be built, and nothing of it to be linked.
find_path(KILN_CUDA_INCLUDE NAMES nvrtc.h HINTS "$ENV{CUDA_HOME}/include" /usr/local/cuda/include)
option(KILN_CUDA "Build the GPU's backend where the CUDA toolkit's headers are" ON)
if(KILN_CUDA AND KILN_CUDA_INCLUDE)
  include(Prelude)  # cuda/prelude*.cuh as a string
  file(GLOB kiln_cuda_sources CONFIGURE_DEPENDS RELATIVE "${CMAKE_CURRENT_SOURCE_DIR}" cuda/*.cpp)
  list(APPEND kiln_sources ${kiln_cuda_sources})
  list(REMOVE_ITEM kiln_sources core/no_cuda.cpp)
endif()

set(kiln_plugin_sources ${kiln_sources})
list(FILTER kiln_plugin_sources INCLUDE REGEX "^cpu/(codegen[^/]*|object|compile[^/]*)\\.cpp$")
set(kiln_program_sources ${kiln_sources})
list(FILTER kiln_program_sources INCLUDE REGEX
  "^core/(ir|ops|dtype)[^/]*\\.cpp$|^cpu/(target|vector_math)[^/]*\\.cpp$")
set(kiln_runtime_sources ${kiln_sources} ${kiln_prelude})
if(kiln_plugin_sources OR kiln_program_sources)
  list(REMOVE_ITEM kiln_runtime_sources ${kiln_plugin_sources} ${kiln_program_sources})
endif()

find_package(Threads REQUIRED)
# spdlog and fmt are compiled into the one file that logs: a program linked to Kiln loads no library more than libkiln.so.
find_path(KILN_SPDLOG_INCLUDE spdlog/spdlog.h REQUIRED)
find_path(KILN_FMT_INCLUDE fmt/format.h REQUIRED)
find_path(KILN_XXHASH_INCLUDE xxhash.h REQUIRED)

add_library(kiln-settings INTERFACE)
target_include_directories(kiln-settings INTERFACE
  "${CMAKE_CURRENT_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}/core/include")
target_include_directories(kiln-settings SYSTEM INTERFACE
  "${KILN_SPDLOG_INCLUDE}" "${KILN_FMT_INCLUDE}" "${KILN_XXHASH_INCLUDE}")
if(KILN_CUDA AND KILN_CUDA_INCLUDE)
  target_include_directories(kiln-settings SYSTEM INTERFACE "${KILN_CUDA_INCLUDE}")
endif()
target_compile_definitions(kiln-settings INTERFACE
  SPDLOG_FMT_EXTERNAL= FMT_HEADER_ONLY=1 XXH_INLINE_ALL= KILN_VERSION="${PROJECT_VERSION}")
target_link_libraries(kiln-settings INTERFACE kiln-flags Threads::Threads ${CMAKE_DL_LIBS})

if(KILN_PLANTED_FAULTS)
  # For these files alone, so that ccache knows the objects of all others.
  set_source_files_properties(core/bounds.cpp core/build.cpp core/signature.cpp cpu/codegen_checks.cpp cpu/codegen_loops.cpp
    cpu/codegen_memory.cpp cpu/codegen_operations.cpp cpu/codegen_reduce.cpp cpu/codegen_statements.cpp
    PROPERTIES COMPILE_DEFINITIONS KILN_PLANTED_FAULTS=1)
endif()

set(kiln_objects "")
if(KILN_SANITIZE MATCHES "address")
  # Nothing but spdlog and fmt, a minute of compiling under the sanitizers.
  set_source_files_properties(core/log.cpp PROPERTIES COMPILE_OPTIONS -fno-sanitize=all)
endif()

foreach(part IN ITEMS program runtime)
  if(kiln_${part}_sources)
    add_library(kiln-${part} OBJECT ${kiln_${part}_sources})
    target_link_libraries(kiln-${part} PRIVATE kiln-settings)
    list(APPEND kiln_objects $<TARGET_OBJECTS:kiln-${part}>)
  endif()
endforeach()

add_library(kiln SHARED ${kiln_objects})
add_library(Kiln::kiln ALIAS kiln)
target_compile_features(kiln PUBLIC cxx_std_20)
target_include_directories(kiln PUBLIC
  "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/core/include>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
target_link_libraries(kiln PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
set(kiln_exports "${CMAKE_CURRENT_SOURCE_DIR}/cmake/kiln.map")
# Its own functions are called without a jump through a table: 5 ns of a warm call.
target_link_options(kiln PRIVATE
  "-Wl,--version-script=${kiln_exports}" -Wl,-Bsymbolic-functions -Wl,-z,pack-relative-relocs)
set_target_properties(kiln PROPERTIES
  LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS "${kiln_exports}"
  INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON)

add_library(kiln-internal STATIC EXCLUDE_FROM_ALL ${kiln_objects})
target_link_libraries(kiln-internal PUBLIC kiln-settings)
set_target_properties(kiln-internal PROPERTIES LINKER_LANGUAGE CXX)

if(kiln_plugin_sources)
  include(Llvm)  # the target kiln-llvm-static
  add_library(kiln-llvm MODULE ${kiln_plugin_sources})
  target_link_libraries(kiln-llvm PRIVATE kiln-settings kiln)
  if(TARGET kiln-program)
    # As an archive behind libkiln.so: exported symbols (the error types above all) come from the library.
    add_library(kiln-program-static STATIC EXCLUDE_FROM_ALL $<TARGET_OBJECTS:kiln-program>)
    set_target_properties(kiln-program-static PROPERTIES LINKER_LANGUAGE CXX)
    target_link_libraries(kiln-llvm PRIVATE kiln-program-static)
  endif()
  target_link_libraries(kiln-llvm PRIVATE kiln-llvm-static)
  set(kiln_llvm_exports "${CMAKE_CURRENT_SOURCE_DIR}/cmake/kiln-llvm.map")
  target_link_options(kiln-llvm PRIVATE
    "-Wl,--version-script=${kiln_llvm_exports}" -Wl,--exclude-libs,ALL -Wl,-Bsymbolic -Wl,-z,pack-relative-relocs)
  if(NOT KILN_SANITIZE)
    target_link_options(kiln-llvm PRIVATE -Wl,-z,defs)
  endif()
  set_target_properties(kiln-llvm PROPERTIES
    JOB_POOL_LINK kiln_link LINK_DEPENDS "${kiln_llvm_exports}"
    INSTALL_RPATH "$ORIGIN" BUILD_WITH_INSTALL_RPATH ON)
endif()
