// TextEditor: life, focus, and where the caret is when the text changes. Thread rule: main thread.
#include "ui/editor.h"

#include <algorithm>
#include <cmath>

#include <imgui_internal.h>

#include "base/limits.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

// Where a position is after a change; what is inserted at the position itself comes behind it.
std::size_t mapped(std::size_t position, std::size_t at, std::size_t erased, std::size_t inserted) {
  if (position <= at) return position;
  if (position < at + erased) return at;
  return position - erased + inserted;
}

}  // namespace

// --- Positions

std::pair<std::size_t, std::size_t> EditorCore::selection() const {
  return std::minmax(anchor_, caret_.position);
}

void EditorCore::patched(std::size_t position, std::size_t erased, std::size_t inserted, bool own) {
  text_.patched(position, erased, inserted);
  if (own) {
    caret_ = {position + inserted, false};
    anchor_ = caret_.position;
    follow_caret_ = true;
  } else {
    caret_.position = mapped(caret_.position, position, erased, inserted);
    anchor_ = mapped(anchor_, position, erased, inserted);
  }
  for (auto& remote : remotes_) {
    remote.caret.position = mapped(remote.caret.position, position, erased, inserted);
    remote.caret.anchor = mapped(remote.caret.anchor, position, erased, inserted);
  }
  // A hand may be dragging meanwhile.
  drag_from_ = {mapped(drag_from_.first, position, erased, inserted),
                mapped(drag_from_.second, position, erased, inserted)};
  // What others insert right above the first visible line stays above it.
  const bool scrolled = top_point_ > 0 || top_offset_ > 0;
  if (scrolled && position == top_point_ && erased == 0)
    top_point_ += own ? 0 : inserted;
  else
    top_point_ = mapped(top_point_, position, erased, inserted);
  wanted_x_.reset();
  unsettled_ = true;
  note_caret();
}

void EditorCore::reset() {
  text_.reset();
  caret_ = {};
  anchor_ = 0;
  top_point_ = 0;
  top_offset_ = scroll_x_ = 0;
  last_edit_ = Edit::kNone;
  drag_ = DragUnit::kNone;
  unsettled_ = true;
  wanted_x_.reset();
  note_caret();
}

void EditorCore::select(std::size_t anchor, std::size_t caret) {
  anchor_ = anchor;
  caret_ = {caret, false};
  wanted_x_.reset();
  follow_caret_ = unsettled_ = true;
  last_edit_ = Edit::kNone;
  note_caret();
}

void EditorCore::note_caret() {
  const std::pair now(anchor_, caret_.position);
  if (now == noted_) return;
  noted_ = now;
  ++caret_revision_;
  if (is_started() && ImGui::GetCurrentContext()) active_s_ = now_s();
}

void EditorCore::refresh() {
  text_.attach(*frame_.model, *state().fonts);
  settle();
}

void EditorCore::settle() {
  if (!std::exchange(unsettled_, false)) return;
  caret_.position = text_.between_clusters(caret_.position);
  anchor_ = text_.between_clusters(anchor_);
  note_caret();
  const auto top = text_.blocks().at_point(std::min(top_point_, text_.size()));
  if (top.begin == top_point_) return;
  // The first visible block was joined with what is before it.
  const auto line = text_.layout(top.place).line_of({top_point_ - top.begin, false});
  top_offset_ += static_cast<float>(line) * text_.metrics().line_height;
  top_point_ = top.begin;
}

// --- A frame

bool EditorCore::begin_item(const char* label, ImVec2 size, const TextEditorOptions& options) {
  ImGuiContext& g = *ImGui::GetCurrentContext();
  ImGuiWindow* window = ImGui::GetCurrentWindow();
  frame_.options = options;
  frame_.label = label;
  frame_.min = window->DC.CursorPos;
  frame_.max = {frame_.min.x + size.x, frame_.min.y + size.y};
  const float pad_x = px(options.padding);
  const float pad_y = options.padding_y < 0 ? pad_x : px(options.padding_y);
  frame_.text_min = {frame_.min.x + pad_x, frame_.min.y + pad_y};
  frame_.text_max = {std::max(frame_.text_min.x + 1, frame_.max.x - pad_x),
                     std::max(frame_.text_min.y + 1, frame_.max.y - pad_y)};
  ImGui::PushID(label);
  frame_.id = window->GetID("##editor");
  ImGui::PopID();
  const ImRect box(frame_.min, frame_.max);
  ImGui::ItemSize(box);
  if (!ImGui::ItemAdd(box, frame_.id, nullptr, ImGuiItemFlags_Inputable)) return false;
  frame_.hovered = ImGui::ItemHoverable(
      box, frame_.id, g.LastItemData.ItemFlags | ImGuiItemFlags_NoNavDisableMouseHover);
  frame_.clicked = frame_.hovered && g.IO.MouseClicked[0];
  return true;
}

void EditorCore::take_focus(bool requested_by_keys) {
  ImGuiContext& g = *ImGui::GetCurrentContext();
  ImGuiWindow* window = ImGui::GetCurrentWindow();
  if (g.ActiveId != frame_.id) {
    ImGui::SetActiveID(frame_.id, window);
    ImGui::SetFocusID(frame_.id, window);
    ImGui::FocusWindow(window);
    active_s_ = now_s();
    if (requested_by_keys && frame_.options.single_line) {
      anchor_ = 0;
      caret_ = {text_.size(), false};
      note_caret();
    }
  }
  if (frame_.clicked) ImGui::SetKeyOwner(ImGuiKey_MouseLeft, frame_.id);
}

void EditorCore::draw(const char* label, TextModel& model, ImVec2 size,
                      const TextEditorOptions& options) {
  ImGuiContext& g = *ImGui::GetCurrentContext();
  frame_.model = &model;
  const bool seen = begin_item(label, size, options);
  const float em = px(options.text_size > 0 ? options.text_size : style_size(TextStyle::kBody).em);
  const FontStack& fonts = *state().fonts;
  text_.set_metrics({em, std::round(em * (fonts.ascent() + fonts.descent())),
                     options.single_line ? 0 : frame_.width(), frame_.width()});
  refresh();
  const bool by_keys = g.ActiveId != frame_.id && g.NavActivateId == frame_.id &&
                       ((g.NavActivateFlags & ImGuiActivateFlags_PreferInput) != 0 ||
                        g.NavInputSource == ImGuiInputSource_Keyboard);
  const bool asked = std::exchange(wants_focus_, false);
  if (seen && (frame_.clicked || by_keys || asked)) take_focus(by_keys || asked);
  focused_ = g.ActiveId == frame_.id;
  if (focused_ && g.IO.MouseClicked[0] && !frame_.clicked) {
    ImGui::ClearActiveID();
    focused_ = false;
  }
  if (!seen) return;
  if (!focused_) drag_ = DragUnit::kNone;
  take_pointer();
  if (focused_) {
    own_keys();
    take_characters();
    take_keys();
  }
  refresh();
  if (std::exchange(follow_caret_, false)) show_caret();
  scroll_by(0);  // the text or the size may have changed
  paint();
  note_caret();
  frame_.model = nullptr;
}

void EditorCore::set_remote_carets(std::vector<RemoteCaret> carets) {
  std::vector<Remote> remotes;
  for (auto& caret : carets) {
    Remote remote{std::move(caret), now_s()};
    for (const auto& known : remotes_)
      if (known.caret.name == remote.caret.name && known.caret.position == remote.caret.position &&
          known.caret.anchor == remote.caret.anchor)
        remote.moved_s = known.moved_s;
    remotes.push_back(std::move(remote));
  }
  remotes_ = std::move(remotes);
}

float EditorCore::content_height(TextModel& model, float width) {
  EditorMetrics metrics = text_.metrics();
  if (frame_.id == 0) {  // not drawn yet
    metrics.em = px(style_size(TextStyle::kBody).em);
    metrics.line_height = line_height();
  }
  metrics.wrap = metrics.width = width;
  text_.set_metrics(metrics);
  text_.attach(model, *state().fonts);
  auto& blocks = text_.blocks();
  if (blocks.count() <= kEditorLayoutsMax) {
    Place at = blocks.first();
    do text_.height(at);
    while (blocks.next(at));
  }
  return static_cast<float>(blocks.height());
}

// --- The public face

struct TextEditor::State {
  EditorCore core;
};

TextEditor::TextEditor() : state_(std::make_unique<State>()) {}
TextEditor::~TextEditor() = default;
TextEditor::TextEditor(TextEditor&&) noexcept = default;
TextEditor& TextEditor::operator=(TextEditor&&) noexcept = default;

void TextEditor::draw(const char* label, TextModel& model, ImVec2 size,
                      const TextEditorOptions& options) {
  state_->core.draw(label, model, size, options);
}
void TextEditor::patched(std::size_t position, std::size_t erased, std::size_t inserted, bool own) {
  state_->core.patched(position, erased, inserted, own);
}
void TextEditor::reset() {
  state_->core.reset();
}
std::size_t TextEditor::caret() const {
  return state_->core.caret();
}
std::size_t TextEditor::anchor() const {
  return state_->core.anchor();
}
void TextEditor::select(std::size_t anchor, std::size_t caret) {
  state_->core.select(anchor, caret);
}
void TextEditor::focus() {
  state_->core.focus();
}
bool TextEditor::focused() const {
  return state_->core.focused();
}
bool TextEditor::submitted() {
  return state_->core.submitted();
}
std::uint64_t TextEditor::caret_revision() const {
  return state_->core.caret_revision();
}
void TextEditor::set_remote_carets(std::vector<RemoteCaret> carets) {
  state_->core.set_remote_carets(std::move(carets));
}
void TextEditor::find(std::string words) {
  state_->core.find(std::move(words));
}
TextEditor::Found TextEditor::found(TextModel& model) {
  return state_->core.found(model);
}
void TextEditor::find_next(TextModel& model, bool backward) {
  state_->core.find_next(model, backward);
}
float TextEditor::content_height(TextModel& model, float width) {
  return state_->core.content_height(model, width);
}

}  // namespace atelier::ui
