// A text's operations as documents: their ids, their bodies, and which operations they hold.
// docs/formats/text.md has the format. Thread rule: pure functions and values.
//
//   id   = prefix ":" key ":" agent ":" begin "-" end      begin, end: ten digits
//   body = {"v":1,"ops":"<base64 of a batch>"}
//
//   coedit-text:0hfk3z9q1x2a7:8c1vj5…:0000000000-0000000042
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/text_doc.h"

namespace atelier {

/// Operations [begin, end) of an agent.
struct TextRange {
  std::string agent;
  std::uint32_t begin = 0, end = 0;
};

/// `text_prefix` is "<prefix>:<key>:".
std::string text_document_id(std::string_view text_prefix, const TextRange& range);
/// What the rest of an id behind `text_prefix` says. Errors: kInvalid with the reason.
Result<TextRange> parse_text_document_id(std::string_view rest);

std::string text_document_body(std::string_view batch);
/// The batch in a body (normal form), checked against the range in the id. Errors: kInvalid.
Result<std::string> parse_text_document(const TextRange& range, std::string_view body);

/// Which operations are held: of each agent some ranges, nearly always one from 0 on.
class HeldOperations {
 public:
  void add(const TextRange& range);
  void remove(const TextRange& range);
  bool holds(const TextRange& range) const;
  /// How many of the agent's first operations are all held.
  std::uint32_t first_missing(std::string_view agent) const;
  /// What of the agent's first `known` operations is not held.
  std::vector<TextRange> missing(std::string_view agent, std::uint32_t known) const;

 private:
  using Ranges = std::map<std::uint32_t, std::uint32_t>;  // begin -> end, apart from each other
  std::map<std::string, Ranges, std::less<>> ranges_;
};

/// A batch on its way into a text.
struct ArrivedBatch {
  std::string id;  // of its document
  TextRange range;
  std::string bytes;
};

/// Brings batches into an order in which each comes after those that it follows, as far as these
/// are among them: merged so, however many there are, none has to wait.
void order_by_parents(std::vector<ArrivedBatch>& batches);

}  // namespace atelier
