# The module as an ordinary library, for an ITK without ITKModuleExternal.cmake.
include(GNUInstallDirs)
include(GenerateExportHeader)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(BUILD_TESTING "Build the tests." ON)
option(Sinkhorn_BUILD_EXAMPLES "Build the examples and sinkhorn-register." ON)
option(Sinkhorn_BUILD_BENCHMARK "Build sinkhorn-benchmark (needs Google Benchmark)." OFF)
set(SINKHORN_TEST_DATA "$ENV{SINKHORN_TEST_DATA}" CACHE PATH "Folder of real registration pairs for the tests; empty: those tests are skipped.")

include(${ITK_USE_FILE})

add_subdirectory(src)
if(Sinkhorn_BUILD_EXAMPLES AND EXISTS ${Sinkhorn_SOURCE_DIR}/examples/CMakeLists.txt)
  add_subdirectory(examples)
endif()
if(Sinkhorn_BUILD_BENCHMARK)
  add_subdirectory(benchmark)
endif()
if(BUILD_TESTING)
  enable_testing()
  add_subdirectory(test)
endif()
