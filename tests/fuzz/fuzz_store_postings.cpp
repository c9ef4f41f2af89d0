// Bytes that claim to be a block of postings, behind a checksum that is right: what is read is in
// order and written back as it was, or it is an error.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "store/index_rows.h"
#include "store/record.h"

using namespace atelier::index_rows;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string word = word_key(1, "w");
  const std::string key = block_key(word, 300);
  std::vector<Posting> postings;
  // Without the checksum: never more than an error.
  (void)decode_block(bytes, bytes, &postings);
  postings.clear();
  const std::string row = atelier::record::encode_checked(key, bytes);
  if (!decode_block(key, row, &postings)) return 0;
  if (postings.empty() || postings.front().sequence != 300) std::abort();
  for (std::size_t i = 1; i < postings.size(); ++i) {
    if (postings[i].sequence <= postings[i - 1].sequence) std::abort();
  }
  std::vector<Posting> again;
  for (std::size_t begin = 0; begin < postings.size();) {
    const std::string block = block_key(word, postings[begin].sequence);
    if (!decode_block(block, encode_block(word, postings, begin), &again)) std::abort();
  }
  if (again != postings) std::abort();
  return 0;
}
