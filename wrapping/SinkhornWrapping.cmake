# What the .wrap files of this folder share.

# ITK's wrapping does not run SWIG again when an included file changes; a comment with its hash makes it do so.
macro(sinkhorn_wrap_include included)
  set_property(
    DIRECTORY
    APPEND
    PROPERTY CMAKE_CONFIGURE_DEPENDS "${included}")
  file(MD5 "${included}" included_hash)
  string(APPEND ITK_WRAP_PYTHON_SWIG_EXT "// ${included_hash}\n%include \"${included}\"\n")
endmacro()

# Docstrings of the Python classes, from the comments of the class's header. NAMES are the classes in SWIG's spelling.
function(sinkhorn_wrap_docstrings class)
  set(header "${Sinkhorn_SOURCE_DIR}/include/itk${class}.h")
  set(script "${Sinkhorn_SOURCE_DIR}/wrapping/generate-docstrings.py")
  set(file "${WRAPPER_LIBRARY_OUTPUT_DIR}/${class}_docstrings.i")
  set_property(
    DIRECTORY
    APPEND
    PROPERTY CMAKE_CONFIGURE_DEPENDS "${header}" "${script}")
  execute_process(
    COMMAND "${Python3_EXECUTABLE}" "${script}" "${header}" ${class} ${ARGN}
    OUTPUT_FILE "${file}"
    RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "No docstrings for ${class}")
  endif()
  sinkhorn_wrap_include("${file}")
  set(ITK_WRAP_PYTHON_SWIG_EXT
      "${ITK_WRAP_PYTHON_SWIG_EXT}"
      PARENT_SCOPE)
endfunction()

# SWIG code for the present .wrap file, ahead of its classes.
macro(sinkhorn_wrap_swig_macros)
  sinkhorn_wrap_include("${Sinkhorn_SOURCE_DIR}/wrapping/Sinkhorn.swg")
endmacro()
macro(sinkhorn_wrap_swig text)
  string(APPEND ITK_WRAP_PYTHON_SWIG_EXT "${text}\n")
endmacro()
