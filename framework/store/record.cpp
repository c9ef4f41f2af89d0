#include "store/record.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "revtree/varint.h"

namespace atelier::record {
namespace {

constexpr std::size_t kCheckBytes = 4;

enum Flag : std::uint8_t {
  kDeleted = 1,
  kTextHash = 2,
  kTree = 4,
  kAttachments = 8,
  kBodyApart = 16,  // a checksum of its own stands before the body
  kNoBody = 32,
  kManyLeaves = 64,
  kEvicted = 128,
};

Error damaged(std::string_view what, std::string_view id) {
  return {ErrorCode::kCorrupt,
          "the " + std::string(what) + " of '" + std::string(id) + "' is damaged on the disk"};
}

std::string_view key_of(const std::uint64_t& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string_view key_of(const Sha256& blob) {
  return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

std::uint64_t load64(const char* from) {
  std::uint64_t value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

std::uint64_t load_tail(const char* from, std::size_t count) {
  std::uint64_t value = 0;
  std::memcpy(&value, from, count);
  return value;
}

// Each step is a bijection of the state for a given word and of the word for a given state, so a
// change within one word always changes the 64 bits; two lanes hide the multiplier's latency.
constexpr std::uint64_t kOdd1 = 0x9e3779b97f4a7c15;  // 2^64 divided by the golden ratio
constexpr std::uint64_t kOdd2 = 0xd6e8feb86659fd93;

std::uint64_t step(std::uint64_t state, std::uint64_t word) {
  state = (state ^ word) * kOdd1;
  return state ^ (state >> 29);
}

std::uint64_t sum(std::uint64_t seed, std::string_view bytes) {
  std::uint64_t a = seed ^ (bytes.size() * kOdd2);
  std::uint64_t b = ~seed;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 16; left -= 16, at += 16) {
    a = step(a, load64(at));
    b = step(b, load64(at + 8));
  }
  if (left >= 8) {
    a = step(a, load64(at));
    at += 8;
    left -= 8;
  }
  if (left > 0) b = step(b, load_tail(at, left));
  return step(a, b * kOdd2);
}

void set_check(std::string& out, std::size_t at, std::uint32_t check) {
  std::memcpy(out.data() + at, &check, sizeof check);
}

std::uint32_t check_at(std::string_view bytes, std::size_t at) {
  std::uint32_t check;
  std::memcpy(&check, bytes.data() + at, sizeof check);
  return check;
}

void put_rev(std::string& out, const RevId& rev) {
  bytes::put_varint(out, rev.generation());
  if (rev.is_digest()) {
    out.append(reinterpret_cast<const char*>(rev.digest().data()), rev.digest().size());
  } else {
    bytes::put_text(out, rev.hash());
  }
}

bool get_rev(bytes::Reader& in, bool text, RevId* rev) {
  const std::uint64_t generation = in.varint();
  if (text) {
    auto parsed = RevId::from_parts(generation, in.text());
    if (!in.ok() || !parsed) return false;
    *rev = std::move(*parsed);
    return true;
  }
  const std::string_view raw = in.take(RevId::Digest{}.size());
  if (!in.ok()) return false;
  RevId::Digest digest;
  std::memcpy(digest.data(), raw.data(), digest.size());
  *rev = RevId(generation, digest);
  return true;
}

}  // namespace

std::uint32_t checksum(std::string_view key, std::string_view bytes) {
  const std::uint64_t whole = sum(sum(kOdd2, key), bytes);
  return static_cast<std::uint32_t>(whole ^ (whole >> 32));
}

// --- docs

void encode_doc(std::string& out, std::string_view id, const DocRow& row) {
  const bool apart = row.body.size() >= kBodyApartBytes;
  out.assign(kCheckBytes, '\0');
  out.push_back(static_cast<char>(
      (row.deleted ? kDeleted : 0) | (row.rev.is_digest() ? 0 : kTextHash) |
      (row.tree.empty() ? 0 : kTree) | (row.attachments.empty() ? 0 : kAttachments) |
      (apart ? kBodyApart : 0) | (row.has_body ? 0 : kNoBody) |
      (row.many_leaves ? kManyLeaves : 0) | (is_evicted(row.body) ? kEvicted : 0)));
  bytes::put_varint(out, row.sequence);
  put_rev(out, row.rev);
  if (!row.tree.empty()) bytes::put_text(out, row.tree);
  if (!row.attachments.empty()) bytes::put_text(out, row.attachments);
  if (apart) {
    const std::uint32_t check = checksum(id, row.body);
    out.append(reinterpret_cast<const char*>(&check), sizeof check);
  } else {
    out.append(row.body);
  }
  set_check(out, 0, checksum(id, std::string_view(out).substr(kCheckBytes)));
  if (apart) out.append(row.body);
}

Status decode_doc(std::string_view id, std::string_view encoded, DocRow* row, bool with_body) {
  if (encoded.size() < kCheckBytes + 1) return damaged("document", id);
  bytes::Reader in(encoded.substr(kCheckBytes));
  const std::uint8_t flags = in.byte();
  row->deleted = flags & kDeleted;
  row->many_leaves = flags & kManyLeaves;
  row->has_body = !(flags & kNoBody);
  row->evicted = flags & kEvicted;
  row->sequence = in.varint();
  if (!get_rev(in, flags & kTextHash, &row->rev)) return damaged("document", id);
  row->tree = flags & kTree ? in.text() : std::string_view();
  row->attachments = flags & kAttachments ? in.text() : std::string_view();
  const std::string_view body_check = flags & kBodyApart ? in.take(kCheckBytes) : "";
  if (!in.ok()) return damaged("document", id);
  row->body = in.rest();
  const std::size_t covered =
      encoded.size() - kCheckBytes - (flags & kBodyApart ? row->body.size() : 0);
  if (check_at(encoded, 0) != checksum(id, encoded.substr(kCheckBytes, covered))) {
    return damaged("document", id);
  }
  if ((flags & kBodyApart) && with_body && check_at(body_check, 0) != checksum(id, row->body)) {
    return damaged("body", id);
  }
  return ok();
}

bool is_whole_doc(std::string_view key, std::string_view bytes) {
  if (key.size() == kFragmentBytes) return true;
  DocRow row;
  return decode_doc(key, bytes, &row, false).has_value();
}

std::string evicted_body(const EvictedBody& evicted) {
  std::string out = "e";
  bytes::put_varint(out, evicted.bytes);
  bytes::put_varint(
      out, evicted.expires_at_ms ? static_cast<std::uint64_t>(*evicted.expires_at_ms) + 1 : 0);
  return out;
}

Result<EvictedBody> decode_evicted(std::string_view body) {
  bytes::Reader in(body.substr(std::min<std::size_t>(body.size(), 1)));
  EvictedBody evicted;
  evicted.bytes = in.varint();
  const std::uint64_t expires = in.varint();
  if (!is_evicted(body) || !in.ok() || !in.at_end() || expires > kTimeMax + 1) {
    return Error(ErrorCode::kCorrupt, "the note of an evicted body is damaged");
  }
  if (expires > 0) evicted.expires_at_ms = static_cast<std::int64_t>(expires) - 1;
  return evicted;
}

Result<RevTree> tree_of(std::string_view id, const DocRow& row) {
  if (!row.tree.empty()) {
    auto tree = RevTree::decode(row.tree);
    if (!tree || tree->empty()) return damaged("revision tree", id);
    return tree;
  }
  RevTree tree;
  const auto merged = tree.merge({&row.rev, 1}, row.deleted);
  if (!merged) return damaged("document", id);
  tree.node(0).body = row.has_body ? kInlineBody : 0;
  tree.node(0).sequence = row.sequence;
  return tree;
}

// --- sequences

void encode_sequence(std::string& out, std::uint64_t sequence, const SequenceRow& row) {
  out.assign(kCheckBytes, '\0');
  out.push_back(static_cast<char>((row.deleted ? kDeleted : 0) |
                                  (row.rev.is_digest() ? 0 : kTextHash) |
                                  (row.many_leaves ? kManyLeaves : 0)));
  put_rev(out, row.rev);
  out.append(row.id);
  set_check(out, 0, checksum(key_of(sequence), std::string_view(out).substr(kCheckBytes)));
}

Status decode_sequence(std::uint64_t sequence, std::string_view encoded, SequenceRow* row) {
  const auto bad = [&] { return damaged("sequence row", std::to_string(sequence)); };
  if (encoded.size() < kCheckBytes + 1) return bad();
  const std::string_view covered = encoded.substr(kCheckBytes);
  if (check_at(encoded, 0) != checksum(key_of(sequence), covered)) return bad();
  bytes::Reader in(covered);
  const std::uint8_t flags = in.byte();
  row->deleted = flags & kDeleted;
  row->many_leaves = flags & kManyLeaves;
  if (!get_rev(in, flags & kTextHash, &row->rev)) return bad();
  row->id = in.rest();
  return ok();
}

bool is_whole_sequence(std::string_view key, std::string_view bytes) {
  SequenceRow row;
  std::uint64_t sequence = 0;
  if (key.size() != sizeof sequence) return false;
  std::memcpy(&sequence, key.data(), sizeof sequence);
  return decode_sequence(sequence, bytes, &row).has_value();
}

// --- bodies

void encode_body(std::string& out, std::uint64_t handle, const BodyRow& row) {
  out.assign(kCheckBytes, '\0');
  bytes::put_text(out, row.attachments);
  out.append(row.body);
  set_check(out, 0, checksum(key_of(handle), std::string_view(out).substr(kCheckBytes)));
}

Result<BodyRow> decode_body(std::uint64_t handle, std::string_view encoded) {
  const auto covered = decode_checked(key_of(handle), encoded);
  if (!covered) return covered.error();
  bytes::Reader in(*covered);
  BodyRow row;
  row.attachments = in.text();
  row.body = in.rest();
  if (!in.ok()) return damaged("body", std::to_string(handle));
  return row;
}

// --- attachments

std::string encode_attachments(std::span<const Attachment> attachments) {
  std::string out;
  if (attachments.empty()) return out;
  bytes::put_varint(out, attachments.size());
  for (const Attachment& one : attachments) {
    bytes::put_text(out, one.name);
    bytes::put_text(out, one.content_type);
    bytes::put_varint(out, one.length);
    bytes::put_varint(out, one.revpos);
    bytes::put_text(out, one.digest);
    out.append(key_of(one.blob));
    bytes::put_text(out, one.encoding);
    bytes::put_varint(out, one.encoded_length);
  }
  return out;
}

Result<std::vector<Attachment>> decode_attachments(std::string_view encoded) {
  std::vector<Attachment> found;
  if (encoded.empty()) return found;
  bytes::Reader in(encoded);
  const std::uint64_t count = in.varint();
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    Attachment one;
    one.name = in.text();
    one.content_type = in.text();
    one.length = in.varint();
    one.revpos = in.varint();
    one.digest = in.text();
    const std::string_view blob = in.take(one.blob.size());
    std::copy(blob.begin(), blob.end(), one.blob.begin());
    one.encoding = in.text();
    one.encoded_length = in.varint();
    found.push_back(std::move(one));
  }
  if (!in.ok() || !in.at_end())
    return Error(ErrorCode::kCorrupt, "a list of attachments is damaged");
  return found;
}

std::string canonical_attachments(std::span<const Attachment> attachments) {
  std::vector<const Attachment*> sorted;
  for (const Attachment& one : attachments) sorted.push_back(&one);
  std::sort(sorted.begin(), sorted.end(),
            [](const Attachment* a, const Attachment* b) { return a->name < b->name; });
  std::string out;
  for (const Attachment* one : sorted) {
    bytes::put_text(out, one->name);
    bytes::put_text(out, one->content_type);
    bytes::put_text(out, one->encoding);
    bytes::put_text(out, one->digest);
  }
  return out;
}

// --- blobs and the rest

std::string encode_blob(const Sha256& blob, const BlobRow& row) {
  std::string out;
  bytes::put_varint(out, row.number);
  bytes::put_varint(out, row.length);
  bytes::put_varint(out, row.references);
  out.append(row.digest);
  return encode_checked(key_of(blob), out);
}

Result<BlobRow> decode_blob(const Sha256& blob, std::string_view encoded) {
  const auto covered = decode_checked(key_of(blob), encoded);
  if (!covered) return covered.error();
  bytes::Reader in(*covered);
  BlobRow row;
  row.number = in.varint();
  row.length = in.varint();
  row.references = in.varint();
  row.digest = in.rest();
  if (!in.ok()) return damaged("row", hex(blob));
  return row;
}

std::string encode_state(const State& state) {
  std::string out;
  for (const std::uint64_t value : {state.last_sequence, state.doc_count, state.doc_del_count,
                                    state.purge_sequence, state.next_body, state.next_blob,
                                    state.next_bucket, state.revs_limit, state.rights_epoch}) {
    bytes::put_varint(out, value);
  }
  return encode_checked("state", out);
}

Result<State> decode_state(std::string_view encoded) {
  const auto covered = decode_checked("state", encoded);
  if (!covered) return covered.error();
  bytes::Reader in(*covered);
  State state;
  for (std::uint64_t* value : {&state.last_sequence, &state.doc_count, &state.doc_del_count,
                               &state.purge_sequence, &state.next_body, &state.next_blob,
                               &state.next_bucket, &state.revs_limit, &state.rights_epoch}) {
    *value = in.varint();
  }
  if (!in.ok()) return Error(ErrorCode::kCorrupt, "the store's counters are damaged");
  return state;
}

std::string encode_checked(std::string_view key, std::string_view bytes) {
  std::string out(kCheckBytes, '\0');
  out.append(bytes);
  set_check(out, 0, checksum(key, bytes));
  return out;
}

Result<std::string_view> decode_checked(std::string_view key, std::string_view encoded) {
  if (encoded.size() < kCheckBytes) {
    return Error(ErrorCode::kCorrupt, "a row of the store is cut short");
  }
  const std::string_view bytes = encoded.substr(kCheckBytes);
  if (check_at(encoded, 0) != checksum(key, bytes)) {
    return Error(ErrorCode::kCorrupt, "a row of the store is damaged on the disk");
  }
  return bytes;
}

}  // namespace atelier::record
