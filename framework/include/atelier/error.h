// The one error type and the one way to return it. Thread rule: values, no shared state.
//
// Errors describe the world (input, disk, network); assertions describe our own bugs and are never
// reachable from input. Conflict and not-found are ordinary values of this type.
#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace atelier {

enum class ErrorCode {
  kInvalid,       // malformed input; the message says what and where
  kNotFound,      // no such document, revision, database, file
  kConflict,      // the revision given is not the one to be changed
  kForbidden,     // known who asks, and it may not
  kUnauthorized,  // credentials missing, wrong or expired
  kTooLarge,      // a named limit was exceeded
  kExists,        // what should be created is there already
  kBusy,          // held by another process
  kUnsupported,   // understood, and refused on purpose
  kRateLimited,   // the other side asks for fewer requests
  kUnavailable,   // the other side is not reachable or not able right now: retry later
  kTimeout,       // no answer within the stated time
  kCancelled,     // stopped on our own request
  kPeerChanged,   // the database behind the address is not the one that was there before
  kDisk,          // the operating system refused to read or write
  kFull,          // disk or map full
  kCorrupt,       // stored data contradicts itself
  kInternal,      // our own bug, reported and survived
  kEvicted,       // known here, but its bytes were dropped to save room: they can come back
};

/// The code's name in words without spaces ("not_found"), for logs and JSON.
inline std::string_view error_code_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalid: return "invalid";
    case ErrorCode::kNotFound: return "not_found";
    case ErrorCode::kConflict: return "conflict";
    case ErrorCode::kForbidden: return "forbidden";
    case ErrorCode::kUnauthorized: return "unauthorized";
    case ErrorCode::kTooLarge: return "too_large";
    case ErrorCode::kExists: return "exists";
    case ErrorCode::kBusy: return "busy";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kRateLimited: return "rate_limited";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kPeerChanged: return "peer_changed";
    case ErrorCode::kDisk: return "disk";
    case ErrorCode::kFull: return "full";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kInternal: return "internal";
    case ErrorCode::kEvicted: return "evicted";
  }
  return "unknown";
}

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string message;     // one sentence for people: what and where; never a secret
  int http_status = 0;     // the status another server answered with; 0 when there was none
  int retry_after_ms = 0;  // how long the other side asked us to wait; 0 when it did not

  Error() = default;
  Error(ErrorCode error_code, std::string text) : code(error_code), message(std::move(text)) {}
};

inline Error invalid(std::string text) { return {ErrorCode::kInvalid, std::move(text)}; }
inline Error not_found(std::string text) { return {ErrorCode::kNotFound, std::move(text)}; }

/// Thrown only when value() is called on a failed Result, which is a bug of the caller.
class BadResultAccess : public std::logic_error {
 public:
  explicit BadResultAccess(const Error& error) : std::logic_error(error.message) {}
};

[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw BadResultAccess(error);
}

/// Either a T or an Error. Test with `if (!result)`, read with `*result` and `result.error()`.
template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

inline Status ok() { return {}; }

}  // namespace atelier

#define ATELIER_CONCAT_(a, b) a##b
#define ATELIER_CONCAT(a, b) ATELIER_CONCAT_(a, b)

/// Returns the error of `expression` from the enclosing function, if it has one.
#define ATELIER_CHECK(expression)                                 \
  if (auto ATELIER_CONCAT(status_, __LINE__) = (expression);      \
      !ATELIER_CONCAT(status_, __LINE__))                         \
  return ::std::move(ATELIER_CONCAT(status_, __LINE__)).error()

/// Declares `name` as the value of `expression`, or returns its error from the enclosing function.
#define ATELIER_TRY(name, expression)                                                       \
  auto ATELIER_CONCAT(result_, __LINE__) = (expression);                                    \
  if (!ATELIER_CONCAT(result_, __LINE__)) return ::std::move(ATELIER_CONCAT(result_, __LINE__)).error(); \
  auto name = ::std::move(*ATELIER_CONCAT(result_, __LINE__))
