// Writes documents with their attachments to a database behind HTTP, and finds out which of them
// the server refuses. Thread rule: as Peer.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "http/http_session.h"
#include "replication/peer.h"

namespace atelier {

enum class ServerKind { kUnknown, kCouch, kAtelier, kOther };

class HttpUpload {
 public:
  /// `kind` asks what the server is, when that matters; `timeout_ms` is of a single read.
  HttpUpload(HttpSession& session, std::function<ServerKind()> kind, int timeout_ms)
      : session_(session), kind_(std::move(kind)), timeout_ms_(timeout_ms) {}

  /// Peer::write().
  Result<std::vector<Rejection>> write(std::span<const WireDocument> documents, Peer& source);

 private:
  /// A document that goes into a `_bulk_docs`; `data` are its attachments' bytes by name.
  struct Outgoing {
    const WireDocument* document = nullptr;
    std::map<std::string, std::string> data;
  };
  /// What became of the documents of one write().
  struct Outcome {
    std::vector<Rejection> rejected;
    std::size_t written = 0;
    std::vector<Rejection> broke_server;  // alone, each made the server answer 500
  };

  Status write_bulk(std::span<const Outgoing> documents, Outcome& outcome);
  Status split_bulk(std::span<const Outgoing> documents, const Error& error, Outcome& outcome);
  Status write_attached(const WireDocument& document, Peer& source, Outcome& outcome);
  Status write_inline(const WireDocument& document, Peer& source, Outcome& outcome);
  Result<Outgoing> inlined(const WireDocument& document, Peer& source) const;
  Result<HttpReply> put_multipart(const WireDocument& document, Peer& source);

  HttpSession& session_;
  const std::function<ServerKind()> kind_;
  const int timeout_ms_;
  bool no_multipart_ = false;
};

/// The path of a document below its database's.
std::string document_path(std::string_view id);

}  // namespace atelier
