// `_changes` over HTTP: what is asked, how a filter is said to a server, what the answer means, and
// a page fetched ahead. Thread rule: functions are pure; ReadAhead is used by one thread.
#pragma once

#include <functional>
#include <future>
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

/// A selector of `_find` for ids with one of these prefixes.
std::string prefix_selector(const std::vector<std::string>& prefixes);

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

/// An answer to `_changes` as it came, and what was asked.
struct FetchedChanges {
  ChangesQuery query;
  bool filtered = false;
  std::string body;
};

/// The query behind a page that was not parsed yet, when its end says that there is more: a guess
/// that may be fetched meanwhile, and that a strange answer may lead astray.
std::optional<ChangesQuery> query_behind(const FetchedChanges& page);

/// A page that is fetched while its user works on the one before, over the same connection: whoever
/// else needs that waits first. What was fetched is only used for the query that was announced, or
/// for one that would take more rows.
class ReadAhead {
 public:
  ReadAhead() = default;
  ~ReadAhead() { wait(); }
  ReadAhead(const ReadAhead&) = delete;

  void begin(const ChangesQuery& query, std::function<Result<FetchedChanges>()> fetch);
  /// Until the connection is free.
  void wait() const;
  /// Whether what is fetched, or was, is of use for `query`.
  bool serves(const ChangesQuery& query) const;
  /// What was fetched for `query`; nullopt when nothing or something else was announced, or when it
  /// failed: another try says why.
  std::optional<FetchedChanges> take(const ChangesQuery& query);

 private:
  ChangesQuery query_;
  std::future<Result<FetchedChanges>> pending_;
};

}  // namespace atelier
