# Finds Google's Highway library (instruction sets at run time), which only the module's own sources see, as the target
# hwy::hwy. Installed beside SinkhornConfig.cmake too: who links a static Sinkhorn has to link Highway.
macro(sinkhorn_find_highway)
  find_package(hwy CONFIG QUIET)
  if(NOT TARGET hwy::hwy)
    find_package(PkgConfig QUIET)
    if(PkgConfig_FOUND)
      pkg_check_modules(Sinkhorn_HWY QUIET IMPORTED_TARGET libhwy)
    endif()
    if(NOT TARGET PkgConfig::Sinkhorn_HWY)
      message(FATAL_ERROR "Sinkhorn needs Google's Highway library (Debian and Ubuntu: libhwy-dev), found neither "
                          "hwy-config.cmake (set hwy_DIR) nor libhwy.pc (set PKG_CONFIG_PATH).")
    endif()
    add_library(hwy::hwy INTERFACE IMPORTED)
    target_link_libraries(hwy::hwy INTERFACE PkgConfig::Sinkhorn_HWY)
  endif()
endmacro()
