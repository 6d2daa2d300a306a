# Installation, and the package that find_package(Kiln) finds.
include(CMakePackageConfigHelpers)

install(TARGETS kiln EXPORT KilnTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET kiln-llvm)
  install(TARGETS kiln-llvm LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()
install(DIRECTORY core/include/kiln DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h" PATTERN "*.def")
install(FILES LICENSE THIRD_PARTY_NOTICES.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY licenses DESTINATION "${CMAKE_INSTALL_DOCDIR}")

set(kiln_package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Kiln")
configure_package_config_file(cmake/KilnConfig.cmake.in "${CMAKE_CURRENT_BINARY_DIR}/KilnConfig.cmake"
  INSTALL_DESTINATION "${kiln_package_folder}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/KilnConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/KilnConfig.cmake" "${CMAKE_CURRENT_BINARY_DIR}/KilnConfigVersion.cmake"
  DESTINATION "${kiln_package_folder}")
install(EXPORT KilnTargets NAMESPACE Kiln:: DESTINATION "${kiln_package_folder}")
