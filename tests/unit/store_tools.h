// What the store's tests share: a folder that goes away, and short ways to write.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/digest.h"
#include "store/store.h"

namespace atelier::test {

class TempDir {
 public:
  TempDir() : path_(std::filesystem::temp_directory_path() / ("atelier-test-" + random_uuid())) {
    std::filesystem::create_directories(path_);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline DocumentWrite edit(std::string id, std::string body, std::optional<RevId> parent = {}) {
  DocumentWrite write;
  write.id = std::move(id);
  write.body = std::move(body);
  write.parent = std::move(parent);
  return write;
}

inline DocumentWrite tombstone(std::string id, RevId parent) {
  DocumentWrite write = edit(std::move(id), "{}", std::move(parent));
  write.deleted = true;
  return write;
}

inline RevId rev(const std::string& text) {
  const auto parsed = RevId::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : RevId();
}

/// `3-c` stands for 3-cccc… (32 digits).
inline RevId r(const std::string& text) {
  return rev(text.substr(0, text.size() - 1) + std::string(32, text.back()));
}

inline DocumentWrite replicated(std::string id, std::vector<RevId> history, std::string body,
                                bool deleted = false) {
  DocumentWrite write = edit(std::move(id), std::move(body));
  write.history = std::move(history);
  write.deleted = deleted;
  return write;
}

inline std::vector<std::string> ids(const Store& store, const ScanOptions& options = {}) {
  std::vector<std::string> found;
  const Status status = store.scan(options, [&](const DocumentView& view) {
    found.emplace_back(view.id);
    return true;
  });
  EXPECT_TRUE(status) << status.error().message;
  return found;
}

inline std::vector<ChangeRow> changes(const Store& store, std::uint64_t since = 0) {
  std::vector<ChangeRow> found;
  const Status status = store.changes(since, SIZE_MAX, [&](const ChangeRow& row) {
    found.push_back(row);
    return true;
  });
  EXPECT_TRUE(status) << status.error().message;
  return found;
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open(StoreOptions options = {}) {
    store_.reset();
    options.sync = false;  // what survives a power cut is tested elsewhere
    auto opened = Store::open(dir_.path() / "store", options);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = *opened;
  }
  RevId put(const std::string& id, const std::string& body, std::optional<RevId> parent = {}) {
    const auto written = store_->write_one(edit(id, body, std::move(parent)));
    EXPECT_TRUE(written) << written.error().message;
    return written ? *written : RevId();
  }
  void replicate(const std::string& id, std::vector<RevId> history, const std::string& body,
                 bool deleted = false) {
    const auto written = store_->write_one(replicated(id, std::move(history), body, deleted));
    EXPECT_TRUE(written) << written.error().message;
  }
  std::string body(const std::string& id, std::optional<RevId> of = {}) const {
    GetOptions options;
    options.rev = std::move(of);
    const auto document = store_->get(id, options);
    return document ? document->body : document.error().message;
  }

  TempDir dir_;
  std::shared_ptr<Store> store_;
};

}  // namespace atelier::test
