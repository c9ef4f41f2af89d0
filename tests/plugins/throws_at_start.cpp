// A plugin whose constructor fails after it has subscribed.
#include <atelier/plugin.h>

namespace {
class Throws : public atelier::Plugin {
 public:
  explicit Throws(atelier::Room& room)
      : changes_(room.raw_collection("note")->on_change([](const atelier::RawChange&) {})) {
    throw std::runtime_error("no paint left");
  }
  void draw() override {}

 private:
  atelier::Subscription changes_;
};
}  // namespace

ATELIER_PLUGIN(Throws, "throws-at-start", "Throws", "Fails at once", "1", "note")
