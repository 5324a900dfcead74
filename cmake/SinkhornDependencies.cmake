# Libraries that only the module's own sources see: Highway (instruction sets at run time).
# It is passed to the linker as a file, not as an imported target: targets would have to exist again in every project that
# links a static Sinkhorn, and ITK's module files have no place to look for them.

# Sets <prefix>_FILES, <prefix>_INCLUDES and <prefix>_DEFINITIONS of an imported target.
function(_sinkhorn_read_target target prefix)
  get_target_property(_files ${target} LOCATION)
  if(NOT _files)
    get_target_property(_files ${target} INTERFACE_LINK_LIBRARIES)
  endif()
  get_target_property(_includes ${target} INTERFACE_INCLUDE_DIRECTORIES)
  get_target_property(_definitions ${target} INTERFACE_COMPILE_DEFINITIONS)
  foreach(_what files includes definitions)
    string(TOUPPER ${_what} _WHAT)
    if(_${_what})
      set(${prefix}_${_WHAT} "${_${_what}}" PARENT_SCOPE)
    else()
      set(${prefix}_${_WHAT} "" PARENT_SCOPE)
    endif()
  endforeach()
endfunction()

macro(sinkhorn_find_highway)
  find_package(hwy CONFIG QUIET)
  if(TARGET hwy::hwy)
    _sinkhorn_read_target(hwy::hwy Sinkhorn_HIGHWAY)
  else()
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
      pkg_check_modules(Sinkhorn_HWY QUIET IMPORTED_TARGET libhwy)
    endif()
    if(NOT TARGET PkgConfig::Sinkhorn_HWY)
      message(FATAL_ERROR "Sinkhorn needs Google's Highway library (Debian and Ubuntu: libhwy-dev), found neither "
                          "hwy-config.cmake (set hwy_DIR) nor libhwy.pc (set PKG_CONFIG_PATH).")
    endif()
    _sinkhorn_read_target(PkgConfig::Sinkhorn_HWY Sinkhorn_HIGHWAY)
  endif()
endmacro()

# Gives a target what its sources need and nothing to those who link it, but for the files of a static build.
function(sinkhorn_link_dependencies target)
  sinkhorn_find_highway()
  target_include_directories(${target} SYSTEM PRIVATE ${Sinkhorn_HIGHWAY_INCLUDES})
  target_compile_definitions(${target} PRIVATE ${Sinkhorn_HIGHWAY_DEFINITIONS})
  target_link_libraries(${target} PRIVATE ${Sinkhorn_HIGHWAY_FILES})
  # FFTW would not make the solver faster at any size and blur that was measured: benchmark/README.md, "FFTW".
  message(STATUS "Sinkhorn: the solver works without FFTW, by design; ITK's own FFT filters are not affected")
endfunction()
