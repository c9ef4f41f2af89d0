// A plugin that the system cannot unload: a thread_local object with a destructor pins it.
#include <atelier/plugin.h>

namespace {

struct Pin {
  ~Pin() { text.clear(); }
  std::string text;
};
thread_local Pin pin;

class Stays : public atelier::Plugin {
 public:
  explicit Stays(atelier::Room& room) { pin.text = room.title(); }
  void draw() override {}
};

}  // namespace

ATELIER_PLUGIN(Stays, "stays-mapped", "Stays", "Cannot be unloaded", "1", "note")
