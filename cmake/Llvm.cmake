# LLVM 19 as static archives, hidden inside the plug-in: the target kiln-llvm-static.
#
# llvm-config names the archives in link order. LLVMConfig.cmake would also demand the development files of libraries
# (curl, z3, libedit) that the plug-in never reaches.
find_program(KILN_LLVM_CONFIG NAMES llvm-config-19 HINTS /usr/lib/llvm-19/bin REQUIRED)

function(kiln_llvm_query variable)
  execute_process(COMMAND "${KILN_LLVM_CONFIG}" ${ARGN} OUTPUT_VARIABLE answer OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
  set(${variable} "${answer}" PARENT_SCOPE)
endfunction()

kiln_llvm_query(llvm_version --version)
if(NOT llvm_version MATCHES "^19\\.")
  message(FATAL_ERROR "Kiln needs LLVM 19; ${KILN_LLVM_CONFIG} is ${llvm_version}. scripts/setup installs it.")
endif()
kiln_llvm_query(llvm_include --includedir)
kiln_llvm_query(llvm_rtti --has-rtti)
kiln_llvm_query(llvm_archives --link-static --libfiles
  core support target targetparser passes scalaropts instcombine transformutils analysis
  x86codegen x86desc x86info asmprinter mc object)
separate_arguments(llvm_archives UNIX_COMMAND "${llvm_archives}")

# Archives too: each shared library that the plug-in needs costs its first compile 0.1 ms.
find_library(KILN_ZLIB NAMES libz.a z REQUIRED)
find_library(KILN_ZSTD NAMES libzstd.a zstd REQUIRED)

add_library(kiln-llvm-static INTERFACE)
target_include_directories(kiln-llvm-static SYSTEM INTERFACE "${llvm_include}")
target_link_libraries(kiln-llvm-static INTERFACE ${llvm_archives} "${KILN_ZLIB}" "${KILN_ZSTD}" Threads::Threads
  ${CMAKE_DL_LIBS} m)
if(NOT llvm_rtti STREQUAL "YES")
  target_compile_options(kiln-llvm-static INTERFACE -fno-rtti)
endif()
message(STATUS "LLVM ${llvm_version}, linked statically into libkiln-llvm.so")
