#include "host_node.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "base/room_name.h"
#include "store/care.h"
#include "store/verify.h"

namespace atelier::host {
namespace {

constexpr std::size_t kLossesShownMax = 5;
constexpr std::string_view kEndKeptProperty = "ended-kept";  // the revision that was answered

}  // namespace

HostRoom::~HostRoom() {
  host_.node_->syncs().report(database_, std::nullopt);
  plugins_.clear();
  room_.reset();
  host_.closed(title_);
}

void HostRoom::update() {
  report_sync();
  look_for_end();
  if (end_ && end_kept_) {
    if (std::exchange(attached_, false)) room_->detach_sync();
    return;
  }
  if (!end_) presence_->follow(*host_.node_, database_, upstream_url_);
  if (upstream_) {
    if (!attached_) room_->attach_sync(upstream_, sync_options());
    attached_ = true;
    return;
  }
  const auto role = host_.node_->role();
  const bool join = role.decided && !role.serving && !role.url.empty();
  // What the last holder refused, the next one may grant: not after minutes of patience.
  const bool moved = holder_ != role.socket;
  holder_ = role.socket;
  if (join && attached_ && moved) room_->sync_now();
  if (join == attached_) return;
  if (join) room_->attach_sync(host_.node_->share_peer(database_), sync_options());
  else room_->detach_sync();
  attached_ = join;
}

/// Cheap where nothing was written.
void HostRoom::look_for_end() {
  const std::uint64_t now = store_->last_sequence();
  if (end_looked_at_ == now) return;
  end_looked_at_ = now;
  end_.reset();
  const auto document = store_->get(server::kEndedId);
  const auto end = document ? server::read_room_end(document->body)
                            : Result<server::RoomEnd>(document.error());
  if (!end) return;
  end_ = *end;
  end_rev_ = document->rev.to_string();
  const auto kept = store_->get_property(kEndKeptProperty);
  end_kept_ = kept && *kept == end_rev_;
}

/// Of a room that syncs with nobody the copy is all there is: nothing is asked.
std::optional<std::string> HostRoom::ended() const {
  if (!end_ || end_kept_ || !attached_) return std::nullopt;
  return server::room_end_words(*end_);
}

Status HostRoom::keep_ended() {
  if (!end_) return ok();
  ATELIER_CHECK(store_->put_property(kEndKeptProperty, end_rev_));
  end_kept_ = true;
  return ok();
}

/// Who joins a room reads the end of what its plugins show before the rest is here.
LiveSyncOptions HostRoom::sync_options() const {
  LiveSyncOptions options;
  options.ended = ended_in_words;
  for (const OpenPlugin& plugin : plugins_) {
    if (!plugin.running) continue;
    for (const std::string& prefix : plugin.running->record().prefixes) {
      const bool named = std::any_of(options.newest.begin(), options.newest.end(),
                                     [&](const NewestQuery& query) { return query.prefix == prefix; });
      if (!named) options.newest.push_back({.prefix = prefix});
    }
  }
  return options;
}

/// For `atelier sync --status` and its kind, in other processes.
void HostRoom::report_sync() {
  SyncService& syncs = host_.node_->syncs();
  if (syncs.take_sync_now(database_)) room_->sync_now();
  SyncStatus status = room_->sync_status();
  const bool none = status.state == SyncState::kNone;
  if (none) return syncs.report(database_, std::nullopt);
  syncs.report(database_, std::move(status), room_->bringer());
}

std::vector<OpenRoom::Tab> HostRoom::tabs() const {
  std::vector<Tab> tabs;
  for (const auto& plugin : plugins_) tabs.push_back({plugin.id, plugin.name});
  return tabs;
}

HostRoom::OpenPlugin* HostRoom::find(const std::string& plugin_id) {
  for (auto& plugin : plugins_)
    if (plugin.id == plugin_id) return &plugin;
  return nullptr;
}

Status HostRoom::load(OpenPlugin& plugin) {
  plugin.running.reset();
  ATELIER_TRY(running, RunningPlugin::open(plugin.file, *room_, host_.load_options()));
  plugin.running = std::move(running);
  return ok();
}

Status HostRoom::open_plugin(const std::string& plugin_id) {
  if (find(plugin_id)) return ok();
  ATELIER_TRY(choice, host_.choice(plugin_id));
  OpenPlugin plugin{plugin_id, choice.name, choice.file, nullptr};
  ATELIER_CHECK(load(plugin));
  plugins_.push_back(std::move(plugin));
  host_.remember_tabs(*this);
  return ok();
}

void HostRoom::close_plugin(const std::string& plugin_id) {
  std::erase_if(plugins_, [&](const OpenPlugin& plugin) { return plugin.id == plugin_id; });
  host_.remember_tabs(*this);
}

std::optional<std::string> HostRoom::draw_plugin(const std::string& plugin_id) {
  OpenPlugin* plugin = find(plugin_id);
  if (!plugin || !plugin->running) return "the plugin is not loaded";
  const Status drawn = plugin->running->draw();
  return drawn ? std::nullopt : std::optional<std::string>(drawn.error().message);
}

Status HostRoom::reload_plugin(const std::string& plugin_id) {
  OpenPlugin* plugin = find(plugin_id);
  return plugin ? load(*plugin) : not_found("the plugin is not open");
}

std::string HostRoom::address() const {
  return upstream_ ? upstream_->display_name() : host_.node_->role().url;
}

bool HostRoom::serving() const { return !upstream_ && host_.node_->role().serving; }

std::optional<std::size_t> HostRoom::document_count() const { return store_->info().doc_count; }

HostNode::~HostNode() = default;

Status HostNode::start() {
  auto node = Node::open(options_.node);
  if (!node) {
    blocked_ = node.error();
    return node.error();
  }
  blocked_.reset();
  node_ = std::move(*node);
  node_->set_wake(wake_);
  return ok();
}

std::optional<Error> HostNode::blocked() {
  if (!node_) (void)start();
  return blocked_;
}

std::vector<PluginChoice> HostNode::plugins() {
  std::vector<PluginChoice> choices;
  for (auto& found : find_plugins(options_.plugin_folders, load_options().own)) {
    choices.push_back({.id = found.record.id,
                       .name = found.record.name.empty() ? found.record.id : found.record.name,
                       .description = found.record.description,
                       .file = found.file,
                       .problem = found.problem,
                       .picture = found.record.picture});
  }
  std::stable_partition(choices.begin(), choices.end(),
                        [](const PluginChoice& choice) { return choice.problem.empty(); });
  return choices;
}

std::vector<RecentRoom> HostNode::recent_rooms() {
  std::vector<RecentRoom> rooms;
  if (!node_) return rooms;
  for (auto& title : node_->profile().load_settings().recent_rooms) rooms.push_back({std::move(title)});
  return rooms;
}

std::string HostNode::nickname() {
  if (!options_.nickname.empty()) return options_.nickname;
  const std::string remembered = node_ ? node_->profile().load_settings().nickname : std::string();
  return remembered.empty() ? os::environment("USER").value_or("") : remembered;
}

Result<std::unique_ptr<OpenRoom>> HostNode::open(const std::string& plugin_id,
                                                 const std::string& room_title,
                                                 const std::string& nickname) {
  // Of those that were open here the last time, one that cannot be opened any more is no reason to
  // stay outside.
  const auto remembered = node_ ? node_->profile().load_settings().tabs : decltype(Settings::tabs)();
  ATELIER_TRY(open, open_one(plugin_id, room_title, nickname));
  if (const auto tabs = remembered.find(room_title); tabs != remembered.end())
    for (const auto& id : tabs->second) (void)open->open_plugin(id);
  return std::unique_ptr<OpenRoom>(std::move(open));
}

Result<PluginChoice> HostNode::choice(const std::string& plugin_id) {
  for (auto& choice : plugins()) {
    if (choice.id != plugin_id) continue;
    if (choice.problem.empty()) return choice;
    return Error{ErrorCode::kUnsupported, choice.file.filename().string() + ": " + choice.problem};
  }
  return not_found("there is no plugin '" + plugin_id + "'");
}

Result<std::unique_ptr<HostRoom>> HostNode::open_one(const std::string& plugin_id,
                                                     const std::string& room_title,
                                                     const std::string& nickname) {
  if (!node_) return blocked_.value_or(Error{ErrorCode::kUnavailable, "the profile is not open"});
  ATELIER_CHECK(choice(plugin_id));
  std::unique_ptr<HostRoom> open(new HostRoom(*this, room_title));
  ATELIER_TRY(database, database_name_of_title(room_title));
  open->database_ = database;
  ATELIER_TRY(store, node_->open_store(room_title));
  open->store_ = store;
  open->upstream_url_ = upstream_url(room_title, *store);
  if (open->upstream_url_) open->upstream_ = upstream_for(*open->upstream_url_);
  if (open->upstream_)
    ATELIER_CHECK(node_->set_upstream(*store, database, open->upstream_url_->address()));
  open->room_ = open_room({.store = store, .title = room_title, .user = {nickname}, .clock = nullptr});
  open->presence_ = std::make_unique<PresenceLink>(*open->room_);
  if (wake_) open->room_->set_wake(wake_);
  ATELIER_CHECK(open->open_plugin(plugin_id));
  if (node_->sharer()) node_->sharer()->set_may_serve(!open->upstream_);
  opened(room_title);
  remember(room_title, nickname);
  return open;
}

// A room that synced elsewhere once goes on doing so; without its password the status asks for it.
std::optional<DatabaseUrl> HostNode::upstream_url(const std::string& title,
                                                  const Store& store) const {
  const bool given = !options_.sync_url.empty() && title == options_.sync_room;
  const std::string address = given ? options_.sync_url : Node::upstream_of(store);
  if (address.empty()) return std::nullopt;
  const auto url = DatabaseUrl::parse(address);
  return url ? std::optional(*url) : std::nullopt;
}

std::shared_ptr<PeerFactory> HostNode::upstream_for(const DatabaseUrl& url) {
  HttpPeerOptions options;
  options.create_database = true;
  return make_http_peer_factory(url, options);
}

void HostNode::remember(const std::string& title, const std::string& nickname) {
  Settings settings = node_->profile().load_settings();
  settings.nickname = nickname;
  remember_room(settings, title);
  (void)node_->profile().save_settings(settings);  // a lost preference is not worth an error
}

void HostNode::remember_tabs(const HostRoom& room) {
  Settings settings = node_->profile().load_settings();
  auto& ids = settings.tabs[room.title_];
  ids.clear();
  for (const auto& tab : room.tabs()) ids.push_back(tab.plugin_id);
  (void)node_->profile().save_settings(settings);
}

void HostNode::opened(const std::string& title) {
  open_titles_.push_back(title);
  if (node_->sharer()) node_->sharer()->set_rooms(open_titles_);
}

void HostNode::closed(const std::string& title) {
  const auto here = std::find(open_titles_.begin(), open_titles_.end(), title);
  if (here == open_titles_.end()) return;  // it never opened
  open_titles_.erase(here);
  if (node_->sharer()) node_->sharer()->set_may_serve(true);
  if (node_->sharer()) node_->sharer()->set_rooms(open_titles_);
}

Result<std::string> HostNode::recover_room(const std::string& room_title, Recovery how) {
  if (!node_) return Error{ErrorCode::kUnavailable, "the profile is not open"};
  ATELIER_TRY(database, database_name_of_title(room_title));
  const auto folder = database_folder(node_->profile().folder(), database);
  const auto kept = [](const std::filesystem::path& file) {
    return " The damaged file is kept as " + file.string() + ".";
  };
  if (how == Recovery::kAnew) {
    ATELIER_TRY(file, put_aside(folder));
    return "The room begins empty." + kept(file);
  }
  // A disk that did not answer once leaves a mark at a file that is whole.
  if (const auto checked = verify_store(folder); checked && checked->clean())
    return std::string("The file was checked and is whole: nothing had to be done.");
  ATELIER_TRY(report, salvage_store(folder));
  const auto some = [](std::uint64_t count, const char* what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
  };
  std::string words = some(report.documents, "document") + " and " +
                      some(report.attachments, "attachment") + " were recovered, " +
                      (report.losses == 0 ? "nothing" : some(report.losses, "thing")) +
                      (report.losses > 1 ? " were lost" : " was lost");
  for (std::size_t i = 0; i < std::min(report.words.size(), kLossesShownMax); ++i)
    words += (i == 0 ? ": " : ", ") + report.words[i];
  if (!report.words.empty() && report.losses > kLossesShownMax) words += " and others";
  return words + "." + kept(report.kept);
}

Status HostNode::delete_room(const std::string& room_title) {
  if (!node_) return blocked_.value_or(Error{ErrorCode::kUnavailable, "the profile is not open"});
  ATELIER_TRY(database, database_name_of_title(room_title));
  ATELIER_CHECK(node_->catalog()->remove(database));
  Settings settings = node_->profile().load_settings();
  forget_room(settings, room_title);
  return node_->profile().save_settings(settings);
}

Reach HostNode::reach() {
  if (!options_.sync_url.empty()) {
    const auto url = DatabaseUrl::parse(options_.sync_url);
    return {.address = url ? url->display() : std::string(), .kind = Reach::Kind::kServer};
  }
  if (!node_) return {};
  const auto role = node_->role();
  if (role.url.empty()) return {};
  return {.address = role.url,
          .kind = role.serving ? Reach::Kind::kWeServe : Reach::Kind::kJoinLocal};
}

void HostNode::wait_decided() {
  constexpr int kDecisionMs = 1'500;
  if (node_ && node_->sharer()) node_->sharer()->wait_decided(kDecisionMs);
}

void HostNode::set_wake(std::function<void()> wake) {
  wake_ = std::move(wake);
  if (node_) node_->set_wake(wake_);
}

PluginLoadOptions HostNode::load_options() const {
  PluginLoadOptions options;
  options.own = own_fingerprint(ATELIER_UI_FINGERPRINT);
  return options;
}

std::vector<std::filesystem::path> plugin_folders(const std::vector<std::filesystem::path>& given) {
  std::vector<std::filesystem::path> folders = given;
  std::istringstream path(os::environment("ATELIER_PLUGIN_PATH").value_or(""));
  for (std::string folder; std::getline(path, folder, ':');) {
    if (!folder.empty()) folders.emplace_back(folder);
  }
  folders.push_back(os::program_dir() / ".." / "plugins");
  folders.push_back(os::program_dir() / ".." / "lib" / "atelier" / "plugins");
  return folders;
}

}  // namespace atelier::host
