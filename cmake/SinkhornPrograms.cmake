# How tests, examples and benchmarks find ITK with its file formats, in all three ways to build.

# What is used of ITK: by the library, the tests, and the programs with their formats of images and transforms. Asking for
# these alone, not for all of ITK, keeps VTK and MINC out of the link and speeds up configuring.
set(Sinkhorn_ITK_REQUEST
    ITKCommon
    ITKDisplacementField
    ITKFFT
    ITKImageFunction
    ITKImageGradient
    ITKImageGrid
    ITKImageStatistics
    ITKMetricsv4
    ITKOptimizersv4
    ITKRegistrationMethodsv4
    ITKSmoothing
    ITKSpatialObjects
    ITKTransform)
if(Sinkhorn_BUILD_EXAMPLES OR Sinkhorn_BUILD_BENCHMARK)
  list(
    APPEND
    Sinkhorn_ITK_REQUEST
    ITKHDF5
    ITKImageIntensity
    ITKImageSources
    ITKIOBMP
    ITKIOGDCM
    ITKIOImageBase
    ITKIOMeshBase
    ITKIOMeshBYU
    ITKIOMeshFreeSurfer
    ITKIOMeshGifti
    ITKIOMeshOBJ
    ITKIOMeshOFF
    ITKIOJPEG
    ITKIOMeta
    ITKIONIFTI
    ITKIONRRD
    ITKIOPNG
    ITKIOTIFF
    ITKIOTransformBase
    ITKIOTransformHDF5
    ITKIOTransformInsightLegacy
    ITKJPEG
    ITKPNG
    ITKThresholding
    ITKZLIB)
endif()

# Finds ITK with these components (ITK_LIBRARIES, ITK_USE_FILE). Inside ITK's tree, ITK's own internal configuration.
macro(sinkhorn_find_itk)
  if(ITK_SOURCE_DIR)
    set(ITK_DIR "${ITK_BINARY_DIR}/CMakeTmp")
  endif()
  # GDCM's and HDF5's packages, which ITK loads, report every tool that is not installed, some forty lines of status
  # that mean nothing here. Warnings and errors still show.
  set(_sinkhorn_log_level "${CMAKE_MESSAGE_LOG_LEVEL}")
  set(CMAKE_MESSAGE_LOG_LEVEL NOTICE)
  find_package(ITK 5.2 REQUIRED COMPONENTS ${Sinkhorn_ITK_REQUEST})
  set(CMAKE_MESSAGE_LOG_LEVEL "${_sinkhorn_log_level}")
  if(NOT ITK_SOURCE_DIR)
    # ITKModuleExternal writes into ITK_DIR, so it is for build trees; ITK's installations seldom carry it anyway.
    if(EXISTS "${ITK_DIR}/CMakeCache.txt" AND EXISTS "${ITK_CMAKE_DIR}/ITKModuleExternal.cmake")
      set(_sinkhorn_is_build_tree ON)
    else()
      set(_sinkhorn_is_build_tree OFF)
    endif()
    option(Sinkhorn_BUILD_AS_ITK_MODULE "Build with ITKModuleExternal (ITK_DIR is an ITK build tree)."
           ${_sinkhorn_is_build_tree})
  endif()
endmacro()

# Adds a folder of programs, in which ITK_LIBRARIES and ITK's readers and writers are ready: a program there links
# "Sinkhorn ${ITK_LIBRARIES}" and no more.
function(sinkhorn_add_programs folder)
  if(NOT EXISTS "${Sinkhorn_SOURCE_DIR}/${folder}/CMakeLists.txt")
    return()
  endif()
  sinkhorn_find_itk()
  include(${ITK_USE_FILE})
  # ITK's build tree is no place for the programs of a module and what they share.
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${Sinkhorn_BINARY_DIR}/bin")
  set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${Sinkhorn_BINARY_DIR}/lib")
  add_subdirectory("${Sinkhorn_SOURCE_DIR}/${folder}" "${Sinkhorn_BINARY_DIR}/${folder}")
endfunction()

# Adds a static library that programs share, this module's and those of others: Sinkhorn::NAME, a component of the package.
# Public headers lie in the folder include beside it.
function(sinkhorn_add_program_library name)
  add_library(Sinkhorn${name} STATIC ${ARGN})
  add_library(Sinkhorn::${name} ALIAS Sinkhorn${name})
  set_target_properties(Sinkhorn${name} PROPERTIES OUTPUT_NAME ITKSinkhorn${name} EXPORT_NAME ${name})
  target_compile_features(Sinkhorn${name} PUBLIC cxx_std_17)
  target_include_directories(Sinkhorn${name} PUBLIC "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>")
  target_link_libraries(Sinkhorn${name} PUBLIC Sinkhorn ${ITK_LIBRARIES})
  if(ITK_SOURCE_DIR OR Sinkhorn_BUILD_AS_ITK_MODULE)
    return() # ITK's modules have a place for one library each
  endif()
  target_include_directories(Sinkhorn${name} PUBLIC "$<INSTALL_INTERFACE:${Sinkhorn_INSTALL_INCLUDE_DIR}>")
  install(
    TARGETS Sinkhorn${name}
    EXPORT Sinkhorn${name}Targets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(
    EXPORT Sinkhorn${name}Targets
    NAMESPACE Sinkhorn::
    DESTINATION "${Sinkhorn_INSTALL_PACKAGE_DIR}"
    COMPONENT Development)
  export(
    EXPORT Sinkhorn${name}Targets
    NAMESPACE Sinkhorn::
    FILE "${Sinkhorn_BINARY_DIR}/Sinkhorn${name}Targets.cmake")
  install(
    DIRECTORY include/
    DESTINATION "${Sinkhorn_INSTALL_INCLUDE_DIR}"
    COMPONENT Development)
endfunction()
