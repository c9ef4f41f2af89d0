// A person's name in a room's documents: where it stands, and taking it out. A document carries a
// name when one of its string values, at any depth, is exactly that name, in whatever leaf. What
// stands inside longer texts, in ids, in names of members or of attachments is told, and left
// alone.
//
// Invariants
//   1. Taking out adds a child to each leaf that carries the name, so that no conflict comes back
//   with
//      it; a tombstone gets a tombstone. A leaf that is read and changed by somebody meanwhile is
//      read again.
//   2. A room from which a name was taken is marked first (erasing(), store/care.h): after a kill
//   the
//      next run goes on, and finish_removal() drops what the old revisions said.
//   3. Every call is bounded: `next` is where the following one begins.
// Thread rule: any thread. What removes waits for the store's writer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "store/store.h"

namespace atelier::server {

struct NamePlaces {
  std::uint64_t values = 0;    // string values that are the name
  std::uint64_t mentions = 0;  // texts, ids and names of members in which it is a word, in any case
  bool any() const { return values + mentions > 0; }
};

/// In a JSON text in normal form.
NamePlaces places_of_name(std::string_view json, std::string_view name);
/// Whether the name is a word of the text; cases of ASCII letters count as equal.
bool mentions_name(std::string_view text, std::string_view name);
/// The text with `replacement` in the place of each value that is the name.
std::string without_name(std::string_view json, std::string_view name,
                         std::string_view replacement);

struct NamedLeaf {
  std::string id;
  RevId rev;
  bool deleted = false;
  NamePlaces places;
};
struct NamedPage {
  std::vector<NamedLeaf> leaves;  // that carry or mention the name, by id
  std::vector<std::string>
      edited;                 // ids of all that were changed once: they may have old revisions
  std::uint64_t evicted = 0;  // leaves whose body is not here
  std::optional<std::string> next;  // the id to go on from; none: that was all
};
/// Errors: those of reading.
Result<NamedPage> find_named(const Store& store, std::string_view name, const std::string& from);

struct NameRemoval {
  std::string name, replacement;
};
struct RemovedPage {
  std::uint64_t documents = 0, revisions = 0;  // that were changed
  std::uint64_t old =
      0;  // documents of which only old revisions carry it: finish_removal() drops them
  struct Left {
    std::string id, reason;
  };
  std::vector<Left> left;              // that carry the name still
  std::vector<std::string> mentioned;  // ids of documents that mention it still
  std::uint64_t evicted = 0;
  std::optional<std::string> next;
};
/// Takes the name out of a part of the room. Design documents and `access:rules` are left: what a
/// name means there cannot be told. In `access:mode` it leaves the list. Errors: those of reading,
/// and of marking the room; a document that cannot be written is in `left`.
Result<RemovedPage> remove_named(Store& store, const NameRemoval& removal, const std::string& from);

/// Marks the store as one in which something is taken out, before it is.
Status begin_removal(const Store& store);

/// Documents that do not replicate: of the person's own ones (their replicators' checkpoints) and
/// of what is in quarantine with the name in its body, which stays upstream. Returns how many
/// changed.
Result<std::uint64_t> remove_from_locals(Store& store, const std::string& name);

/// Makes indexes of words anew and drops the bodies of old revisions, where something was taken
/// out. False: it is not done yet, call again after a while. Afterwards the file is written anew
/// when the store is closed. Errors: those of the store.
Result<bool> finish_removal(Store& store);

}  // namespace atelier::server
