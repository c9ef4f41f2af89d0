// See script.h. Thread rule: pure functions.
#include "window/script.h"

#include <array>
#include <charconv>
#include <utility>

namespace atelier::host {
namespace {

struct Word {
  std::string text;
  bool quoted = false;
};

Error at_line(int number, const std::string& text) {
  return invalid("script line " + std::to_string(number) + ": " + text);
}

// The quoted word that begins at `at` (after its quote).
Result<std::string> quoted_word(std::string_view line, std::size_t& at, int number) {
  std::string word;
  for (; at < line.size(); ++at) {
    if (line[at] == '"') {
      ++at;
      return word;
    }
    if (line[at] != '\\') {
      word += line[at];
      continue;
    }
    if (++at >= line.size()) break;
    switch (line[at]) {
      case 'n':
        word += '\n';
        break;
      case 't':
        word += '\t';
        break;
      case '"':
        word += '"';
        break;
      case '\\':
        word += '\\';
        break;
      default:
        return at_line(number, std::string("unknown escape \\") + line[at]);
    }
  }
  return at_line(number, "the closing quote is missing");
}

Result<std::vector<Word>> words_of(std::string_view line, int number) {
  std::vector<Word> words;
  for (std::size_t at = 0; at < line.size();) {
    const char c = line[at];
    if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '#' && (at + 1 >= line.size() || line[at + 1] == ' ' || at == 0)) {
      break;  // a comment; "#e03131" is a colour
    } else if (c == '"') {
      ATELIER_TRY(text, quoted_word(line, ++at, number));
      words.push_back({std::move(text), true});
    } else {
      const auto end = std::min(line.find_first_of(" \t\r\"", at), line.size());
      words.push_back({std::string(line.substr(at, end - at)), false});
      at = end;
    }
  }
  return words;
}

bool number_of(std::string_view text, int& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// "5s" or "250ms"
bool duration_of(std::string_view text, int& ms) {
  if (text.ends_with("ms")) return number_of(text.substr(0, text.size() - 2), ms);
  if (!text.ends_with("s") || !number_of(text.substr(0, text.size() - 1), ms)) return false;
  ms *= 1'000;
  return true;
}

class LineParser {
 public:
  LineParser(std::vector<Word> words, int number) : words_(std::move(words)), number_(number) {
    step_.line = number;
  }

  Result<std::vector<ScriptStep>> parse() {
    const std::string verb = take();
    if (verb == "drag") return parse_drag();
    const bool is_at = !at_end() && !words_[next_].quoted && words_[next_].text == "at";
    if (verb == "doubleclick" || (verb == "click" && is_at)) return parse_click_at(verb);
    ATELIER_TRY(step, parse_one(verb));
    return std::vector<ScriptStep>{std::move(step)};
  }

 private:
  Result<ScriptStep> parse_one(const std::string& verb) {
    if (verb == "size" || verb == "move") return parse_pair(verb);
    if (verb == "click") return parse_click();
    if (verb == "type" || verb == "print")
      return parse_quoted(verb == "type" ? Kind::kType : Kind::kPrint);
    if (verb == "key") return parse_key();
    if (verb == "scroll") return parse_scroll();
    if (verb == "wait" || verb == "wait-for") return parse_wait();
    if (verb == "screenshot") return parse_file();
    if (verb == "frames") return parse_frames();
    if (verb == "quit") return finish(Kind::kQuit);
    if (verb == "press" || verb == "release") {
      step_.text = take_button();
      return finish(verb == "press" ? Kind::kPress : Kind::kRelease);
    }
    return at_line(number_, "unknown step \"" + verb + "\"");
  }

  using Kind = ScriptStep::Kind;

  bool at_end() const { return next_ >= words_.size(); }
  std::string take() { return at_end() ? std::string() : words_[next_++].text; }
  bool take_if(std::string_view word) {
    if (at_end() || words_[next_].quoted || words_[next_].text != word) return false;
    ++next_;
    return true;
  }

  Result<ScriptStep> finish(Kind kind) {
    if (!at_end()) return at_line(number_, "\"" + words_[next_].text + "\" was not expected");
    step_.kind = kind;
    return step_;
  }

  Status take_quoted() {
    if (at_end() || !words_[next_].quoted) return at_line(number_, "words in quotes were expected");
    step_.text = take();
    return ok();
  }

  Result<ScriptStep> parse_quoted(Kind kind) {
    ATELIER_CHECK(take_quoted());
    return finish(kind);
  }

  Result<ScriptStep> parse_pair(const std::string& verb) {
    if (!number_of(take(), step_.x) || !number_of(take(), step_.y))
      return at_line(number_, verb + " needs two whole numbers");
    return finish(verb == "size" ? Kind::kSize : Kind::kMove);
  }

  std::string take_button() {
    for (const char* button : {"left", "right", "middle"})
      if (take_if(button)) return button;
    return "left";
  }

  ScriptStep made(Kind kind, const std::string& text = {}) const {
    ScriptStep step = step_;
    step.kind = kind;
    step.text = text;
    return step;
  }

  Result<std::vector<ScriptStep>> parse_click_at(const std::string& verb) {
    if (!take_if("at") || !number_of(take(), step_.x) || !number_of(take(), step_.y))
      return at_line(number_, verb + " at needs two whole numbers");
    ATELIER_TRY(move, finish(Kind::kMove));
    std::vector<ScriptStep> steps{move};
    for (int i = 0; i < (verb == "click" ? 1 : 2); ++i) {
      steps.push_back(made(Kind::kPress, "left"));
      steps.push_back(made(Kind::kRelease, "left"));
    }
    return steps;
  }

  // As the steps of a hand: each waits for the screen to be still.
  Result<std::vector<ScriptStep>> parse_drag() {
    const std::string button = take_button();
    std::string keys = !at_end() && words_[next_].text.ends_with('+') ? take() : "";
    take_modifiers(keys);
    if (!keys.empty()) return at_line(number_, "\"" + keys + "\" is no key to hold");
    std::vector<ScriptStep> steps;
    const bool holds = step_.ctrl || step_.shift || step_.alt;
    if (holds) steps.push_back(made(Kind::kHold));
    bool pressed = false;
    while (!at_end()) {
      if (!number_of(take(), step_.x) || !number_of(take(), step_.y))
        return at_line(number_, "drag needs pairs of whole numbers");
      steps.push_back(made(Kind::kMove));
      if (!std::exchange(pressed, true)) steps.push_back(made(Kind::kPress, button));
    }
    if (!pressed) return at_line(number_, "drag needs pairs of whole numbers");
    steps.push_back(made(Kind::kRelease, button));
    if (holds) steps.push_back(made(Kind::kLetGo));
    return steps;
  }

  Result<ScriptStep> parse_click() {
    const Kind kind = take_if("text") ? Kind::kClickText : Kind::kClick;
    return parse_quoted(kind);
  }

  Result<ScriptStep> parse_scroll() {
    if (!number_of(take(), step_.y))
      return at_line(number_, "scroll needs a whole number of lines");
    return finish(Kind::kScroll);
  }

  static bool is_colour(const std::string& text) {
    return text.size() == 7 && text.find_first_not_of("0123456789abcdef", 1) == std::string::npos &&
           text.front() == '#';
  }

  Status parse_pixel() {
    if (!number_of(take(), step_.x) || !number_of(take(), step_.y))
      return at_line(number_, "wait pixel needs two whole numbers");
    step_.text = take();
    if (!is_colour(step_.text)) return at_line(number_, "a colour such as #e03131 was expected");
    return ok();
  }

  Result<ScriptStep> parse_wait() {
    if (take_if("pixel")) {
      ATELIER_CHECK(parse_pixel());
      return parse_within(Kind::kWaitPixel);
    }
    const Kind kind = take_if("gone") ? Kind::kWaitGone : Kind::kWait;
    take_if("text");
    ATELIER_CHECK(take_quoted());
    return parse_within(kind);
  }

  Result<ScriptStep> parse_within(Kind kind) {
    if (take_if("within") && !duration_of(take(), step_.within_ms))
      return at_line(number_, "after \"within\" a time such as 5s or 250ms was expected");
    return finish(kind);
  }

  Result<ScriptStep> parse_file() {
    step_.text = take();
    if (step_.text.empty()) return at_line(number_, "screenshot needs a file");
    return finish(Kind::kScreenshot);
  }

  Result<ScriptStep> parse_frames() {
    if (take_if("on")) return finish(Kind::kFramesOn);
    if (take_if("off")) return finish(Kind::kFramesOff);
    return at_line(number_, "frames needs on or off");
  }

  Result<ScriptStep> parse_key() {
    step_.text = take();
    take_modifiers(step_.text);
    if (step_.text.empty()) return at_line(number_, "key needs the name of a key");
    return finish(Kind::kKey);
  }

  // Takes "Ctrl+Shift+" off the front.
  void take_modifiers(std::string& text) {
    const std::array<std::pair<std::string_view, bool*>, 3> modifiers = {
        {{"Ctrl+", &step_.ctrl}, {"Shift+", &step_.shift}, {"Alt+", &step_.alt}}};
    for (bool found = true; found;) {
      found = false;
      for (const auto& [name, flag] : modifiers)
        if (text.starts_with(name)) {
          *flag = found = true;
          text.erase(0, name.size());
        }
    }
  }

  std::vector<Word> words_;
  std::size_t next_ = 0;
  int number_;
  ScriptStep step_;
};

}  // namespace

Result<std::vector<ScriptStep>> parse_script_line(std::string_view line, int number) {
  ATELIER_TRY(words, words_of(line, number));
  if (words.empty()) return std::vector<ScriptStep>();
  return LineParser(std::move(words), number).parse();
}

Result<std::vector<ScriptStep>> parse_script(std::string_view text) {
  std::vector<ScriptStep> steps;
  int number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    ATELIER_TRY(line, parse_script_line(text.substr(at, end - at), ++number));
    for (auto& step : line) steps.push_back(std::move(step));
    at = end + 1;
  }
  return steps;
}

}  // namespace atelier::host
