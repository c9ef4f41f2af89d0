// What `_db_updates` tells: which databases were created, deleted and updated, in order, each at
// its last place. Kept in memory from when it is first asked for. Thread rule: the server's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "server/http_message.h"

namespace atelier::server {

class UpdateLog;

/// A body that waits for the log.
class UpdateFeed : public BodySource, public std::enable_shared_from_this<UpdateFeed> {
 public:
  bool is_feed() const override { return true; }
};

class UpdateLog {
 public:
  UpdateLog();

  void add(const std::string& name, std::string_view type);

  struct Row {
    std::uint64_t sequence = 0;
    std::string name;
    std::string_view type;  // "created", "updated", "deleted"
  };
  /// Rows after `since`, oldest first.
  std::vector<Row> after(std::uint64_t since, std::size_t limit) const;
  std::vector<Row> before(std::uint64_t upto, std::size_t limit) const;
  std::uint64_t last() const { return last_; }

  /// `<n>-<run>`; one of another run of the server is answered from 0. Errors: kInvalid.
  std::string text_of(std::uint64_t sequence) const;
  Result<std::uint64_t> parse(std::string_view text) const;

  /// wake() of the feed runs after the next row.
  void wait(std::weak_ptr<UpdateFeed> feed) { waiting_.push_back(std::move(feed)); }
  /// All feeds end: the server stops.
  void wake_all();

 private:
  const std::string run_;
  std::uint64_t last_ = 0;
  std::map<std::uint64_t, Row> rows_;
  std::map<std::string, std::uint64_t, std::less<>> place_;  // of each database in rows_
  std::vector<std::weak_ptr<UpdateFeed>> waiting_;
};

}  // namespace atelier::server
