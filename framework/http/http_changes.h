// `_changes` over HTTP: what is asked, how a filter is said to a server, what the answer means, and
// a page fetched ahead on a connection of its own. Thread rule: functions are pure; ReadAhead is
// used by one thread, cancel() and connections() by any.
#pragma once

#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/http_session.h"
#include "replication/peer.h"

namespace atelier {

/// How filters are said: to CouchDB's kind of server, to ours, or not at all.
struct FilterSpeech {
  bool foreign = true;   // not our server
  bool unknown = false;  // the server refused the filter before
};

struct ChangesRequest {
  std::string path;  // below the database's
  HttpClient::Request http;
  bool filtered = false;  // the server is asked to apply the whole filter
};

ChangesRequest changes_request(const ChangesQuery& query, bool inline_documents,
                               const FilterSpeech& speech);

/// Whether an error says that the server does not have the filter that was asked for.
bool is_unknown_filter(const Error& error);

struct ParsedChanges {
  ChangesPage page;
  std::size_t rows = 0;   // of the answer
  std::size_t whole = 0;  // of them, that came with all of the document
};

/// Errors: kInvalid with what is not understood.
Result<ParsedChanges> parse_changes(const std::string& body, const ChangesQuery& query,
                                    bool filtered);

/// A second connection that fetches one page while the first one's user works on the last. What it
/// fetched is only used for the very query that was announced.
class ReadAhead {
 public:
  struct Early {
    Result<ParsedChanges> page;
    std::string identity;  // of the database that answered
  };

  ReadAhead(DatabaseUrl url, int connect_timeout_ms);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;

  void begin(const ChangesQuery& query, ChangesRequest request);
  /// What was fetched for `query`, waiting for it if need be; nullopt when nothing or something
  /// else was announced, or when it failed in a way that another try may mend.
  std::optional<Early> take(const ChangesQuery& query);
  void cancel();
  std::uint64_t connections() const;

 private:
  const DatabaseUrl url_;
  const int connect_timeout_ms_;
  ChangesQuery query_;
  std::future<Early> pending_;

  mutable std::mutex mutex_;
  std::shared_ptr<HttpSession> session_;  // guarded by mutex_; made at the first use
  bool cancelled_ = false;                // guarded by mutex_
};

}  // namespace atelier
