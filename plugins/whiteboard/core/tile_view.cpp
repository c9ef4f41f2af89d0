#include "core/tile_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace atelier::board {
namespace {

// A smooth edge reaches into the pixels beside it.
Box margined(const Box& box, int level) {
  return box.grown(std::ldexp(1, -level));
}

TileKey coarser(TileKey key) {
  const auto half = [](std::int32_t at) { return at >= 0 ? at / 2 : (at - 1) / 2; };
  return {key.level - 1, half(key.x), half(key.y)};
}

int rounded(double at) {
  return static_cast<int>(std::floor(std::clamp(at, -1e8, 1e8) + 0.5));
}

bool same_view(const Camera& a, const Camera& b) {
  return a.corner == b.corner && a.zoom == b.zoom && a.size == b.size;
}

}  // namespace

Window tile_window(TileKey key) {
  return {tile_box(key).min, std::ldexp(1, key.level)};
}

TileView::TileView(const Board& board, Painter& painter, TileStore& store)
    : board_(board),
      painter_(painter),
      store_(store),
      cache_(kTilesMax, [this](TileKey key) { store_.drop(key); }),
      canvas_(kTilePixels, kTilePixels) {}

void TileView::invalidate(const Box& box) {
  if (box.empty()) return;
  cache_.invalidate(box);
  if (job_ && margined(box, job_->key.level).touches(tile_box(job_->key))) job_.reset();
}

void TileView::changed(const Dirty& dirty) {
  invalidate(dirty.before);
  invalidate(dirty.after);
}

void TileView::added(const Item& item) {
  if (board_.top() != &item || hidden_.contains(item.id)) return invalidate(item.painted);
  std::vector<TileKey> current;
  for (const TileKey key : needed_) {
    if (!margined(item.painted, key.level).touches(tile_box(key))) continue;
    if (cache_.has(key) && !cache_.stale(key)) current.push_back(key);
  }
  invalidate(item.painted);
  for (const TileKey key : current) paint_on_top(key, item);
}

void TileView::paint_on_top(TileKey key, const Item& item) {
  const Bitmap bitmap = store_.open(key);
  const Window window = tile_window(key);
  painter_.paint(bitmap, window, item);
  store_.changed(key, window.pixels(item.painted, bitmap));
  cache_.painted(key);
}

void TileView::hide(const Ids& ids) {
  if (ids == hidden_) return;
  const Ids before = std::exchange(hidden_, ids);
  for (const Ids* both : {&before, &ids})
    for (const std::string& id : *both)
      if (const Item* item = board_.find(id); item && before.contains(id) != ids.contains(id))
        invalidate(item->painted);
}

void TileView::look(const Camera& camera) {
  if (!same_view(camera, camera_)) {
    camera_ = camera;
    needed_ = TileCache::needed(camera.view(), camera.zoom);
  }
  find_pieces();
}

void TileView::find_pieces() {
  pieces_.clear();
  for (const TileKey key : needed_)
    if (!cache_.has(key)) show_older(key);
  for (const TileKey key : needed_)
    if (cache_.has(key)) show(key, key);
}

// The part of `tile` that lies where `key` does, or all of it where it is the smaller one.
void TileView::show(TileKey key, TileKey tile) {
  const Box box = tile_box(tile);
  const Box seen = tile.level < key.level ? tile_box(key) : box;
  const double side = box.width();
  const Vec min = camera_.to_screen(seen.min), max = camera_.to_screen(seen.max);
  pieces_.push_back({tile,
                     (seen.min - box.min) * (1 / side),
                     (seen.max - box.min) * (1 / side),
                     {rounded(min.x), rounded(min.y), rounded(max.x), rounded(max.y)}});
}

void TileView::show_older(TileKey key) {
  for (TileKey above = key; above.level > kTileLevelMin;) {
    above = coarser(above);
    if (!cache_.has(above)) continue;
    show(key, above);
    break;
  }
  if (key.level == kTileLevelMax) return;
  for (const auto& [x, y] : {std::pair{0, 0}, {1, 0}, {0, 1}, {1, 1}}) {
    const TileKey below{key.level + 1, key.x * 2 + x, key.y * 2 + y};
    if (cache_.has(below)) show(key, below);
  }
}

void TileView::begin_job(TileKey key) {
  job_.emplace(Job{key, board_.within(margined(tile_box(key), key.level)), 0});
  if (!hidden_.empty())
    std::erase_if(job_->items, [&](const Item* item) { return hidden_.contains(item->id); });
  fill_rect(canvas_.bitmap(), {0, 0, kTilePixels, kTilePixels}, kPaper);
}

void TileView::finish_job() {
  const TileKey key = job_->key;
  job_.reset();
  const Bitmap bitmap = store_.open(key);
  std::copy(canvas_.bytes().begin(), canvas_.bytes().end(), bitmap.data);
  store_.changed(key, {0, 0, kTilePixels, kTilePixels});
  cache_.painted(key);
}

// The tile that was begun comes first: others would never be done while the view moves.
const TileKey* TileView::next_stale() const {
  const auto is_stale = [&](TileKey key) { return cache_.stale(key); };
  if (job_) {
    const auto begun = std::find(needed_.begin(), needed_.end(), job_->key);
    if (begun != needed_.end() && is_stale(*begun)) return &*begun;
  }
  const auto next = std::find_if(needed_.begin(), needed_.end(), is_stale);
  return next == needed_.end() ? nullptr : &*next;
}

bool TileView::paint(const std::function<bool()>& in_time) {
  bool painted = false, more = false;
  while (const TileKey* key = next_stale()) {
    if (!job_ || !(job_->key == *key)) begin_job(*key);
    if (!go_on(in_time)) {
      more = true;
      break;
    }
    finish_job();
    painted = true;
    more = next_stale() != nullptr;
    if (!in_time()) break;
  }
  if (painted) find_pieces();
  return more;
}

// Whether the job is done.
bool TileView::go_on(const std::function<bool()>& in_time) {
  const Window window = tile_window(job_->key);
  while (job_->next < job_->items.size()) {
    painter_.paint(canvas_.bitmap(), window, *job_->items[job_->next++]);
    if (!in_time()) break;
  }
  return job_->next == job_->items.size();
}

bool TileView::fresh() const {
  return std::none_of(needed_.begin(), needed_.end(),
                      [&](TileKey key) { return cache_.stale(key); });
}

}  // namespace atelier::board
