// Revision ids as CouchDB has them: `<generation>-<hash>`. Thread rule: values.
//
// CouchDB decodes hashes of exactly 32 hex digits to 16 bytes before it compares, and compares
// anything else as it stands. So does RevId: a hash is either a digest (16 bytes) or text, and two
// revisions are one when generation and bytes are equal, however they were spelled.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace atelier {

class RevId {
 public:
  using Digest = std::array<std::uint8_t, 16>;

  RevId() = default;  // generation 0: no revision
  RevId(std::uint64_t generation, const Digest& digest)
      : generation_(generation), digest_(digest) {}

  /// Errors: kInvalid with CouchDB's reason ("Invalid rev format"). Accepts what CouchDB accepts:
  /// `<number>-<anything>`, up to kRevisionBytesMax. Generation 0 (local documents) is legal here.
  static Result<RevId> parse(std::string_view text);
  /// As `_revisions` gives it: generation and hash apart.
  static Result<RevId> from_parts(std::uint64_t generation, std::string_view hash);

  std::uint64_t generation() const { return generation_; }
  bool is_digest() const { return text_.empty(); }
  const Digest& digest() const { return digest_; }
  /// The hash as it is shown: 32 lowercase hex digits, or the text.
  std::string hash() const;
  std::string to_string() const;
  explicit operator bool() const { return generation_ != 0; }

  friend bool operator==(const RevId& a, const RevId& b) { return (a <=> b) == 0; }
  /// By generation, then by the bytes of the hash: the order that decides winners.
  friend std::strong_ordering operator<=>(const RevId& a, const RevId& b);

 private:
  std::string_view bytes() const;

  std::uint64_t generation_ = 0;
  Digest digest_{};   // meaningful when text_ is empty
  std::string text_;  // a hash that is not 32 hex digits
};

/// What a revision's digest is computed over: our own edits (docs/formats/revision.md).
struct RevisionInput {
  bool deleted = false;
  RevId parent;                  // generation 0 for a first revision
  std::string_view body;         // normal form
  std::string_view attachments;  // canonical list, empty when there are none
};
/// 128 bits of SHA-256; the same edit made twice is one revision.
RevId make_revision(const RevisionInput& input);

}  // namespace atelier
