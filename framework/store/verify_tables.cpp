// The checks of the tables, one function a table, and at the end their list.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <set>

#include "base/json_text.h"
#include "base/limits.h"
#include "revtree/varint.h"
#include "store/expiry_table.h"
#include "store/forgotten_table.h"
#include "store/format.h"
#include "store/verify_run.h"

namespace atelier {
namespace {

constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kLevelsMax = kIdBytesMax / kFragmentBytes + 1;

std::uint64_t number_of(std::string_view key) {
  std::uint64_t number = 0;
  if (key.size() == sizeof number) std::memcpy(&number, key.data(), sizeof number);
  return number;
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<std::uint8_t>(c);
  return number;
}

std::string_view bytes_of(const Sha256& blob) {
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

// An id in a sentence: short, and legible whatever it is made of.
std::string quoted(std::string_view id) {
  constexpr std::size_t kShown = 80;
  const bool all = id.size() <= kShown && json::is_utf8(id);
  return all ? "'" + std::string(id) + "'"
             : "'" + hex(id.substr(0, kShown / 2)) + "…' (" + std::to_string(id.size()) +
                   " bytes, in hexadecimal)";
}

// --- meta, properties, locals, lineages

void check_meta(VerifyRun& run) {
  const auto text = [&](std::string_view key) {
    auto value = run.find("meta", key);
    if (!value) run.found("meta: the row '" + std::string(key) + "' is missing");
    return value.value_or("");
  };
  const std::string label = text("format");
  if (const auto version = format::version_of(label); !label.empty() && !version) {
    run.found("meta: " + version.error().message);
  }
  if (const std::string uuid = text("uuid"); !uuid.empty() && (uuid.size() != 32 || !unhex(uuid))) {
    run.found("meta: the store's name is not 32 hexadecimal digits");
  }
  const std::string created = text("created");
  std::int64_t created_ms = 0;
  const auto [end, error] =
      std::from_chars(created.data(), created.data() + created.size(), created_ms);
  if (!created.empty() && (error != std::errc{} || end != created.data() + created.size())) {
    run.found("meta: the time of creation is no number");
  }
  if (const std::string kind = text("partitioned"); !kind.empty() && kind != "0" && kind != "1") {
    run.found("meta: 'partitioned' is neither 0 nor 1");
  }
  const std::string encoded = text("state");
  const auto state = record::decode_state(encoded);
  if (state)
    run.state = *state;
  else if (!encoded.empty())
    run.found("meta: " + state.error().message);
  if (state && state->revs_limit == 0) run.found("meta: the limit of revisions is 0");
}

void check_properties(VerifyRun& run) {
  run.each("properties", [&](std::string_view key, std::string_view value) {
    if (!record::decode_checked(key, value)) {
      run.found("properties: the value of " + quoted(key) + " is damaged");
    }
    return true;
  });
}

void check_locals(VerifyRun& run) {
  run.each("locals", [&](std::string_view key, std::string_view value) {
    const auto row = record::decode_checked(key, value);
    if (!row) {
      run.found("locals: the row of " + quoted(key) + " is damaged");
      return true;
    }
    bytes::Reader in(*row);
    const std::string_view id = in.text();
    const std::uint64_t rev = in.varint();
    std::string expected(id);
    if (id.size() >= kFragmentBytes) {
      const Sha256 sum = sha256(id);
      expected =
          std::string(id.substr(0, kFragmentBytes - sum.size())) + std::string(bytes_of(sum));
    }
    if (!in.ok() || rev == 0 || expected != key ||
        json::kind_of(in.rest()) != json::Kind::kObject) {
      run.found("locals: the row of " + quoted(key) + " is no local document of that id");
    }
    return true;
  });
}

void check_lineages(VerifyRun& run) {
  std::uint64_t count = 0;
  run.each("lineages", [&](std::string_view key, std::string_view value) {
    ++count;
    if (key.size() != kNumberBytes) run.found("lineages: a key is no number");
    if (value.empty()) run.found("lineages: a run has no name");
    if (number_of(key) > run.state.last_sequence + 1) {
      run.found("lineages: a run begins behind the last sequence");
    }
    return true;
  });
  if (count == 0) run.found("lineages: there is none");
}

// --- documents

struct DocumentCheck {
  VerifyRun& run;
  std::set<std::uint64_t> buckets;
  std::uint64_t fragment_rows = 0;

  void attachments(std::string_view encoded, const std::string& where) {
    const auto list = record::decode_attachments(encoded);
    if (!list) return run.found(where + ": its list of attachments is damaged");
    for (const Attachment& one : *list) {
      ++(one.evicted() ? run.left_behind : run.references[one.blob]);
    }
  }

  void tree(const std::string& where, const record::DocRow& row, const RevTree& tree) {
    const std::int32_t winner = tree.winner();
    const RevNode& best = tree.node(winner);
    if (best.rev != row.rev || best.deleted != row.deleted) {
      run.found(where + ": its row names another winner than its tree");
    }
    if ((tree.leaves().size() > 1) != row.many_leaves) {
      run.found(where + ": its row is wrong about conflicts");
    }
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(tree.nodes().size()); ++i) {
      const std::uint64_t handle = tree.node(i).body;
      if (handle == record::kInlineBody && i != winner) {
        run.found(where + ": a revision that is not the winner has the winner's body");
      }
      if (handle < record::kFirstBody) continue;
      run.bodies.push_back(handle);
      if (handle >= run.state.next_body) run.found(where + ": a body has a number from the future");
    }
  }

  void sequence(const std::string& where, std::string_view id, const record::DocRow& row) {
    const auto encoded = run.find("sequences", row.sequence);
    if (!encoded) {
      return run.found(where + ": sequence " + std::to_string(row.sequence) + " has no row");
    }
    record::SequenceRow change;
    if (!record::decode_sequence(row.sequence, *encoded, &change)) return;  // told at sequences
    if (change.id != id || change.rev != row.rev || change.deleted != row.deleted ||
        change.many_leaves != row.many_leaves) {
      run.found(where + ": sequence " + std::to_string(row.sequence) + " tells something else");
    }
  }

  void document(std::string_view id, std::string_view bytes) {
    ++run.documents;
    const std::string where = "docs: " + quoted(id);
    record::DocRow row;
    if (const Status read = record::decode_doc(id, bytes, &row); !read) {
      return run.found("docs: " + read.error().message);
    }
    if (row.deleted) ++run.deleted_documents;
    if (row.sequence == 0 || row.sequence > run.state.last_sequence) {
      run.found(where + ": its sequence is behind the last one");
    }
    const auto tree_read = record::tree_of(id, row);
    if (!tree_read) return run.found(where + ": " + tree_read.error().message);
    if (row.evicted != record::is_evicted(row.body) ||
        (row.evicted && !record::decode_evicted(row.body))) {
      run.found(where + ": its note of being evicted is damaged");
    }
    tree(where, row, *tree_read);
    attachments(row.attachments, where);
    sequence(where, id, row);
  }

  void bucket(const std::string& above, std::string_view value, std::size_t level) {
    if (value.size() != kNumberBytes || level > kLevelsMax) {
      return run.found("docs: a bucket of long ids has no number");
    }
    const std::string prefix(value);
    const std::uint64_t number = big_endian(prefix);
    if (!buckets.insert(number).second) {
      return run.found("fragments: bucket " + std::to_string(number) + " stands in two rows");
    }
    if (number >= run.state.next_bucket) {
      run.found("fragments: bucket " + std::to_string(number) + " has a number from the future");
    }
    std::uint64_t rows = 0;
    const auto row = [&](std::string_view key, std::string_view inner) {
      if (key.substr(0, kNumberBytes) != prefix) return false;
      ++rows;
      ++fragment_rows;
      entry(above, key.substr(kNumberBytes), inner, level + 1);
      return true;
    };
    run.each("fragments", row, prefix);
    if (rows == 0) run.found("fragments: bucket " + std::to_string(number) + " is empty");
  }

  void entry(const std::string& above, std::string_view part, std::string_view value,
             std::size_t level) {
    const std::string id = above + std::string(part);
    if (part.size() == kFragmentBytes)
      bucket(id, value, level);
    else if (part.size() < kFragmentBytes)
      document(id, value);
    else
      run.found("docs: a key is longer than any may be");
  }
};

void check_documents(VerifyRun& run) {
  DocumentCheck check{run, {}, 0};
  run.each("docs", [&](std::string_view key, std::string_view value) {
    check.entry("", key, value, 0);
    return true;
  });
  std::uint64_t fragments = 0;
  run.each("fragments", [&](std::string_view, std::string_view) {
    ++fragments;
    return true;
  });
  if (fragments != check.fragment_rows) {
    run.found("fragments: " + std::to_string(fragments) + " rows, but ids lead to " +
              std::to_string(check.fragment_rows));
  }
  const std::uint64_t live = run.documents - run.deleted_documents;
  if (live != run.state.doc_count || run.deleted_documents != run.state.doc_del_count) {
    run.found("docs: " + std::to_string(live) + " documents and " +
              std::to_string(run.deleted_documents) + " deleted ones, but the counters say " +
              std::to_string(run.state.doc_count) + " and " +
              std::to_string(run.state.doc_del_count));
  }
}

void check_sequences(VerifyRun& run) {
  std::uint64_t rows = 0;
  run.each("sequences", [&](std::string_view key, std::string_view value) {
    ++rows;
    const std::uint64_t number = number_of(key);
    const std::string where = "sequences: " + std::to_string(number);
    if (number == 0 || number > run.state.last_sequence) {
      run.found(where + " is behind the last sequence");
    }
    record::SequenceRow row;
    if (const Status read = record::decode_sequence(number, value, &row); !read) {
      run.found("sequences: " + read.error().message);
    }
    return true;
  });
  if (rows == run.documents) return;
  run.found("sequences: " + std::to_string(rows) + " rows for " + std::to_string(run.documents) +
            " documents");
  run.each("sequences", [&](std::string_view key, std::string_view value) {
    record::SequenceRow row;
    if (!record::decode_sequence(number_of(key), value, &row)) return true;
    const auto bytes = run.find_document(row.id);
    record::DocRow doc;
    if (!bytes || !record::decode_doc(row.id, *bytes, &doc, false) ||
        doc.sequence != number_of(key)) {
      run.found("sequences: " + std::to_string(number_of(key)) + " is not the last change of " +
                quoted(row.id));
    }
    return true;
  });
}

void check_bodies(VerifyRun& run) {
  std::sort(run.bodies.begin(), run.bodies.end());
  const auto twice = std::adjacent_find(run.bodies.begin(), run.bodies.end());
  if (twice != run.bodies.end()) {
    run.found("bodies: " + std::to_string(*twice) + " belongs to two revisions");
  }
  std::size_t next = 0;
  run.each("bodies", [&](std::string_view key, std::string_view value) {
    const std::uint64_t handle = number_of(key);
    for (; next < run.bodies.size() && run.bodies[next] < handle; ++next) {
      run.found("bodies: " + std::to_string(run.bodies[next]) + " is missing");
    }
    if (next == run.bodies.size() || run.bodies[next] != handle) {
      run.found("bodies: " + std::to_string(handle) + " belongs to no revision");
    } else {
      ++next;
    }
    const auto row = record::decode_body(handle, value);
    if (!row) {
      run.found("bodies: " + std::to_string(handle) + " is damaged");
      return true;
    }
    const auto list = record::decode_attachments(row->attachments);
    if (!list)
      run.found("bodies: the attachments of " + std::to_string(handle) + " are damaged");
    else
      for (const Attachment& one : *list) ++run.references[one.blob];
    return true;
  });
  for (; next < run.bodies.size(); ++next) {
    run.found("bodies: " + std::to_string(run.bodies[next]) + " is missing");
  }
}

// --- attachments

void check_blobs(VerifyRun& run) {
  run.each("blobs", [&](std::string_view key, std::string_view value) {
    Sha256 blob;
    if (key.size() != blob.size()) {
      run.found("blobs: a key is no digest");
      return true;
    }
    std::memcpy(blob.data(), key.data(), blob.size());
    const std::string where = "blobs: " + hex(blob);
    const auto row = record::decode_blob(blob, value);
    if (!row) {
      run.found(where + " is damaged");
      run.references.erase(blob);
      return true;
    }
    const auto counted = run.references.find(blob);
    const std::uint64_t references = counted == run.references.end() ? 0 : counted->second;
    if (references != row->references) {
      run.found(where + " counts " + std::to_string(row->references) + " references of " +
                std::to_string(references));
    }
    if (counted != run.references.end()) run.references.erase(counted);
    const bool waits = run.find("staging", "o" + std::string(key)).has_value();
    if (row->references == 0 && !waits) run.found(where + " has no reference and is not let go");
    if (row->number >= run.state.next_blob) run.found(where + " has a number from the future");
    if (!run.blob_numbers.emplace(row->number, blob).second) {
      run.found(where + " has the number of another blob");
    }
    run.blob_lengths[row->number] = row->length;
    return true;
  });
  for (const auto& [blob, references] : run.references) {
    run.found("blobs: " + hex(blob) + " is missing, and " + std::to_string(references) +
              " attachments are that");
  }
}

// Goes through the chunks, blob by blob.
struct ChunkCheck {
  VerifyRun& run;
  std::set<std::uint64_t> seen;
  std::uint64_t number = 0, length = 0;
  std::uint32_t next = 0;
  bool whole = false;  // no chunk was missing or damaged so far
  BlobHasher hasher;

  void begin(std::uint64_t blob) {
    number = blob;
    length = 0;
    next = 0;
    whole = true;
    hasher = BlobHasher();
    seen.insert(blob);
    const std::string key = "s" + key_of(blob);
    if (!run.blob_numbers.contains(blob) && !run.find("staging", key)) {
      run.found("chunks: number " + std::to_string(blob) + " belongs to no blob");
    }
  }
  static std::string key_of(std::uint64_t blob) {
    std::string key(kNumberBytes, '\0');
    for (std::size_t i = 0; i < kNumberBytes; ++i) {
      key[i] = static_cast<char>(blob >> (8 * (kNumberBytes - 1 - i)));
    }
    return key;
  }
  void end() {
    const auto blob = run.blob_numbers.find(number);
    if (number == 0 || blob == run.blob_numbers.end()) return;
    if (length != run.blob_lengths[number]) {
      return run.found("chunks: " + hex(blob->second) + " has " + std::to_string(length) +
                       " bytes of " + std::to_string(run.blob_lengths[number]));
    }
    if (whole && hasher.finish().first != blob->second) {
      run.found("chunks: " + hex(blob->second) + " has other bytes than its digest says");
    }
  }
  void chunk(std::string_view key, std::string_view value) {
    const std::uint64_t blob = big_endian(key.substr(0, kNumberBytes));
    const std::uint64_t index = big_endian(key.substr(kNumberBytes));
    if (blob != number || number == 0) {
      end();
      begin(blob);
    }
    const std::string where =
        "chunks: part " + std::to_string(index) + " of number " + std::to_string(blob);
    if (index != next) {
      run.found(where + " follows a gap");
      whole = false;
    }
    next = static_cast<std::uint32_t>(index) + 1;
    const auto bytes = record::decode_checked(key, value);
    if (!bytes) {
      run.found(where + " is damaged");
      whole = false;
      length += value.size() < 4 ? 0 : value.size() - 4;
      return;
    }
    if (bytes->size() > kBlobChunkBytes || bytes->empty()) run.found(where + " has a wrong size");
    hasher.update(*bytes);
    length += bytes->size();
  }
};

void check_chunks(VerifyRun& run) {
  ChunkCheck check{run, {}, 0, 0, 0, false, {}};
  run.each("chunks", [&](std::string_view key, std::string_view value) {
    if (key.size() != kNumberBytes + 4)
      run.found("chunks: a key has a wrong size");
    else
      check.chunk(key, value);
    return true;
  });
  check.end();
  for (const auto& [number, blob] : run.blob_numbers) {
    if (run.blob_lengths[number] > 0 && !check.seen.contains(number)) {
      run.found("chunks: those of " + hex(blob) + " are missing");
    }
  }
}

void check_staging(VerifyRun& run) {
  run.each("staging", [&](std::string_view key, std::string_view value) {
    const bool unfinished = key.size() == 1 + kNumberBytes && key[0] == 's' && value.empty();
    const bool waiting =
        key.size() == 1 + Sha256{}.size() && key[0] == 'o' && value.size() == kNumberBytes;
    if (!unfinished && !waiting) run.found("staging: a row is of neither kind");
    if (waiting && !run.find("blobs", key.substr(1))) {
      run.found("staging: " + hex(key.substr(1)) + " is no blob");
    }
    return true;
  });
}

// --- lifetimes and forgotten tombstones

void check_expiries(VerifyRun& run) {
  run.each("expiries", [&](std::string_view key, std::string_view value) {
    const auto row = record::decode_expiry(key, value);
    if (!row) {
      run.found("expiries: a row is damaged");
      return true;
    }
    const std::string where = "expiries: sequence " + std::to_string(row->sequence);
    const std::string other = row->by_time ? record::expiry_sequence_key(row->sequence)
                                           : record::expiry_time_key(row->time_ms, row->sequence);
    const auto pair = run.find("expiries", other);
    const auto pair_row = pair ? record::decode_expiry(other, *pair) : Result<record::ExpiryRow>();
    if (!pair || !pair_row || pair_row->time_ms != row->time_ms) {
      run.found(where + " has one row of two");
    }
    if (!row->by_time) return true;
    const auto bytes = run.find_document(row->id);
    record::DocRow doc;
    if (!bytes || !record::decode_doc(row->id, *bytes, &doc, false) ||
        doc.sequence != row->sequence || doc.deleted) {
      run.found(where + " is not the last change of a document that lives, " + quoted(row->id));
    }
    return true;
  });
}

void check_times(VerifyRun& run) {
  std::int64_t before_ms = 0;
  run.each("times", [&](std::string_view key, std::string_view value) {
    const auto time_ms = record::decode_time(number_of(key), value);
    if (!time_ms) {
      run.found("times: the row of sequence " + std::to_string(number_of(key)) + " is damaged");
    } else if (*time_ms <= before_ms) {
      run.found("times: sequence " + std::to_string(number_of(key)) + " is older than one before");
    }
    if (time_ms) before_ms = *time_ms;
    if (number_of(key) > run.state.last_sequence + 1) {
      run.found("times: a sequence is behind the last one");
    }
    return true;
  });
}

void check_forgotten(VerifyRun& run) {
  constexpr std::size_t kHashBytes = 16;
  run.each("forgotten", [&](std::string_view key, std::string_view value) {
    if (key.size() != kHashBytes || (!value.empty() && !record::decode_forgotten(key, value))) {
      run.found("forgotten: a row is damaged");
    }
    return true;
  });
  const auto encoded = run.find("meta", "forgotten");
  if (!encoded) return;
  const auto mark = record::decode_forgotten_mark(*encoded);
  if (!mark || mark->sequence > run.state.last_sequence) {
    run.found("meta: it is wrong how far tombstones were forgotten");
  }
}

// The order matters: counters first, then documents, which say what all others must hold.
constexpr TableCheck kChecks[] = {
    {"meta", check_meta},
    {"properties", check_properties},
    {"locals", check_locals},
    {"lineages", check_lineages},
    {"docs", check_documents},
    {"fragments", nullptr},  // with docs
    {"sequences", check_sequences},
    {"bodies", check_bodies},
    {"blobs", check_blobs},
    {"chunks", check_chunks},
    {"staging", check_staging},
    {"values", nullptr, 2},  // with indexes
    {"value-fragments", nullptr, 2},
    {"words", nullptr, 2},
    {"segments", nullptr, 3},
    {"indexes", check_indexes, 2},
    {"expiries", check_expiries, 2},
    {"times", check_times, 2},
    {"forgotten", check_forgotten, 2},
};

}  // namespace

std::span<const TableCheck> table_checks() {
  return kChecks;
}

}  // namespace atelier
