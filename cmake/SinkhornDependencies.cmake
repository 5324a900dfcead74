# Libraries that only the module's own sources see: Highway.
include("${Sinkhorn_SOURCE_DIR}/cmake/SinkhornHighway.cmake")

# The files of an imported library, one generator expression: for each configuration its own, where it has several.
function(_sinkhorn_get_library_files target result)
  get_target_property(_type ${target} TYPE)
  if(_type STREQUAL INTERFACE_LIBRARY)
    get_target_property(_linked ${target} INTERFACE_LINK_LIBRARIES)
    if(TARGET "${_linked}")
      _sinkhorn_get_library_files("${_linked}" _linked)
    endif()
    set(${result} "${_linked}" PARENT_SCOPE)
    return()
  endif()
  get_target_property(_any ${target} LOCATION)
  get_target_property(_configurations ${target} IMPORTED_CONFIGURATIONS)
  set(_files "${_any}")
  foreach(_configuration IN LISTS _configurations)
    get_target_property(_file ${target} IMPORTED_LOCATION_${_configuration})
    if(_file AND NOT _file STREQUAL _any)
      set(_files "$<IF:$<CONFIG:${_configuration}>,${_file},${_files}>")
    endif()
  endforeach()
  set(${result} "${_files}" PARENT_SCOPE)
endfunction()

# Gives a target what its sources need and nothing to those who link it, but for a static build.
function(sinkhorn_link_dependencies target)
  sinkhorn_find_highway()
  get_target_property(_type ${target} TYPE)
  if(_type STREQUAL STATIC_LIBRARY AND (ITK_SOURCE_DIR OR Sinkhorn_BUILD_AS_ITK_MODULE))
    # Targets would have to exist again in every project that uses this ITK, whose module files have no place to look for
    # them: the linker gets files.
    target_include_directories(${target} SYSTEM PRIVATE $<TARGET_PROPERTY:hwy::hwy,INTERFACE_INCLUDE_DIRECTORIES>)
    target_compile_definitions(${target} PRIVATE $<TARGET_PROPERTY:hwy::hwy,INTERFACE_COMPILE_DEFINITIONS>)
    _sinkhorn_get_library_files(hwy::hwy _files)
    target_link_libraries(${target} PRIVATE ${_files})
  else()
    target_link_libraries(${target} PRIVATE hwy::hwy)
  endif()
  # FFTW would not make the solver faster at any size and blur that was measured: benchmark/README.md, "FFTW".
  message(STATUS "Sinkhorn: the solver works without FFTW, by design; ITK's own FFT filters are not affected")
endfunction()
