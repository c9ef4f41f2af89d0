// A plugin that throws: in draw() an exception of a type of its own, in print() no exception at
// all.
#include <atelier/plugin.h>

namespace {

class OutOfPaint : public std::exception {
 public:
  const char* what() const noexcept override { return "out of paint"; }
};

class Throws : public atelier::Plugin {
 public:
  explicit Throws(atelier::Room& room) : room_(room) {
    changes_ = room.raw_collection("note")->on_change(
        [](const atelier::RawChange&) { throw OutOfPaint(); });
  }
  void draw() override { throw OutOfPaint(); }
  void print(atelier::Console&) override { throw 42; }
  bool type(std::string_view) override {
    room_.raw_collection("note")->write("message:not-mine", [](std::string_view) { return "{}"; });
    return true;
  }

 private:
  atelier::Room& room_;
  atelier::Subscription changes_;
};

}  // namespace

ATELIER_PLUGIN(Throws, "throws-in-draw", "Throws", "Fails while it draws", "1", "note")
