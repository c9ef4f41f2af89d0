#include "line_writer.h"

#include <ostream>
#include <utility>

namespace atelier::host {

LineWriter::LineWriter(std::ostream& out, std::size_t lines_max)
    : out_(out), lines_max_(lines_max), thread_([this] { run(); }) {}

LineWriter::~LineWriter() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void LineWriter::write(std::string line) {
  {
    const std::scoped_lock lock(mutex_);
    if (lines_.size() >= lines_max_) {
      ++dropped_;
      return;
    }
    lines_.push_back(std::move(line));
  }
  changed_.notify_one();
}

void LineWriter::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !lines_.empty(); });
    if (lines_.empty()) return;
    const std::deque<std::string> lines = std::exchange(lines_, {});
    const std::uint64_t dropped = std::exchange(dropped_, 0);
    lock.unlock();
    for (const std::string& line : lines) out_ << line << '\n';
    if (dropped != 0) out_ << "{\"dropped\":" << dropped << "}\n";
    out_.flush();
    lock.lock();
  }
}

}  // namespace atelier::host
