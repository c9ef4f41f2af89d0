#include "page.h"

#include <algorithm>

#include <imgui.h>

#include "plain_text.h"

namespace atelier::coedit {
namespace {

using ui::px;

constexpr float kButton = 38, kGap = 4;              // of the bar, logical pixels
constexpr float kColumnWidth = 860;                  // lines stay short enough to read
constexpr std::int64_t kCountWordsMs = 500;          // between two counts
constexpr std::size_t kCountPiecePoints = 32 << 10;  // of a frame: a fraction of a millisecond

ImVec2 rest() {
  return ImGui::GetContentRegionAvail();
}

bool chord(ImGuiKeyChord keys) {
  return ImGui::IsWindowFocused(ImGuiFocusedFlags_RootAndChildWindows) &&
         ImGui::IsKeyChordPressed(keys);
}

std::string with_unit(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

Result<std::unique_ptr<Page>> Page::open(Room& room, const std::string& key) {
  ATELIER_TRY(text, room.open_text("coedit-text", key));
  return std::unique_ptr<Page>(new Page(room, key, std::move(text)));
}

Page::Page(Room& room, std::string key, std::unique_ptr<SharedText> text)
    : room_(room), key_(std::move(key)), text_(std::move(text)), model_(*text_) {
  patches_ = text_->on_patches([this](std::span<const TextPatch> patches, bool own) {
    for (const TextPatch& patch : patches)
      editor_.patched(patch.position, patch.erased, patch.inserted_points, own);
  });
}

Page::Wishes Page::draw(const std::string& title, bool narrow) {
  Wishes wishes;
  if (std::exchange(focus_soon_, false)) editor_.focus();
  handle_keys();
  draw_bar(title, narrow, wishes);
  if (finding_) draw_find();
  const float foot = ui::line_height(ui::TextStyle::kSmall) + px(12);
  draw_editor(rest().y - foot);
  draw_foot();
  if (const auto refusal = model_.take_refusal()) ui::toast(*refusal, ui::Mood::kWarn);
  return wishes;
}

// --- The bar

void Page::draw_bar(const std::string& title, bool narrow, Wishes& wishes) {
  constexpr int kTools = 5;
  const float tools = kTools * px(kButton + kGap);
  if (narrow) {
    wishes.show_list = ui::icon_button(ui::Icon::kMenu, "Texts");
    ImGui::SameLine(0, px(kGap));
  }
  const float saved = px(70);
  const float width = std::max(px(60), rest().x - tools - saved);
  const ImVec2 corner = ImGui::GetCursorPos();
  if (new_title_)
    draw_title_field(width, wishes);
  else
    draw_title(title, width);
  ImGui::SetCursorPos({corner.x + width, corner.y + (px(kButton) - ui::line_height()) / 2});
  ui::text_line(text_->saved() ? "Saved" : "Saving…", ui::TextStyle::kSmall, ui::theme().ink_soft,
                saved);
  ImGui::SetCursorPos({corner.x + width + saved, corner.y});
  const auto tool = [](ui::Icon icon, const char* label, bool enabled = true) {
    const bool pressed = ui::icon_button(icon, label, ui::ButtonKind::kQuiet, enabled);
    ImGui::SameLine(0, px(kGap));
    return pressed;
  };
  if (tool(ui::Icon::kUndo, "Undo (Ctrl+Z)", text_->can_undo())) model_.undo();
  if (tool(ui::Icon::kRedo, "Redo (Ctrl+Y)", text_->can_redo())) model_.redo();
  if (tool(ui::Icon::kSearch, "Find (Ctrl+F)")) finding_ ? close_find() : open_find();
  if (tool(ui::Icon::kExport, "Export")) wishes.save_as = true;
  if (tool(ui::Icon::kDelete, "Delete this text")) wishes.remove = true;
  ImGui::NewLine();
}

void Page::draw_title(const std::string& title, float width) {
  const float room = width - px(kButton + kGap);
  const ImVec2 corner = ImGui::GetCursorPos();
  const float words = std::min(room, ui::measure(title, {ui::TextStyle::kHeading, 0, 1}).x + px(8));
  ImGui::SetCursorPosY(corner.y + (px(kButton) - ui::line_height(ui::TextStyle::kHeading)) / 2);
  ui::text_line(title, ui::TextStyle::kHeading, 0, room);
  ImGui::SetCursorPos({corner.x + words, corner.y});
  if (ui::icon_button(ui::Icon::kEdit, "Rename")) begin_rename(title);
}

void Page::begin_rename(const std::string& title) {
  new_title_ = title;
  title_shown_ = false;
}

// Enter and a click elsewhere keep the new title, Escape the old one.
void Page::draw_title_field(float width, Wishes& wishes) {
  if (!title_shown_) ui::focus_next_field();
  bool submitted = false;
  ui::text_field("Title", *new_title_, "Title", width - px(12), &submitted);
  const bool elsewhere =
      title_shown_ && ImGui::IsMouseClicked(ImGuiMouseButton_Left) && !ImGui::IsItemHovered();
  title_shown_ = true;
  if (submitted || elsewhere) {
    wishes.title = clean_title(*new_title_);
    focus_soon_ = submitted;  // in this frame the editor would take the Enter as well
  }
  if (submitted || elsewhere || ImGui::IsKeyPressed(ImGuiKey_Escape)) new_title_.reset();
}

// --- Find

void Page::handle_keys() {
  if (chord(ImGuiMod_Ctrl | ImGuiKey_F)) open_find();
  if (finding_ && ImGui::IsKeyPressed(ImGuiKey_Escape)) close_find();
}

void Page::open_find() {
  finding_ = true;
  const std::size_t begin = std::min(editor_.caret(), editor_.anchor());
  const std::size_t count = std::max(editor_.caret(), editor_.anchor()) - begin;
  const std::string chosen = count > 0 && count < 100 ? text_->slice(begin, count) : "";
  if (!chosen.empty() && chosen.find('\n') == std::string::npos) words_to_find_ = chosen;
  editor_.find(words_to_find_);
  ui::focus_next_field();
}

void Page::close_find() {
  finding_ = false;
  editor_.find("");
  editor_.focus();
}

void Page::draw_find() {
  const float count_width = px(90);
  const float buttons = 3 * px(kButton + kGap);
  const float width = std::clamp(rest().x - count_width - buttons, px(80), px(320));
  const float top = ImGui::GetCursorPosY();
  bool submitted = false;
  if (ui::text_field("Find", words_to_find_, "Find in this text", width, &submitted)) {
    editor_.find(words_to_find_);
    editor_.select(editor_.anchor(), editor_.anchor());
    editor_.find_next(model_);
  }
  if (submitted) {
    editor_.find_next(model_, ImGui::GetIO().KeyShift);
    ui::focus_next_field();
  }
  ImGui::SameLine(0, px(10));
  const auto found = editor_.found(model_);
  std::string words;
  if (!words_to_find_.empty()) {
    words = found.count == 0 ? "Not found"
            : found.current == 0
                ? with_unit(found.count, "place", "places")
                : std::to_string(found.current) + " of " + std::to_string(found.count);
  }
  const float left = ImGui::GetCursorPosX();
  ImGui::SetCursorPosY(top +
                       (ImGui::GetFrameHeight() - ui::line_height(ui::TextStyle::kSmall)) / 2);
  ui::text_line(words, ui::TextStyle::kSmall, ui::theme().ink_soft, count_width);
  ImGui::SetCursorPos({left + count_width, top});
  const bool some = found.count > 0;
  if (ui::icon_button(ui::Icon::kUp, "Previous", ui::ButtonKind::kQuiet, some))
    editor_.find_next(model_, true);
  ImGui::SameLine(0, px(kGap));
  if (ui::icon_button(ui::Icon::kDown, "Next", ui::ButtonKind::kQuiet, some))
    editor_.find_next(model_);
  ImGui::SameLine(0, px(kGap));
  if (ui::icon_button(ui::Icon::kClose, "Close find")) close_find();
}

// --- The text

void Page::draw_editor(float height) {
  show_carets();
  const float whole = rest().x;
  ui::TextEditorOptions options;
  options.placeholder = "Start writing. Everyone in this room can write here.";
  // On a wide screen the text is a column in the middle.
  options.padding = std::max(14.0f, (whole - px(kColumnWidth)) / 2 / px(1));
  options.padding_y = 14;
  editor_.draw("Text", model_, {whole, height}, options);
  if (!editor_.focused() && !caret_shown_) return;
  caret_shown_ = true;
  text_->show_caret(TextCaret{editor_.caret(), editor_.anchor()});
}

void Page::show_carets() {
  if (carets_seen_ == text_->carets_revision() + 1 && revision_seen_ == text_->revision()) return;
  carets_seen_ = text_->carets_revision() + 1;
  revision_seen_ = text_->revision();
  std::vector<ui::RemoteCaret> carets;
  for (const auto& other : text_->other_carets())
    carets.push_back({other.name, other.caret.position, other.caret.anchor});
  editor_.set_remote_carets(std::move(carets));
}

// --- The foot

// A piece a frame, so that no frame waits for a long text. One that changes meanwhile is counted
// again.
void Page::count_words() {
  if (!counting_) {
    if (words_revision_ == text_->revision() + 1) return;
    if (words_revision_ != 0 && now_ms() - words_ms_ < kCountWordsMs) {
      ui::redraw_in_ms(static_cast<int>(kCountWordsMs));
      return;
    }
    counting_.emplace().revision = text_->revision();
  }
  const std::size_t left = text_->size() - std::min(counting_->position, text_->size());
  const std::size_t piece = std::min(left, kCountPiecePoints);
  counting_->counter.add(text_->slice(text_->size() - left, piece));
  counting_->position += piece;
  if (piece < left) {
    ui::redraw_in_ms(0);
    return;
  }
  words_ = counting_->counter.words();
  words_revision_ = counting_->revision + 1;
  words_ms_ = now_ms();
  counting_.reset();
  if (words_revision_ != text_->revision() + 1) ui::redraw_in_ms(static_cast<int>(kCountWordsMs));
}

void Page::draw_foot() {
  count_words();
  ImGui::SetCursorPosY(ImGui::GetCursorPosY() + px(4));
  const ImVec2 corner = ImGui::GetCursorPos();
  const float whole = rest().x;
  const std::string words = with_unit(words_, "word", "words");
  ui::text_line(words, ui::TextStyle::kSmall, ui::theme().ink_soft);
  const auto presence = room_.presence_status();
  if (presence.state == PresenceState::kLive || presence.reason.empty()) return;
  const std::string note = "Others’ carets are not shown: " + presence.reason;
  const float left = ui::measure(words, {ui::TextStyle::kSmall, 0, 1}).x + px(24);
  const float wide = std::min(ui::measure(note, {ui::TextStyle::kSmall, 0, 1}).x, whole - left);
  if (wide < px(60)) return;
  ImGui::SetCursorPos({corner.x + whole - wide, corner.y});
  ui::text_line(note, ui::TextStyle::kSmall, ui::theme().ink_soft, wide + 1);
}

}  // namespace atelier::coedit
