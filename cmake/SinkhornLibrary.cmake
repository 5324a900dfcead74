# Makes the library from its sources: with ITK's macros where there are any, else as an ordinary one.
include("${Sinkhorn_SOURCE_DIR}/cmake/SinkhornDependencies.cmake")

function(sinkhorn_add_standalone_library)
  add_library(Sinkhorn ${ARGN})
  add_library(Sinkhorn::Sinkhorn ALIAS Sinkhorn)
  set_target_properties(
    Sinkhorn
    PROPERTIES OUTPUT_NAME ITKSinkhorn
               VERSION ${Sinkhorn_VERSION}
               SOVERSION ${Sinkhorn_VERSION_MAJOR}.${Sinkhorn_VERSION_MINOR})
  target_compile_features(Sinkhorn PUBLIC cxx_std_17)
  generate_export_header(
    Sinkhorn
    EXPORT_FILE_NAME "${Sinkhorn_BINARY_DIR}/include/SinkhornExport.h"
    EXPORT_MACRO_NAME Sinkhorn_EXPORT
    NO_EXPORT_MACRO_NAME Sinkhorn_HIDDEN)
  target_include_directories(
    Sinkhorn PUBLIC "$<BUILD_INTERFACE:${Sinkhorn_SOURCE_DIR}/include>" "$<BUILD_INTERFACE:${Sinkhorn_BINARY_DIR}/include>"
                    "$<INSTALL_INTERFACE:${Sinkhorn_INSTALL_INCLUDE_DIR}>")
  target_link_libraries(Sinkhorn PUBLIC ${Sinkhorn_ITK_LIBRARIES})
  install(
    TARGETS Sinkhorn
    EXPORT SinkhornTargets
    LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
    RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endfunction()

macro(sinkhorn_add_library)
  if(ITK_SOURCE_DIR OR Sinkhorn_BUILD_AS_ITK_MODULE)
    itk_module_add_library(Sinkhorn ${ARGN})
  else()
    sinkhorn_add_standalone_library(${ARGN})
  endif()
  sinkhorn_link_dependencies(Sinkhorn)
endmacro()
