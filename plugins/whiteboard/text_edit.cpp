#include "text_edit.h"

#include <algorithm>

#include "core/letters.h"

namespace atelier::board {
namespace {

using ui::px;

constexpr float kPadding = 3;              // logical pixels around a text's letters
constexpr float kEmMin = 9, kEmMax = 300;  // smaller and larger letters cannot be typed
constexpr double kNotePaddingShare = 12;   // board units, as in a note that is drawn
constexpr float kNoteWidthMin = 120, kNoteHeightMin = 60;

ImU32 paint(Colour colour) {
  return IM_COL32(colour.r, colour.g, colour.b, colour.a);
}

}  // namespace

// The letters as the editor wants them: it is told of each change.
class TextEdit::Letters : public ui::TextModel {
 public:
  Letters(std::string_view text, ui::TextEditor& editor) : letters_(text), editor_(editor) {}

  std::string text() const { return letters_.text(); }
  std::size_t size() const override { return letters_.size(); }
  std::size_t line_count() const override { return letters_.line_count(); }
  std::size_t line_begin(std::size_t line) const override { return letters_.line_begin(line); }
  std::size_t line_of(std::size_t position) const override { return letters_.line_of(position); }
  std::string slice(std::size_t position, std::size_t count) const override {
    return letters_.slice(position, count);
  }
  void replace(std::size_t position, std::size_t erased, std::string_view text) override {
    tell(letters_.replace(position, erased, text));
  }
  void end_undo_step() override { letters_.end_undo_step(); }
  void undo() override { tell(letters_.undo()); }
  void redo() override { tell(letters_.redo()); }

 private:
  void tell(LetterPatch patch) {
    if (patch.erased + patch.inserted == 0) return;
    editor_.patched(patch.position, patch.erased, patch.inserted, true);
    ui::redraw_in_ms(0);  // the field is as large as what it holds
  }

  board::Letters letters_;
  ui::TextEditor& editor_;
};

TextEdit::TextEdit() = default;
TextEdit::~TextEdit() = default;

const std::string& TextEdit::id() const {
  static const std::string none;
  return request_ ? request_->id : none;
}

void TextEdit::open(const TextRequest& request, const Board& board) {
  const Item* item = board.find(request.id);
  request_ = request;
  letters_ = std::make_unique<Letters>(item ? item->shape.text : "", editor_);
  editor_.reset();
  editor_.select(0, letters_->size());
  wants_to_end_ = false;
  wants_focus_ = true;
}

// As wide as its longest line, which does not break unless the text has a width.
TextEdit::Place TextEdit::place_of_text(const CanvasView& canvas, Vec corner, double em,
                                        double wrap) {
  const double zoom = 1 / canvas.pixel();  // logical pixels a unit
  Place place;
  place.em = std::clamp(static_cast<float>(em * zoom), kEmMin, kEmMax);
  place.padding = kPadding;
  const TextBlock block = layout_text(letters_->text(), wrap, em, measure_letters);
  const double units = wrap > 0 ? wrap : block.width + 2 * em;
  const float room = canvas.size().x - px(16);
  place.size.x = std::min(px(static_cast<float>(units * zoom) + 2 * kPadding), room);
  place.at = canvas.to_screen(corner);
  place.at = {place.at.x - px(kPadding), place.at.y - px(kPadding)};
  return place;
}

TextEdit::Place TextEdit::place_of_note(const CanvasView& canvas, const Item& item) {
  const Shape& shape = item.shape;
  const double zoom = 1 / canvas.pixel();
  const double padding = std::min({kNotePaddingShare, shape.w / 4, shape.h / 4});
  double em = shape.font_size;
  (void)fit_text(letters_->text(), std::max(shape.w - 2 * padding, 1.0), shape.h - 2 * padding, em,
                 measure_letters);
  Place place;
  place.em = std::clamp(static_cast<float>(em * zoom), kEmMin, kEmMax);
  place.padding = static_cast<float>(padding * zoom);
  place.at = canvas.to_screen(item.box.min);
  place.size = {px(std::max(kNoteWidthMin, static_cast<float>(shape.w * zoom))),
                px(std::max(kNoteHeightMin, static_cast<float>(shape.h * zoom)))};
  return place;
}

void TextEdit::draw(const CanvasView& canvas, const Board& board, const Style& style) {
  if (!request_) return;
  const Item* item = board.find(request_->id);
  if (!item && !request_->id.empty()) {  // somebody deleted it
    wants_to_end_ = true;
    return;
  }
  Place place;
  if (item && item->shape.kind == Kind::kNote)
    place = place_of_note(canvas, *item);
  else if (item)
    place = place_of_text(canvas, item->box.min, item->shape.font_size, item->shape.w);
  else
    place = place_of_text(canvas, request_->at, style.font_size, 0);
  place.ink = paint(item ? item->shape.colour : style.colour);
  const ImVec2 min = canvas.min();
  place.size.y = std::max(place.size.y,
                          editor_.content_height(*letters_, place.size.x - 2 * px(place.padding)) +
                              2 * px(place.padding));
  place.size.y = std::max(place.size.y, px(place.em * 1.4f + 2 * place.padding));
  place.size = {std::min(place.size.x, canvas.size().x - px(16)),
                std::min(place.size.y, canvas.size().y - px(16))};
  place.at.x =
      std::clamp(place.at.x, min.x + px(8), min.x + canvas.size().x - place.size.x - px(8));
  place.at.y =
      std::clamp(place.at.y, min.y + px(8), min.y + canvas.size().y - place.size.y - px(8));
  draw_field(place);
}

void TextEdit::draw_field(const Place& place) {
  const ImVec2 max(place.at.x + place.size.x, place.at.y + place.size.y);
  ImGui::SetCursorScreenPos(place.at);
  ImGui::BeginChild("board text", place.size, ImGuiChildFlags_None,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse |
                        ImGuiWindowFlags_NoBackground);
  ImGui::GetWindowDrawList()->AddRect(place.at, max, ui::theme().accent, px(3), 0, px(1));
  if (wants_focus_ && !ImGui::IsMouseClicked(ImGuiMouseButton_Left)) {
    wants_focus_ = false;
    editor_.focus();
  }
  if (wants_focus_) ui::redraw_in_ms(0);
  ui::TextEditorOptions options;
  options.padding = place.padding;
  options.text_size = place.em;
  options.ink = place.ink;
  options.ground = false;
  editor_.draw("Board text", *letters_, place.size, options);
  ImGui::EndChild();
  const bool elsewhere = !wants_focus_ && ImGui::IsMouseClicked(ImGuiMouseButton_Left) &&
                         !ImGui::IsMouseHoveringRect(place.at, max, false);
  if (elsewhere || ImGui::IsKeyPressed(ImGuiKey_Escape, false) ||
      (ImGui::GetIO().KeyCtrl && ImGui::IsKeyPressed(ImGuiKey_Enter, false)))
    wants_to_end_ = true;
}

std::optional<TextEdit::Done> TextEdit::finish() {
  if (!request_) return std::nullopt;
  Done done{*request_, letters_->text()};
  request_.reset();
  wants_to_end_ = false;
  return done;
}

}  // namespace atelier::board
