// What stands on a board: one document per finished stroke or shape, as a value. The published
// schema is docs/formats/whiteboard.md.
//
// A document is never printed from a Shape as a whole once it exists: edits replace single members
// of its text (with_fields), so that members of newer programs survive, and that two people who
// change different fields of one shape both keep their change. Thread rule: pure functions and
// values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/points.h"
#include "core/vec.h"
#include <atelier/error.h>

namespace atelier::board {

enum class Kind { kStroke, kLine, kArrow, kRectangle, kEllipse, kText, kNote };
std::string_view kind_name(Kind kind);

struct Colour {
  std::uint8_t r = 0, g = 0, b = 0, a = 255;
  friend bool operator==(Colour, Colour) = default;
};
/// "#rrggbb", or "#rrggbbaa" where it is not opaque.
std::string colour_text(Colour colour);
std::optional<Colour> parse_colour(std::string_view text);

struct Shape {
  Kind kind = Kind::kStroke;
  // The box. Of a line or arrow: the beginning, and what leads from it to the end (may be
  // negative).
  double x = 0, y = 0, w = 0, h = 0;
  double rotation = 0;         // degrees clockwise around the box's centre
  Colour colour{30, 30, 30};   // of lines and letters
  std::optional<Colour> fill;  // of the inside; of a note: the paper
  double width = 4;            // of lines
  double font_size = 20;       // line height is 1.25 of it
  std::string text;            // of text and note
  std::string points;          // of a stroke: points.h, stretched into the box
  std::string order;           // order.h
  std::string author;          // a name, for people
  std::int64_t created_ms = 0;
  std::string group;  // shapes with the same name are selected together; the parts of one
                      // long stroke are such

  Box box() const { return Box::around({x, y}, {x + w, y + h}); }
  friend bool operator==(const Shape&, const Shape&) = default;
};

/// Reads a body in normal form. Total over all texts: errors are kInvalid or kTooLarge and begin
/// with the JSON pointer of what is wrong ("/width: …"). Members that it does not know are no
/// errors.
Result<Shape> decode_shape(std::string_view body);

/// The body of a new document. Fields that hold their default or mean nothing to the kind are left
/// out.
std::string encode_shape(const Shape& shape);

/// A number as documents have it: at most three decimals, never an exponent.
std::string number_text(double value);

// --- Edits of single fields

/// A member and its new JSON text; an empty text removes it.
struct Field {
  std::string name, value;
  friend bool operator==(const Field&, const Field&) = default;
};
using Fields = std::vector<Field>;

/// The body with members replaced, appended or removed; all others keep their text and their order.
std::string with_fields(std::string_view body, const Fields& fields);
/// The member's text, or empty.
std::string field_text(std::string_view body, std::string_view name);
/// Whether two texts are the same value, where a server may have printed numbers in its own way.
bool same_text(std::string_view a, std::string_view b);

Fields move_fields(const Shape& shape, Vec by);
/// Where `shape` comes to lie when a selection's box `from` is stretched to `to`.
Fields resize_fields(const Shape& shape, const Box& from, const Box& to);

// --- Strokes

/// The shapes of a finished stroke: one, or parts of kStrokePointsMax points that share a group
/// named `group`. `zoom` is the zoom it was drawn at: it says how exact the points are kept. What
/// all parts have in common is taken from `style`. Empty for no points.
std::vector<Shape> make_strokes(const Ink& ink, double zoom, const Shape& style,
                                const std::string& group);

/// The points where they lie on the board. Empty when they cannot be read.
Ink stroke_ink(const Shape& shape);

}  // namespace atelier::board
