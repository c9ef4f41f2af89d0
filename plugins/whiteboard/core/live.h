// What people show each other while they draw, and never store: the pointer, and the stroke that
// is under way. A state is small and replaces the one before, so that any may be lost; the receiver
// puts a stroke together from the windows of points that it saw.
//
//   stroke.id      the document that it becomes; empty: nothing is being drawn
//   stroke.from    the number of the first point that is told; -1: it was given up
//   stroke.points  points.h, at most kLivePointsMax of them, where they lie on the board
//
// A preview stays until the document of the same id is on the board and painted, so that a finished
// stroke neither flashes nor vanishes in between. Thread rule: one thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/describe.hpp>

#include "core/board.h"
#include "core/tools.h"

namespace atelier::board {

struct LiveStroke {
  std::string id;
  std::int64_t from = 0;
  std::string colour;
  double width = 4;
  std::string points;
};
BOOST_DESCRIBE_STRUCT(LiveStroke, (), (id, from, colour, width, points))

struct LiveState {
  double x = 0, y = 0;  // of the pointer, on the board
  std::string tool;
  LiveStroke stroke;
};
BOOST_DESCRIBE_STRUCT(LiveState, (), (x, y, tool, stroke))

std::string_view tool_name(Tool tool);

/// What to show others of oneself. `pixel`: board units of a logical pixel.
LiveState live_state(const Tools& tools, Vec pointer, double pixel);
/// The stroke `id` will not become a document.
LiveStroke given_up(const std::string& id);

/// Others' strokes that are being drawn.
class LiveStrokes {
 public:
  struct Preview {
    std::string id;
    Ink ink;
    Colour colour;
    double width = 4;
    std::int64_t seen_ms = 0;  // when the person's state last had it
    bool over = false;         // no more points will come
  };

  /// The state of one person, as it came: anything may be in it.
  void hear(const std::string& person, const LiveState& state, std::int64_t now_ms);
  /// Drops the previews of those who are not among `here`, of those that `board` has (when it is
  /// painted), and of those that nobody finished.
  void tidy(const std::vector<std::string>& here, const Board& board, bool painted,
            std::int64_t now_ms);
  /// When tidy() should be called again though nothing happened; 0: no need.
  std::int64_t due_ms() const;

  using ByPerson = std::map<std::string, std::vector<Preview>>;
  const ByPerson& previews() const { return previews_; }

 private:
  static void extend(Preview& preview, const LiveStroke& stroke, std::int64_t now_ms);

  ByPerson previews_;
};

}  // namespace atelier::board
