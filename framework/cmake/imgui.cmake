# Dear ImGui 1.92 or later, compiled from source: Debian's binary package has 16-bit characters,
# which turn a typed emoji into U+FFFD, and lacks the SDL_Renderer backend.
#
#   atelier_imgui      SHARED: the host and every plugin must share one copy (one context, one ABI).
#                      <imgui.h>, <imgui_internal.h>, <imgui_stdlib.h>, <imgui_freetype.h>
#   atelier_imgui_sdl  STATIC, for the host only: the SDL2, SDL_Renderer and OpenGL 3 backends.
#                      <imgui_impl_sdl2.h>, <imgui_impl_sdlrenderer2.h>, <imgui_impl_opengl3.h>
#
# ATELIER_IMGUI_VERSION is set for the plugins' fingerprint.

include_guard(GLOBAL)
include("${CMAKE_CURRENT_LIST_DIR}/DebianSource.cmake")

find_package(Freetype REQUIRED)
find_package(SDL2 REQUIRED CONFIG)

atelier_source(
  NAME imgui
  DEBIAN imgui
  HAS imgui.h
  VERSION_MIN 1.92
  VERSION_BELOW 2
  URL https://github.com/ocornut/imgui/archive/refs/tags/v1.92.5.zip
  URL_HASH SHA512=689338deecfa75d94d5796a42872f2d807eb853a3b9b3e4c2904e2a36a53bdce5de2e74b7812e38548ebdc02cfd70652d49d8c7aa1d20fd46193eb912e10b826
  URL_VERSION 1.92.5
  OUT_VAR _atelier_imgui_dir
  OUT_VERSION_VAR _atelier_imgui_package_version)

# The header's own word: also right for a folder that was given by hand.
file(STRINGS "${_atelier_imgui_dir}/imgui.h" _atelier_imgui_line REGEX "^#define IMGUI_VERSION +\"")
string(REGEX REPLACE ".*\"([^\"]+)\".*" "\\1" ATELIER_IMGUI_VERSION "${_atelier_imgui_line}")
if(ATELIER_IMGUI_VERSION VERSION_LESS 1.92)
  message(FATAL_ERROR "${_atelier_imgui_dir} is Dear ImGui ${ATELIER_IMGUI_VERSION}; 1.92 or later "
                      "is needed.")
endif()

# Third-party code: no warnings of ours, no analysis, no paths of this machine in its assertions.
function(_atelier_imgui_compile_options target)
  set_target_properties(
    ${target}
    PROPERTIES CXX_STANDARD 17
               CXX_CLANG_TIDY ""
               POSITION_INDEPENDENT_CODE ON)
  target_compile_options(
    ${target}
    PRIVATE -w -fvisibility=default # stands after, and so wins over, what the project sets for all
            "-fmacro-prefix-map=${_atelier_imgui_dir}=imgui"
            # A unique symbol would pin each plugin that uses it: dlclose() would unmap nothing.
            $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
endfunction()

add_library(
  atelier_imgui SHARED
  "${_atelier_imgui_dir}/imgui.cpp"
  "${_atelier_imgui_dir}/imgui_demo.cpp" # holds the metrics window, which the inspector shows
  "${_atelier_imgui_dir}/imgui_draw.cpp"
  "${_atelier_imgui_dir}/imgui_tables.cpp"
  "${_atelier_imgui_dir}/imgui_widgets.cpp"
  "${_atelier_imgui_dir}/misc/cpp/imgui_stdlib.cpp"
  "${_atelier_imgui_dir}/misc/freetype/imgui_freetype.cpp")
target_include_directories(
  atelier_imgui SYSTEM
  PUBLIC "${_atelier_imgui_dir}" "${_atelier_imgui_dir}/misc/cpp"
         "${_atelier_imgui_dir}/misc/freetype")
# All three change the layout or the meaning of ImGui's types: every user must see the same.
target_compile_definitions(
  atelier_imgui PUBLIC IMGUI_USE_WCHAR32 IMGUI_ENABLE_FREETYPE IMGUI_DISABLE_OBSOLETE_FUNCTIONS)
target_link_libraries(atelier_imgui PRIVATE Freetype::Freetype)
_atelier_imgui_compile_options(atelier_imgui)

add_library(
  atelier_imgui_sdl STATIC
  "${_atelier_imgui_dir}/backends/imgui_impl_sdl2.cpp"
  "${_atelier_imgui_dir}/backends/imgui_impl_sdlrenderer2.cpp"
  "${_atelier_imgui_dir}/backends/imgui_impl_opengl3.cpp")
target_include_directories(atelier_imgui_sdl SYSTEM PUBLIC "${_atelier_imgui_dir}/backends")
# The OpenGL backend brings its own loader, which opens libGL when it is first used.
target_link_libraries(atelier_imgui_sdl PUBLIC atelier_imgui SDL2::SDL2 PRIVATE ${CMAKE_DL_LIBS})
_atelier_imgui_compile_options(atelier_imgui_sdl)
