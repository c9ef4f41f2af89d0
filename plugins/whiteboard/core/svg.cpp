#include "core/svg.h"

#include <algorithm>

namespace atelier::board {
namespace {

// XML 1.0 knows no control characters but these three, and no U+FFFE and U+FFFF.
std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const std::string_view three = text.substr(i, 3);
    if (three == "\xEF\xBF\xBE" || three == "\xEF\xBF\xBF") {
      out += "\xEF\xBF\xBD";
      i += 2;
    } else if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) < 32 && c != '\t' && c != '\n' && c != '\r') {
      out += "\xEF\xBF\xBD";
    } else {
      out += c;
    }
  }
  return out;
}

std::string pair_of(Vec p) {
  return number_text(p.x) + " " + number_text(p.y);
}

std::string attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + number_text(value) + "\"";
}

std::string paint(std::string_view name, Colour colour) {
  std::string out = " " + std::string(name) + "=\"";
  if (colour.a == 0) return out + "none\"";
  out += colour_text({colour.r, colour.g, colour.b, 255}) + "\"";
  if (colour.a < 255) out += attribute(std::string(name) + "-opacity", colour.a / 255.0);
  return out;
}

std::string style(const DrawCommand& command) {
  std::string out = paint("fill", command.fill);
  if (command.line.a == 0 || command.width <= 0) return out;
  return out + paint("stroke", command.line) + attribute("stroke-width", command.width);
}

std::string turn(const DrawCommand& command) {
  if (command.rotation == 0) return {};
  return " transform=\"rotate(" + number_text(command.rotation) + " " + pair_of(command.pivot) +
         ")\"";
}

// The closed curve with the points as its controls: from midpoint to midpoint.
std::string curve_data(const Points& points) {
  std::string data = "M" + pair_of(lerp(points.back(), points.front(), 0.5));
  for (std::size_t i = 0; i < points.size(); ++i)
    data += "Q" + pair_of(points[i]) + " " +
            pair_of(lerp(points[i], points[(i + 1) % points.size()], 0.5));
  return data + "Z";
}

std::string line_data(const Points& points, bool closed) {
  std::string data;
  for (const Vec p : points) data += (data.empty() ? "M" : "L") + pair_of(p);
  return closed ? data + "Z" : data;
}

std::string box_element(const DrawCommand& command) {
  const Box box = Box::around(command.points[0], command.points[1]);
  if (command.kind == DrawCommand::Kind::kEllipse)
    return "<ellipse" + attribute("cx", box.center().x) + attribute("cy", box.center().y) +
           attribute("rx", box.width() / 2) + attribute("ry", box.height() / 2) + style(command) +
           turn(command) + "/>";
  return "<rect" + attribute("x", box.min.x) + attribute("y", box.min.y) +
         attribute("width", box.width()) + attribute("height", box.height()) +
         (command.radius > 0 ? attribute("rx", command.radius) : "") + style(command) +
         turn(command) + "/>";
}

std::string text_element(const DrawCommand& command) {
  return "<text xml:space=\"preserve\"" + attribute("x", command.points[0].x) +
         attribute("y", command.points[0].y) + attribute("font-size", command.font_size) +
         style(command) + turn(command) + ">" + escaped(command.text) + "</text>";
}

std::string element(const DrawCommand& command) {
  switch (command.kind) {
    case DrawCommand::Kind::kPolygon:
      return "<path d=\"" +
             (command.curved ? curve_data(command.points) : line_data(command.points, true)) +
             "\"" + style(command) + "/>";
    case DrawCommand::Kind::kLine:
      return "<path d=\"" + line_data(command.points, false) +
             "\" stroke-linecap=\"round\" stroke-linejoin=\"round\"" + style(command) + "/>";
    case DrawCommand::Kind::kRectangle:
    case DrawCommand::Kind::kEllipse:
      return box_element(command);
    case DrawCommand::Kind::kText:
      return text_element(command);
  }
  return {};
}

std::string group_of(const Item& item, const DrawOptions& options) {
  DrawList list;
  draw_shape(item.shape, options, list);
  std::string title(kind_name(item.shape.kind));
  if (!item.shape.author.empty()) title += " by " + item.shape.author;
  std::string out = "<g><title>" + escaped(title) + "</title>\n";
  for (const DrawCommand& command : list) out += element(command) + "\n";
  return out + "</g>\n";
}

std::string head(const Box& box, const SvgOptions& options) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"";
  out += attribute("width", box.width()) + attribute("height", box.height());
  out += " viewBox=\"" + pair_of(box.min) + " " + pair_of({box.width(), box.height()}) + "\"";
  out += " font-family=\"" + std::string(kFontFamily) + "\" fill-rule=\"nonzero\">\n";
  if (!options.title.empty()) out += "<title>" + escaped(options.title) + "</title>\n";
  if (!options.paper) return out;
  return out + "<rect" + attribute("x", box.min.x) + attribute("y", box.min.y) +
         attribute("width", box.width()) + attribute("height", box.height()) +
         paint("fill", kPaper) + "/>\n";
}

}  // namespace

std::string to_svg(const Board& board, const SvgOptions& options) {
  DrawOptions draw;
  draw.zoom = 0;
  draw.measure = options.measure;
  Box box;
  std::string shapes;
  for (const Item* item : board.all()) {
    if (options.only != nullptr && !options.only->contains(item->id)) continue;
    box.add(item->painted);
    shapes += group_of(*item, draw);
  }
  if (box.empty()) box = {{0, 0}, {1, 1}};
  return head(box.grown(options.margin), options) + shapes + "</svg>\n";
}

}  // namespace atelier::board
