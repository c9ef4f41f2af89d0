# Compiler settings that every target of ours shares, and atelier_module().
include_guard(GLOBAL)

find_program(ATELIER_CCACHE ccache)
if(ATELIER_CCACHE)
  # The build folder is the base, so that two checkouts and two build folders share objects.
  foreach(language C CXX)
    set(CMAKE_${language}_COMPILER_LAUNCHER
        ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
        ${ATELIER_CCACHE})
  endforeach()
endif()
find_program(ATELIER_MOLD mold)
if(ATELIER_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(atelier_flags INTERFACE)
target_compile_options(atelier_flags INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow
                       -Wnon-virtual-dtor -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # -fno-gnu-unique: without it, an inline variable pins a plugin in memory for ever.
  target_compile_options(atelier_flags INTERFACE -fno-gnu-unique -Wno-maybe-uninitialized
                         -Wno-dangling-reference -Wno-restrict -Wno-stringop-overflow)
endif()
target_compile_definitions(atelier_flags INTERFACE BOOST_ASIO_NO_DEPRECATED
                           ATELIER_VERSION="${PROJECT_VERSION}")
if(ATELIER_SANITIZE)
  add_compile_options(-fsanitize=${ATELIER_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ATELIER_SANITIZE})
  if(ATELIER_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)  # Asio's fences, which the sanitizer does not see
  endif()
endif()

# The folders through which the modules' headers are reached, each holding one module alone. The
# presets share them, so that their compiler command lines are equal and ccache serves them all.
if(CMAKE_BINARY_DIR MATCHES "^${CMAKE_SOURCE_DIR}/build/")
  set(ATELIER_INCLUDE_DIRS ${CMAKE_SOURCE_DIR}/build/include_dirs)
else()
  set(ATELIER_INCLUDE_DIRS ${CMAKE_BINARY_DIR}/include_dirs)
endif()

# atelier_module(NAME [DEPENDS module…] [LIBRARIES target…])
# A static library of framework/NAME/*.cpp. A module sees the headers of the modules it names and of
# those below them, because include folders come with the targets: one private folder a module.
function(atelier_module name)
  cmake_parse_arguments(arg "" "" "DEPENDS;LIBRARIES;PUBLIC_LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  add_library(${name} STATIC ${sources})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME atelier_${name})
  set(link_dir ${ATELIER_INCLUDE_DIRS}/${name})
  file(MAKE_DIRECTORY ${link_dir})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${link_dir}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${link_dir})
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS} ${arg_PUBLIC_LIBRARIES}
                        PRIVATE atelier_flags ${arg_LIBRARIES})
endfunction()
