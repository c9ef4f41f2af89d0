#include "core/camera.h"

#include "core/board_limits.h"

namespace atelier::board {
namespace {

constexpr double kApproachPerSecond = 22;  // most of the way in a tenth of a second
constexpr double kArrived = 0.002;         // share of the zoom that nobody sees
constexpr double kFitMargin = 60;          // logical pixels around what is shown

Vec bounded(Vec p) {
  return {std::clamp(p.x, -kCoordinateMax, kCoordinateMax),
          std::clamp(p.y, -kCoordinateMax, kCoordinateMax)};
}

}  // namespace

void CameraMan::set_view(Vec size, double density) {
  const double change = density / density_;
  density_ = density;
  for (Camera* camera : {&now_, &wanted_}) {
    camera->size = size;
    camera->zoom *= change;
  }
  if (change != 1) settle();
}

void CameraMan::pan(Vec pixels) {
  for (Camera* camera : {&now_, &wanted_})
    camera->corner = bounded(camera->corner - pixels * (1 / camera->zoom));
  if (!zooming_) settle();
}

void CameraMan::zoom_at(Vec pixel, double factor) {
  const Vec fixed_point = wanted_.to_board(pixel);
  wanted_.zoom = std::clamp(wanted_.zoom * factor, kZoomMin * density_, kZoomMax * density_);
  wanted_.corner = bounded(fixed_point - pixel * (1 / wanted_.zoom));
  anchor_ = pixel;
  zooming_ = true;
}

void CameraMan::zoom_to(double share) {
  zoom_at(wanted_.size * 0.5, share * density_ / wanted_.zoom);
}

void CameraMan::fit(const Box& box) {
  const Vec room = wanted_.size - Vec{2 * kFitMargin, 2 * kFitMargin} * density_;
  double zoom = density_;
  if (!box.empty() && box.width() > 0) zoom = std::min(zoom, std::max(room.x, 1.0) / box.width());
  if (!box.empty() && box.height() > 0) zoom = std::min(zoom, std::max(room.y, 1.0) / box.height());
  wanted_.zoom = std::clamp(zoom, kZoomMin * density_, kZoomMax * density_);
  wanted_.corner = (box.empty() ? Vec{} : box.center()) - wanted_.size * (0.5 / wanted_.zoom);
  jump();
}

bool CameraMan::step(double seconds) {
  if (!zooming_) return false;
  const double rest = std::exp(-kApproachPerSecond * std::clamp(seconds, 0.001, 0.1));
  const double ratio = now_.zoom / wanted_.zoom;
  if (std::abs(std::pow(ratio, rest) - 1) < kArrived) {
    jump();
    return false;
  }
  // The anchor's point stays below it all the way.
  const Vec point = wanted_.to_board(anchor_);
  now_.zoom = wanted_.zoom * std::pow(ratio, rest);
  now_.corner = point - anchor_ * (1 / now_.zoom);
  return true;
}

void CameraMan::jump() {
  zooming_ = false;
  now_ = wanted_;
  settle();
}

// Sharp lines: a tile's pixel falls on one of the screen's.
void CameraMan::settle() {
  for (Camera* camera : {&now_, &wanted_}) {
    const Vec pixel = camera->corner * camera->zoom;
    camera->corner = Vec{std::round(pixel.x), std::round(pixel.y)} * (1 / camera->zoom);
  }
}

}  // namespace atelier::board
