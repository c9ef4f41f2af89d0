#include "canvas_view.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <tuple>

#include "core/hit.h"

namespace atelier::board {
namespace {

constexpr double kPaintMsMax = 6;  // of a frame; the rest comes in the next ones
constexpr int kLiveSideMax = 4096;

ui::Pixels pixels_of(const Bitmap& bitmap) {
  return {bitmap.data, bitmap.width, bitmap.height, bitmap.stride};
}

}  // namespace

double measure_letters(std::string_view text, double size) {
  const float width = ui::painted_width(text, static_cast<float>(size));
  return width > 0 ? static_cast<double>(width) : rough_text_width(text, size);
}

void paint_letters(const Bitmap& target, Vec baseline, std::string_view text, double em,
                   Colour colour) {
  ui::paint_text(pixels_of(target), static_cast<float>(baseline.x), static_cast<float>(baseline.y),
                 text, static_cast<float>(em), IM_COL32(colour.r, colour.g, colour.b, colour.a));
}

// --- The layer of what moves

void LiveLayer::begin(int width, int height) {
  width = std::clamp(width, 1, kLiveSideMax);
  height = std::clamp(height, 1, kLiveSideMax);
  if (texture_ && (texture_->width() != width || texture_->height() != height)) {
    texture_.reset();
    painted_ = {};
  }
  cleared_ = {};
  if (!texture_ || painted_.empty()) {
    painted_ = {};
    if (!texture_) texture_.emplace(width, height);
    return;
  }
  cleared_ = painted_;
  fill_rect(bitmap(), cleared_, {0, 0, 0, 0});
  painted_ = {};
}

Bitmap LiveLayer::bitmap() {
  const ui::Pixels pixels = texture_->pixels();
  return {pixels.data, pixels.width, pixels.height, pixels.stride};
}

void LiveLayer::touch(PixelRect rect) {
  painted_.add(rect);
}

void LiveLayer::draw(ImDrawList& list, ImVec2 origin, float unit) {
  PixelRect changed = cleared_;
  changed.add(painted_);
  if (!changed.empty())
    texture_->changed(changed.x0, changed.y0, changed.x1 - changed.x0, changed.y1 - changed.y0);
  if (painted_.empty()) return;
  const auto place = [&](int x, int y) {
    return ImVec2(origin.x + static_cast<float>(x) * unit, origin.y + static_cast<float>(y) * unit);
  };
  const float w = static_cast<float>(texture_->width()), h = static_cast<float>(texture_->height());
  const auto share = [&](int x, int y) {
    return ImVec2(static_cast<float>(x) / w, static_cast<float>(y) / h);
  };
  list.AddImage(texture_->ref(), place(painted_.x0, painted_.y0), place(painted_.x1, painted_.y1),
                share(painted_.x0, painted_.y0), share(painted_.x1, painted_.y1));
}

// --- The canvas

bool CanvasView::KeyLess::operator()(TileKey a, TileKey b) const {
  return std::tie(a.level, a.x, a.y) < std::tie(b.level, b.x, b.y);
}

CanvasView::CanvasView(const Board& board)
    : painter_(measure_letters, paint_letters), tiles_(board, painter_, *this) {}

Bitmap CanvasView::open(TileKey key) {
  auto found = textures_.find(key);
  if (found == textures_.end())
    found = textures_.emplace(key, ui::Texture(kTilePixels, kTilePixels)).first;
  const ui::Pixels pixels = found->second.pixels();
  return {pixels.data, pixels.width, pixels.height, pixels.stride};
}

void CanvasView::changed(TileKey key, PixelRect rect) {
  if (const auto found = textures_.find(key); found != textures_.end())
    found->second.changed(rect.x0, rect.y0, rect.x1 - rect.x0, rect.y1 - rect.y0);
}

void CanvasView::drop(TileKey key) {
  textures_.erase(key);
}

double CanvasView::density() {
  return static_cast<double>(ui::px(1)) * static_cast<double>(ui::pixels_per_unit());
}

void CanvasView::place(ImVec2 min, ImVec2 size) {
  min_ = {std::floor(min.x), std::floor(min.y)};
  size_ = {std::max(1.0f, size.x), std::max(1.0f, size.y)};
  const double unit = ui::pixels_per_unit();
  camera_.set_view({std::ceil(size_.x * unit), std::ceil(size_.y * unit)}, density());
  // The first look: the board's zero point in the middle of the view.
  if (!std::exchange(placed_, true)) camera_.fit({});
}

Vec CanvasView::to_pixel(ImVec2 at) const {
  const double unit = ui::pixels_per_unit();
  return {(static_cast<double>(at.x) - static_cast<double>(min_.x)) * unit,
          (static_cast<double>(at.y) - static_cast<double>(min_.y)) * unit};
}

Vec CanvasView::to_board(ImVec2 at) const {
  return camera_.now().to_board(to_pixel(at));
}

ImVec2 CanvasView::to_screen(Vec at) const {
  const Vec pixel = camera_.now().to_screen(at) * (1 / static_cast<double>(ui::pixels_per_unit()));
  return {min_.x + static_cast<float>(pixel.x), min_.y + static_cast<float>(pixel.y)};
}

double CanvasView::pixel() const {
  return density() / camera_.now().zoom;
}

void CanvasView::draw_tiles(ImDrawList& list) {
  const ImVec2 max(min_.x + size_.x, min_.y + size_.y);
  list.AddRectFilled(min_, max, IM_COL32(kPaper.r, kPaper.g, kPaper.b, kPaper.a));
  if (camera_.step(static_cast<double>(ImGui::GetIO().DeltaTime))) ui::redraw_in_ms(0);
  tiles_.look(camera_.now());
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double, std::milli>(kPaintMsMax);
  if (tiles_.paint([&] { return Clock::now() < until; })) ui::redraw_in_ms(0);
  const float unit = 1 / ui::pixels_per_unit();
  const auto on_screen = [&](int x, int y) {
    return ImVec2(min_.x + static_cast<float>(x) * unit, min_.y + static_cast<float>(y) * unit);
  };
  for (const TileView::Piece& piece : tiles_.pieces()) {
    const auto texture = textures_.find(piece.key);
    if (texture == textures_.end()) continue;
    list.AddImage(texture->second.ref(), on_screen(piece.on_screen.x0, piece.on_screen.y0),
                  on_screen(piece.on_screen.x1, piece.on_screen.y1),
                  ImVec2(static_cast<float>(piece.from.x), static_cast<float>(piece.from.y)),
                  ImVec2(static_cast<float>(piece.to.x), static_cast<float>(piece.to.y)));
  }
}

// --- The layer above

Window CanvasView::live_window() const {
  return {camera_.now().corner, camera_.now().zoom};
}

// As the tiles below have it, so that a finished stroke looks as it did.
double CanvasView::live_detail() const {
  return std::ldexp(1, tile_level(camera_.now().zoom));
}

void CanvasView::begin_live() {
  const Vec size = camera_.now().size;
  live_.begin(static_cast<int>(size.x), static_cast<int>(size.y));
}

void CanvasView::live_shape(const Shape& shape) {
  const Window window = live_window();
  const Bitmap bitmap = live_.bitmap();
  Box box = painted_box(shape);
  box.add(visible_box(shape, measure_letters));
  const PixelRect rect = window.pixels(box, bitmap);
  if (rect.empty()) return;
  painter_.paint_shape(bitmap, window, shape, live_detail());
  live_.touch(rect);
}

void CanvasView::live_ink(const Ink& ink, Colour colour, double width) {
  Box box;
  for (const InkPoint& point : ink.points) box.add(point.at);
  const Window window = live_window();
  const Bitmap bitmap = live_.bitmap();
  const PixelRect rect = window.pixels(box.grown(width), bitmap);
  if (rect.empty()) return;
  DrawList list;
  draw_ink(ink, colour, width, live_detail(), list);
  painter_.paint_commands(bitmap, window, list);
  live_.touch(rect);
}

void CanvasView::live_item(const Item& item, Vec moved_by, int alpha) {
  Window window = live_window();
  window.corner = window.corner - moved_by;
  const Bitmap bitmap = live_.bitmap();
  const PixelRect rect = window.pixels(item.painted, bitmap);
  if (rect.empty()) return;
  painter_.paint_faded(bitmap, window, item, live_detail(), alpha);
  live_.touch(rect);
}

void CanvasView::draw_live(ImDrawList& list) {
  live_.draw(list, min_, 1 / ui::pixels_per_unit());
}

}  // namespace atelier::board
