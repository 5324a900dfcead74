# Installs the build into a folder, moves that folder, starts the program from there, and builds a project of its own
# (consumer/) against the package there.
#   cmake -DBUILD=<build tree> -DFOLDER=<scratch folder> -DPROGRAM=<relative path> -DPACKAGE=<relative path>
#         -DGENERATOR=<CMake generator> -DITK_DIR=<of the build> -P sinkhornRegisterInstalled.cmake
file(REMOVE_RECURSE "${FOLDER}")
execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${FOLDER}/first" RESULT_VARIABLE status
                OUTPUT_QUIET)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "installing failed: ${status}")
endif()
file(RENAME "${FOLDER}/first" "${FOLDER}/second")
# Without the library of the build tree, which a path left in the program may lead to.
execute_process(COMMAND "${CMAKE_COMMAND}" -E env --unset=LD_LIBRARY_PATH LD_BIND_NOW=1 LD_DEBUG=libs
                        "${FOLDER}/second/${PROGRAM}" --version RESULT_VARIABLE status OUTPUT_VARIABLE version
                ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "the installed program does not start: ${status} ${errors}")
endif()
if(errors MATCHES "calling init: ([^\n]*libITKSinkhorn[^\n]*)")
  file(REAL_PATH "${CMAKE_MATCH_1}" library)
  file(REAL_PATH "${FOLDER}" folder)
  string(FIND "${library}" "${folder}/second" position)
  if(NOT position EQUAL 0)
    message(FATAL_ERROR "the installed program takes the library from ${library}")
  endif()
endif()
message(STATUS "${version}")

function(run what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "${what}: ${status}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()
run("the consumer can't be configured" "${CMAKE_COMMAND}" -G "${GENERATOR}" -S "${CMAKE_CURRENT_LIST_DIR}/consumer"
    -B "${FOLDER}/consumer" -DCMAKE_BUILD_TYPE=Release "-DITK_DIR=${ITK_DIR}"
    "-DSinkhorn_DIR=${FOLDER}/second/${PACKAGE}" "-DCMAKE_RUNTIME_OUTPUT_DIRECTORY_RELEASE=${FOLDER}/consumer")
run("the consumer can't be built" "${CMAKE_COMMAND}" --build "${FOLDER}/consumer" --config Release)
run("the consumer fails" "${FOLDER}/consumer/consumer")
message(STATUS "${output}")
run("the consumer of files and pictures fails" "${CMAKE_COMMAND}" -E chdir "${FOLDER}" "${FOLDER}/consumer/files")
message(STATUS "${output}")
file(REMOVE_RECURSE "${FOLDER}")
