#include "bench/report.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

#include <boost/json.hpp>

namespace atelier::bench {
namespace {

namespace json = boost::json;

// ---- Numbers and words ----

std::string fixed(double value, int digits) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 63))};
}

/// Three figures that count, thousands set apart: 0.0031, 2.45, 313, 260,000.
std::string in_figures(double value) {
  if (value == 0) return "0";
  const int magnitude = static_cast<int>(std::floor(std::log10(std::abs(value))));
  std::string text = fixed(value, std::clamp(2 - magnitude, 0, 9));
  const std::size_t point = std::min(text.find('.'), text.size());
  const std::size_t first = text[0] == '-' ? 1 : 0;
  for (std::size_t at = point; at > first + 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

std::string with_unit(double value, const std::string& unit) {
  return in_figures(value) + ' ' + unit;
}

/// A number that somebody chose: 8, not 8.00.
std::string as_chosen(double value, const std::string& unit) {
  std::string text = in_figures(value);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text + ' ' + unit;
}

std::string times(double how_often) {
  return in_figures(how_often) + "x";
}

std::string target_words(const Row& row, const Peer* peer) {
  const auto target = target_of(row, peer);
  if (!target) return {};
  const std::string sign = row.better == Better::kLess ? "<= " : ">= ";
  return sign + as_chosen(*target, row.unit) + (*is_met(row, peer) ? " met" : " missed");
}

/// Code points: as good as columns for the words that benchmarks use.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string padded(std::string text, std::size_t width) {
  const std::size_t has = width_of(text);
  if (has < width) text.append(width - has, ' ');
  return text;
}

std::string padded_left(const std::string& text, std::size_t width) {
  const std::size_t has = width_of(text);
  return std::string(has < width ? width - has : 0, ' ') + text;
}

/// Lines of at most `width` code points, broken at spaces.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::istringstream words(text);
  std::string word;
  while (words >> word) {
    if (!lines.empty() && width_of(lines.back()) + 1 + width_of(word) <= width) {
      lines.back() += ' ' + word;
    } else {
      lines.push_back(word);
    }
  }
  if (lines.empty()) lines.emplace_back();
  return lines;
}

// ---- The machine ----

std::string file_text(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What follows `key` on its line; empty where it is not there.
std::string value_after(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.rfind(key, 0) != 0) continue;
    line.erase(0, key.size());
    line.erase(std::remove(line.begin(), line.end(), '"'), line.end());
    return line;
  }
  return {};
}

std::string system_words() {
  const std::string release = file_text("/etc/os-release");
  const std::string name = value_after(release, "NAME=");
  if (name.empty()) return "another system";
  const std::string version = value_after(release, "VERSION_ID=");
  const std::string first = name.substr(0, name.find(' '));
  return version.empty() ? first : first + ' ' + version;
}

std::string core_words() {
  constexpr double kQuiet = 0.2;  // a machine with less to do is nobody else's
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  std::string words = std::to_string(cores) + (cores == 1 ? " core" : " cores");
  const std::string text = file_text("/proc/loadavg");
  const double load = std::strtod(text.c_str(), nullptr);
  if (load > kQuiet) words += " shared (load " + fixed(load, 1) + " before the run)";
  return words;
}

std::string memory_words() {
  const std::string total = value_after(file_text("/proc/meminfo"), "MemTotal:");
  const double gib = std::strtod(total.c_str(), nullptr) / (1024 * 1024);
  return gib > 0 ? ", " + fixed(std::max(1.0, std::round(gib)), 0) + " GiB" : std::string();
}

std::string date_words() {
  static constexpr std::array kMonths = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
  const std::time_t now = std::time(nullptr);
  const std::tm* day = std::gmtime(&now);  // one thread
  return std::to_string(day->tm_mday) + ' ' + kMonths[static_cast<std::size_t>(day->tm_mon)] + ' ' +
         std::to_string(day->tm_year + 1900);
}

// ---- JSON ----

json::value or_null(std::optional<double> value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object json_line(const Row& row, const Peer* peer) {
  const auto met = is_met(row, peer);
  json::object line{{"work", row.work}, {"value", row.value}, {"unit", row.unit}};
  line["peer"] = peer ? json::value(peer->name) : json::value(nullptr);
  line["peer_value"] = peer ? json::value(peer->value) : json::value(nullptr);
  line["ratio"] = peer ? json::value(ratio(row, *peer)) : json::value(nullptr);
  line["target"] = or_null(target_of(row, peer));
  line["met"] = met ? json::value(*met) : json::value(nullptr);
  line["better"] = row.better == Better::kLess ? "less" : "more";
  return line;
}

std::vector<const Peer*> peers_or_none(const Row& row) {
  std::vector<const Peer*> peers;
  for (const Peer& peer : row.peers) peers.push_back(&peer);
  if (peers.empty()) peers.push_back(nullptr);
  return peers;
}

bool read_line(const json::value& value, std::vector<Row>& rows) {
  const auto* line = value.if_object();
  if (!line) return false;
  const auto text = [&](const char* key) {
    const auto* found = line->if_contains(key);
    return found && found->is_string() ? std::string(found->as_string()) : std::string();
  };
  const auto number = [&](const char* key) -> std::optional<double> {
    const auto* found = line->if_contains(key);
    if (!found || !found->is_number()) return std::nullopt;
    return found->to_number<double>();
  };
  Row row{.work = text("work"), .value = number("value").value_or(-1), .unit = text("unit")};
  if (row.work.empty() || row.value < 0 || row.unit.empty()) return false;
  if (text("better") == "more") row.better = Better::kMore;
  row.target = number("target");
  const bool again = !rows.empty() && rows.back().work == row.work;
  if (!again) rows.push_back(std::move(row));
  if (const auto theirs = number("peer_value")) {
    rows.back().peers.push_back({text("peer"), *theirs});
  }
  return true;
}

// ---- The drawing ----
// One section a unit, with a scale of its own; in it one block a row: the words, a bar of ours, a
// bar a peer. Sizes in SVG units, which are pixels where the page does not scale it.

constexpr double kWidth = 960;
constexpr double kMargin = 24;
constexpr double kBarsLeft = 150;                      // names of the peers stand left of it
constexpr double kBarsRight = kWidth - kMargin - 150;  // values stand right of the bars
constexpr double kBar = 15;
constexpr double kBarStep = 19;
constexpr double kLine = 18;
constexpr std::size_t kWorkColumns = 84;
constexpr std::size_t kNameColumns = 19;

constexpr std::string_view kStyle = R"(<style>
  text { font: 13px system-ui, "Noto Sans", "DejaVu Sans", sans-serif; fill: #1f2328;
         paint-order: stroke; stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; }
  .title { font-size: 18px; font-weight: 600; }
  .work { font-weight: 600; }
  .quiet { fill: #59636e; }
  .card { fill: #ffffff; stroke: #d1d9e0; }
  .ours { fill: #1c7ed6; }
  .peer { fill: #adb5bd; }
  .grid { stroke: #d8dde2; }
  .target { stroke: #d9480f; stroke-width: 2; }
  .met { fill: #2b8a3e; }
  .missed { fill: #c92a2a; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; stroke: #0d1117; }
    .quiet { fill: #9aa4af; }
    .card { fill: #0d1117; stroke: #3d444d; }
    .ours { fill: #4dabf7; }
    .peer { fill: #6b7480; }
    .grid { stroke: #343b44; }
    .target { stroke: #ff922b; }
    .met { fill: #51cf66; }
    .missed { fill: #ff8787; }
  }
</style>
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// The hardest target against any of the peers.
const Peer* hardest_peer(const Row& row) {
  const Peer* hardest = nullptr;
  std::optional<double> most;
  for (const Peer& peer : row.peers) {
    const auto target = target_of(row, &peer);
    if (!target || (most && (row.better == Better::kLess ? *target >= *most : *target <= *most))) {
      continue;
    }
    most = target;
    hardest = &peer;
  }
  return hardest;
}

/// Decades from below the smallest value to above the largest.
struct Scale {
  int low = 0;
  int high = 1;

  explicit Scale(const std::vector<const Row*>& rows) {
    double least = HUGE_VAL, most = 0;
    const auto see = [&](double value) {
      if (value <= 0) return;
      least = std::min(least, value);
      most = std::max(most, value);
    };
    for (const Row* row : rows) {
      see(row->value);
      for (const Peer& peer : row->peers) see(peer.value);
      if (const auto target = target_of(*row, hardest_peer(*row))) see(*target);
    }
    if (most == 0) return;
    low = static_cast<int>(std::floor(std::log10(least * 0.7)));  // the least bar is to be seen
    high = std::max(low + 1, static_cast<int>(std::ceil(std::log10(most))));
  }

  /// Not more labels than have room.
  int label_step() const { return (high - low + 6) / 7; }

  double x(double value) const {
    if (value <= 0) return kBarsLeft;
    const double part = (std::log10(value) - low) / (high - low);
    return kBarsLeft + std::clamp(part, 0.0, 1.0) * (kBarsRight - kBarsLeft);
  }
};

class Drawing {
 public:
  double y = kMargin;

  void text(double x, double baseline, std::string_view words, std::string_view css = {},
            std::string_view anchor = "start") {
    out_ << "<text x=\"" << fixed(x, 1) << "\" y=\"" << fixed(baseline, 1) << "\" text-anchor=\""
         << anchor << "\"";
    if (!css.empty()) out_ << " class=\"" << css << "\"";
    out_ << '>' << escaped(words) << "</text>\n";
  }
  void rect(double x, double top, double width, double height, std::string_view css) {
    out_ << "<rect x=\"" << fixed(x, 1) << "\" y=\"" << fixed(top, 1) << "\" width=\""
         << fixed(width, 1) << "\" height=\"" << fixed(height, 1) << "\" rx=\"2\" class=\"" << css
         << "\"/>\n";
  }
  void upright(double x, double top, double bottom, std::string_view css) {
    out_ << "<line x1=\"" << fixed(x, 1) << "\" y1=\"" << fixed(top, 1) << "\" x2=\"" << fixed(x, 1)
         << "\" y2=\"" << fixed(bottom, 1) << "\" class=\"" << css << "\"/>\n";
  }
  std::string take() { return std::exchange(out_, std::ostringstream()).str(); }

 private:
  std::ostringstream out_;
};

struct Bar {
  std::string name;
  double value = 0;
  std::string words;
};

std::vector<Bar> bars_of(const Row& row) {
  std::vector<Bar> bars{{"Atelier", row.value, with_unit(row.value, row.unit)}};
  for (const Peer& peer : row.peers) {
    bars.push_back({peer.name, peer.value,
                    with_unit(peer.value, row.unit) + " (" + times(ratio(row, peer)) + ")"});
  }
  return bars;
}

// From back to front: the decades, the bars, the target, the words.
void draw_bars(Drawing& drawing, const Scale& scale, const std::vector<Bar>& bars,
               std::optional<double> target) {
  const double top = drawing.y;
  const double bottom = top + kBarStep * static_cast<double>(bars.size() - 1) + kBar;
  for (int decade = scale.low; decade <= scale.high; ++decade) {
    drawing.upright(scale.x(std::pow(10.0, decade)), top - 3, bottom + 3, "grid");
  }
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double width = std::max(1.0, scale.x(bars[i].value) - kBarsLeft);
    drawing.rect(kBarsLeft, top + kBarStep * static_cast<double>(i), width, kBar,
                 i == 0 ? "ours" : "peer");
  }
  if (target) drawing.upright(scale.x(*target), top - 3, bottom + 3, "target");
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const double baseline = top + kBarStep * static_cast<double>(i) + kBar - 3;
    const auto name = wrapped(bars[i].name, kNameColumns);
    drawing.text(kBarsLeft - 8, baseline, name[0] + (name.size() > 1 ? "…" : ""),
                 i == 0 ? "" : "quiet", "end");
    drawing.text(scale.x(bars[i].value) + 6, baseline, bars[i].words, i == 0 ? "" : "quiet");
  }
  drawing.y = bottom + kBarStep - kBar;
}

void draw_row(Drawing& drawing, const Scale& scale, const Row& row) {
  const Peer* against = hardest_peer(row);
  const auto target = target_of(row, against);
  if (target) {
    const bool met = *is_met(row, against);
    drawing.text(kWidth - kMargin, drawing.y + 13,
                 (row.better == Better::kLess ? "target ≤ " : "target ≥ ") +
                     as_chosen(*target, row.unit) + (met ? " ✓ met" : " ✗ missed"),
                 met ? "met" : "missed", "end");
  }
  for (const std::string& line : wrapped(row.work, kWorkColumns)) {
    drawing.text(kMargin, drawing.y + 13, line, "work");
    drawing.y += kLine;
  }
  drawing.y += 2;
  draw_bars(drawing, scale, bars_of(row), target);
  drawing.y += 10;
}

void draw_section(Drawing& drawing, const std::string& unit, const std::vector<const Row*>& rows) {
  const Scale scale(rows);
  drawing.y += 10;
  for (int decade = scale.low; decade <= scale.high; decade += scale.label_step()) {
    drawing.text(scale.x(std::pow(10.0, decade)), drawing.y + 10,
                 as_chosen(std::pow(10.0, decade), unit), "quiet", "middle");
  }
  drawing.y += kLine + 4;
  for (const Row* row : rows) draw_row(drawing, scale, *row);
}

/// Units in the order of their first rows.
std::vector<std::pair<std::string, std::vector<const Row*>>> by_unit(const std::vector<Row>& rows) {
  std::vector<std::pair<std::string, std::vector<const Row*>>> sections;
  for (const Row& row : rows) {
    const auto has = std::find_if(sections.begin(), sections.end(),
                                  [&](const auto& section) { return section.first == row.unit; });
    if (has != sections.end()) {
      has->second.push_back(&row);
    } else {
      sections.push_back({row.unit, {&row}});
    }
  }
  return sections;
}

// ---- Files ----

bool write_file(const std::filesystem::path& path, const std::string& text) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (file) return true;
  std::cerr << "The file " << path.string() << " could not be written.\n";
  return false;
}

}  // namespace

double ratio(const Row& row, const Peer& peer) {
  const double over = row.better == Better::kLess ? peer.value : row.value;
  const double under = row.better == Better::kLess ? row.value : peer.value;
  return under > 0 ? over / under : 0;
}

std::optional<double> target_of(const Row& row, const Peer* peer) {
  if (row.target) return row.target;
  if (!peer) return std::nullopt;
  const auto wanted = peer->target_ratio ? peer->target_ratio : row.target_ratio;
  if (!wanted) return std::nullopt;
  return row.better == Better::kLess ? peer->value / *wanted : peer->value * *wanted;
}

std::optional<bool> is_met(const Row& row, const Peer* peer) {
  const auto target = target_of(row, peer);
  if (!target) return std::nullopt;
  return row.better == Better::kLess ? row.value <= *target : row.value >= *target;
}

std::string date_and_machine() {
  return date_words() + ", " + system_words() + ", " + core_words() + memory_words();
}

Report::Report(std::string name, std::string title)
    : name_(std::move(name)), title_(std::move(title)), where_(date_and_machine()) {}

void Report::add(Row row) {
  rows_.push_back(std::move(row));
}

bool Report::add_json(std::string_view text) {
  boost::system::error_code error;
  const auto parsed = json::parse(text, error);
  if (error || !parsed.is_array()) return false;
  std::vector<Row> rows;
  for (const auto& line : parsed.get_array()) {
    if (!read_line(line, rows)) return false;
  }
  rows_.insert(rows_.end(), std::make_move_iterator(rows.begin()),
               std::make_move_iterator(rows.end()));
  return true;
}

std::string Report::table() const {
  std::size_t work = 4, ours = 7, name = 4, theirs = 6;
  for (const Row& row : rows_) {
    work = std::max(work, width_of(row.work));
    ours = std::max(ours, width_of(with_unit(row.value, row.unit)));
    for (const Peer& peer : row.peers) {
      name = std::max(name, width_of(peer.name));
      theirs = std::max(theirs, width_of(with_unit(peer.value, row.unit)));
    }
  }
  const auto line = [&](const std::string& a, const std::string& b, const std::string& c,
                        const std::string& d, const std::string& e, const std::string& f) {
    std::string text = padded(a, work) + "  " + padded_left(b, ours) + "  " + padded(c, name) +
                       "  " + padded_left(d, theirs) + "  " + padded_left(e, 8) + "  " + f;
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  };
  std::string text = title_ + "\n" + where_ + "\n\n" +
                     line("work", "Atelier", "peer", "peer's", "ratio", "target");
  for (const Row& row : rows_) {
    for (const Peer* peer : peers_or_none(row)) {
      text += line(row.work, with_unit(row.value, row.unit), peer ? peer->name : "-",
                   peer ? with_unit(peer->value, row.unit) : "",
                   peer ? times(ratio(row, *peer)) : "", target_words(row, peer));
    }
  }
  return text;
}

std::string Report::json() const {
  json::array lines;
  for (const Row& row : rows_) {
    for (const Peer* peer : peers_or_none(row)) lines.push_back(json_line(row, peer));
  }
  return json::serialize(lines);
}

std::string Report::svg() const {
  Drawing drawing;
  drawing.text(kMargin, drawing.y + 18, title_, "title");
  drawing.text(kMargin, drawing.y + 40, where_, "quiet");
  drawing.text(kMargin, drawing.y + 60,
               "Each bar on a logarithmic scale; the upright line is the target. In brackets: how "
               "many times as good Atelier is.",
               "quiet");
  drawing.y += 68;
  for (const auto& [unit, rows] : by_unit(rows_)) draw_section(drawing, unit, rows);
  const std::string height = fixed(drawing.y + kMargin - 10, 0);
  const std::string width = fixed(kWidth, 0);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + width + "\" height=\"" + height +
         "\" viewBox=\"0 0 " + width + ' ' + height + "\" role=\"img\">\n<title>" +
         escaped(title_) + "</title>\n" + std::string(kStyle) +
         "<rect x=\"0.5\" y=\"0.5\" width=\"" + fixed(kWidth - 1, 0) + "\" height=\"" +
         fixed(drawing.y + kMargin - 11, 0) + "\" rx=\"6\" class=\"card\"/>\n" + drawing.take() +
         "</svg>\n";
}

std::optional<Options> read_options(int argc, char** argv,
                                    std::initializer_list<const char*> own_switches) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--json" && has_value) {
      options.json = argv[++i];
    } else if (argument == "--svg" && has_value) {
      options.svg = argv[++i];
    } else if (argument == "--rounds" && has_value) {
      options.rounds = std::max(1, std::atoi(argv[++i]));
    } else if (argument == "--no-peers") {
      options.peers = false;
    } else if (std::find(own_switches.begin(), own_switches.end(), argument) !=
               own_switches.end()) {
      options.switches.insert(argument);
    } else {
      std::cerr << "usage: [--json FILE] [--svg FILE] [--no-peers] [--rounds N]";
      for (const char* own : own_switches) std::cerr << " [" << own << ']';
      std::cerr << '\n';
      return std::nullopt;
    }
  }
  return options;
}

int finish(const Report& report, const Options& options) {
  std::cout << report.table() << std::flush;
  bool done = true;
  if (!options.json.empty()) done = write_file(options.json, report.json() + '\n');
  // A run without the others, or of one round, says too little to stand in the documentation.
  const bool full = options.peers && options.rounds > 1 &&
                    std::any_of(report.rows().begin(), report.rows().end(),
                                [](const Row& row) { return !row.peers.empty(); });
  std::filesystem::path drawing = options.svg;
  if (drawing.empty() && full) {
    drawing = std::filesystem::path(ATELIER_BENCH_DRAWINGS) / (report.name() + ".svg");
  }
  if (drawing.empty()) return done ? 0 : 1;
  done = write_file(drawing, report.svg()) && done;
  if (done) std::cout << "Drawn: " << drawing.string() << '\n';
  return done ? 0 : 1;
}

double milliseconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin)
      .count();
}

double quantile(std::vector<double> values, double share) {
  require(!values.empty(), "nothing was measured");
  const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size()));
  const std::size_t at = std::min(rank, values.size() - 1);
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

void require(bool condition, std::string_view what) {
  if (condition) return;
  std::cerr << "benchmark: " << what << '\n';
  std::exit(1);
}

std::optional<std::string> output_of(const std::string& command) {
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) return std::nullopt;
  std::array<char, 4096> buffer;
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    output.append(buffer.data(), count);
  }
  if (pclose(pipe) != 0) return std::nullopt;
  return output;
}

}  // namespace atelier::bench
