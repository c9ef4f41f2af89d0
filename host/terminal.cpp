#include "terminal.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include "base/room_name.h"
#include "care_commands.h"
#include "http/http_peer.h"
#include "stopper.h"
#include "window/status_words.h"

namespace atelier::host {
namespace {

constexpr int kIdleMs = 60'000;         // everything that matters wakes us; this is for lost clocks
constexpr int kSendBeforeEndMs = 2'000;  // what was typed last should reach the others

// Lines from the reader's thread, and wakes from anywhere. Shared, because the reader may outlive us:
// nothing can interrupt a read of standard input.
struct Inbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::string> lines;
  bool ended = false;
  bool woken = false;

  void wake() {
    {
      const std::scoped_lock lock(mutex);
      woken = true;
    }
    changed.notify_all();
  }
  void wait(int timeout_ms) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                     [this] { return woken || ended || !lines.empty(); });
    woken = false;
  }
  std::optional<std::string> take() {
    const std::scoped_lock lock(mutex);
    if (lines.empty()) return std::nullopt;
    std::string line = std::move(lines.front());
    lines.pop_front();
    return line;
  }
  bool is_ended() {
    const std::scoped_lock lock(mutex);
    return ended && lines.empty();
  }
};

void read_lines(std::shared_ptr<Inbox> inbox, std::istream& in) {
  for (std::string line; std::getline(in, line);) {
    const std::scoped_lock lock(inbox->mutex);
    inbox->lines.push_back(std::move(line));
    inbox->changed.notify_all();
  }
  const std::scoped_lock lock(inbox->mutex);
  inbox->ended = true;
  inbox->changed.notify_all();
}

class StreamConsole final : public Console {
 public:
  explicit StreamConsole(std::ostream& out) : out_(out) {}
  void print(std::string_view line) override { out_ << line << std::endl; }

 private:
  std::ostream& out_;
};

// The terminal's session, cut along what it does in one turn of the loop.
class Terminal {
 public:
  Terminal(HostRoom& open, std::shared_ptr<Inbox> inbox, std::ostream& out, std::ostream& err)
      : open_(open), inbox_(std::move(inbox)), console_(out), err_(err) {}

  bool turn() {
    deliver();
    while (auto line = inbox_->take()) {
      if (*line == "/quit") return false;
      type(*line);
      deliver();
    }
    return !inbox_->is_ended() && !stop_requested();
  }

  // Gives what was typed last a moment to be written and sent.
  void finish() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(kSendBeforeEndMs);
    while (std::chrono::steady_clock::now() < end) {
      deliver();
      const auto status = open_.room().sync_status();
      if (open_.room().idle() && (status.state != SyncState::kLive || status.waiting == 0)) return;
      inbox_->wait(50);
    }
  }

 private:
  void deliver() {
    open_.update();
    while (open_.room().pump()) {
    }
    tell(open_.running()->print(console_));
    say_status();
  }
  void type(const std::string& line) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) return;
    const auto used = open_.running()->type(line);
    if (!used) tell(used.error());
    else if (!*used) err_ << "-- this plugin has no use for lines" << std::endl;
  }
  void tell(const Status& status) {
    if (!status) err_ << "-- the plugin failed: " << status.error().message << std::endl;
  }
  void say_status() {
    const SyncStatus status = open_.room().sync_status();
    std::string words = status_in_words(status, open_.serving(), open_.address()).words;
    if (!status.notice.empty()) words += "; " + status.notice;
    if (words != said_) err_ << "-- " << words << std::endl;
    said_ = std::move(words);
    const bool well = status.state == SyncState::kLive || status.state == SyncState::kCatchingUp;
    const std::string problem = well ? std::string() : status.last_error;
    const char* kind = status.state == SyncState::kEnded ? "-- " : "-- Last problem: ";
    if (!problem.empty() && problem != problem_) err_ << kind << problem << std::endl;
    const bool ended = !problem.empty() && problem != problem_ && status.state == SyncState::kEnded;
    if (ended) err_ << "-- Your copy is still on this computer. A window asks what becomes of it." << std::endl;
    if (well || !problem.empty()) problem_ = problem;
  }

  HostRoom& open_;
  std::shared_ptr<Inbox> inbox_;
  StreamConsole console_;
  std::ostream& err_;
  std::string said_, problem_;
};

std::string browser_page(const HostRoom& open, const std::string& database) {
  return open.address() + "/_www/browser-chat/?room=" + url_encode(database);
}

}  // namespace

int run_terminal(HostNode& host, const TerminalOptions& options, std::istream& in, std::ostream& out,
                 std::ostream& err) {
  // Before the room is opened, which takes the wake along.
  const auto inbox = std::make_shared<Inbox>();
  host.set_wake([inbox] { inbox->wake(); });
  auto opened = host.open_one(options.plugin, options.room, options.nickname);
  if (!opened) {
    err << "atelier: " << with_damage_advice(opened.error(), options.room).message << std::endl;
    return 1;
  }
  HostRoom& open = **opened;
  on_stop([inbox] { inbox->wake(); });
  host.wait_decided();
  open.update();
  if (options.explain_no_display)
    err << "-- There is no display, so this is the terminal (--no-window asks for it)." << std::endl;
  err << "-- Room " << options.room << " as " << options.nickname
      << ". Type a line and press Enter; /quit leaves." << std::endl;
  if (const auto database = database_name_of_title(options.room); database && host.has_pages())
    err << "-- In a browser: " << browser_page(open, *database) << std::endl;

  std::thread(read_lines, inbox, std::ref(in)).detach();
  Terminal terminal(open, inbox, out, err);
  while (terminal.turn()) inbox->wait(kIdleMs);
  terminal.finish();
  host.set_wake({});
  return 0;
}

}  // namespace atelier::host
