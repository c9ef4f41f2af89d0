// What a plugin's file says about itself: text in a section of its own, which the host reads before
// it lets any of the plugin's code run.
//
//   record := "ATELIER-PLUGIN 1\n" line*         ends at the first NUL byte
//   line   := key "=" value "\n"
//   keys   := id name description version prefixes     from ATELIER_PLUGIN
//             picture                                  likewise, optional; see below
//             abi compiler library boost ui sanitizer  the fingerprint: what must be equal in the
//             host
// A picture is what the start screen shows, in a square of 24 by 24, x to the right, y down:
//   picture := shape *(";" shape)        drawn in this order
//   shape   := "#rrggbb" " " form
//   form    := "ground" | "disc x y radius" | "rect x y width height rounding"
//            | "line width x y x y …" | "poly x y x y x y …" (convex)
// A key that a reader does not know is left alone. The section is named .atelier.plugin.
//
// Thread rule: pure functions.
#pragma once

#include <cstddef>
#include <cstring>
#include <version>

#include <boost/version.hpp>

/// Grows when the meaning or the layout of anything under include/atelier changes.
#define ATELIER_PLUGIN_ABI "3"
#define ATELIER_PLUGIN_SECTION ".atelier.plugin"
#define ATELIER_PLUGIN_MAGIC "ATELIER-PLUGIN 1\n"

#define ATELIER_TEXT_(x) #x
#define ATELIER_TEXT(x) ATELIER_TEXT_(x)

#if defined(__clang__)
#define ATELIER_COMPILER "clang-" ATELIER_TEXT(__clang_major__)
#elif defined(__GNUC__)
#define ATELIER_COMPILER "gcc-" ATELIER_TEXT(__GNUC__)
#else
#define ATELIER_COMPILER "other"
#endif

#if defined(_LIBCPP_VERSION)
#define ATELIER_LIBRARY "libc++-" ATELIER_TEXT(_LIBCPP_VERSION)
#elif defined(_GLIBCXX_DEBUG)
#define ATELIER_LIBRARY \
  "libstdc++-" ATELIER_TEXT(_GLIBCXX_RELEASE) "-abi" ATELIER_TEXT(_GLIBCXX_USE_CXX11_ABI) "-debug"
#elif defined(_GLIBCXX_RELEASE)
#define ATELIER_LIBRARY \
  "libstdc++-" ATELIER_TEXT(_GLIBCXX_RELEASE) "-abi" ATELIER_TEXT(_GLIBCXX_USE_CXX11_ABI)
#else
#define ATELIER_LIBRARY "other"
#endif

// A plugin with a sanitizer runs only in a host with the same one, and the other way round.
#if defined(__SANITIZE_ADDRESS__)
#define ATELIER_SANITIZER "address"
#elif defined(__SANITIZE_THREAD__)
#define ATELIER_SANITIZER "thread"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ATELIER_SANITIZER "address"
#elif __has_feature(thread_sanitizer)
#define ATELIER_SANITIZER "thread"
#endif
#endif
#if !defined(ATELIER_SANITIZER)
#define ATELIER_SANITIZER "none"
#endif

/// ImGui and what is drawn with it; comes from linking atelier_ui. A plugin without a face has
/// none.
#if !defined(ATELIER_UI_FINGERPRINT)
#define ATELIER_UI_FINGERPRINT "none"
#endif

#define ATELIER_FINGERPRINT_LINES                                                              \
  "abi=" ATELIER_PLUGIN_ABI "\ncompiler=" ATELIER_COMPILER "\nlibrary=" ATELIER_LIBRARY        \
  "\nboost=" BOOST_LIB_VERSION "\nui=" ATELIER_UI_FINGERPRINT "\nsanitizer=" ATELIER_SANITIZER \
  "\n"

#if defined(__GNUC__)
#define ATELIER_PLUGIN_EXPORT __attribute__((visibility("default")))
#define ATELIER_PLUGIN_KEPT __attribute__((used, retain, section(ATELIER_PLUGIN_SECTION)))
#else
#define ATELIER_PLUGIN_EXPORT
#define ATELIER_PLUGIN_KEPT
#endif

/// The record alone; ATELIER_PLUGIN (plugin.h) writes it together with the function. All arguments
/// are string literals without line breaks.
#define ATELIER_PLUGIN_RECORD(id, name, description, version, prefixes, ...)           \
  ATELIER_PLUGIN_KEPT static const char atelier_plugin_record[] = ATELIER_PLUGIN_MAGIC \
      "id=" id "\nname=" name "\ndescription=" description "\nversion=" version        \
      "\nprefixes=" prefixes "\n" __VA_OPT__("picture=" __VA_ARGS__ "\n")             \
      ATELIER_FINGERPRINT_LINES;

namespace atelier {

/// Copies words into the host's buffer, cut to its size and ended by NUL.
inline void copy_plugin_error(const char* words, char* error, std::size_t error_bytes) {
  if (error_bytes == 0) return;
  const std::size_t length = std::strlen(words);
  const std::size_t copied = length < error_bytes ? length : error_bytes - 1;
  std::memcpy(error, words, copied);
  error[copied] = '\0';
}

}  // namespace atelier
