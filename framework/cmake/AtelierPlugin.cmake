# atelier_add_plugin(NAME source… [LIBRARIES target…] [OUTPUT_DIR folder] [NO_UI])
#
# A plugin as a file NAME.so, in ${CMAKE_BINARY_DIR}/plugins unless OUTPUT_DIR says otherwise; the
# target is called plugin_NAME. It sees the public headers, Boost's headers and, without NO_UI, what
# plugins draw with. LIBRARIES: what else it links.
#
# Why the flags: a plugin is taken out of memory when its source was built anew, and that only
# happens to a library that defines no unique symbol (-fno-gnu-unique), whose symbols nobody else
# binds to (hidden, and a version script with the one function), and that links nothing which the
# host does not hold anyway. -z defs says at build time what is missing, not when it is opened.
include_guard(GLOBAL)

function(atelier_add_plugin name)
  cmake_parse_arguments(arg "NO_UI" "OUTPUT_DIR" "LIBRARIES" ${ARGN})
  set(target plugin_${name})
  set(exports ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/plugin_exports.map)
  if(NOT arg_OUTPUT_DIR)
    set(arg_OUTPUT_DIR ${CMAKE_BINARY_DIR}/plugins)
  endif()
  add_library(${target} MODULE ${arg_UNPARSED_ARGUMENTS})
  set_target_properties(
    ${target}
    PROPERTIES PREFIX ""
               SUFFIX .so
               OUTPUT_NAME ${name}
               LIBRARY_OUTPUT_DIRECTORY ${arg_OUTPUT_DIR}
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               LINK_DEPENDS ${exports})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_link_options(${target} PRIVATE -Wl,--version-script=${exports})
  if(NOT ATELIER_SANITIZE) # their runtime is in the program alone
    target_link_options(${target} PRIVATE -Wl,-z,defs)
  endif()
  # Of base a plugin takes code, not headers: the public ones say all that it may know.
  add_dependencies(${target} base)
  target_link_libraries(${target} PRIVATE atelier_public Boost::boost atelier_flags ${arg_LIBRARIES}
                                          $<TARGET_FILE:base>)
  if(NOT arg_NO_UI)
    target_link_libraries(${target} PRIVATE atelier_ui)
  endif()
endfunction()
