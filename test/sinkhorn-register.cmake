# Tests of the program sinkhorn-register: they run it on images that they make, and look at what it leaves.
if(Sinkhorn_BUILD_EXAMPLES AND NOT ITK_SOURCE_DIR)
  find_package(GTest REQUIRED)
  include(GoogleTest)
  add_executable(
    SinkhornRegisterTestDriver
    sinkhornRegisterBrokenTest.cxx
    sinkhornRegisterConservedTest.cxx
    sinkhornRegisterErrorsTest.cxx
    sinkhornRegisterExperimentsTest.cxx
    sinkhornRegisterFormatsTest.cxx
    sinkhornRegisterInputsTest.cxx
    sinkhornRegisterIntensitiesTest.cxx
    sinkhornRegisterFramesTest.cxx
    sinkhornRegisterInvarianceTest.cxx
    sinkhornRegisterFilesTest.cxx
    sinkhornRegisterLabelsTest.cxx
    sinkhornRegisterLandmarksTest.cxx
    sinkhornRegisterLimitsTest.cxx
    sinkhornRegisterPageTest.cxx
    sinkhornRegisterPresetsTest.cxx
    sinkhornRegisterRealDataTest.cxx
    sinkhornRegisterResultsTest.cxx
    sinkhornRegisterShapesTest.cxx
    sinkhornRegisterViewersTest.cxx)
  target_compile_features(SinkhornRegisterTestDriver PRIVATE cxx_std_17)
  target_compile_definitions(SinkhornRegisterTestDriver
                             PRIVATE SINKHORN_REGISTER_PROGRAM="$<TARGET_FILE:sinkhorn-register>")
  target_link_libraries(SinkhornRegisterTestDriver PRIVATE ${ITK_LIBRARIES} nlohmann_json::nlohmann_json GTest::gtest
                                                           GTest::gtest_main)
  add_dependencies(SinkhornRegisterTestDriver sinkhorn-register)
  set(_sinkhorn_environment)
  if(SINKHORN_TEST_DATA)
    set(_sinkhorn_environment ENVIRONMENT "SINKHORN_TEST_DATA=${SINKHORN_TEST_DATA}")
  endif()
  gtest_discover_tests(SinkhornRegisterTestDriver DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 900 ${_sinkhorn_environment})
  # The README's first command without what it installs and builds.
  set(_sinkhorn_demo_images "/usr/share/doc/insighttoolkit5-examples/examples/Data")
  if(EXISTS "${_sinkhorn_demo_images}/RatLungSlice1.mha")
    add_test(NAME SinkhornDemonstration
             COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/../scripts/demo-registrations.sh"
                     $<TARGET_FILE:sinkhorn-register> ${_sinkhorn_demo_images} ${CMAKE_CURRENT_BINARY_DIR}/demonstration)
  endif()
  # The programs of the README; they fail where the map folds or something is thrown.
  if(EXISTS "${_sinkhorn_demo_images}/RatLungSlice1.mha")
    add_test(NAME SinkhornWholeRegistrationExample
             COMMAND sinkhorn-whole-registration ${_sinkhorn_demo_images}/RatLungSlice1.mha
                     ${_sinkhorn_demo_images}/RatLungSlice2.mha ${CMAKE_CURRENT_BINARY_DIR}/whole-registration.mha)
  endif()
  add_test(NAME SinkhornFoldFreePointsExample COMMAND sinkhorn-fold-free-points)
  if(SINKHORN_TEST_DATA)
    set(_sinkhorn_hippocampi "${SINKHORN_TEST_DATA}/msd_hippocampus/images")
    add_test(NAME SinkhornFoldFreeSyNExample
             COMMAND sinkhorn-fold-free-syn ${_sinkhorn_hippocampi}/hippocampus_001.nii.gz
                     ${_sinkhorn_hippocampi}/hippocampus_003.nii.gz ${CMAKE_CURRENT_BINARY_DIR}/fold-free-syn.nii.gz)
  endif()
  if(NOT Sinkhorn_BUILD_AS_ITK_MODULE AND CMAKE_VERSION VERSION_GREATER_EQUAL 3.19)
    # All targets have to be built, as for any installation.
    add_test(
      NAME SinkhornRegisterInstalled
      COMMAND
        ${CMAKE_COMMAND} -DBUILD=${Sinkhorn_BINARY_DIR} -DFOLDER=${CMAKE_CURRENT_BINARY_DIR}/installed
        -DPROGRAM=${CMAKE_INSTALL_BINDIR}/sinkhorn-register -DPACKAGE=${Sinkhorn_INSTALL_PACKAGE_DIR}
        -DGENERATOR=${CMAKE_GENERATOR} -DITK_DIR=${ITK_DIR} -P
        ${CMAKE_CURRENT_LIST_DIR}/sinkhornRegisterInstalled.cmake)
  endif()
endif()
