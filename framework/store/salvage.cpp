// Recovers what can be read of a damaged store (care.h). All of it runs in a process of its own and
// reads the file through page_file.h alone.
//
// Method: the rows that the tables' trees lead to are taken first; then those of every leaf page
// that no tree leads to and that is not known to be free. A row counts when its checksum holds,
// which covers its key; of two rows of one document the later change counts. What is derived is
// made anew: the sequence rows, the counters, references and digests of attachments.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <set>
#include <unordered_map>

#include "base/clock.h"
#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/os/child.h"
#include "base/os/disk.h"
#include "revtree/varint.h"
#include "store/care.h"
#include "store/care_files.h"
#include "store/expiry_table.h"
#include "store/record.h"
#include "store/store.h"

namespace atelier {
namespace {

constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kChunkKeyBytes = kNumberBytes + 4;
constexpr std::size_t kForgottenBytes = 16;
constexpr std::uint32_t kUsualPageBytes = 4'096;

std::uint64_t number_of(std::string_view key) {
  std::uint64_t number = 0;
  if (key.size() == sizeof number) std::memcpy(&number, key.data(), sizeof number);
  return number;
}

std::string_view key_of(const std::uint64_t& number) {
  return lmdb::view_of(lmdb::value_of(number));
}

std::string_view bytes_of(const Sha256& blob) {
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

std::string shown(std::string_view id) {
  constexpr std::size_t kShown = 80;
  return json::is_utf8(id) && id.size() <= kShown ? "'" + std::string(id) + "'"
                                                  : "'" + hex(id.substr(0, kShown / 2)) + "…'";
}

// The new store's tables, open for writing.
struct NewTables {
  MDB_dbi meta = 0, docs = 0, fragments = 0, sequences = 0, bodies = 0, blobs = 0, chunks = 0,
          locals = 0, properties = 0, forgotten = 0, expiries = 0;

  Status open(FileFiller& file) {
    struct Named {
      MDB_dbi* table;
      const char* name;
      unsigned flags;
    };
    for (const Named& one : {Named{&meta, "meta", 0},
                             {&docs, "docs", 0},
                             {&fragments, "fragments", 0},
                             {&sequences, "sequences", MDB_INTEGERKEY},
                             {&bodies, "bodies", MDB_INTEGERKEY},
                             {&blobs, "blobs", 0},
                             {&chunks, "chunks", 0},
                             {&locals, "locals", 0},
                             {&properties, "properties", 0},
                             {&forgotten, "forgotten", 0},
                             {&expiries, "expiries", 0}}) {
      ATELIER_TRY(table, file.table(one.name, one.flags));
      *one.table = table;
    }
    return ok();
  }
};

class Salvage {
 public:
  Salvage(const pages::PageFile& from, FileFiller& to, const os::Tell& tell)
      : from_(from), to_(to), tell_(tell) {}

  Status run() {
    ATELIER_CHECK(tables_.open(to_));
    read_trees();
    read_strays();
    place_fragments();
    finish_documents();
    finish_blobs();
    finish_meta();
    compare_with_sequences();
    tell_("N " + std::to_string(documents_) + " " + std::to_string(attachments_) + " " +
          std::to_string(lost_pages_) + " " + std::to_string(stray_rows_) + " " +
          std::to_string(losses_));
    return to_.finish();
  }

 private:
  void lost(const std::string& words) {
    if (++losses_ <= kVerifyFindingsMax) tell_("F " + words);
  }

  // --- taking rows in

  void document(std::string_view id, std::string_view bytes, bool stray) {
    record::DocRow row;
    if (id.empty() || !record::decode_doc(id, bytes, &row) || !record::tree_of(id, row) ||
        row.sequence == 0 ||
        (row.has_body && !row.evicted && json::kind_of(row.body) != json::Kind::kObject)) {
      return;
    }
    const auto known = sequences_.find(std::string(id));
    if (known != sequences_.end() && known->second >= row.sequence) return;
    if (known == sequences_.end() && stray) ++stray_rows_;
    sequences_[std::string(id)] = row.sequence;
    last_sequence_ = std::max(last_sequence_, row.sequence);
    put_document(id, bytes);
  }

  void put_document(std::string_view id, std::string_view bytes) {
    std::string prefix;
    MDB_dbi table = tables_.docs;
    for (std::string_view rest = id;; rest.remove_prefix(kFragmentBytes)) {
      if (rest.size() < kFragmentBytes) {
        return to_.put(table, prefix + std::string(rest), bytes);
      }
      const std::string key = prefix + std::string(rest.substr(0, kFragmentBytes));
      if (const auto bucket = to_.get(table, key)) {
        prefix = *bucket;
      } else {
        prefix = big_endian(next_bucket_++, kNumberBytes);
        to_.put(table, key, prefix);
      }
      table = tables_.fragments;
    }
  }

  std::optional<std::string> stored_document(std::string_view id) {
    std::string prefix;
    MDB_dbi table = tables_.docs;
    while (id.size() >= kFragmentBytes) {
      const auto bucket = to_.get(table, prefix + std::string(id.substr(0, kFragmentBytes)));
      if (!bucket) return std::nullopt;
      prefix = *bucket;
      table = tables_.fragments;
      id.remove_prefix(kFragmentBytes);
    }
    const auto bytes = to_.get(table, prefix + std::string(id));
    return bytes ? std::optional<std::string>(*bytes) : std::nullopt;
  }

  static std::string big_endian(std::uint64_t number, std::size_t count) {
    std::string out(count, '\0');
    for (std::size_t i = 0; i < count; ++i) {
      out[i] = static_cast<char>(number >> (8 * (count - 1 - i)));
    }
    return out;
  }

  void docs_row(std::string_view key, std::string_view value, bool stray) {
    if (key.size() == kFragmentBytes && value.size() == kNumberBytes) {
      buckets_[std::string(value)] = {"", std::string(key)};
    } else {
      document(key, value, stray);
    }
  }

  // Kept until all buckets are known.
  void fragments_row(std::string_view key, std::string_view value) {
    if (key.size() < kNumberBytes) return;
    const std::string bucket(key.substr(0, kNumberBytes));
    const std::string rest(key.substr(kNumberBytes));
    if (rest.size() == kFragmentBytes && value.size() == kNumberBytes) {
      buckets_[std::string(value)] = {bucket, rest};
    } else {
      fragments_.push_back({bucket, rest, std::string(value)});
    }
  }

  void sequence_row(std::string_view key, std::string_view value) {
    record::SequenceRow row;
    if (key.size() != kNumberBytes || !record::decode_sequence(number_of(key), value, &row)) return;
    last_sequence_ = std::max(last_sequence_, number_of(key));
    std::uint64_t& newest = told_[std::string(row.id)];
    newest = std::max(newest, number_of(key));
  }

  void body_row(std::string_view key, std::string_view value, bool stray) {
    if (key.size() != kNumberBytes || !record::decode_body(number_of(key), value)) return;
    if (stray && to_.get(tables_.bodies, key)) return;
    to_.put(tables_.bodies, key, value);
  }

  void chunk_row(std::string_view key, std::string_view value, bool stray) {
    if (key.size() != kChunkKeyBytes || !record::decode_checked(key, value)) return;
    if (stray && to_.get(tables_.chunks, key)) return;
    to_.put(tables_.chunks, key, value);
  }

  // Checkpoints of replication stay behind: what was lost here must be asked for again.
  void local_row(std::string_view key, std::string_view value) {
    const auto row = record::decode_checked(key, value);
    if (!row) return lost("a local document, " + shown(key));
    bytes::Reader in(*row);
    in.text();
    in.varint();
    const std::string_view body = in.rest();
    if (!in.ok() || json::kind_of(body) != json::Kind::kObject) return;
    if (json::member(body, "session_id") && json::member(body, "history")) return;
    to_.put(tables_.locals, key, value);
  }

  void property_row(std::string_view key, std::string_view value) {
    if (!record::decode_checked(key, value)) return lost("the property " + shown(key));
    to_.put(tables_.properties, key, value);
  }

  // So that what was let go cannot come back. Rows of ages are left out; they are for others' sake.
  void forgotten_row(std::string_view key, std::string_view value) {
    if (key.size() == kForgottenBytes && value.empty()) to_.put(tables_.forgotten, key, value);
  }

  // Kept until it is known which change of a document is left.
  void expiry_row(std::string_view key, std::string_view value) {
    const auto row = record::decode_expiry(key, value);
    if (row && row->by_time) expiries_[row->sequence] = {std::string(row->id), row->time_ms};
  }

  void meta_row(std::string_view key, std::string_view value) {
    meta_[std::string(key)] = std::string(value);
  }

  void table_row(const std::string& table, std::string_view key, std::string_view value) {
    if (table == "docs")
      docs_row(key, value, false);
    else if (table == "fragments")
      fragments_row(key, value);
    else if (table == "sequences")
      sequence_row(key, value);
    else if (table == "bodies")
      body_row(key, value, false);
    else if (table == "chunks")
      chunk_row(key, value, false);
    else if (table == "locals")
      local_row(key, value);
    else if (table == "properties")
      property_row(key, value);
    else if (table == "forgotten")
      forgotten_row(key, value);
    else if (table == "expiries")
      expiry_row(key, value);
    else if (table == "meta")
      meta_row(key, value);
  }

  void read_trees() {
    const auto problem = [&](const std::string& words) {
      ++lost_pages_;
      lost("in the file: " + words);
    };
    const auto tables = from_.tables(problem);
    for (const pages::Table& table : tables) {
      seen_.branches = seen_.leaves = 0;
      from_.walk(
          table.tree, {},
          [&](std::string_view key, std::string_view value) {
            table_row(table.name, key, value);
            return true;
          },
          problem, &seen_);
    }
  }

  // Leaf pages that nothing leads to any more. What table they are of is told by their rows.
  void read_strays() {
    bool free_list_whole = true;
    for (const std::uint64_t page :
         from_.free_pages([&](const std::string&) { free_list_whole = false; }, &seen_)) {
      if (page >= seen_.seen.size()) seen_.seen.resize(static_cast<std::size_t>(page) + 1);
      seen_.seen[static_cast<std::size_t>(page)] = true;
    }
    // With a free list that is damaged, old pages come back: their documents are older, not wrong.
    const std::uint64_t end = std::min(from_.meta().last_page + 1, from_.page_count());
    for (std::uint64_t number = 2; number < end; ++number) {
      if (number < seen_.seen.size() && seen_.seen[static_cast<std::size_t>(number)]) continue;
      const auto page = from_.page(number);
      if (!page || !(**page).is_leaf()) continue;
      for (std::size_t i = 0; i < (**page).count(); ++i) {
        if (const auto value = from_.value(**page, i)) stray_row((**page).key(i), *value);
      }
      if (number % 1'024 == 0) {
        tell_("G " + std::to_string(number) + " " + std::to_string(end));
      }
    }
  }

  void stray_row(std::string_view key, std::string_view value) {
    if (key.size() == kChunkKeyBytes && key.front() == '\0') return chunk_row(key, value, true);
    if (key.size() == kNumberBytes) {
      sequence_row(key, value);
      body_row(key, value, true);
    }
    if (key.front() == 't') expiry_row(key, value);
    if (key.size() <= kFragmentBytes) docs_row(key, value, true);
    if (key.size() > kNumberBytes && key.front() == '\0') fragments_row(key, value);
  }

  // --- long ids: by their buckets, and where those were lost by the ids that sequences name

  std::optional<std::string> prefix_of(const std::string& bucket) const {
    std::string prefix;
    std::string at = bucket;
    for (std::size_t level = 0; level <= kIdBytesMax / kFragmentBytes; ++level) {
      const auto found = buckets_.find(at);
      if (found == buckets_.end()) return std::nullopt;
      prefix = found->second.second + prefix;
      if (found->second.first.empty()) return prefix;
      at = found->second.first;
    }
    return std::nullopt;
  }

  void place_fragments() {
    std::unordered_multimap<std::string, std::string> by_rest;
    for (const auto& [id, sequence] : told_) {
      if (id.size() < kFragmentBytes) continue;
      by_rest.emplace(id.substr(id.size() / kFragmentBytes * kFragmentBytes), id);
    }
    for (const Fragment& fragment : fragments_) {
      if (const auto prefix = prefix_of(fragment.bucket)) {
        document(*prefix + fragment.rest, fragment.value, false);
      }
      const auto [begin, end] = by_rest.equal_range(fragment.rest);
      for (auto at = begin; at != end; ++at) document(at->second, fragment.value, false);
    }
  }

  // --- what hangs together

  // Takes bodies that are not there out of a tree; what is left of the row, encoded.
  std::string mend(std::string_view id, const record::DocRow& row, std::set<std::uint64_t>& used) {
    auto tree = record::tree_of(id, row).value();
    bool changed = false;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(tree.nodes().size()); ++i) {
      RevNode& node = tree.node(i);
      if (node.body < record::kFirstBody) continue;
      // One body, one revision: a second owner would be an old row's.
      if (to_.get(tables_.bodies, key_of(node.body)) && used.insert(node.body).second) {
        next_body_ = std::max(next_body_, node.body + 1);
        continue;
      }
      lost("the body of revision " + node.rev.to_string() + " of " + shown(id));
      node.body = 0;
      changed = true;
    }
    std::string kept_attachments = whole_attachments(id, row.attachments);
    if (!changed && kept_attachments == row.attachments) return {};
    record::DocRow mended = row;
    const std::string encoded_tree = row.tree.empty() ? std::string() : tree.encode();
    mended.tree = encoded_tree;
    mended.attachments = kept_attachments;
    std::string out;
    record::encode_doc(out, id, mended);
    return out;
  }

  // The attachments whose bytes are all there.
  std::string whole_attachments(std::string_view id, std::string_view encoded) {
    const auto list = record::decode_attachments(encoded);
    if (!list) return {};
    std::vector<Attachment> whole;
    for (const Attachment& one : *list) {
      if (one.evicted()) {
        whole.push_back(one);
      } else if (blobs_.contains(one.blob)) {
        whole.push_back(one);
        ++blobs_[one.blob].references;
      } else {
        lost("the attachment " + shown(one.name) + " of " + shown(id));
      }
    }
    return record::encode_attachments(whole);
  }

  void finish_documents() {
    hash_chunks();
    std::set<std::uint64_t> used;
    for (const auto& [id, sequence] : sequences_) {
      auto bytes = stored_document(id);
      record::DocRow row;
      if (!bytes || !record::decode_doc(id, *bytes, &row)) continue;
      const std::string mended = mend(id, row, used);
      if (!mended.empty()) put_document(id, mended);
      record::SequenceRow change{row.rev, row.deleted, row.many_leaves, id};
      std::string encoded;
      record::encode_sequence(encoded, sequence, change);
      to_.put(tables_.sequences, key_of(sequence), encoded);
      keep_expiry(id, row);
      ++documents_;
      deleted_ += row.deleted;
    }
    finish_bodies(used);
  }

  // As its row of this change said; where that was lost, as the document itself says.
  void keep_expiry(const std::string& id, const record::DocRow& row) {
    if (row.deleted) return;
    const auto told = expiries_.find(row.sequence);
    std::optional<std::int64_t> time_ms;
    if (told != expiries_.end() && told->second.id == id) {
      time_ms = told->second.time_ms;
    } else if (row.evicted) {
      if (const auto evicted = record::decode_evicted(row.body)) time_ms = evicted->expires_at_ms;
    } else {
      time_ms = expires_at(row.body);
    }
    if (!time_ms) return;
    for (const auto& [key, value] : record::encode_expiry(*time_ms, row.sequence, id)) {
      to_.put(tables_.expiries, key, value);
    }
  }

  void finish_bodies(const std::set<std::uint64_t>& used) {
    std::vector<std::uint64_t> unused;
    std::vector<std::pair<std::uint64_t, std::string>> mended;
    (void)to_.each(tables_.bodies, [&](std::string_view key, std::string_view value) {
      const std::uint64_t handle = number_of(key);
      if (!used.contains(handle)) {
        unused.push_back(handle);
        return true;
      }
      const auto row = record::decode_body(handle, value);
      const std::string kept = row ? whole_attachments("an older revision", row->attachments) : "";
      if (row && kept != row->attachments) {
        std::string encoded;
        record::encode_body(encoded, handle, {kept, row->body});
        mended.emplace_back(handle, std::move(encoded));
      }
      return true;
    });
    for (const std::uint64_t handle : unused) to_.erase(tables_.bodies, key_of(handle));
    for (const auto& [handle, bytes] : mended) to_.put(tables_.bodies, key_of(handle), bytes);
  }

  // Which blobs the chunks are: their digests say it.
  void hash_chunks() {
    std::uint64_t number = 0, length = 0, next = 0;
    bool whole = false;
    BlobHasher hasher;
    const auto end = [&] {
      if (number == 0 || !whole) return;
      const auto [sha, sum] = hasher.finish();
      const std::string digest =
          "md5-" + base64({reinterpret_cast<const char*>(sum.data()), sum.size()});
      blobs_.try_emplace(sha, record::BlobRow{number, length, 0, digest});
    };
    (void)to_.each(tables_.chunks, [&](std::string_view key, std::string_view value) {
      std::uint64_t blob = 0, index = 0;
      for (const char c : key.substr(0, kNumberBytes))
        blob = blob << 8 | static_cast<std::uint8_t>(c);
      for (const char c : key.substr(kNumberBytes))
        index = index << 8 | static_cast<std::uint8_t>(c);
      if (blob != number) {
        end();
        number = blob;
        length = next = 0;
        whole = true;
        hasher = BlobHasher();
      }
      whole = whole && index == next++;
      const std::string_view bytes = value.substr(4);  // behind its checksum
      hasher.update(bytes);
      length += bytes.size();
      next_blob_ = std::max(next_blob_, blob + 1);
      return true;
    });
    end();
    // The blob without bytes has no chunks.
    blobs_.try_emplace(sha256(""),
                       record::BlobRow{next_blob_++, 0, 0, "md5-1B2M2Y8AsgTpgAmY7PhCfg=="});
  }

  void finish_blobs() {
    std::set<std::uint64_t> kept;
    for (const auto& [sha, row] : blobs_) {
      if (row.references == 0) continue;
      to_.put(tables_.blobs, bytes_of(sha), record::encode_blob(sha, row));
      kept.insert(row.number);
      ++attachments_;
    }
    std::vector<std::string> unused;
    (void)to_.each(tables_.chunks, [&](std::string_view key, std::string_view) {
      std::uint64_t blob = 0;
      for (const char c : key.substr(0, kNumberBytes))
        blob = blob << 8 | static_cast<std::uint8_t>(c);
      if (!kept.contains(blob)) unused.emplace_back(key);
      return true;
    });
    for (const std::string& key : unused) to_.erase(tables_.chunks, key);
  }

  void finish_meta() {
    record::State state;
    const auto old = record::decode_state(meta_["state"]);
    if (old)
      state = *old;
    else
      lost("the store's counters; the limit of revisions is the usual one again");
    state.last_sequence = std::max(last_sequence_, state.last_sequence);
    state.doc_count = documents_ - deleted_;
    state.doc_del_count = deleted_;
    state.next_body = std::max(next_body_, state.next_body);
    state.next_blob = std::max(next_blob_, state.next_blob);
    state.next_bucket = next_bucket_;
    if (state.revs_limit == 0) state.revs_limit = kRevsLimitDefault;
    ++state.rights_epoch;
    to_.put(tables_.meta, "state", record::encode_state(state));
    const std::string partitioned = meta_["partitioned"];
    if (partitioned == "0" || partitioned == "1") to_.put(tables_.meta, "partitioned", partitioned);
    const std::string created = meta_["created"];
    std::int64_t number = 0;
    const auto [end, error] =
        std::from_chars(created.data(), created.data() + created.size(), number);
    if (!created.empty() && error == std::errc{} && end == created.data() + created.size()) {
      to_.put(tables_.meta, "created", created);
    }
  }

  void compare_with_sequences() {
    for (const auto& [id, sequence] : told_) {
      const auto found = sequences_.find(id);
      if (found == sequences_.end()) {
        lost("the document " + shown(id));
      } else if (found->second < sequence) {
        lost("the last change of " + shown(id) + "; an older one was found");
      }
    }
  }

  struct Fragment {
    std::string bucket, rest, value;
  };

  struct Expiry {
    std::string id;
    std::int64_t time_ms = 0;
  };

  const pages::PageFile& from_;
  FileFiller& to_;
  const os::Tell& tell_;
  NewTables tables_;
  pages::PageFile::Visited seen_;
  std::map<std::string, std::uint64_t> sequences_;  // of the documents taken in
  std::map<std::string, std::uint64_t> told_;       // last changes that sequence rows name
  std::map<std::string, std::pair<std::string, std::string>> buckets_;  // number -> above, part
  std::vector<Fragment> fragments_;
  std::unordered_map<std::uint64_t, Expiry> expiries_;  // by the document's sequence
  std::map<Sha256, record::BlobRow> blobs_;
  std::map<std::string, std::string> meta_;
  std::uint64_t last_sequence_ = 0, next_body_ = record::kFirstBody, next_blob_ = 1,
                next_bucket_ = 1;
  std::uint64_t documents_ = 0, deleted_ = 0, attachments_ = 0, lost_pages_ = 0, stray_rows_ = 0,
                losses_ = 0;
};

}  // namespace

Status care::salvage_pages(const pages::PageFile& from, FileFiller& to, const os::Tell& tell) {
  return Salvage(from, to, tell).run();
}

namespace {

// In the child.
int salvage_into(const std::filesystem::path& from, const std::filesystem::path& to,
                 const os::Tell& tell) {
  const auto failed = [&](const Error& error) {
    tell("E " + std::to_string(static_cast<int>(error.code)) + " " + error.message);
    return 1;
  };
  auto source = pages::open_file(from.string());
  if (!source) return failed(source.error());
  const std::uint64_t bytes = (*source)->size();
  auto file = pages::PageFile::open(std::move(*source));
  if (!file) {
    auto again = pages::open_file(from.string());
    if (!again) return failed(again.error());
    file = pages::PageFile::without_head(std::move(*again), kUsualPageBytes);
  }
  auto filler = FileFiller::open(to, 4 * bytes + (std::uint64_t{64} << 20));
  if (!filler) return failed(filler.error());
  const Status done = care::salvage_pages(*file, **filler, tell);
  return done ? 0 : failed(done.error());
}

struct SalvageHearer {
  const CareProgress& progress;
  SalvageReport report;
  std::optional<Error> error;
  bool finished = false;

  void hear(std::string_view line) {
    if (line.size() < 2) return;
    const std::string_view rest = line.substr(2);
    std::uint64_t values[5] = {};
    const char* at = rest.data();
    if (line.front() != 'F') {
      for (std::uint64_t& value : values) {
        const auto [end, failed] = std::from_chars(at, rest.data() + rest.size(), value);
        if (failed != std::errc{}) break;
        at = end + (end < rest.data() + rest.size());
      }
    }
    if (line.front() == 'F') report.words.emplace_back(rest);
    if (line.front() == 'G' && progress) progress(values[0], values[1]);
    if (line.front() == 'E') {
      error =
          Error(static_cast<ErrorCode>(values[0]), std::string(rest.substr(rest.find(' ') + 1)));
    }
    if (line.front() != 'N') return;
    finished = true;
    report.documents = values[0];
    report.attachments = values[1];
    report.lost_pages = values[2];
    report.stray_rows = values[3];
    report.losses = values[4];
  }
};

}  // namespace

Result<SalvageReport> salvage_store(const std::filesystem::path& folder,
                                    const CareProgress& progress) {
  const auto damaged = care::data_file(folder);
  std::error_code error;
  if (!std::filesystem::exists(damaged, error)) {
    return not_found("there is no store in '" + folder.string() + "'");
  }
  ATELIER_TRY(lock, care::lock_store(folder, "a salvage"));
  remove_unfinished(folder);
  // An empty store of today, which has a name and all tables.
  const auto made_in = folder / ("new-" + random_uuid().substr(0, 16));
  care::Unfinished copy(care::new_file(folder));
  {
    StoreOptions options;
    options.map_bytes = kMapBytesMin;
    ATELIER_TRY(store, Store::open(made_in, options));
  }
  std::filesystem::rename(care::data_file(made_in), copy.path(), error);
  std::error_code ignored;
  std::filesystem::remove_all(made_in, ignored);
  if (error) return Error(ErrorCode::kDisk, "'" + copy.path().string() + "': " + error.message());

  SalvageHearer hearer{progress, {}, {}, false};
  const auto work = [&](const os::Tell& tell) { return salvage_into(damaged, copy.path(), tell); };
  ATELIER_TRY(end, os::run_in_child(work, [&](std::string_view line) { hearer.hear(line); }));
  if (hearer.error) return *hearer.error;
  if (!hearer.finished || end.code != 0) {
    return Error(ErrorCode::kInternal, "the salvage of '" + damaged.string() + "' " + end.words);
  }
  if (hearer.report.documents == 0 && hearer.report.losses > 0) {
    return Error(ErrorCode::kCorrupt, "no document can be read in '" + damaged.string() + "'");
  }
  ATELIER_TRY(checked, verify_file(copy.path()));
  if (!checked.clean()) {
    return Error(ErrorCode::kInternal, "the salvaged store is not whole: " + checked.words.front());
  }
  hearer.report.kept = care::kept_file(folder, "damaged");
  ATELIER_CHECK(os::replace_file(copy.path(), damaged, hearer.report.kept));
  copy.done();
  std::filesystem::remove(damage_marker(folder), error);
  return std::move(hearer.report);
}

}  // namespace atelier
