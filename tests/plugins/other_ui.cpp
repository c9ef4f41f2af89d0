// A plugin that was built against another ImGui.
#define ATELIER_UI_FINGERPRINT "imgui-0.1"
#include <atelier/plugin.h>

namespace {
class OtherUi : public atelier::Plugin {
 public:
  explicit OtherUi(atelier::Room&) {}
  void draw() override {}
};
}  // namespace

ATELIER_PLUGIN(OtherUi, "other-ui", "Other", "Drawn with something else", "1", "note")
