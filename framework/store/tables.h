// The tables of a store's environment. docs/formats/store.md describes each. Thread rule: a value,
// constant once the store is open.
#pragma once

#include "base/limits.h"
#include "store/id_table.h"

namespace atelier {

struct Tables {
  MDB_dbi meta = 0;
  IdTables docs;          // id -> DocRow
  MDB_dbi sequences = 0;  // number -> SequenceRow
  MDB_dbi bodies = 0;     // number -> BodyRow
  MDB_dbi blobs = 0;      // SHA-256 -> BlobRow
  MDB_dbi chunks = 0;     // blob number, chunk number -> bytes
  MDB_dbi staging = 0;    // blobs that no document refers to, yet or any more
  MDB_dbi locals = 0;
  MDB_dbi properties = 0;
  MDB_dbi lineages = 0;                    // first sequence -> name of a run
  MDB_dbi indexes = 0;                     // number -> definition of an index
  IdTables values{0, 0, kValueLevelsMax};  // index, values of a document, its id -> check
  MDB_dbi words = 0;      // index, segment, word, sequence -> words with their postings
  MDB_dbi segments = 0;   // index, segment -> what it is
  MDB_dbi expiries = 0;   // when documents expire, and of which there is such a time
  MDB_dbi times = 0;      // first sequence of some minutes -> milliseconds since 1970
  MDB_dbi forgotten = 0;  // hashes of revisions whose tombstones were let go

  std::vector<MDB_dbi> all() const {
    return {meta,    docs.ids, docs.fragments, sequences, bodies,   blobs,      chunks,
            staging, locals,   properties,     lineages,  indexes,  values.ids, values.fragments,
            words,   segments, expiries,       times,     forgotten};
  }
};
inline constexpr unsigned kTablesMax = 32;  // 19 now

}  // namespace atelier
