// Fields to type in: a TextEditor each, which is kept between frames by the field's id. What an
// application does not draw for a while is forgotten, with its caret and its undo.
// Thread rule: main thread.
#include "ui/fields.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <imgui_internal.h>

#include "base/limits.h"
#include "ui/editor.h"
#include "ui/state.h"

namespace atelier::ui {
namespace {

constexpr float kFieldPaddingX = 14, kFieldPaddingY = 8;  // logical pixels

KeptField& kept(const char* label, const std::string& value) {
  auto& slot = state().fields[ImGui::GetID(label)];
  if (!slot) slot = std::make_unique<KeptField>();
  slot->frame = ImGui::GetFrameCount();
  if (value != slot->value) {
    slot->model.set(value);
    slot->value = value;
  }
  return *slot;
}

// Whether the value changed.
bool give_back(KeptField& field, std::string& value, const std::string& before) {
  if (field.model.text() == before) return false;
  value = field.value = field.model.text();
  return true;
}

}  // namespace

void trim_fields() {
  const int now = ImGui::GetFrameCount();
  std::erase_if(state().fields, [&](const auto& entry) {
    return entry.second->frame + kFieldForgottenFrames < now;
  });
}

void focus_next_field() {
  if (is_started()) state().focus_next = true;
}

bool text_field(const char* label, std::string& value, const char* placeholder, float width,
                bool* submitted) {
  const ImVec2 size(width > 0 ? width : ImGui::GetContentRegionAvail().x, ImGui::GetFrameHeight());
  KeptField& field = kept(label, value);
  TextEditorOptions options;
  options.placeholder = placeholder;
  options.single_line = true;
  options.padding = kFieldPaddingX;
  options.padding_y = 0;
  if (std::exchange(state().focus_next, false)) field.editor.focus();
  const std::string before = field.model.text();
  field.editor.draw(label, field.model, size, options);
  if (submitted) *submitted = field.editor.submitted();
  return give_back(field, value, before);
}

float text_area_height(const std::string& value, int lines_max, float width) {
  const float inner = width > 0 ? width - 2 * px(kFieldPaddingX) : 0;
  int lines = 0;
  for (std::size_t begin = 0; begin <= value.size() && lines < lines_max;) {
    const std::size_t end = std::min(value.find('\n', begin), value.size());
    const auto line =
        std::string_view(value).substr(begin, std::min(end - begin, kTextLayoutBytesMax / 4));
    const float height = inner > 0 ? measure(line, {TextStyle::kBody, inner, 0}).y : 0;
    lines += std::max(1, static_cast<int>(std::round(height / line_height())));
    begin = end + 1;
  }
  return static_cast<float>(std::clamp(lines, 1, lines_max)) * line_height() +
         2 * px(kFieldPaddingY);
}

bool text_area(const char* label, std::string& value, const char* placeholder, float width,
               int lines_max) {
  const bool first = !state().fields.contains(ImGui::GetID(label));
  KeptField& field = kept(label, value);
  if (first) field.editor.select(field.model.size(), field.model.size());  // to go on writing
  TextEditorOptions options;
  options.placeholder = placeholder;
  options.enter_submits = true;
  options.padding = kFieldPaddingX;
  options.padding_y = kFieldPaddingY;
  if (std::exchange(state().focus_next, false)) field.editor.focus();
  const std::string before = field.model.text();
  field.editor.draw(label, field.model, {width, text_area_height(value, lines_max, width)},
                    options);
  give_back(field, value, before);
  return field.editor.submitted();
}

}  // namespace atelier::ui
