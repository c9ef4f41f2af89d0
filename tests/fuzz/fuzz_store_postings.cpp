// Bytes that claim to be a row of words, behind a checksum that is right: what is read is in order
// and, written and read again, the same; or it is an error.
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "store/record.h"
#include "store/segments.h"
#include "store/word_rows.h"

using namespace atelier::word_rows;

namespace {

using Lists = std::map<std::string, std::vector<Posting>>;

// False: an error. What was read before it stays.
bool read(std::string_view key, std::string_view row, Lists* lists) {
  RowReader reader(key, row);
  std::string before;
  for (bool first = true; reader.next(); first = false) {
    const Entry& entry = reader.entry();
    if (!first && entry.word <= before) std::abort();
    before = entry.word;
    if (!decode_postings(entry, &(*lists)[before])) return false;
  }
  return reader.status().has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string key = row_key(segment_key(1, 7), "w", 300);
  Lists lists;
  // Without the checksum: never more than an error.
  (void)read(bytes, bytes, &lists);
  (void)atelier::decode_segment(bytes.substr(0, 12), bytes);
  const std::string segment = atelier::segment_row_key(1, 7);
  (void)atelier::decode_segment(segment, atelier::record::encode_checked(segment, bytes));
  lists.clear();
  if (!read(key, atelier::record::encode_checked(key, bytes), &lists)) return 0;
  if (lists["w"].empty() || lists["w"].front().sequence != 300) std::abort();
  for (const auto& [word, postings] : lists) {
    for (std::size_t i = 1; i < postings.size(); ++i) {
      if (postings[i].sequence <= postings[i - 1].sequence) std::abort();
    }
  }
  Lists again;
  RowsBuilder builder(1, 7, [&](const std::string& row_of, const std::string& row) {
    if (!read(row_of, row, &again)) std::abort();
  });
  for (const auto& [word, postings] : lists) {
    for (const Posting& one : postings) builder.add(word, one);
  }
  builder.finish();
  if (again != lists) std::abort();
  return 0;
}
