// A plugin that calls a function which no library has.
#include <atelier/plugin.h>

void a_function_that_nobody_wrote();

namespace {
class Missing : public atelier::Plugin {
 public:
  explicit Missing(atelier::Room&) { a_function_that_nobody_wrote(); }
  void draw() override {}
};
}  // namespace

ATELIER_PLUGIN(Missing, "missing-symbol", "Missing", "Calls what is not there", "1", "note")
