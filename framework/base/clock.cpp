#include "base/clock.h"

#include <chrono>

namespace atelier {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t wall_ms() const override {
    return count_ms(std::chrono::system_clock::now().time_since_epoch());
  }
  std::int64_t monotonic_ms() const override {
    return count_ms(std::chrono::steady_clock::now().time_since_epoch());
  }

 private:
  template <class Duration>
  static std::int64_t count_ms(Duration duration) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  }
};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

}  // namespace atelier
