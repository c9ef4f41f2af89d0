// The dialog that asks for a file, and whole files. Thread rule: main thread.
#include "atelier/ui_files.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include <imgui_internal.h>

#include "base/json_text.h"
#include "base/limits.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPopup = "##file dialog";
constexpr float kRowHeight = 34, kListHeight = 260;

std::string utf8(const fs::path& path) {
  const auto text = path.u8string();
  return {text.begin(), text.end()};
}
fs::path path_of(std::string_view text) {
  return fs::path(std::u8string(text.begin(), text.end()));
}

std::string home_folder() {
  const char* home = std::getenv("HOME");
  return home && *home ? home : ".";
}

// Where a person keeps things: the last one used, else Documents, else home.
fs::path& last_folder() {
  static fs::path folder;
  std::error_code error;
  if (!folder.empty() && fs::is_directory(folder, error)) return folder;
  const fs::path home = home_folder();
  folder = fs::is_directory(home / "Documents", error) ? home / "Documents" : home;
  return folder;
}

struct Entry {
  std::string name;
  bool folder = false;
};

// Folders first, by name; hidden ones are left out.
std::vector<Entry> list_folder(const fs::path& folder, const std::vector<std::string>& endings,
                               std::string& problem) {
  std::vector<Entry> entries;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = utf8(it->path().filename());
    if (name.starts_with('.') || !json::is_utf8(name)) continue;
    std::error_code ignored;
    const bool is_folder = it->is_directory(ignored);
    const bool wanted = endings.empty() ||
                        std::any_of(endings.begin(), endings.end(),
                                    [&](const auto& ending) { return name.ends_with(ending); });
    if (is_folder || (wanted && it->is_regular_file(ignored))) entries.push_back({name, is_folder});
    if (entries.size() >= kFolderEntriesMax) break;
  }
  problem = error ? "This folder cannot be read." : "";
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.folder != b.folder ? a.folder : a.name < b.name;
  });
  return entries;
}

Error file_error(const std::string& path, const char* what, const std::error_code& error) {
  const bool denied = error == std::errc::permission_denied;
  return {denied ? ErrorCode::kForbidden : ErrorCode::kDisk,
          path + ": " + what + (error ? ": " + error.message() : "")};
}

}  // namespace

struct FileDialog::State {
  bool open = false, saving = false;
  std::string title, name, problem;
  std::vector<std::string> endings;
  fs::path folder;
  std::vector<Entry> entries;
  std::string replace;  // the name of a file that is there, once it was warned of
  RowList rows;

  void begin(std::string words, std::string proposal) {
    open = true;
    title = std::move(words);
    name = std::move(proposal);
    replace.clear();
    go(last_folder());
  }
  void go(const fs::path& where) {
    folder = where;
    entries = list_folder(folder, endings, problem);
    rows = RowList();
  }
  void draw_folder(float width);
  void draw_entries(float width);
  std::optional<std::string> draw_buttons(bool entered);
  std::optional<std::string> accept();
};

FileDialog::FileDialog() : state_(std::make_unique<State>()) {}
FileDialog::~FileDialog() = default;

void FileDialog::ask_where_to_save(std::string title, std::string name) {
  const auto dot = name.rfind('.');
  state_->saving = true;
  state_->endings.clear();
  if (dot != std::string::npos) state_->endings.push_back(name.substr(dot));
  state_->begin(std::move(title), std::move(name));
}

void FileDialog::ask_what_to_open(std::string title, std::vector<std::string> endings) {
  state_->saving = false;
  state_->endings = std::move(endings);
  state_->begin(std::move(title), "");
}

bool FileDialog::is_open() const {
  return state_->open;
}

void FileDialog::State::draw_folder(float width) {
  const bool has_parent = folder.has_parent_path() && folder.parent_path() != folder;
  if (icon_button(Icon::kUp, "Folder above", ButtonKind::kPlain, has_parent))
    go(folder.parent_path());
  ImGui::SameLine(0, px(10));
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::SetCursorScreenPos({at.x, at.y + px(9)});
  text_line(utf8(folder), TextStyle::kBody, theme().ink_soft, width - px(54));
  ImGui::SetCursorScreenPos({ImGui::GetWindowPos().x + ImGui::GetStyle().WindowPadding.x,
                             at.y + px(46)});
}

void FileDialog::State::draw_entries(float width) {
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float height =
      std::min(px(kListHeight), std::max(px(90), ImGui::GetIO().DisplaySize.y - px(330)));
  draw_panel(*ImGui::GetWindowDrawList(), at, {at.x + width, at.y + height}, theme().sunken,
             theme().line, px(10));
  ImGui::SetCursorScreenPos({at.x + px(4), at.y + px(4)});
  std::optional<std::string> enter;
  if (entries.empty()) {
    ImGui::BeginChild("none", {width - px(8), height - px(8)});
    empty_state(problem.empty() ? "Nothing here" : "Not readable",
                problem.empty() ? "This folder has no fitting files." : problem);
    ImGui::EndChild();
  } else {
    rows.draw("entries", {width - px(8), height - px(8)},
              {entries.size(),
               [this](std::size_t row) { return std::hash<std::string>()(entries[row].name); },
               [](std::size_t, float) { return px(kRowHeight); },
               [&](std::size_t row, float row_width) {
                 const Entry& entry = entries[row];
                 const ImVec2 corner = ImGui::GetCursorScreenPos();
                 ImGui::PushID(static_cast<int>(row));
                 const bool pressed =
                     ImGui::InvisibleButton("entry", {row_width, px(kRowHeight)});
                 if (ImGui::IsItemHovered() || entry.name == name)
                   draw_panel(*ImGui::GetWindowDrawList(), corner,
                              {corner.x + row_width, corner.y + px(kRowHeight)},
                              theme().accent_soft, 0, px(8));
                 ImGui::PopID();
                 draw_text({corner.x + px(12), corner.y + px(7)},
                           entry.folder ? entry.name + " /" : entry.name,
                           entry.folder ? theme().accent : theme().ink,
                           {TextStyle::kBody, row_width - px(24), 1});
                 if (pressed && entry.folder) enter = entry.name;
                 if (pressed && !entry.folder) name = entry.name;
               }});
  }
  ImGui::SetCursorScreenPos({at.x, at.y + height + px(12)});
  if (enter) go(folder / path_of(*enter));
}

std::optional<std::string> FileDialog::State::accept() {
  if (name.empty()) {
    problem = saving ? "Give the file a name." : "Choose a file.";
    return std::nullopt;
  }
  const fs::path chosen = path_of(name).is_absolute() ? path_of(name) : folder / path_of(name);
  std::error_code error;
  if (fs::is_directory(chosen, error)) {
    name.clear();
    go(chosen);
    return std::nullopt;
  }
  const bool there = fs::exists(chosen, error);
  if (saving && there && replace != name) {
    replace = name;
    return std::nullopt;
  }
  if (!saving && !there) {
    problem = "There is no such file here.";
    return std::nullopt;
  }
  last_folder() = chosen.parent_path();
  open = false;
  return utf8(chosen);
}

std::optional<std::string> FileDialog::State::draw_buttons(bool entered) {
  const bool warn = saving && !replace.empty() && replace == name;
  const std::string words = warn ? "A file of that name is there. Replace it?" : problem;
  text_line(words.empty() ? " " : words, TextStyle::kSmall, warn ? theme().warn : theme().bad);
  const float half = (ImGui::GetContentRegionAvail().x - px(10)) / 2;
  if (button("Cancel", ButtonKind::kPlain, half) || ImGui::IsKeyPressed(ImGuiKey_Escape, false))
    open = false;
  ImGui::SameLine(0, px(10));
  const char* yes = warn ? "Replace" : title.c_str();
  if (button(yes, warn ? ButtonKind::kDanger : ButtonKind::kPrimary, half) || entered)
    return accept();
  return std::nullopt;
}

std::optional<std::string> FileDialog::draw() {
  State& s = *state_;
  if (!s.open) return std::nullopt;
  if (!ImGui::IsPopupOpen(kPopup)) ImGui::OpenPopup(kPopup);
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  const float width = std::min(px(560), screen.x - px(40));
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Always, {0.5f, 0.5f});
  ImGui::SetNextWindowSize({width, 0});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {px(24), px(20)});
  ImGui::PushStyleVar(ImGuiStyleVar_PopupBorderSize, 0);
  ImGui::PushStyleColor(ImGuiCol_PopupBg, IM_COL32_BLACK_TRANS);
  const bool shown =
      ImGui::BeginPopupModal(kPopup, nullptr,
                             ImGuiWindowFlags_NoTitleBar | ImGuiWindowFlags_NoResize |
                                 ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings);
  ImGui::PopStyleColor();
  ImGui::PopStyleVar(2);
  if (!shown) return std::nullopt;
  draw_popup_ground();
  const float inner = ImGui::GetContentRegionAvail().x;
  text(s.title, TextStyle::kHeading);
  s.draw_folder(inner);
  s.draw_entries(inner);
  bool entered = false;
  if (ImGui::IsWindowAppearing()) focus_next_field();
  text_field("File name", s.name, "File name", inner, &entered);
  auto chosen = s.draw_buttons(entered);
  if (!s.open) ImGui::CloseCurrentPopup();
  ImGui::EndPopup();
  return chosen;
}

Status write_file(const std::string& path, std::string_view bytes) {
  const fs::path target = path_of(path);
  fs::path part = target;
  part += ".part";
  std::error_code error;
  {
    errno = 0;
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) {
      const std::error_code why(errno, std::generic_category());
      fs::remove(part, error);
      return file_error(path, "cannot be written", why);
    }
  }
  fs::rename(part, target, error);
  if (!error) return ok();
  const std::error_code why = error;
  fs::remove(part, error);
  return file_error(path, "cannot be written", why);
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const fs::path source = path_of(path);
  std::error_code error;
  if (!fs::exists(source, error)) return not_found(path + ": there is no such file");
  if (!fs::is_regular_file(source, error)) return invalid(path + ": this is no file");
  if (fs::file_size(source, error) > bytes_max)
    return Error{ErrorCode::kTooLarge, path + ": larger than " + std::to_string(bytes_max) + " bytes"};
  errno = 0;
  std::ifstream in(source, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (!in && !in.eof()) return file_error(path, "cannot be read", {errno, std::generic_category()});
  return bytes;
}

}  // namespace atelier::ui
