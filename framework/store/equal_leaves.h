// Conflicts that are none: the same edit made twice gets two revision ids where two programs name
// revisions by different schemes (CouchDB digests an Erlang term, PouchDB a JSON text, we a grammar
// of our own). Thread rule: any thread.
//
// Invariants
//   1. Of live leaves that say the same the best one stays: leaves are ordered in one way
//   everywhere.
//   2. The others end in a tombstone whose revision id depends on nothing but the leaf that it
//   ends.
//      Every node that sees the same leaves writes the same revisions: nobody answers anybody.
//   3. "The same" is equal bodies, numbers by value (CouchDB turns 1e3 into 1000.0), and the same
//      attachments by name, type and digest.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "store/document.h"

namespace atelier {

class Store;

/// The tombstones that merge the equal leaves of a document; empty when no two are equal.
std::vector<DocumentWrite> ends_of_equal_leaves(const Store& store, std::string_view id);

}  // namespace atelier
