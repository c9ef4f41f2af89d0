// A node with plugins: what the window and the terminal ask. Thread rule: main thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node.h"
#include "plugin/plugin_library.h"
#include "presence_link.h"
#include "room/room_impl.h"
#include "server/room_end.h"
#include "window/window.h"

namespace atelier::host {

class HostNode;

/// A room of this node and the plugins that run over it.
class HostRoom final : public OpenRoom {
 public:
  ~HostRoom() override;

  void update() override;
  Room& room() override { return *room_; }
  /// The plugin of the first tab, for the terminal; null when it was not loaded.
  RunningPlugin* running() { return plugins_.empty() ? nullptr : plugins_.front().running.get(); }
  std::vector<Tab> tabs() const override;
  Status open_plugin(const std::string& plugin_id) override;
  void close_plugin(const std::string& plugin_id) override;
  std::optional<std::string> draw_plugin(const std::string& plugin_id) override;
  Status reload_plugin(const std::string& plugin_id) override;
  std::string address() const override;
  bool serving() const override;
  std::optional<std::string> ended() const override;
  Status keep_ended() override;
  std::optional<std::size_t> document_count() const override;

 private:
  friend class HostNode;
  HostRoom(HostNode& host, std::string title) : host_(host), title_(std::move(title)) {}

  struct OpenPlugin {
    std::string id, name;
    std::filesystem::path file;
    std::unique_ptr<RunningPlugin> running;  // null when it could not be loaded again
  };
  OpenPlugin* find(const std::string& plugin_id);
  Status load(OpenPlugin& plugin);
  LiveSyncOptions sync_options() const;
  void report_sync();
  void look_for_end();

  HostNode& host_;
  const std::string title_;
  std::string database_;
  std::shared_ptr<Store> store_;
  std::unique_ptr<LocalRoom> room_;
  std::unique_ptr<PresenceLink> presence_;
  std::optional<DatabaseUrl> upstream_url_;
  std::shared_ptr<PeerFactory> upstream_;  // a server elsewhere; null for a room of this machine
  bool attached_ = false;
  std::optional<server::RoomEnd> end_;  // what the room's document says, at the sequence looked at
  std::string end_rev_;
  bool end_kept_ = false;  // somebody answered that this copy stays
  std::optional<std::uint64_t> end_looked_at_;
  std::filesystem::path holder_;  // the control socket of whoever served at the last update()
  std::vector<OpenPlugin> plugins_;  // after room_: they end first
};

struct HostOptions {
  NodeOptions node;
  std::vector<std::filesystem::path> plugin_folders;
  std::string nickname;   // empty: the remembered one
  std::string sync_room;  // the room that syncs with
  std::string sync_url;   // this address, which may carry a password
};

class HostNode final : public NodeView {
 public:
  explicit HostNode(HostOptions options) : options_(std::move(options)) {}
  ~HostNode() override;

  /// Opens the profile. Errors: those of Node::open; start() may be called again.
  Status start();
  Node* node() { return node_.get(); }

  // What the window asks.
  std::vector<PluginChoice> plugins() override;
  std::vector<RecentRoom> recent_rooms() override;
  std::string nickname() override;
  Result<std::unique_ptr<OpenRoom>> open(const std::string& plugin_id, const std::string& room_title,
                                         const std::string& nickname) override;
  Result<std::string> recover_room(const std::string& room_title, Recovery how) override;
  Status delete_room(const std::string& room_title) override;
  Reach reach() override;
  std::optional<Error> blocked() override;

  /// open() with that one plugin, for the terminal.
  Result<std::unique_ptr<HostRoom>> open_one(const std::string& plugin_id,
                                             const std::string& room_title,
                                             const std::string& nickname);
  /// Waits until it is known who serves, a second at most.
  void wait_decided();
  /// Runs `wake` from any thread when something is to be looked at. Rooms take it when they are opened.
  void set_wake(std::function<void()> wake);
  bool has_pages() const { return !options_.node.www.empty(); }

 private:
  friend class HostRoom;
  Result<PluginChoice> choice(const std::string& plugin_id);
  std::optional<DatabaseUrl> upstream_url(const std::string& title, const Store& store) const;
  static std::shared_ptr<PeerFactory> upstream_for(const DatabaseUrl& url);
  void remember(const std::string& title, const std::string& nickname);
  void remember_tabs(const HostRoom& room);
  void opened(const std::string& title);
  void closed(const std::string& title);
  PluginLoadOptions load_options() const;

  HostOptions options_;
  std::unique_ptr<Node> node_;
  std::optional<Error> blocked_;
  std::function<void()> wake_;
  std::vector<std::string> open_titles_;
};

/// The folders in which plugins are looked for: those given, those of ATELIER_PLUGIN_PATH (separated
/// by colons), and the ones beside the program.
std::vector<std::filesystem::path> plugin_folders(const std::vector<std::filesystem::path>& given);

}  // namespace atelier::host
