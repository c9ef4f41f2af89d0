// The whiteboard without a window: what a frame costs beside painting pixels, when a full board is
// panned, zoomed, drawn on and clicked.
//   bench_whiteboard [--json FILE] [--svg FILE] [--no-peers] [--rounds N]
// Figures are the slowest of the frames (of a pan or zoom through the board) and the median of the
// rounds. The peer is the plain way on the same board in the same run: each frame walks over all
// shapes and builds what is seen anew, a click asks each shape.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "bench/report.h"
#include "bench/windows.h"
#include "core/hit.h"
#include "core/tile_view.h"

namespace atelier::board {
namespace {

using namespace bench;

constexpr double kUnitsPerStroke = 6'000;  // of the board's area: a well filled page
const Vec kScreen{1'920, 1'080};

// A row whose peer, where it is above 0, is the plain way.
Row row_of(std::string work, double value, std::optional<double> target = {}, double plain = 0) {
  Row row{.work = std::move(work), .value = value, .unit = "ms", .target = target};
  if (plain > 0) row.peers.push_back({"plain way", plain});
  return row;
}

/// Pixels that nobody looks at.
struct Store : TileStore {
  struct Less {
    bool operator()(TileKey a, TileKey b) const {
      return std::tie(a.level, a.x, a.y) < std::tie(b.level, b.x, b.y);
    }
  };
  Bitmap open(TileKey key) override {
    return pictures.try_emplace(key, kTilePixels, kTilePixels).first->second.bitmap();
  }
  void changed(TileKey, PixelRect) override {}
  void drop(TileKey key) override { pictures.erase(key); }
  std::map<TileKey, Picture, Less> pictures;
};

std::string stroke_body(std::mt19937& random, double side, const std::string& order) {
  std::uniform_real_distribution<double> at(0, side), turn(-0.6, 0.6);
  Ink ink;
  Vec pen{at(random), at(random)};
  double angle = at(random);
  for (int i = 0; i < 50; ++i) {
    angle += turn(random);
    pen = pen + Vec{std::cos(angle), std::sin(angle)} * 4;
    ink.points.push_back({pen});
  }
  Shape style;
  style.order = order;
  style.author = "Ada";
  return encode_shape(make_strokes(ink, 1, style, "")[0]);
}

struct Desk {
  explicit Desk(std::size_t strokes)
      : side(std::sqrt(static_cast<double>(strokes) * kUnitsPerStroke)) {
    std::mt19937 random(1);
    for (std::size_t i = 0; i < strokes; ++i) {
      order = order_after(order, jitter);
      board.put("board:" + std::to_string(1'000'000 + i), stroke_body(random, side, order));
    }
  }
  void paint_all() {
    view.look(camera);
    while (view.paint([] { return true; })) {
    }
  }

  const double side;
  std::string order;
  Jitter jitter{1};
  Board board;
  Painter painter{rough_text_width, {}};
  Store store;
  TileView view{board, painter, store};
  Camera camera{{100, 100}, 1, kScreen};
};

// What a frame does before pixels are painted or copied.
double frame_ms(Desk& desk) {
  return milliseconds([&] {
    desk.view.hide({});
    desk.view.look(desk.camera);
    require(!desk.view.pieces().empty() || !desk.view.fresh(), "nothing is seen");
  });
}

// A frame of the plain way: all that is seen, from its points on.
double plain_frame_ms(const Desk& desk) {
  std::size_t points = 0;
  const double ms = milliseconds([&] {
    const Box view = desk.camera.view();
    DrawList list;
    for (const Item* item : desk.board.all())
      if (item->painted.touches(view)) draw_shape(item->shape, {desk.camera.zoom}, list);
    for (const DrawCommand& command : list)
      points += 1 + command_polygon(command, 0.2 / desk.camera.zoom).size();
  });
  require(points > 0, "the plain way saw nothing");
  return ms;
}

// The slowest frame of a way through the board; what comes into view is painted in between.
double slowest_ms(Desk& desk, int frames, const std::function<void(int)>& move) {
  double slowest = 0;
  for (int frame = 0; frame < frames; ++frame) {
    move(frame);
    slowest = std::max(slowest, frame_ms(desk));
    desk.paint_all();
  }
  return slowest;
}

void measure_views(Desk& desk, int rounds, bool peers, const std::string& of,
                   std::vector<Row>& rows) {
  std::vector<double> pans, zooms;
  for (int round = 0; round < rounds; ++round) {
    desk.camera = {{100, 100}, 1, kScreen};
    desk.paint_all();
    pans.push_back(slowest_ms(desk, 20, [&](int) {
      desk.camera.corner = desk.camera.corner + Vec{37, 21};
    }));
    zooms.push_back(slowest_ms(desk, 20, [&](int frame) {
      desk.camera.zoom = std::pow(0.9, frame + 1);
      desk.camera.corner = Vec{desk.side, desk.side} * 0.5 - kScreen * (0.5 / desk.camera.zoom);
    }));
  }
  desk.camera = {{100, 100}, 1, kScreen};
  const double plain_pan = peers ? plain_frame_ms(desk) : 0;
  rows.push_back(row_of("pan, a frame, " + of, median(pans), 8, plain_pan));
  desk.camera.zoom = std::pow(0.9, 20);
  rows.push_back(
      row_of("zoom out, a frame, " + of, median(zooms), 8, peers ? plain_frame_ms(desk) : 0));
}

void measure_tile(Desk& desk, int rounds, const std::string& of, std::vector<Row>& rows) {
  std::vector<double> first, again;
  for (int round = 0; round < rounds; ++round) {
    desk.camera = {Vec{desk.side, desk.side} * (0.1 + 0.02 * round), 1, kScreen};
    desk.view.changed({desk.camera.view(), {}});
    first.push_back(milliseconds([&] { desk.paint_all(); }));
    desk.view.changed({desk.camera.view(), {}});
    again.push_back(milliseconds([&] { desk.paint_all(); }));
  }
  rows.push_back(row_of("paint a screen for the first time, " + of, median(first)));
  rows.push_back(row_of("paint it again, outlines kept, " + of, median(again)));
}

void measure_edits(Desk& desk, int rounds, bool peers, const std::string& of,
                   std::vector<Row>& rows) {
  std::mt19937 random(2);
  desk.camera = {{100, 100}, 1, kScreen};
  desk.paint_all();
  std::vector<double> adds, hits, boxes;
  std::uniform_real_distribution<double> at(100, 900);
  std::size_t found = 0;
  for (int round = 0; round < rounds * 20; ++round) {
    desk.order = order_after(desk.order, desk.jitter);
    const std::string id = "board:" + std::to_string(9'000'000 + round);
    const std::string body = stroke_body(random, 1'000, desk.order);
    adds.push_back(milliseconds([&] {
      desk.board.put(id, body);
      desk.view.added(*desk.board.find(id));
    }));
    desk.paint_all();
    const Vec point{at(random), at(random)};
    hits.push_back(milliseconds([&] { found += desk.board.at(point, 4) != nullptr; }));
    boxes.push_back(milliseconds([&] {
      found += desk.board.touching_box({point, point + Vec{200, 150}}).size();
    }));
  }
  require(found > 0, "nothing was hit");
  double plain = 0;
  if (peers)
    plain = milliseconds([&] {
      for (const Item* item : desk.board.all())
        found += hits_point(skeleton_of(item->shape), {500, 500}, 4);
    });
  rows.push_back(row_of("add a stroke to the screen, " + of, median(adds), 1,
                        peers ? plain_frame_ms(desk) : 0));
  rows.push_back(row_of("what is under the pointer, " + of, median(hits), 1, plain));
  rows.push_back(row_of("what a box touches, " + of, median(boxes), 1, plain));
}

void measure(std::size_t strokes, int rounds, bool peers, std::vector<Row>& rows) {
  const std::string of = std::to_string(strokes / 1'000) + "k strokes";
  std::unique_ptr<Desk> desk;
  rows.push_back(row_of("make and open the documents, " + of,
                        milliseconds([&] { desk = std::make_unique<Desk>(strokes); })));
  measure_views(*desk, rounds, peers, of, rows);
  measure_tile(*desk, rounds, of, rows);
  measure_edits(*desk, rounds, peers, of, rows);
}

// The same board as documents, a line each, for whole programs.
void measure_window(const Options& options, Report& report) {
  const std::size_t strokes = options.rounds > 1 ? 10'000 : 1'000;
  const double side = std::sqrt(static_cast<double>(strokes) * kUnitsPerStroke);
  const auto file = std::filesystem::temp_directory_path() /
                    ("atelier-bench-" + std::to_string(std::random_device()()) + ".jsonl");
  {
    std::ofstream lines(file);
    std::mt19937 random(1);
    Jitter jitter{1};
    std::string order;
    for (std::size_t i = 0; i < strokes; ++i) {
      order = order_after(order, jitter);
      // An encoded shape is a JSON object; its id comes first.
      lines << "{\"_id\":\"board:" << 1'000'000 + i << "\","
            << stroke_body(random, side, order).substr(1) << '\n';
    }
    require(bool(lines), "the documents could not be written");
  }
  add_windows(report, options, "whiteboard", '\'' + file.string() + '\'');
  std::filesystem::remove(file);
}

int run(const Options& options) {
  Report report("whiteboard", "The whiteboard beside a board that keeps nothing between frames");
  std::vector<Row> rows;
  if (options.rounds > 1) {
    measure(10'000, options.rounds, options.peers, rows);
    measure(100'000, options.rounds, options.peers, rows);
  } else {
    measure(1'000, options.rounds, options.peers, rows);  // as a test: that it runs
  }
  for (Row& row : rows) report.add(std::move(row));
  measure_window(options, report);
  return finish(report, options);
}

}  // namespace
}  // namespace atelier::board

int main(int argc, char** argv) {
  const auto options = atelier::bench::read_options(argc, argv);
  return options ? atelier::board::run(*options) : 2;
}
