# Build type, ccache, linker, warnings and sanitizers; what all of Kiln's targets share is in kiln-flags.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# Line tables are enough for profiles and back traces, and halve the size of what is linked.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG")

find_program(KILN_CCACHE ccache)
if(KILN_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${KILN_CCACHE}")
endif()

add_library(kiln-flags INTERFACE)
target_compile_features(kiln-flags INTERFACE cxx_std_20)
target_compile_options(kiln-flags INTERFACE
  -Wall -Wextra -Wpedantic
  $<IF:$<CXX_COMPILER_ID:GNU>,-Wshadow=local,-Wshadow>  # g++ 12's -Wshadow objects to enumerators of an enum class
  -Wnon-virtual-dtor -Woverloaded-virtual
  -ffp-contract=off  # eager, interpreted and generated code must agree bit for bit
  -ffunction-sections -fdata-sections)
if(KILN_WARNINGS_AS_ERRORS)
  target_compile_options(kiln-flags INTERFACE -Werror)
endif()
if(KILN_VERIFY)
  target_compile_definitions(kiln-flags INTERFACE KILN_VERIFY=1)
endif()

# The compiler looks for ld.lld first in the folders named by -B, so that LLVM 19's is taken where several are installed.
# An lld as old as 14 does not know -z pack-relative-relocs.
find_program(KILN_LLD ld.lld HINTS /usr/lib/llvm-19/bin NO_DEFAULT_PATH)
if(KILN_LLD)
  get_filename_component(lld_folder "${KILN_LLD}" DIRECTORY)
  add_link_options("-B${lld_folder}" -fuse-ld=lld)
endif()
add_link_options(-Wl,--gc-sections -Wl,--as-needed)

# LLVM takes seconds and hundreds of megabytes to link: one at a time.
set_property(GLOBAL APPEND PROPERTY JOB_POOLS kiln_link=1)

if(KILN_SANITIZE)
  add_compile_options(-fsanitize=${KILN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KILN_SANITIZE})
endif()
