// A plugin that reaches for documents of another.
#include <atelier/plugin.h>

namespace {
class Reaches : public atelier::Plugin {
 public:
  explicit Reaches(atelier::Room& room) { room.raw_collection("message"); }
  void draw() override {}
};
}  // namespace

ATELIER_PLUGIN(Reaches, "undeclared-prefix", "Reaches", "Wants another's documents", "1", "note")
