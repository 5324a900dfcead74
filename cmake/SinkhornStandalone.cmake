# The module as an ordinary library against an installed ITK. "cmake --install" puts the headers, the library and a
# package for find_package(Sinkhorn) in place.
include(CMakePackageConfigHelpers)
include(GenerateExportHeader)
include(GNUInstallDirs)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE
      Release
      CACHE STRING "Build type" FORCE)
endif()
option(BUILD_SHARED_LIBS "Build a shared library." ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${Sinkhorn_BINARY_DIR}/bin")
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)
set(Sinkhorn_INSTALL_INCLUDE_DIR "${CMAKE_INSTALL_INCLUDEDIR}/ITKSinkhorn")
set(Sinkhorn_INSTALL_PACKAGE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/Sinkhorn")

# itk-module.cmake says what the library depends on, in ITK's own words; here these words fill a variable.
macro(itk_module _name)
  cmake_parse_arguments(_module "EXCLUDE_FROM_DEFAULT;ENABLE_SHARED" "DESCRIPTION" "DEPENDS;COMPILE_DEPENDS;TEST_DEPENDS" ${ARGN})
  set(${_name}_ITK_COMPONENTS ${_module_DEPENDS})
endmacro()
include("${Sinkhorn_SOURCE_DIR}/itk-module.cmake")
itk_module_config(Sinkhorn_ITK ${Sinkhorn_ITK_COMPONENTS})

include(${ITK_USE_FILE})
add_subdirectory(src)

set(_targets_file "${Sinkhorn_BINARY_DIR}/SinkhornTargets.cmake")
export(
  EXPORT SinkhornTargets
  NAMESPACE Sinkhorn::
  FILE "${_targets_file}")
install(
  EXPORT SinkhornTargets
  NAMESPACE Sinkhorn::
  DESTINATION "${Sinkhorn_INSTALL_PACKAGE_DIR}"
  COMPONENT Development)
configure_package_config_file(
  "${Sinkhorn_SOURCE_DIR}/cmake/SinkhornConfig.cmake.in" "${Sinkhorn_BINARY_DIR}/SinkhornConfig.cmake"
  INSTALL_DESTINATION "${Sinkhorn_INSTALL_PACKAGE_DIR}")
configure_file("${Sinkhorn_SOURCE_DIR}/cmake/SinkhornHighway.cmake" "${Sinkhorn_BINARY_DIR}/SinkhornHighway.cmake" COPYONLY)
write_basic_package_version_file("${Sinkhorn_BINARY_DIR}/SinkhornConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(
  FILES "${Sinkhorn_BINARY_DIR}/SinkhornConfig.cmake" "${Sinkhorn_BINARY_DIR}/SinkhornConfigVersion.cmake"
        "${Sinkhorn_BINARY_DIR}/SinkhornHighway.cmake"
  DESTINATION "${Sinkhorn_INSTALL_PACKAGE_DIR}"
  COMPONENT Development)
install(
  DIRECTORY "${Sinkhorn_SOURCE_DIR}/include/" "${Sinkhorn_BINARY_DIR}/include/"
  DESTINATION "${Sinkhorn_INSTALL_INCLUDE_DIR}"
  COMPONENT Development)

if(BUILD_TESTING)
  enable_testing()
  add_subdirectory(test)
endif()
