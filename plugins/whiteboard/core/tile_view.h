// The board on screen by tiles: which to show where, which to paint next, and when all of them
// show what the board holds. Knows no window: the pixels belong to a TileStore.
//
// Invariants
//   1. A tile that is not stale has the pixels that painting all of its shapes in order gives. A
//      shape on top of all others may be painted over what is there, which comes to the same.
//   2. Where something older or coarser exists it is shown until the right tile is painted.
//   3. job_ holds pointers to shapes only as long as nothing within its tile changes.
// Thread rule: one thread at a time.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/camera.h"
#include "core/edits.h"
#include "core/painter.h"
#include "core/tiles.h"

namespace atelier::board {

/// Where tiles keep their pixels.
class TileStore {
 public:
  virtual ~TileStore() = default;
  /// Of kTilePixels square; made when it is not there. Valid until drop().
  virtual Bitmap open(TileKey key) = 0;
  /// Pixels that open() gave were painted.
  virtual void changed(TileKey key, PixelRect rect) = 0;
  virtual void drop(TileKey key) = 0;
};

class TileView {
 public:
  TileView(const Board& board, Painter& painter, TileStore& store);

  /// Something changed on the board: call after the change.
  void changed(const Dirty& dirty);
  /// A shape was added. Where it is on top it costs what it covers, else as changed().
  void added(const Item& item);
  /// Shapes that are not painted for now, because they are shown as they move.
  void hide(const Ids& ids);

  /// Looks from elsewhere. Cheap when nothing changed.
  void look(const Camera& camera);
  /// A part of a tile and where it goes, in pixels of the view; drawn in this order.
  struct Piece {
    TileKey key;
    Vec from, to;         // of the tile, 0 to 1
    PixelRect on_screen;  // may reach beyond the view
  };
  const std::vector<Piece>& pieces() const { return pieces_; }

  /// Paints what is seen and stale, the middle first, until `in_time()` is false. Returns whether
  /// there is more to do; pieces() may have changed.
  bool paint(const std::function<bool()>& in_time);
  /// Whether all that is seen shows the board as it is.
  bool fresh() const;
  std::size_t tiles() const { return cache_.size(); }

 private:
  struct Job {
    TileKey key;
    std::vector<const Item*> items;
    std::size_t next = 0;
  };

  void invalidate(const Box& box);
  const TileKey* next_stale() const;
  void begin_job(TileKey key);
  bool go_on(const std::function<bool()>& in_time);
  void finish_job();
  void find_pieces();
  void show(TileKey key, TileKey tile);
  void show_older(TileKey key);
  void paint_on_top(TileKey key, const Item& item);

  const Board& board_;
  Painter& painter_;
  TileStore& store_;
  TileCache cache_;
  Camera camera_;
  Ids hidden_;
  std::vector<TileKey> needed_;  // the nearest to the middle first
  std::vector<Piece> pieces_;
  std::optional<Job> job_;
  Picture canvas_;  // of the job
};

/// The window of a tile.
Window tile_window(TileKey key);

}  // namespace atelier::board
