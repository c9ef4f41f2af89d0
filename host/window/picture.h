// The picture of a plugin on the start screen, from the words of its record (the language is in
// atelier/plugin_record.h). Thread rule: parse_picture() is pure; draw_picture() on the main thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <imgui.h>

namespace atelier::host {

struct PictureShape {
  enum class Form { kGround, kDisc, kRect, kLine, kPoly };
  Form form = Form::kGround;
  ImU32 colour = 0;
  std::vector<float> numbers;  // as the language has them, in a square of 24 by 24
};
using Picture24 = std::vector<PictureShape>;

/// nullopt when the words are no picture: too many, unknown, or a number is missing.
std::optional<Picture24> parse_picture(std::string_view words);

/// Into the square with that upper left corner and side.
void draw_picture(ImDrawList& list, const Picture24& picture, ImVec2 at, float side);

}  // namespace atelier::host
