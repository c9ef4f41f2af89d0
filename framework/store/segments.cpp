#include "store/segments.h"

#include <algorithm>

#include "base/limits.h"
#include "revtree/varint.h"
#include "store/record.h"

namespace atelier {
namespace {

using lmdb::value_of;

constexpr std::size_t kKeyBytes = 12;

void put_big_endian(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(number >> shift));
  }
}

// 0 for small ones, then one more with each power of kSegmentFan.
std::size_t size_class(const Segment& segment) {
  std::size_t number = 0;
  for (std::uint64_t limit = kSegmentSmallBytes; segment.bytes >= limit; ++number) {
    if (limit > UINT64_MAX / kSegmentFan) break;
    limit *= kSegmentFan;
  }
  return number;
}

}  // namespace

std::string segment_row_key(std::uint32_t index, std::uint64_t number) {
  std::string key;
  put_big_endian(key, index, 4);
  put_big_endian(key, number, 8);
  return key;
}

std::string encode_segment(std::uint32_t index, const Segment& segment) {
  std::string row;
  row.push_back(static_cast<char>(segment.state));
  for (const std::uint64_t number :
       {segment.age, segment.documents, segment.dead, segment.bytes, segment.first, segment.last}) {
    bytes::put_varint(row, number);
  }
  if (segment.state == Segment::State::kMaking) {
    bytes::put_varint(row, segment.from_age);
    bytes::put_text(row, segment.word);
    bytes::put_varint(row, segment.sequence);
  }
  return record::encode_checked(segment_row_key(index, segment.number), row);
}

Result<Segment> decode_segment(std::string_view key, std::string_view row) {
  const Error damaged(ErrorCode::kCorrupt,
                      "the list of an index's segments is damaged on the disk");
  const auto checked = record::decode_checked(key, row);
  if (!checked || key.size() != kKeyBytes) return damaged;
  Segment segment;
  for (const char c : key.substr(4)) {
    segment.number = segment.number << 8 | static_cast<std::uint8_t>(c);
  }
  bytes::Reader in(*checked);
  const std::uint8_t state = in.byte();
  segment.state = static_cast<Segment::State>(state);
  for (std::uint64_t* number : {&segment.age, &segment.documents, &segment.dead, &segment.bytes,
                                &segment.first, &segment.last}) {
    *number = in.varint();
  }
  if (segment.state == Segment::State::kMaking) {
    segment.from_age = in.varint();
    segment.word = in.text();
    segment.sequence = in.varint();
  }
  if (!in.ok() || !in.at_end() || state > 2) return damaged;
  return segment;
}

Result<std::vector<Segment>> read_segments(MDB_txn* txn, const Tables& tables,
                                           std::uint32_t index) {
  std::vector<Segment> segments;
  lmdb::Cursor cursor(txn, tables.segments);
  const std::string head = segment_row_key(index, 0).substr(0, 4);
  for (bool more = cursor.seek(head); more && cursor.key().starts_with(head);
       more = cursor.move(MDB_NEXT)) {
    ATELIER_TRY(segment, decode_segment(cursor.key(), cursor.value()));
    segments.push_back(std::move(segment));
  }
  ATELIER_CHECK(cursor.status());
  std::sort(segments.begin(), segments.end(), [](const Segment& a, const Segment& b) {
    return a.age != b.age ? a.age < b.age : a.number < b.number;
  });
  return segments;
}

void put_segment(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                 const Segment& segment) {
  const std::string key = segment_row_key(index, segment.number);
  const std::string row = encode_segment(index, segment);
  txn.put(tables.segments, value_of(std::string_view(key)), value_of(std::string_view(row)));
}

void erase_segment(lmdb::WriteTxn& txn, const Tables& tables, std::uint32_t index,
                   std::uint64_t number) {
  const std::string key = segment_row_key(index, number);
  txn.erase(tables.segments, value_of(std::string_view(key)));
}

std::optional<SegmentRange> choose_segments(const std::vector<Segment>& segments) {
  const auto range_of = [&](std::size_t begin, std::size_t end) {
    SegmentRange range{begin, end, 0};
    for (std::size_t i = begin; i < end; ++i) range.bytes += segments[i].bytes;
    return range;
  };
  // From the newest back: as long as classes do not grow, there is nothing to count anew.
  std::size_t greatest = 0, of_greatest = 0;
  for (std::size_t i = segments.size(); i-- > 0;) {
    const std::size_t now = size_class(segments[i]);
    if (now > greatest) {
      if (of_greatest >= kSegmentFan) break;
      greatest = now;
      of_greatest = 0;
    }
    if (now == greatest) ++of_greatest;
    if (now == greatest && of_greatest >= kSegmentFan) {
      // With all neighbours of the same class, so that what was left waiting goes at once.
      std::size_t begin = i;
      while (begin > 0 && size_class(segments[begin - 1]) <= greatest) --begin;
      return range_of(begin, std::min(segments.size(), begin + kSegmentsJoinedMax));
    }
  }
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (size_class(segments[i]) > 0 && segments[i].dead * 2 > segments[i].documents) {
      return range_of(i, i + 1);
    }
  }
  return std::nullopt;
}

}  // namespace atelier
