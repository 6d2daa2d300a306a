# Packs the bundle: installs its component without debugging information, adds the shared libraries that a machine may lack,
# and says how large it is. BUILD, SOURCE, SLEEF and OPENMP are given.
set(stage ${BUILD}/gpu-bundle/kiln-gpu)
set(archive ${BUILD}/kiln-gpu-bundle.tar.xz)
file(REMOVE_RECURSE ${BUILD}/gpu-bundle)
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --component gpu-bundle --strip --prefix ${stage}
  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)

# All but glibc's. GCC's runtime lies apart: it is for machines whose own is older.
get_filename_component(openmp_folder "${OPENMP}" DIRECTORY)
file(GLOB programs ${stage}/bin/kiln-*)
file(GET_RUNTIME_DEPENDENCIES EXECUTABLES ${programs} LIBRARIES ${stage}/bin/libkiln-llvm.so
  RESOLVED_DEPENDENCIES_VAR needed UNRESOLVED_DEPENDENCIES_VAR missing DIRECTORIES ${openmp_folder}
  PRE_EXCLUDE_REGEXES "^lib(c|m|mvec|pthread|dl|rt)\\.so" "^ld-linux" "^libkiln"
  POST_EXCLUDE_REGEXES "^${stage}")
if(missing)
  message(FATAL_ERROR "gpu-bundle: not found: ${missing}")
endif()
list(APPEND needed ${SLEEF})
foreach(library IN LISTS needed)
  get_filename_component(name ${library} NAME)
  file(REAL_PATH ${library} real)
  set(folder bin)
  if(name MATCHES "^lib(stdc\\+\\+|gcc_s)")
    set(folder lib/gcc)
  endif()
  file(COPY ${real} DESTINATION ${stage}/${folder})
  get_filename_component(real_name ${real} NAME)
  if(NOT real_name STREQUAL name)
    file(RENAME ${stage}/${folder}/${real_name} ${stage}/${folder}/${name})
  endif()
endforeach()

execute_process(COMMAND git -C ${SOURCE} describe --always --dirty OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE
  ERROR_QUIET)
file(WRITE ${stage}/commit "${commit}\n")

execute_process(COMMAND ${CMAKE_COMMAND} -E tar cJf ${archive} kiln-gpu WORKING_DIRECTORY ${BUILD}/gpu-bundle
  COMMAND_ERROR_IS_FATAL ANY)
file(SIZE ${archive} bytes)
math(EXPR megabytes "(${bytes} + 999999) / 1000000")
message(STATUS "${archive}: ${megabytes} MB")
if(megabytes GREATER 55)
  message(FATAL_ERROR "gpu-bundle: more than 55 MB")
endif()
