// What the tests of rooms and plugins share: a folder that goes, a room over a store in it, and
// waiting for what pump() delivers. Thread rule: main thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "room/room_impl.h"
#include "store/store.h"

namespace atelier::testing {

class TempFolder {
 public:
  TempFolder() : path_(std::filesystem::temp_directory_path() / ("atelier-test-" + random_uuid())) {
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A store and a room over it, in a folder of their own.
class TestRoom {
 public:
  explicit TestRoom(const std::string& user = "ada") { open(user); }
  ~TestRoom() { close(); }
  TestRoom(const TestRoom&) = delete;
  TestRoom& operator=(const TestRoom&) = delete;

  LocalRoom& operator*() { return *room_; }
  LocalRoom* operator->() { return room_.get(); }
  Store& store() { return *store_; }
  std::shared_ptr<Store> shared_store() { return store_; }
  void close() {
    room_.reset();
    store_.reset();
  }
  void open(const std::string& user = "ada") {
    StoreOptions options;
    options.map_bytes = std::size_t{1} << 30;
    auto opened = Store::open(folder_.path() / "room", options);
    if (!opened) throw std::runtime_error(opened.error().message);
    store_ = *opened;
    room_ = open_room({.store = store_, .title = "Test", .user = {user}});
    room_->set_wake([this] {
      const std::scoped_lock lock(mutex_);
      woken_ = true;
      wake_.notify_all();
    });
  }

  /// Pumps, sleeping until woken, until `done` holds. False after ten seconds.
  bool pump_until(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (true) {
      while (room_->pump()) {
      }
      if (done()) return true;
      std::unique_lock lock(mutex_);
      if (!wake_.wait_until(lock, end, [this] { return woken_; })) return false;
      woken_ = false;
    }
  }
  bool pump_until_idle() {
    return pump_until([this] { return room_->idle(); });
  }

  /// A write by somebody else: behind the room's back.
  RevId write_foreign(const std::string& id, const std::string& body, bool deleted = false) {
    DocumentWrite write;
    write.id = id;
    write.body = body;
    write.deleted = deleted;
    if (auto current = store_->get(id)) write.parent = current->rev;
    auto rev = store_->write_one(std::move(write));
    if (!rev) throw std::runtime_error(id + ": " + rev.error().message);
    return *rev;
  }

 private:
  TempFolder folder_;
  std::shared_ptr<Store> store_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool woken_ = false;  // guarded by mutex_
  std::unique_ptr<LocalRoom> room_;
};

}  // namespace atelier::testing
