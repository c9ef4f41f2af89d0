#include "core/freehand.h"

#include <numbers>

#include "core/geometry.h"

namespace atelier::board {
namespace {

constexpr double kPressureRate = 0.275;  // how fast simulated pressure follows the speed
constexpr double kFirstPressure = 0.25;  // a line begins light: a hand is slow to speed up
constexpr double kRadiusMin = 0.01;
constexpr int kCapPoints = 8;     // of a half circle
constexpr double kSharpTurn = 0;  // cosine: turns of more than a quarter get a round corner

// Each point is drawn to the one before; points that come to lie on each other are left out.
std::vector<InkPoint> streamlined(const Ink& ink, const PenStyle& style) {
  std::vector<InkPoint> line;
  const double follow = 0.15 + (1 - style.streamline) * 0.85;
  for (std::size_t i = 0; i < ink.points.size(); ++i) {
    InkPoint point = ink.points[i];
    if (!line.empty() && i + 1 < ink.points.size())  // the last one stays where the pen was lifted
      point.at = lerp(line.back().at, point.at, follow);
    if (line.empty() || distance(line.back().at, point.at) > style.width * 0.01)
      line.push_back(point);
  }
  return line;
}

// The pressure that a hand of this speed would have: fast is light.
double simulated(double pressure, double step, double width) {
  const double speed = std::min(1.0, step / width);
  const double rate = std::min(1.0, 1 - speed);
  return std::min(1.0, pressure + (rate - pressure) * (speed * kPressureRate));
}

double radius_at(double pressure, const PenStyle& style) {
  return std::max(kRadiusMin, style.width * (0.5 - style.thinning * (0.5 - pressure)));
}

// Pressure before the first point: the mean of what simulated pressure is over the first ones, so
// that a line does not begin with a blot.
double first_pressure(const std::vector<InkPoint>& line, const PenStyle& style) {
  double pressure = kFirstPressure;
  for (std::size_t i = 1; i < std::min<std::size_t>(line.size(), 10); ++i)
    pressure =
        (pressure + simulated(pressure, distance(line[i - 1].at, line[i].at), style.width)) / 2;
  return pressure;
}

void append_arc(Points& out, Vec center, Vec from, double half_turns) {
  for (int i = 1; i < kCapPoints; ++i)
    out.push_back(rotated(from, center, 180.0 * half_turns * i / kCapPoints));
}

Points circle(Vec center, double radius) {
  Points out{center + Vec{radius, 0}};
  append_arc(out, center, out[0], 1);
  out.push_back(center - Vec{radius, 0});
  append_arc(out, center, out[static_cast<std::size_t>(kCapPoints)], 1);
  return out;
}

void append_apart(Points& side, Vec p, double apart) {
  if (side.empty() || distance(side.back(), p) > apart) side.push_back(p);
}

// Both sides of the line, without its ends.
void append_sides(const std::vector<Rib>& ribs, const PenStyle& style, Points& left,
                  Points& right) {
  const double apart_rate = style.smoothing * 0.5;
  for (std::size_t i = 0; i < ribs.size(); ++i) {
    const Vec before = unit(ribs[i].at - ribs[i == 0 ? 0 : i - 1].at);
    const Vec after = unit(ribs[i + 1 < ribs.size() ? i + 1 : i].at - ribs[i].at);
    const double apart = apart_rate * ribs[i].radius;
    if (i > 0 && i + 1 < ribs.size() && dot(before, after) < kSharpTurn) {
      // Round the corner on both sides: the inner one is covered by the line itself.
      const Vec in = turned(before) * ribs[i].radius, out = turned(after) * ribs[i].radius;
      const double half_turns =
          std::atan2(cross(before, after), dot(before, after)) / std::numbers::pi;
      left.push_back(ribs[i].at - in);
      append_arc(left, ribs[i].at, ribs[i].at - in, half_turns);
      left.push_back(ribs[i].at - out);
      right.push_back(ribs[i].at + in);
      append_arc(right, ribs[i].at, ribs[i].at + in, half_turns);
      right.push_back(ribs[i].at + out);
      continue;
    }
    const Vec side = turned(unit(before + after)) * ribs[i].radius;
    append_apart(left, ribs[i].at - side, apart);
    append_apart(right, ribs[i].at + side, apart);
  }
}

}  // namespace

std::vector<Rib> pen_ribs(const Ink& ink, const PenStyle& style) {
  const std::vector<InkPoint> line = streamlined(ink, style);
  std::vector<Rib> ribs;
  double pressure = first_pressure(line, style);
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (ink.has_pressure)
      pressure = line[i].pressure;
    else if (i > 0)
      pressure = simulated(pressure, distance(line[i - 1].at, line[i].at), style.width);
    ribs.push_back({line[i].at, radius_at(pressure, style)});
  }
  if (ribs.size() == 1 && !ink.has_pressure) ribs[0].radius = style.width / 2;
  return ribs;
}

Points pen_outline(const std::vector<Rib>& ribs, const PenStyle& style) {
  if (ribs.empty()) return {};
  if (ribs.size() == 1) return circle(ribs[0].at, ribs[0].radius);
  Points left, right;
  append_sides(ribs, style, left, right);
  const Rib &first = ribs.front(), &last = ribs.back();
  const Vec last_side = turned(unit(last.at - ribs[ribs.size() - 2].at)) * last.radius;
  const Vec first_side = turned(unit(ribs[1].at - first.at)) * first.radius;
  // Along the left, half round the end, back on the right, half round the beginning.
  Points outline = std::move(left);
  append_arc(outline, last.at, last.at - last_side, 1);
  outline.insert(outline.end(), right.rbegin(), right.rend());
  append_arc(outline, first.at, first.at + first_side, 1);
  return outline;
}

}  // namespace atelier::board
