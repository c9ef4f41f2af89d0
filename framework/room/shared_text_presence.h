// What the people in a text show of themselves while they write: where they are, and what they
// typed that no document holds yet.
//
//   {"caret":{"a":5,"p":9,"v":[["8c1vj5…",41]]},"tail":"<base64 of a batch>"}
//
// p and a are position and anchor in the text of the version v (the operations that no other one of
// it follows, by agent and sequence). Either member may be absent. Thread rule: pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "atelier/shared_text.h"
#include "text/text_doc.h"

namespace atelier {

struct TextPresence {
  std::optional<TextCaret> caret;
  TextVersion version;  // of the caret
  std::string tail;     // a batch, or empty
};

std::string encode_text_presence(const TextPresence& presence);
/// Takes what fits the form from a state in normal form and leaves out the rest.
TextPresence decode_text_presence(std::string_view state);

}  // namespace atelier
