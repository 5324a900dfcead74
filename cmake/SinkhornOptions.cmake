# The module's options, the same in all three ways to build. An option of the form Sinkhorn_BUILD_... that is off leaves
# the folder of that name alone.
option(BUILD_TESTING "Build the tests." ON)
if(ITK_SOURCE_DIR)
  set(_sinkhorn_programs OFF) # a build of ITK gets the module, not its programs
else()
  set(_sinkhorn_programs ON)
endif()
option(Sinkhorn_BUILD_EXAMPLES "Build sinkhorn-register, the examples and their libraries (needs CLI11, nlohmann-json and assimp)."
       ${_sinkhorn_programs})
option(Sinkhorn_BUILD_BENCHMARK "Build sinkhorn-benchmark (needs Google Benchmark)." OFF)
set(SINKHORN_TEST_DATA
    "$ENV{SINKHORN_TEST_DATA}"
    CACHE PATH "Folder of real registration pairs for the tests; if empty, the tests that need them are skipped.")
unset(_sinkhorn_programs)
