// The window: pick a plugin and a room, then the plugin's face and how the syncing is doing.
// Knows nothing of stores and servers: it asks the node behind it through NodeView.
// Thread rule: main thread, except wake(), which any thread may call.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atelier/error.h"
#include "atelier/room.h"

namespace atelier::host {

/// A plugin that was found, or why a file is none.
struct PluginChoice {
  std::string id, name, description;
  std::filesystem::path file;
  std::string problem;  // not empty: shown, cannot be opened
  std::string picture;  // picture.h; empty: its initials
};

struct RecentRoom {
  std::string title;
};

/// What the start screen says about where a room will be: decided when the program starts.
struct Reach {
  std::string address;  // "http://127.0.0.1:17984", or the server that --sync names
  enum class Kind {
    kNobody,     // this computer alone
    kWeServe,    // this program is the one that others reach
    kJoinLocal,  // another program of this user on this computer serves
    kServer,     // a server was named
  } kind = Kind::kNobody;
};

/// A room with the plugins that run over it, each of which is a tab. Destroying it stops them all.
class OpenRoom {
 public:
  virtual ~OpenRoom() = default;
  /// Joins or serves as things are now. Call it before each pump().
  virtual void update() = 0;
  virtual Room& room() = 0;

  struct Tab {
    std::string plugin_id, name;
  };
  /// In the order in which they were opened.
  virtual std::vector<Tab> tabs() const = 0;
  /// Errors: as NodeView::open(). One that is open already stays as it is.
  virtual Status open_plugin(const std::string& plugin_id) = 0;
  virtual void close_plugin(const std::string& plugin_id) = 0;
  /// Draws the plugin; an exception of its becomes this text, and "Reload" is offered.
  virtual std::optional<std::string> draw_plugin(const std::string& plugin_id) = 0;
  virtual Status reload_plugin(const std::string& plugin_id) = 0;

  /// Where others reach this room: "http://127.0.0.1:17984", empty when nobody does.
  virtual std::string address() const = 0;
  virtual bool serving() const = 0;
  /// What is to be said, when the owner ended the room and nobody here answered yet what becomes of
  /// this copy.
  virtual std::optional<std::string> ended() const { return std::nullopt; }
  /// It stays, without a sync, and the question does not come again.
  virtual Status keep_ended() { return ok(); }
  /// How many documents the room holds, for the question before it is deleted.
  virtual std::optional<std::size_t> document_count() const { return std::nullopt; }
};

enum class Recovery {
  kSalvage,  // what can be read becomes a new file
  kAnew,     // an empty room, which syncs again
};

/// What the window needs of the program behind it.
class NodeView {
 public:
  virtual ~NodeView() = default;
  virtual std::vector<PluginChoice> plugins() = 0;
  virtual std::vector<RecentRoom> recent_rooms() = 0;
  virtual std::string nickname() = 0;
  /// Opens (creates when new) the room with that title, the plugin over it, and those that were
  /// open there the last time.
  virtual Result<std::unique_ptr<OpenRoom>> open(const std::string& plugin_id,
                                                 const std::string& room_title,
                                                 const std::string& nickname) = 0;
  /// Does something about a room whose file is damaged (open() answered kCorrupt), and says what
  /// in words for people. The damaged file stays beside. Not on the main thread: it takes long.
  virtual Result<std::string> recover_room(const std::string& room_title, Recovery how) = 0;
  /// Deletes a room from this computer; it must not be open.
  virtual Status delete_room(const std::string& room_title) = 0;
  virtual Reach reach() { return {}; }
  /// Why nothing can be opened now ("the data folder is held by …"): shown instead of the start
  /// screen, with "Try again", which asks again.
  virtual std::optional<Error> blocked() { return std::nullopt; }
};

struct WindowOptions {
  std::string title = "Atelier";
  int width = 1100, height = 760;  // logical pixels
  float scale = 0;                 // 1 to 3; 0: as the display says
  bool dark = false;
  std::optional<std::string> open_plugin;  // go straight there,
  std::optional<std::string> open_room;    // into this room
  bool headless = false;                   // no display: drawn in memory, nothing shown
  bool opengl = false;                     // ImGui's OpenGL 3 backend instead of SDL's renderer
  std::filesystem::path screenshot;  // written when the script (or the first still frame) ends
  std::filesystem::path script;      // input events to play (script.h); "-" is standard input
};

class Window {
 public:
  /// Errors: kUnavailable when there is no display (words for people), kInvalid for a bad script.
  static Result<std::unique_ptr<Window>> create(WindowOptions options, NodeView& node);
  virtual ~Window() = default;

  /// Runs until closed, or until the script ends. Returns the process's exit code: 0, or 1 when a
  /// step of the script did not come true (said on standard error).
  virtual int run() = 0;
  /// Redraw soon. Any thread.
  virtual void wake() = 0;
  /// Bring to the front. Any thread.
  virtual void raise() = 0;
  /// Close soon. Any thread.
  virtual void close() = 0;
};

}  // namespace atelier::host
