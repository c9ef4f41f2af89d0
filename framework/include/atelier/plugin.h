// What a plugin is: a class with draw(), and one line that names it.
//
//   class Chat : public atelier::Plugin {
//    public:
//     explicit Chat(atelier::Room& room);
//     void draw() override;
//   };
//   ATELIER_PLUGIN(Chat, "chat", "Chat", "Talk to everyone in the room", "0.1.0", "message")
//
// Thread rule: all functions run on the main thread.
#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "atelier/plugin_record.h"
#include "atelier/room.h"

namespace atelier {

/// The terminal, for a host without a window: lines that were typed, and where to print.
class Console {
 public:
  virtual ~Console() = default;
  virtual void print(std::string_view line) = 0;
};

class Plugin {
 public:
  virtual ~Plugin() = default;

  /// Draws into the ImGui window that the host has begun, between its edges. Called when something
  /// changed or was typed, at most once a frame.
  virtual void draw() = 0;

  /// Without a window: prints what is new. Called after each pump() that delivered something.
  virtual void print(Console& console) {
    (void)console;
  }
  /// Without a window: a line was typed. Returns false when the plugin has no use for lines.
  virtual bool type(std::string_view line) {
    (void)line;
    return false;
  }
};

}  // namespace atelier

/// Names the class, and with it: id, name, one line of description, version, prefixes (separated by
/// spaces) that it reads and writes. Once per library, outside of any namespace. The class is made
/// with (atelier::Room&). A picture for the start screen may follow (plugin_record.h); without one,
/// the plugin's initials are shown.
#define ATELIER_PLUGIN(Class, id, name, description, version, prefixes, ...)                       \
  ATELIER_PLUGIN_RECORD(id, name, description, version, prefixes __VA_OPT__(, ) __VA_ARGS__)       \
  extern "C" ATELIER_PLUGIN_EXPORT atelier::Plugin* atelier_plugin_create(                         \
      atelier::Room* room, char* error, unsigned long error_bytes) noexcept {                      \
    try {                                                                                          \
      return new Class(*room);                                                                     \
    } catch (const std::exception& problem) {                                                      \
      atelier::copy_plugin_error(problem.what(), error, error_bytes);                              \
    } catch (...) {                                                                                \
      atelier::copy_plugin_error("unknown exception", error, error_bytes);                         \
    }                                                                                              \
    return nullptr;                                                                                \
  }
