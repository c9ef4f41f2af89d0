// What the window shows: the start screen, a room, or why neither can be. Thread rule: main thread.
#pragma once

#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <imgui.h>

#include "window/window.h"

namespace atelier::host {

/// Pick a plugin, a nickname and a room.
class Picker {
 public:
  explicit Picker(NodeView& node, const WindowOptions& options);

  struct Choice {
    std::string plugin_id, room_title, nickname;
  };
  /// Draws; returns what was chosen, once.
  std::optional<Choice> draw();
  /// Why the last choice did not open.
  void show_problem(std::string text) { problem_ = std::move(text); }
  /// Asks the node again: plugins and rooms may have changed.
  void refresh();

 private:
  void draw_title(bool compact);
  void draw_plugins();
  void draw_plugin_card(const PluginChoice& plugin, float width, bool narrow);
  void draw_form();
  void draw_recent();
  void draw_reach();
  void draw_problem();
  bool ready() const;

  NodeView& node_;
  std::vector<PluginChoice> plugins_;
  std::vector<RecentRoom> recent_;
  std::string plugin_id_, nickname_, room_;
  std::string problem_;
  bool enter_ = false;  // pressed in this frame
  bool first_frame_ = true;
  float column_height_ = 0;
};

/// The plugin's picture, or its initials.
void draw_plugin_picture(const PluginChoice& plugin, ImVec2 at, float size);

/// Plugins over a room, a tab each, with the bar above them.
class RoomScreen {
 public:
  RoomScreen(std::unique_ptr<OpenRoom> open, NodeView& node);

  enum class Wish { kStay, kLeave, kDelete };
  Wish draw();
  /// Delivers what changed; returns whether there was anything.
  bool pump() {
    open_->update();
    return open_->room().pump();
  }
  std::string title() { return open_->room().title(); }
  OpenRoom& open_room() { return *open_; }

 private:
  Wish draw_bar();
  void draw_names(float width);
  Wish draw_menu();
  float draw_status(float width_max);
  void draw_details();
  float draw_people(float right);
  void draw_people_list();
  void draw_tabs();
  void draw_tab(const OpenRoom::Tab& tab, float width, bool can_close);
  void draw_add_menu(ImVec2 at);
  void draw_plugin();
  void draw_failure(const std::string& error);
  void draw_new_problems();
  std::string delete_question();
  Wish draw_ended(const std::string& words);

  std::unique_ptr<OpenRoom> open_;
  NodeView& node_;
  std::string shown_;                            // the plugin whose tab is in front
  std::map<std::string, std::string> failures_;  // what a plugin threw, by its id
  std::optional<std::string> to_close_, to_show_;  // when the tabs were drawn
  std::size_t problems_seen_ = 0;
};

/// What can be done about a room whose file is damaged. Its end waits for a recovery that runs.
class DamagedScreen {
 public:
  DamagedScreen(NodeView& node, Picker::Choice choice, std::string problem);

  enum class Wish { kStay, kBack, kOpen };
  Wish draw();
  const Picker::Choice& choice() const { return choice_; }

 private:
  void begin(Recovery how);
  void draw_working();
  Wish draw_done();
  Wish draw_choices();

  NodeView& node_;
  const Picker::Choice choice_;
  std::string problem_;
  std::optional<std::string> done_;         // what was done
  std::future<Result<std::string>> answer_;  // valid while a recovery runs
};

class Screens {
 public:
  Screens(NodeView& node, const WindowOptions& options);

  void draw();
  /// Returns whether something changed that must be drawn.
  bool pump();
  /// The plugin stops, the room closes.
  void close();

 private:
  void open(const Picker::Choice& choice);
  void draw_damaged();
  void leave(bool and_delete);
  void draw_blocked(const Error& error);

  NodeView& node_;
  Picker picker_;
  std::unique_ptr<RoomScreen> room_;
  std::optional<DamagedScreen> damaged_;
  std::optional<Error> blocked_;
  std::optional<Picker::Choice> open_first_;  // what the command line asked for
};

/// Begins a window without frame that fills the screen, and ends it.
class FullScreen {
 public:
  explicit FullScreen(const char* id);
  ~FullScreen();
  FullScreen(const FullScreen&) = delete;
  FullScreen& operator=(const FullScreen&) = delete;
};

}  // namespace atelier::host
