# The target gpu-bundle: kiln-gpu-bundle.tar.xz, the GPU's tests and benchmarks to be carried to another x86-64 Linux
# (glibc 2.36 or newer) that has a driver and NVRTC. bench/bundle/run runs them there.
if(NOT TARGET kiln-cuda OR NOT TARGET kiln-bench-portable)
  message(STATUS "No target gpu-bundle: it needs cuda.h, nvrtc.h, the tests and the benchmark")
  return()
endif()

set(bundle_programs kiln-cuda kiln-conformance kiln-fuzz kiln-bench-portable)
set_target_properties(${bundle_programs} PROPERTIES INSTALL_RPATH "$ORIGIN")
set(in_bundle COMPONENT gpu-bundle EXCLUDE_FROM_ALL)
install(TARGETS ${bundle_programs} RUNTIME DESTINATION bin ${in_bundle})
install(TARGETS kiln LIBRARY DESTINATION bin NAMELINK_SKIP ${in_bundle})
install(TARGETS kiln-llvm LIBRARY DESTINATION bin ${in_bundle})
install(DIRECTORY ${PROJECT_BINARY_DIR}/bench/cuda-natives DESTINATION bin ${in_bundle})
install(DIRECTORY tests/reference DESTINATION tests ${in_bundle} PATTERN "*.py" EXCLUDE)
install(PROGRAMS bench/bundle/run bench/cuda/peers.py bench/cuda/table.py DESTINATION . ${in_bundle})
install(FILES LICENSE THIRD_PARTY_NOTICES.md DESTINATION . ${in_bundle})
install(DIRECTORY licenses DESTINATION . ${in_bundle})

# Vector functions of compiled code; opened by name, so that no program names it.
find_library(KILN_SLEEF NAMES libsleef.so.3 sleef)
add_custom_target(gpu-bundle
  COMMAND ${CMAKE_COMMAND} -DBUILD=${PROJECT_BINARY_DIR} -DSOURCE=${PROJECT_SOURCE_DIR} -DSLEEF=${KILN_SLEEF}
          -DOPENMP=${BENCH_OPENMP} -P ${PROJECT_SOURCE_DIR}/cmake/MakeGpuBundle.cmake
  COMMENT "Packing kiln-gpu-bundle.tar.xz"
  VERBATIM)
add_dependencies(gpu-bundle ${bundle_programs} kiln kiln-llvm kiln-bench-natives-cuda)
