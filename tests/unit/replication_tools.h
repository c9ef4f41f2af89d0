// What the tests of replication share: stores in temporary folders, a picture of what a store
// holds, and peers that lie. Thread rule: none is shared between threads unless it says so.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "replication/local_peer.h"
#include "replication/replicator.h"
#include "store/store.h"

namespace atelier::testing {

/// A folder that goes away with its last user.
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
  const std::filesystem::path& path() const { return path_; }

 private:
  const std::filesystem::path path_;
};

inline std::shared_ptr<Store> open_store(const std::filesystem::path& path) {
  StoreOptions options;
  options.map_bytes = std::size_t{64} << 20;
  auto store = Store::open(path, options);
  EXPECT_TRUE(store) << (store ? "" : store.error().message);
  return store ? *store : nullptr;
}

/// A local edit on top of the winner, if there is one.
inline RevId edit(Store& store, const std::string& id, const std::string& body,
                  bool deleted = false) {
  DocumentWrite write;
  write.id = id;
  write.body = body;
  write.deleted = deleted;
  if (const auto winner = store.get(id)) write.parent = winner->rev;
  auto rev = store.write_one(std::move(write));
  EXPECT_TRUE(rev) << id << ": " << (rev ? "" : rev.error().message);
  return rev ? *rev : RevId();
}

/// A replicated revision, by the text of its history (newest first).
inline void plant(Store& store, const std::string& id, const std::vector<std::string>& history,
                  const std::string& body, bool deleted = false) {
  DocumentWrite write;
  write.id = id;
  write.body = body;
  write.deleted = deleted;
  for (const std::string& rev : history) write.history.push_back(*RevId::parse(rev));
  const auto results = store.write({write});
  ASSERT_EQ(results.size(), 1u);
  ASSERT_TRUE(results[0].rev) << results[0].rev.error().message;
}

/// Every leaf of every document with what it says.
inline std::map<std::string, std::string> contents(Store& store) {
  std::vector<std::string> ids;
  EXPECT_TRUE(store.changes(0, SIZE_MAX, [&](const ChangeRow& row) {
    ids.push_back(row.id);
    return true;
  }));
  std::map<std::string, std::string> all;
  for (const std::string& id : ids) {
    for (const auto& leaf : store.open_revs(id, {}, false)) {
      EXPECT_TRUE(leaf) << id;
      if (!leaf) continue;
      std::string text = (leaf->deleted ? "deleted " : "") + leaf->body;
      for (const Attachment& attachment : leaf->attachments) {
        text += " " + attachment.name + "=" + attachment.digest;
      }
      all[id + " " + leaf->rev.to_string()] = text;
    }
  }
  return all;
}

/// Passes everything on. The base of the peers that lie.
class PeerWrapper : public Peer {
 public:
  explicit PeerWrapper(std::unique_ptr<Peer> inner) : inner_(std::move(inner)) {}
  Result<PeerInfo> info() override { return inner_->info(); }
  Result<ChangesPage> changes(const ChangesQuery& query) override { return inner_->changes(query); }
  Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override {
    return inner_->revs_diff(offered);
  }
  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override {
    return inner_->fetch(wanted);
  }
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    return inner_->write(documents, source);
  }
  Status read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                         const std::function<bool(std::string_view)>& fn) override {
    return inner_->read_attachment(id, rev, name, fn);
  }
  Result<std::optional<std::string>> get_local(const std::string& id) override {
    return inner_->get_local(id);
  }
  Status put_local(const std::string& id, const std::string& json) override {
    return inner_->put_local(id, json);
  }
  std::uint64_t connection_epoch() const override { return inner_->connection_epoch(); }
  void cancel() override { inner_->cancel(); }
  bool is_local() const override { return inner_->is_local(); }

 protected:
  std::unique_ptr<Peer> inner_;
};

/// Counts, and says that it is far away.
class CountingPeer : public PeerWrapper {
 public:
  explicit CountingPeer(std::shared_ptr<Store> store)
      : PeerWrapper(make_local_peer(std::move(store))) {}
  Result<DiffAnswer> revs_diff(std::span<const RevisionRequest> offered) override {
    ++revs_diffs;
    return PeerWrapper::revs_diff(offered);
  }
  Result<std::vector<WireDocument>> fetch(std::span<const RevisionRequest> wanted) override {
    for (const auto& request : wanted) fetched += request.revs.size();
    return PeerWrapper::fetch(wanted);
  }
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents,
                                       Peer& source) override {
    written += documents.size();
    return PeerWrapper::write(documents, source);
  }
  Status read_attachment(const std::string& id, const RevId& rev, const std::string& name,
                         const std::function<bool(std::string_view)>& fn) override {
    ++attachments_read;
    return PeerWrapper::read_attachment(id, rev, name, fn);
  }
  Status put_local(const std::string& id, const std::string& json) override {
    ++checkpoints;
    return PeerWrapper::put_local(id, json);
  }
  bool is_local() const override { return false; }

  std::size_t revs_diffs = 0, fetched = 0, written = 0, attachments_read = 0, checkpoints = 0;
};

/// A clock that the test turns. Safe from any thread.
class TestClock : public Clock {
 public:
  std::int64_t wall_ms() const override { return wall_; }
  std::int64_t monotonic_ms() const override { return monotonic_; }
  void advance(std::int64_t ms) {
    wall_ += ms;
    monotonic_ += ms;
  }
  void sleep(std::int64_t ms) { wall_ += ms; }  // the machine sleeps: monotonic time stands still

 private:
  std::atomic<std::int64_t> wall_{1'700'000'000'000};
  std::atomic<std::int64_t> monotonic_{1'000'000};
};

}  // namespace atelier::testing
