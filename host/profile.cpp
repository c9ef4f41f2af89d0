#include "profile.h"

#include <algorithm>

#include "base/digest.h"
#include "base/json_text.h"

namespace atelier::host {
namespace {

bool is_plain_name(const std::string& name) {
  if (name.empty() || name.size() > 64 || name.front() == '.') return false;
  return std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c > 0x20 && c != '/' && c != '\\' && c != 0x7f;
  }) && json::is_utf8(name);
}

}  // namespace

Result<Profile> Profile::locate(const std::filesystem::path& data, const std::string& name) {
  if (!is_plain_name(name))
    return invalid("'" + name + "' cannot name a profile: letters, digits, - and _ can");
  Profile profile;
  profile.name_ = name;
  if (data.empty()) {
    ATELIER_TRY(root, os::user_data_dir());
    profile.folder_ = root / name;
  } else {
    profile.folder_ = std::filesystem::absolute(data) / name;
  }
  ATELIER_CHECK(os::make_private_dir(profile.folder_));
  ATELIER_TRY(runtime, os::runtime_dir());
  std::error_code error;
  auto canonical = std::filesystem::canonical(profile.folder_, error);
  if (error) canonical = profile.folder_;
  profile.control_socket_ =
      runtime / (hex(sha256(canonical.string())).substr(0, 16) + ".sock");
  return profile;
}

Result<os::FileLock> Profile::lock() const {
  return os::FileLock::acquire(folder_ / "lock", "atelier with profile " + name_);
}

Result<std::string> Profile::admin_token() const {
  const auto path = folder_ / "admin-token";
  if (auto token = os::read_file(path, 1024)) {
    while (!token->empty() && token->back() == '\n') token->pop_back();
    if (!token->empty()) return *token;
  } else if (token.error().code != ErrorCode::kNotFound) {
    return token.error();
  }
  std::string made = random_uuid();
  ATELIER_CHECK(os::write_private_file(path, made + "\n"));
  return made;
}

Settings Profile::load_settings() const {
  Settings settings;
  const auto bytes = os::read_file(folder_ / "settings.json", 1 << 20);
  if (!bytes) return settings;
  const auto text = json::normalize(*bytes);
  if (!text) return settings;
  settings.nickname = json::string_member(*text, "nickname").value_or("");
  if (const auto recent = json::member(*text, "recent_rooms")) {
    json::for_each_element(*recent, [&](std::string_view element) {
      if (auto title = json::string_value(element)) settings.recent_rooms.push_back(*title);
      return settings.recent_rooms.size() < kRecentRoomsMax;
    });
  }
  if (const auto tabs = json::member(*text, "tabs"); tabs && json::kind_of(*tabs) == json::Kind::kObject) {
    json::for_each_member(*tabs, [&](std::string_view title, std::string_view ids) {
      if (json::kind_of(ids) != json::Kind::kArray) return true;
      json::for_each_element(ids, [&](std::string_view element) {
        if (auto id = json::string_value(element)) settings.tabs[std::string(title)].push_back(*id);
        return true;
      });
      return true;
    });
  }
  return settings;
}

Status Profile::save_settings(const Settings& settings) const {
  json::Writer writer;
  writer.begin_object().key("nickname").string(settings.nickname);
  writer.key("recent_rooms").begin_array();
  for (const auto& title : settings.recent_rooms) writer.string(title);
  writer.end_array().key("tabs").begin_object();
  for (const auto& [title, ids] : settings.tabs) {
    writer.key(title).begin_array();
    for (const auto& id : ids) writer.string(id);
    writer.end_array();
  }
  writer.end_object().end_object();
  return os::write_private_file(folder_ / "settings.json", writer.text() + "\n");
}

void forget_room(Settings& settings, const std::string& title) {
  std::erase(settings.recent_rooms, title);
  settings.tabs.erase(title);
}

void remember_room(Settings& settings, const std::string& title) {
  std::erase(settings.recent_rooms, title);
  settings.recent_rooms.insert(settings.recent_rooms.begin(), title);
  while (settings.recent_rooms.size() > kRecentRoomsMax)
    forget_room(settings, std::string(settings.recent_rooms.back()));
}

}  // namespace atelier::host
