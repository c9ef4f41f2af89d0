// See picture.h. Thread rule: as there.
#include "window/picture.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "atelier/ui.h"

namespace atelier::host {
namespace {

constexpr float kSide = 24;
constexpr std::size_t kShapesMax = 64, kNumbersMax = 64;  // of a record of 4 kB

using Form = PictureShape::Form;

struct FormName {
  std::string_view name;
  Form form;
  std::size_t numbers_min, numbers_max;
  bool pairs_behind_one;  // "line": a width, then points
};
constexpr std::array<FormName, 5> kForms = {{{"ground", Form::kGround, 0, 0, false},
                                             {"disc", Form::kDisc, 3, 3, false},
                                             {"rect", Form::kRect, 5, 5, false},
                                             {"line", Form::kLine, 5, kNumbersMax, true},
                                             {"poly", Form::kPoly, 6, kNumbersMax, false}}};

std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  const auto end = std::min(text.find(' '), text.size());
  const auto word = text.substr(0, end);
  text.remove_prefix(end);
  return word;
}

bool parse_colour(std::string_view word, ImU32& colour) {
  std::uint32_t rgb = 0;
  if (word.size() != 7 || word[0] != '#') return false;
  const auto [end, error] = std::from_chars(word.data() + 1, word.data() + 7, rgb, 16);
  colour = IM_COL32(rgb >> 16, (rgb >> 8) & 255, rgb & 255, 255);
  return error == std::errc() && end == word.data() + 7;
}

bool parse_shape(std::string_view text, PictureShape& shape) {
  if (!parse_colour(next_word(text), shape.colour)) return false;
  const auto name = next_word(text);
  const auto* form = std::find_if(kForms.begin(), kForms.end(),
                                  [&](const FormName& one) { return one.name == name; });
  if (form == kForms.end()) return false;
  shape.form = form->form;
  for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
    float number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (error != std::errc() || end != word.data() + word.size() || !std::isfinite(number) ||
        std::abs(number) > 2 * kSide || shape.numbers.size() >= form->numbers_max)
      return false;
    shape.numbers.push_back(number);
  }
  const bool odd = shape.numbers.size() % 2 == 1;
  if (form->form == Form::kLine && !odd) return false;
  if (form->form == Form::kPoly && odd) return false;
  return shape.numbers.size() >= form->numbers_min;
}

void add_points(ImDrawList& list, const PictureShape& shape, std::size_t first, ImVec2 at,
                float unit) {
  for (std::size_t i = first; i + 1 < shape.numbers.size(); i += 2)
    list.PathLineTo({at.x + shape.numbers[i] * unit, at.y + shape.numbers[i + 1] * unit});
}

void draw_shape(ImDrawList& list, const PictureShape& shape, ImVec2 at, float side) {
  const float unit = side / kSide;
  const auto& n = shape.numbers;
  const auto point = [&](float x, float y) { return ImVec2(at.x + x * unit, at.y + y * unit); };
  switch (shape.form) {
    case Form::kGround:
      ui::draw_panel(list, at, {at.x + side, at.y + side}, shape.colour, 0, side * 0.22f);
      return;
    case Form::kDisc:
      ui::draw_disc(list, point(n[0], n[1]), n[2] * unit, shape.colour);
      return;
    case Form::kRect:
      ui::draw_panel(list, point(n[0], n[1]), point(n[0] + n[2], n[1] + n[3]), shape.colour, 0,
                     n[4] * unit);
      return;
    case Form::kLine:
      add_points(list, shape, 1, at, unit);
      list.PathStroke(shape.colour, 0, n[0] * unit);
      for (std::size_t i : {std::size_t{1}, n.size() - 2})
        ui::draw_disc(list, point(n[i], n[i + 1]), n[0] * unit / 2, shape.colour);
      return;
    case Form::kPoly:
      add_points(list, shape, 0, at, unit);
      list.PathFillConvex(shape.colour);
      return;
  }
}

}  // namespace

std::optional<Picture24> parse_picture(std::string_view words) {
  Picture24 picture;
  while (!words.empty()) {
    const auto end = std::min(words.find(';'), words.size());
    PictureShape shape;
    if (picture.size() >= kShapesMax || !parse_shape(words.substr(0, end), shape))
      return std::nullopt;
    picture.push_back(std::move(shape));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  if (picture.empty()) return std::nullopt;
  return picture;
}

void draw_picture(ImDrawList& list, const Picture24& picture, ImVec2 at, float side) {
  list.PushClipRect(at, {at.x + side, at.y + side}, true);
  for (const auto& shape : picture) draw_shape(list, shape, at, side);
  list.PopClipRect();
}

}  // namespace atelier::host
