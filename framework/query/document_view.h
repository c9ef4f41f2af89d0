// A document as selectors and rules see it. Thread rule: a value; it lives no longer than its
// texts.
#pragma once

#include <string_view>

namespace atelier::query {

/// One revision of a document. Its fields are those of `body` and the pseudo fields `_id`, `_rev`,
/// `_deleted` (there only when it is true) and `_attachments` (there only when it is not empty).
struct DocumentView {
  std::string_view id;
  std::string_view rev;  // "3-917f…"; may be empty where nobody asks for `_rev`
  bool deleted = false;
  std::string_view body = "{}";  // an object in normal form, without `_` members
  std::string_view attachments;  // the object `_attachments` in normal form, or empty
};

}  // namespace atelier::query
