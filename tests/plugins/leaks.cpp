// A plugin that forgets to clean up: its subscription and its collection are never destroyed, and
// an edit that must run again waits in the queue.
#include <atelier/plugin.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ATELIER_LEAKS_ARE_SEEN
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(ATELIER_LEAKS_ARE_SEEN)
#include <sanitizer/lsan_interface.h>
using LeaksOnPurpose = __lsan::ScopedDisabler;
#else
struct LeaksOnPurpose {
  LeaksOnPurpose() {}
};
#endif

namespace {
class Leaks : public atelier::Plugin {
 public:
  explicit Leaks(atelier::Room& room) {
    const LeaksOnPurpose on_purpose;
    static std::shared_ptr<atelier::RawCollection>* notes = nullptr;
    notes = new std::shared_ptr<atelier::RawCollection>(room.raw_collection("note"));
    new atelier::Subscription((*notes)->on_change([](const atelier::RawChange& change) {
      if (!change.deleted) ++heard;
    }));
    (*notes)->write("note:leaked", [](std::string_view) { return R"({"text":"last words"})"; });
  }
  void draw() override {}

 private:
  static inline int heard = 0;
};
}  // namespace

ATELIER_PLUGIN(Leaks, "leaks", "Leaks", "Leaves things behind", "1", "note")
