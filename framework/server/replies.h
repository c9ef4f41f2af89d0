// Answers in CouchDB's words. Thread rule: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "server/http_message.h"

namespace atelier::server {

/// A failure as CouchDB tells it: status, `error`, `reason`.
struct Failure {
  int status = 500;
  std::string error;
  std::string reason;
};

inline constexpr std::string_view kBytesAwayReason =
    "The bytes of an attachment were left behind and are not here now.";
/// The bytes of an attachment are not here now: whoever asked should come again.
Response bytes_are_away();
Response json_reply(int status, std::string json);
/// {"error":…,"reason":…}
Response error_reply(int status, std::string_view error, std::string_view reason);
Response error_reply(const Failure& failure);
Response ok_reply(int status = 200);

/// What an error of a store or a parser is to a client. The status is mapped here and nowhere else.
Failure failure_of(const Error& error);
Response error_reply(const Error& error);

Response bad_request(std::string_view reason);
Response missing(std::string_view reason = "missing");
Response conflict();
Response not_implemented(std::string_view reason);
Response method_not_allowed(std::string_view allowed);
Response not_a_server_admin();

/// {"error":…,"reason":…} as text, for a row of an answer.
std::string failure_members(const Failure& failure);

}  // namespace atelier::server
