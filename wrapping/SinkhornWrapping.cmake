# What the .wrap files of this folder share.

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
  string(APPEND ITK_WRAP_PYTHON_SWIG_EXT "%include \"${file}\"\n")
  set(ITK_WRAP_PYTHON_SWIG_EXT
      "${ITK_WRAP_PYTHON_SWIG_EXT}"
      PARENT_SCOPE)
endfunction()

# SWIG code for the present .wrap file, ahead of its classes.
macro(sinkhorn_wrap_swig_macros)
  string(APPEND ITK_WRAP_PYTHON_SWIG_EXT "%include \"${Sinkhorn_SOURCE_DIR}/wrapping/Sinkhorn.swg\"\n")
endmacro()
macro(sinkhorn_wrap_swig text)
  string(APPEND ITK_WRAP_PYTHON_SWIG_EXT "${text}\n")
endmacro()
