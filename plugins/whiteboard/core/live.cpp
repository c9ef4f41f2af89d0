#include "core/live.h"

#include <algorithm>
#include <cmath>

#include "core/board_limits.h"

namespace atelier::board {
namespace {

constexpr std::string_view kToolNames[] = {"select", "hand",      "pen",     "eraser", "line",
                                           "arrow",  "rectangle", "ellipse", "text",   "note"};

// An eighth of a pixel.
int scale_bits_at(double pixel) {
  return static_cast<int>(
      std::clamp<double>(3 - std::round(std::log2(std::max(pixel, 1e-6))), 0, kPointScaleBitsMax));
}

}  // namespace

std::string_view tool_name(Tool tool) {
  return kToolNames[static_cast<std::size_t>(tool)];
}

LiveState live_state(const Tools& tools, Vec pointer, double pixel) {
  LiveState state{pointer.x, pointer.y, std::string(tool_name(tools.tool())), {}};
  const auto& doing = tools.doing();
  if (doing.gesture != Tools::Gesture::kStroke) return state;
  const auto& points = doing.ink.points;
  const std::size_t from = points.size() > kLivePointsMax ? points.size() - kLivePointsMax : 0;
  const Ink window{{points.begin() + static_cast<std::ptrdiff_t>(from), points.end()},
                   doing.ink.has_pressure};
  state.stroke = {doing.id, static_cast<std::int64_t>(from), colour_text(doing.shape->colour),
                  doing.shape->width, encode_ink(window, scale_bits_at(pixel))};
  return state;
}

LiveStroke given_up(const std::string& id) {
  LiveStroke stroke;
  stroke.id = id;
  stroke.from = -1;
  return stroke;
}

void LiveStrokes::hear(const std::string& person, const LiveState& state, std::int64_t now_ms) {
  const LiveStroke& stroke = state.stroke;
  const bool drawing = !stroke.id.empty() && stroke.id.size() <= kNameBytesMax;
  auto found = previews_.find(person);
  if (found == previews_.end()) {
    if (!drawing || stroke.from < 0 || previews_.size() >= kLivePeopleMax) return;
    found = previews_.emplace(person, std::vector<Preview>()).first;
  }
  auto& list = found->second;
  for (Preview& preview : list)
    if (preview.id != stroke.id) preview.over = true;
  if (!drawing) return;
  auto at = std::find_if(list.begin(), list.end(),
                         [&](const Preview& preview) { return preview.id == stroke.id; });
  if (stroke.from < 0) {
    if (at != list.end()) list.erase(at);
    return;
  }
  if (at == list.end()) {
    if (list.size() >= kLiveStrokesMax) list.erase(list.begin());
    list.push_back({});
    at = list.end() - 1;
    at->id = stroke.id;
  }
  extend(*at, stroke, now_ms);
}

// The points that are new; where some are missing in between, a straight line.
void LiveStrokes::extend(Preview& preview, const LiveStroke& stroke, std::int64_t now_ms) {
  preview.seen_ms = now_ms;
  preview.over = false;
  preview.colour = parse_colour(stroke.colour).value_or(Shape().colour);
  preview.width = std::isfinite(stroke.width) ? std::clamp(stroke.width, 0.01, kWidthMax) : 4;
  const auto window = decode_ink(stroke.points);
  if (!window) return;
  auto& points = preview.ink.points;
  preview.ink.has_pressure = window->has_pressure;
  const auto from = static_cast<std::size_t>(
      std::clamp<std::int64_t>(stroke.from, 0, static_cast<std::int64_t>(points.size())));
  points.resize(from);
  const std::size_t room = kStrokePointsMax - std::min(kStrokePointsMax, points.size());
  const std::size_t count = std::min(room, window->points.size());
  points.insert(points.end(), window->points.begin(),
                window->points.begin() + static_cast<std::ptrdiff_t>(count));
}

void LiveStrokes::tidy(const std::vector<std::string>& here, const Board& board, bool painted,
                       std::int64_t now_ms) {
  for (auto person = previews_.begin(); person != previews_.end();) {
    const bool is_here = std::find(here.begin(), here.end(), person->first) != here.end();
    if (!is_here)
      for (Preview& preview : person->second) preview.over = true;
    std::erase_if(person->second, [&](const Preview& preview) {
      if (board.find(preview.id) != nullptr) return painted;
      return preview.over && now_ms - preview.seen_ms >= kLiveLingerMs;
    });
    person = person->second.empty() ? previews_.erase(person) : std::next(person);
  }
}

std::int64_t LiveStrokes::due_ms() const {
  std::int64_t due = 0;
  for (const auto& [person, list] : previews_)
    for (const Preview& preview : list)
      if (preview.over && (due == 0 || preview.seen_ms + kLiveLingerMs < due))
        due = preview.seen_ms + kLiveLingerMs;
  return due;
}

}  // namespace atelier::board
