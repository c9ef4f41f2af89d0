// Merging concurrent edits of one document field by field, without the ancestor.
//
// Bodies of ancestors do not replicate, so a document carries who set each of its fields, in one
// member `~` that other clients ignore and copy:
//
//   stamps := { group: fields, … }            groups in byte order
//   group  := ["+"] time node                 "+": the field is as it was when the document was
//   made time   := 11 digits of base 36, microseconds, above every time that the writer saw in the
//   document node   := 1 to kStampNodeBytesMax of 0-9a-z fields := token *(" " token) by field
//   name, in byte order token  := digest name                     name with "%20" and "%25" for
//   space and percent digest := 4 of A-Za-z0-9-_ over the value (24 bits of FNV-1a), or "...." for
//   a removed field
//
//   {"x":3,"y":7,"~":{"+0hfk3z9q1x2a7":"pX1qx","0hfk3z9r000b2":"9_fEy"}}
//
// A field whose digest is not that of its value was changed by a client that knows nothing of this:
// it counts as newer than the stamp that it kept. A field without a stamp (such a client wrote the
// document anew) is above fields that nobody changed since the document was made, and below those
// that somebody did.
//
// Invariants
//   1. Each field of each leaf is an entry; entries of one field have a total order; merging takes
//   the
//      greatest. So merging is commutative, associative and idempotent.
//   2. The merged text is a function of the entries alone: nodes that merge the same leaves, in any
//      order and in any steps, write equal bytes, and so equal revisions.
// Thread rule: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace atelier {

/// The member that holds the stamps.
inline constexpr std::string_view kStampsMember = "~";

/// `after` with stamps for what differs from `before` (empty: the document is new). Both are bodies
/// in normal form; stamps in `after` are ignored, those of `before` are what counts. `now_us` is
/// the wall clock (a clock that is behind does no harm); `node` names who writes. Errors: kInvalid
/// when a body is no object or the node is not as above.
Result<std::string> stamp_edit(std::string_view before, std::string_view after,
                               std::uint64_t now_us, std::string_view node);

/// The leaves' bodies (normal form, none deleted) as one, its members in byte order. What no
/// program wrote can be an error of nobody: unreadable stamps count as none. Errors: kInvalid
/// without leaves, or when one is no object.
Result<std::string> merge_fields(std::span<const std::string> leaves);

/// Whether both merge to the same text. A resolver that finds its winner equal to the merged body
/// only deletes the other leaves: that is what ends the answering of each other's resolutions.
bool same_fields(std::string_view body, std::string_view other);

}  // namespace atelier
