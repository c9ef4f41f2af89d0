#include "store/index_rows.h"

#include "base/limits.h"
#include "revtree/varint.h"
#include "store/block_append.h"
#include "store/record.h"

namespace atelier::index_rows {
namespace {

Error damaged(std::string_view what) {
  return {ErrorCode::kCorrupt, "a row of an index is damaged on the disk: " + std::string(what)};
}

}  // namespace

void put_ordered(std::string& out, std::uint64_t number) {
  std::size_t count = 0;
  for (std::uint64_t rest = number; rest != 0; rest >>= 8) ++count;
  out.push_back(static_cast<char>(count));
  while (count-- > 0) out.push_back(static_cast<char>(number >> (8 * count)));
}

bool get_ordered(std::string_view bytes, std::size_t& pos, std::uint64_t* number) {
  if (pos >= bytes.size()) return false;
  const auto count = static_cast<std::uint8_t>(bytes[pos]);
  if (count > sizeof *number || bytes.size() - pos - 1 < count) return false;
  *number = 0;
  for (std::size_t i = 1; i <= count; ++i) {
    *number = *number << 8 | static_cast<std::uint8_t>(bytes[pos + i]);
  }
  if (count > 0 && bytes[pos + 1] == '\0') return false;
  pos += 1 + count;
  return true;
}

// --- values

std::string value_row(std::string_view key, std::size_t id_bytes) {
  std::string row;
  bytes::put_varint(row, id_bytes);
  return record::encode_checked(key, row);
}

Result<std::string_view> id_of_value_row(std::string_view key, std::string_view row) {
  const auto checked = record::decode_checked(key, row);
  if (!checked) return damaged("its checksum is wrong");
  bytes::Reader in(*checked);
  const std::uint64_t id_bytes = in.varint();
  if (!in.ok() || !in.at_end() || id_bytes == 0 || id_bytes >= key.size()) {
    return damaged("it names no document");
  }
  return key.substr(key.size() - static_cast<std::size_t>(id_bytes));
}

// --- words

std::string word_key(std::uint32_t index, std::string_view word) {
  std::string key;
  put_ordered(key, index);
  key.append(word);
  key.push_back('\0');
  return key;
}

std::string block_key(std::string_view word_key, std::uint64_t first) {
  std::string key(word_key);
  put_ordered(key, first);
  return key;
}

bool split_block_key(std::string_view key, std::string_view* word_key, std::uint64_t* first) {
  std::size_t pos = 0;
  std::uint64_t index = 0;
  if (!get_ordered(key, pos, &index)) return false;
  const std::size_t end = key.find('\0', pos);
  if (end == std::string_view::npos) return false;
  *word_key = key.substr(0, end + 1);
  pos = end + 1;
  return get_ordered(key, pos, first) && pos == key.size();
}

std::string_view word_of(std::string_view word_key) {
  const std::size_t head = 1 + static_cast<std::uint8_t>(word_key.front());
  return word_key.substr(head, word_key.size() - head - 1);
}

// block   := check:4 count:varint [span:varint] posting{count}
// span    := from the first sequence to the last; stands when there are two postings and more
// posting := 2 * step + many:varint [count:varint]   step: from the sequence before, of the first
// 0;
//                                                     `count` stands when the word is there twice
//                                                     or more (many = 1)
namespace {

struct Head {
  std::uint64_t count = 0, first = 0, last = 0;
  std::string_view postings;
};

Result<Head> head_of(std::string_view key, std::string_view row) {
  const auto checked = record::decode_checked(key, row);
  if (!checked) return damaged("its checksum is wrong");
  Head head;
  std::string_view word;
  if (!split_block_key(key, &word, &head.first)) return damaged("its key is none");
  bytes::Reader in(*checked);
  head.count = in.varint();
  const std::uint64_t span = head.count > 1 ? in.varint() : 0;
  if (!in.ok() || head.count == 0 || head.count > checked->size() ||
      span > UINT64_MAX - head.first) {
    return damaged("its head is wrong");
  }
  head.last = head.first + span;
  head.postings = in.rest();
  return head;
}

void put_posting(std::string& out, std::uint64_t before, const Posting& posting) {
  const bool many = posting.count != 1;
  bytes::put_varint(out, (posting.sequence - before) << 1 | (many ? 1 : 0));
  if (many) bytes::put_varint(out, posting.count);
}

// Adds postings to `body`, which ends with the sequence `last`, until the block is full, and makes
// the row.
std::string fill_block(std::string_view key, std::uint64_t first, std::uint64_t count,
                       std::uint64_t last, std::string body, const std::vector<Posting>& postings,
                       std::size_t& begin) {
  for (; begin < postings.size() && (count == 0 || body.size() < kPostingBlockBytes); ++begin) {
    put_posting(body, last, postings[begin]);
    last = postings[begin].sequence;
    ++count;
  }
  std::string row;
  row.reserve(body.size() + 20);
  bytes::put_varint(row, count);
  if (count > 1) bytes::put_varint(row, last - first);
  row.append(body);
  return record::encode_checked(key, row);
}

}  // namespace

std::string encode_block(std::string_view word, const std::vector<Posting>& postings,
                         std::size_t& begin) {
  const std::uint64_t first = postings[begin].sequence;
  return fill_block(block_key(word, first), first, 0, first, {}, postings, begin);
}

Result<std::uint64_t> last_of_block(std::string_view key, std::string_view row) {
  ATELIER_TRY(head, head_of(key, row));
  return head.last;
}

Result<std::string> append_to_block(std::string_view key, std::string_view row,
                                    const std::vector<Posting>& postings, std::size_t& begin) {
  ATELIER_TRY(head, head_of(key, row));
  return fill_block(key, head.first, head.count, head.last, std::string(head.postings), postings,
                    begin);
}

Status decode_block(std::string_view key, std::string_view row, std::vector<Posting>* postings) {
  ATELIER_TRY(head, head_of(key, row));
  bytes::Reader in(head.postings);
  std::uint64_t sequence = head.first;
  postings->reserve(postings->size() + static_cast<std::size_t>(head.count));
  for (std::uint64_t i = 0; i < head.count && in.ok(); ++i) {
    const std::uint64_t posting = in.varint();
    const std::uint64_t step = posting >> 1;
    const std::uint64_t many = posting & 1 ? in.varint() : 1;
    if ((step == 0) != (i == 0) || step > UINT64_MAX - sequence || many > UINT32_MAX ||
        (posting & 1 && many < 2)) {
      return damaged("its postings are out of order");
    }
    sequence += step;
    postings->push_back({sequence, static_cast<std::uint32_t>(many)});
  }
  if (!in.ok() || !in.at_end() || sequence != head.last) {
    return damaged("its postings are cut short");
  }
  return ok();
}

Result<std::uint64_t> count_of_block(std::string_view key, std::string_view row) {
  ATELIER_TRY(head, head_of(key, row));
  return head.count;
}

}  // namespace atelier::index_rows
