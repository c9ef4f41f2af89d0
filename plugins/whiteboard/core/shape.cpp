#include "core/shape.h"

#include <array>
#include <charconv>
#include <utility>

#include "core/board_limits.h"
#include "core/order.h"
#include <atelier/json.h>

namespace atelier::board {
namespace {

constexpr std::array<std::string_view, 7> kKindNames{"stroke",  "line", "arrow", "rectangle",
                                                     "ellipse", "text", "note"};

std::string_view kind_in_words(std::string_view value) {
  switch (json::kind_of(value)) {
    case json::Kind::kNull:
      return "null";
    case json::Kind::kFalse:
    case json::Kind::kTrue:
      return "a boolean";
    case json::Kind::kNumber:
      return "a number";
    case json::Kind::kString:
      return "a string";
    case json::Kind::kArray:
      return "an array";
    case json::Kind::kObject:
      return "an object";
  }
  return "something else";
}

Error at_field(std::string_view name, std::string_view what, ErrorCode code = ErrorCode::kInvalid) {
  return {code, "/" + std::string(name) + ": " + std::string(what)};
}

Error expected(std::string_view name, std::string_view what, std::string_view found) {
  return at_field(name,
                  "expected " + std::string(what) + ", found " + std::string(kind_in_words(found)));
}

// Reads the members of one document into the places given. Keeps the first error.
class Reader {
 public:
  // One walk over the text: a stroke's points are long.
  explicit Reader(std::string_view body) {
    json::for_each_member(body, [&](std::string_view key, std::string_view value) {
      members_.emplace_back(key, value);
      return true;
    });
  }

  std::optional<std::string_view> member(std::string_view name) const {
    for (const auto& [key, value] : members_)
      if (key == name) return value;
    return std::nullopt;
  }

  void number(std::string_view name, double& out, double min, double max) {
    const auto value = member(name);
    if (!value) return;
    const auto number = json::double_value(*value);
    if (!number) return fail(expected(name, "a number", *value));
    if (!(*number >= min && *number <= max))
      return fail(at_field(name, "must be between " + number_text(min) + " and " + number_text(max),
                           ErrorCode::kTooLarge));
    out = *number;
  }

  void text(std::string_view name, std::string& out, std::size_t bytes_max) {
    const auto value = member(name);
    if (!value) return;
    auto text = json::string_value(*value);
    if (!text) return fail(expected(name, "a string", *value));
    if (text->size() > bytes_max)
      return fail(at_field(name, "more than " + std::to_string(bytes_max) + " bytes",
                           ErrorCode::kTooLarge));
    out = std::move(*text);
  }

  void colour(std::string_view name, std::optional<Colour>& out) {
    const auto value = member(name);
    if (!value) return;
    const auto text = json::string_value(*value);
    if (!text) return fail(expected(name, "a colour", *value));
    out = parse_colour(*text);
    if (!out && *text != "none") fail(at_field(name, "expected #rrggbb, #rrggbbaa or none"));
  }

  void kind(Kind& out) {
    const auto value = member("kind");
    if (!value) return fail(at_field("kind", "is missing"));
    const auto text = json::string_value(*value);
    if (!text) return fail(expected("kind", "a string", *value));
    for (std::size_t i = 0; i < kKindNames.size(); ++i) {
      if (*text != kKindNames[i]) continue;
      out = static_cast<Kind>(i);
      return;
    }
    fail(at_field("kind", "is not one that this version knows"));
  }

  void order(std::string& out) {
    text("z", out, kOrderBytesMax);
    if (!error_ && !is_order(out))
      fail(at_field("z", "expected digits of base 62, the last not 0"));
  }

  void require(std::string_view name) {
    if (!member(name)) fail(at_field(name, "is missing"));
  }

  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  std::vector<std::pair<std::string, std::string_view>> members_;
  std::optional<Error> error_;
};

void read_version(Reader& reader) {
  double version = kVersion;
  reader.require("v");
  reader.number("v", version, 1, 1e9);
  if (!reader.error() && version > static_cast<double>(kVersion))
    reader.fail(at_field("v", "was made by a newer version", ErrorCode::kUnsupported));
}

void read_place(Reader& reader, Shape& shape) {
  for (const std::string_view name : {"x", "y", "w", "h"}) reader.require(name);
  const double size_min =
      shape.kind == Kind::kLine || shape.kind == Kind::kArrow ? -kCoordinateMax : 0;
  reader.number("x", shape.x, -kCoordinateMax, kCoordinateMax);
  reader.number("y", shape.y, -kCoordinateMax, kCoordinateMax);
  reader.number("w", shape.w, size_min, kCoordinateMax);
  reader.number("h", shape.h, size_min, kCoordinateMax);
  reader.number("rotation", shape.rotation, -360, 360);
}

void read_style(Reader& reader, Shape& shape) {
  std::optional<Colour> colour = shape.colour;
  reader.colour("colour", colour);
  shape.colour = colour.value_or(Colour{0, 0, 0, 0});
  reader.colour("fill", shape.fill);
  reader.number("width", shape.width, 0, kWidthMax);
  reader.number("size", shape.font_size, kFontSizeMin, kWidthMax);
}

void read_content(Reader& reader, Shape& shape) {
  reader.text("text", shape.text, kTextBytesMax);
  reader.text("author", shape.author, kAuthorBytesMax);
  reader.text("group", shape.group, kNameBytesMax);
  double created = 0;
  reader.number("created", created, -9e15, 9e15);
  shape.created_ms = static_cast<std::int64_t>(created);
  reader.require("z");
  reader.order(shape.order);
  if (shape.kind != Kind::kStroke) return;
  reader.require("points");
  reader.text("points", shape.points, kPointsBytesMax);
  if (reader.error()) return;
  const auto box = check_ink(shape.points);
  if (!box)
    reader.fail(at_field("points", box.error().message, box.error().code));
  else if (box->empty())
    reader.fail(at_field("points", "there are none"));
}

// Half a screen pixel at most is lost; what was drawn small is kept fine.
int scale_bits_for(double zoom) {
  return std::clamp(static_cast<int>(std::ceil(std::log2(std::max(zoom, 1e-3)))) + 1, 0,
                    kPointScaleBitsMax);
}

// How the encoded points of a stroke come into its box.
struct Stretch {
  Box from;
  double kx = 1, ky = 1;

  Stretch(const Box& box, const Shape& shape) : from(box) {
    if (box.width() > 0) kx = shape.w / box.width();
    if (box.height() > 0) ky = shape.h / box.height();
  }
  Vec operator()(Vec p, const Shape& shape) const {
    return {shape.x + (p.x - from.min.x) * kx, shape.y + (p.y - from.min.y) * ky};
  }
};

Shape make_stroke(const Ink& part, int scale_bits, const Shape& style) {
  Box box;
  for (const InkPoint& point : part.points) box.add(point.at);
  Shape shape = style;
  shape.kind = Kind::kStroke;
  Ink local = part;
  // On the grid of the encoding, so that the box is that of the points to the last bit.
  const double step = std::ldexp(1, -scale_bits);
  const Vec origin{std::floor(box.min.x / step) * step, std::floor(box.min.y / step) * step};
  for (InkPoint& point : local.points) point.at = point.at - origin;
  shape.points = encode_ink(local, scale_bits);
  const auto exact = check_ink(shape.points);
  if (!exact) return shape;
  shape.x = origin.x + exact->min.x;
  shape.y = origin.y + exact->min.y;
  shape.w = exact->width();
  shape.h = exact->height();
  return shape;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  return kKindNames[static_cast<std::size_t>(kind)];
}

std::string colour_text(Colour colour) {
  std::string out = "#";
  for (const std::uint8_t part : {colour.r, colour.g, colour.b, colour.a}) {
    if (out.size() == 7 && part == 255) break;
    out += "0123456789abcdef"[part >> 4];
    out += "0123456789abcdef"[part & 15];
  }
  return out;
}

std::optional<Colour> parse_colour(std::string_view text) {
  if ((text.size() != 7 && text.size() != 9) || text[0] != '#') return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + 1, text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (text.size() == 7) value = (value << 8) | 255;
  const auto byte = [&](int shift) { return static_cast<std::uint8_t>(value >> shift); };
  return Colour{byte(24), byte(16), byte(8), byte(0)};
}

Result<Shape> decode_shape(std::string_view body) {
  if (json::kind_of(body) != json::Kind::kObject) return invalid("/: expected an object");
  if (body.size() > kDocumentBytesMax)
    return Error{ErrorCode::kTooLarge,
                 "/: more than " + std::to_string(kDocumentBytesMax) + " bytes"};
  Shape shape;
  Reader reader(body);
  read_version(reader);
  reader.kind(shape.kind);
  read_place(reader, shape);
  read_style(reader, shape);
  read_content(reader, shape);
  if (reader.error()) return *reader.error();
  return shape;
}

std::string encode_shape(const Shape& shape) {
  const bool has_text = shape.kind == Kind::kText || shape.kind == Kind::kNote;
  json::Writer writer;
  writer.begin_object().key("v").integer(kVersion).key("kind").string(kind_name(shape.kind));
  for (const auto& [name, value] :
       {std::pair{"x", shape.x}, {"y", shape.y}, {"w", shape.w}, {"h", shape.h}})
    writer.key(name).raw(number_text(value));
  if (shape.rotation != 0) writer.key("rotation").raw(number_text(shape.rotation));
  writer.key("colour").string(colour_text(shape.colour));
  if (shape.fill) writer.key("fill").string(colour_text(*shape.fill));
  if (!has_text) writer.key("width").raw(number_text(shape.width));
  if (has_text) writer.key("size").raw(number_text(shape.font_size)).key("text").string(shape.text);
  if (shape.kind == Kind::kStroke) writer.key("points").string(shape.points);
  writer.key("z").string(shape.order).key("author").string(shape.author);
  writer.key("created").integer(shape.created_ms);
  if (!shape.group.empty()) writer.key("group").string(shape.group);
  return writer.end_object().take();
}

std::string number_text(double value) {
  if (!std::isfinite(value) || std::abs(value) > 1e15) return "0";
  const std::int64_t thousandths = std::llround(value * 1'000);
  const std::int64_t size = thousandths < 0 ? -thousandths : thousandths;
  std::string out = (thousandths < 0 ? "-" : "") + std::to_string(size / 1'000);
  if (size % 1'000 == 0) return out;
  const std::string decimals = std::to_string(1'000 + size % 1'000).substr(1);
  return out + "." + decimals.substr(0, decimals.find_last_not_of('0') + 1);
}

std::string with_fields(std::string_view body, const Fields& fields) {
  std::vector<bool> done(fields.size(), false);
  json::Writer writer;
  writer.begin_object();
  json::for_each_member(body, [&](std::string_view key, std::string_view value) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].name != key) continue;
      done[i] = true;
      value = fields[i].value;
    }
    if (!value.empty()) writer.key(key).raw(value);
    return true;
  });
  for (std::size_t i = 0; i < fields.size(); ++i)
    if (!done[i] && !fields[i].value.empty()) writer.key(fields[i].name).raw(fields[i].value);
  return writer.end_object().take();
}

std::string field_text(std::string_view body, std::string_view name) {
  return std::string(json::member(body, name).value_or(""));
}

bool same_text(std::string_view a, std::string_view b) {
  if (a == b) return true;
  const auto first = json::double_value(a), second = json::double_value(b);
  return first && second && *first == *second;
}

Fields move_fields(const Shape& shape, Vec by) {
  Fields fields;
  const auto place = [](double value) {
    return number_text(std::clamp(value, -kCoordinateMax, kCoordinateMax));
  };
  if (by.x != 0) fields.push_back({"x", place(shape.x + by.x)});
  if (by.y != 0) fields.push_back({"y", place(shape.y + by.y)});
  return fields;
}

Fields resize_fields(const Shape& shape, const Box& from, const Box& to) {
  const double kx = from.width() > 0 ? to.width() / from.width() : 1;
  const double ky = from.height() > 0 ? to.height() / from.height() : 1;
  Fields fields;
  const auto add = [&](const char* name, double before, double after) {
    const std::string text = number_text(std::clamp(after, -kCoordinateMax, kCoordinateMax));
    if (text != number_text(before)) fields.push_back({name, text});
  };
  add("x", shape.x, to.min.x + (shape.x - from.min.x) * kx);
  add("y", shape.y, to.min.y + (shape.y - from.min.y) * ky);
  add("w", shape.w, shape.w * kx);
  add("h", shape.h, shape.h * ky);
  return fields;
}

std::vector<Shape> make_strokes(const Ink& ink, double zoom, const Shape& style,
                                const std::string& group) {
  std::vector<Shape> strokes;
  const int scale_bits = scale_bits_for(zoom);
  for (std::size_t begin = 0; begin < ink.points.size();) {
    const std::size_t end = std::min(begin + kStrokePointsMax, ink.points.size());
    Ink part{{ink.points.begin() + static_cast<std::ptrdiff_t>(begin),
              ink.points.begin() + static_cast<std::ptrdiff_t>(end)},
             ink.has_pressure};
    strokes.push_back(make_stroke(part, scale_bits, style));
    if (ink.points.size() > kStrokePointsMax) strokes.back().group = group;
    if (end == ink.points.size()) break;
    begin = end - 1;  // parts share a point, so that no gap is seen
  }
  return strokes;
}

Ink stroke_ink(const Shape& shape) {
  auto ink = decode_ink(shape.points);
  if (!ink) return {};
  Box box;
  for (const InkPoint& point : ink->points) box.add(point.at);
  const Stretch stretch(box, shape);
  for (InkPoint& point : ink->points) point.at = stretch(point.at, shape);
  return std::move(*ink);
}

}  // namespace atelier::board
