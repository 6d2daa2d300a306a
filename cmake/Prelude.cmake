# cuda/prelude.cuh and prelude_reductions.cuh as the C++ string kiln::on_cuda::prelude, remade when they change: the file
# kiln_prelude.
set(kiln_prelude "${CMAKE_CURRENT_BINARY_DIR}/generated/prelude.cpp")
set(text "")
foreach(part IN ITEMS prelude prelude_reductions)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/cuda/${part}.cuh")
  file(READ "${CMAKE_CURRENT_SOURCE_DIR}/cuda/${part}.cuh" part_text)
  string(APPEND text "${part_text}")
endforeach()
file(CONFIGURE OUTPUT "${kiln_prelude}" CONTENT
  "#include \"cuda/compile.h\"\n\nnamespace kiln::on_cuda {\n\nconst char prelude[] = R\"kiln(${text})kiln\";\n\n}\n" @ONLY)
