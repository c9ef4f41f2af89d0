// Goal: whoever says something never waits, and what is lost is told. Method: a stream that takes nothing
// until it is let.
#include "line_writer.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <sstream>
#include <streambuf>

namespace atelier::host {
namespace {

/// A terminal that was stopped: what is flushed waits until open().
class Gate final : public std::stringbuf {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void await_somebody() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return waits_; });
  }

 private:
  int sync() override {
    std::unique_lock lock(mutex_);
    waits_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
    return std::stringbuf::sync();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false, waits_ = false;
};

TEST(LineWriter, WritesInOrderAndAllOfItBeforeItEnds) {
  std::ostringstream out;
  std::string wanted;
  {
    LineWriter writer(out);
    for (int i = 0; i < 1'000; ++i) {
      writer.write(std::to_string(i));
      wanted += std::to_string(i) + '\n';
    }
  }
  EXPECT_EQ(out.str(), wanted);
}

TEST(LineWriter, NobodyWaitsForAFullPipeAndWhatIsLostIsCounted) {
  Gate gate;
  std::ostream out(&gate);
  {
    LineWriter writer(out, 3);
    writer.write("first");
    gate.await_somebody();
    for (int i = 0; i < 10; ++i) writer.write(std::to_string(i));  // would wait for ever
    gate.open();
  }
  EXPECT_EQ(gate.str(), "first\n0\n1\n2\n{\"dropped\":7}\n");
}

}  // namespace
}  // namespace atelier::host
