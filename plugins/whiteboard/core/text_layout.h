// Text broken into lines that fit, the same for the screen and for files. How wide letters are is
// told by who draws them. Thread rule: pure functions.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace atelier::board {

inline constexpr double kLineHeight = 1.25;  // times the font's size
inline constexpr double kBaseline = 0.95;  // of the first line below the upper edge, times the size

/// The width of one line of text in board units, in a font of `size` units.
using MeasureText = std::function<double(std::string_view text, double size)>;

/// Without a font at hand: about what a sans-serif has. Within a quarter for most texts.
double rough_text_width(std::string_view text, double size);

struct TextBlock {
  struct Line {
    std::string text;
    double width = 0;
  };
  std::vector<Line> lines;
  double width = 0;  // of the longest line
  double height = 0;
};

/// Breaks at "\n", and where `width` is above 0 also at spaces, between CJK characters, and within
/// words that are too long; never before a combining mark or a joiner. At most kTextLinesMax lines.
TextBlock layout_text(std::string_view text, double width, double size, const MeasureText& measure);

/// layout_text() with the largest font up to `size` that fits the height; what still does not fit
/// is cut off and ends in "…". `size` gets what was taken.
TextBlock fit_text(std::string_view text, double width, double height, double& size,
                   const MeasureText& measure);

}  // namespace atelier::board
