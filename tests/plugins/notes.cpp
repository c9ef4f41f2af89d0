// A plugin that behaves: a list of notes. draw() adds one, a typed line adds one, print() tells
// them.
#include <atelier/plugin.h>

namespace {

struct Note {
  std::int64_t number = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Note, (), (number, text))

class Notes : public atelier::Plugin {
 public:
  explicit Notes(atelier::Room& room)
      : notes_(room.collection<Note>("note")),
        by_number_(notes_.ordered_by(&Note::number)),
        changes_(notes_.on_change([this](const atelier::Change<Note>&) { ++heard_; })) {}

  void draw() override { notes_.add({static_cast<std::int64_t>(by_number_.size()), "drawn"}); }
  void print(atelier::Console& console) override {
    for (const auto& note : by_number_)
      console.print(std::to_string(note.value.number) + " " + note.value.text);
    console.print("heard " + std::to_string(heard_));
  }
  bool type(std::string_view line) override {
    if (line.empty()) return false;
    notes_.add({static_cast<std::int64_t>(by_number_.size()), std::string(line)});
    return true;
  }

 private:
  atelier::Collection<Note> notes_;
  atelier::View<Note> by_number_;
  int heard_ = 0;
  atelier::Subscription changes_;
};

}  // namespace

ATELIER_PLUGIN(Notes, "notes", "Notes", "Short texts, for the tests", "1.2.3", "note other")
