#include "store/word_rows.h"

#include <algorithm>

#include "base/limits.h"
#include "revtree/varint.h"
#include "store/index_rows.h"
#include "store/record.h"

namespace atelier::word_rows {
namespace {

using index_rows::get_ordered;
using index_rows::put_ordered;

constexpr std::size_t kCheckBytes = 4;
constexpr std::size_t kPostingBytesMax = 15;  // two varints
// An entry's numbers at most: shared, length of the rest, step, head, occurrences, span, length.
constexpr std::size_t kEntryHeadBytesMax = 1 + 1 + 10 + 3 + 5 + 10 + 2;

Error damaged(std::string_view what) {
  return {ErrorCode::kCorrupt, "a row of an index is damaged on the disk: " + std::string(what)};
}

std::uint64_t zigzag(std::uint64_t from, std::uint64_t to) {
  const std::uint64_t step = to - from;
  return to >= from ? step << 1 : ((from - to) << 1) - 1;
}

bool unzigzag(std::uint64_t& number, std::uint64_t step) {
  const std::uint64_t size = (step >> 1) + (step & 1);
  if (step & 1 ? size > number : size > UINT64_MAX - number) return false;
  number = step & 1 ? number - size : number + size;
  return true;
}

std::size_t shared_bytes(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  std::size_t same = 0;
  while (same < most && a[same] == b[same]) ++same;
  return same;
}

void put_posting(std::string& out, std::uint64_t before, const Posting& posting) {
  const bool many = posting.count != 1;
  bytes::put_varint(out, (posting.sequence - before) << 1 | (many ? 1 : 0));
  if (many) bytes::put_varint(out, posting.count);
}

}  // namespace

// --- keys

std::string segment_key(std::uint32_t index, std::uint64_t segment) {
  std::string key;
  put_ordered(key, index);
  put_ordered(key, segment);
  return key;
}

std::string row_key(std::string_view segment_key, std::string_view word, std::uint64_t first) {
  std::string key;
  key.reserve(segment_key.size() + word.size() + 10);
  key.append(segment_key).append(word).push_back('\0');
  put_ordered(key, first);
  return key;
}

bool split_key(std::string_view key, Key* parts) {
  std::size_t pos = 0;
  if (!get_ordered(key, pos, &parts->index) || !get_ordered(key, pos, &parts->segment))
    return false;
  const std::size_t end = key.find('\0', pos);
  if (end == std::string_view::npos) return false;
  parts->word = key.substr(pos, end - pos);
  pos = end + 1;
  return get_ordered(key, pos, &parts->first) && pos == key.size();
}

// --- RowReader

void RowReader::open(std::string_view key, std::string_view row) {
  first_ = true;
  rest_ = {};
  Key parts;
  const auto checked = record::decode_checked(key, row);
  damaged_ = !checked || checked->empty() || !split_key(key, &parts);
  if (damaged_) return;
  rest_ = *checked;
  word_ = parts.word;
  entry_ = {};
  entry_.first = parts.first;
}

bool RowReader::next() {
  if (rest_.empty() || damaged_) return false;
  damaged_ = !read(rest_);
  first_ = false;
  return !damaged_;
}

bool RowReader::read(std::string_view from) {
  bytes::Reader in(from);
  const std::uint64_t shared = in.varint();
  const std::string_view tail = in.text();
  const std::uint64_t step = in.varint();
  const std::uint64_t head = in.varint();
  const bool many = head & 1;
  const std::uint64_t occurrences = many ? in.varint() : 1;
  if (!in.ok() || shared > word_.size() || occurrences > UINT32_MAX || (many && occurrences == 1)) {
    return false;
  }
  if (first_) {
    if (shared != word_.size() || !tail.empty() || step != 0) return false;
  } else {
    // Behind the word before, in the order of bytes.
    if (tail.empty() || tail.find('\0') != std::string_view::npos) return false;
    if (shared < word_.size() &&
        static_cast<unsigned char>(tail.front()) <= static_cast<unsigned char>(word_[shared])) {
      return false;
    }
  }
  word_.resize(static_cast<std::size_t>(shared));
  word_.append(tail);
  entry_.word = word_;
  entry_.count = head >> 1;
  if (!unzigzag(entry_.first, step)) return false;
  entry_.last = entry_.first;
  entry_.first_count = static_cast<std::uint32_t>(occurrences);
  entry_.others = {};
  if (entry_.count == 0) return false;
  if (entry_.count > 1) {
    const std::uint64_t span = in.varint();
    entry_.others = in.text();
    if (!in.ok() || span == 0 || span > UINT64_MAX - entry_.first ||
        entry_.count - 1 > entry_.others.size()) {
      return false;
    }
    entry_.last = entry_.first + span;
  }
  rest_ = in.rest();
  return true;
}

Status RowReader::status() const {
  if (damaged_) return damaged("its words cannot be read");
  return ok();
}

Status decode_postings(const Entry& entry, std::vector<Posting>* postings) {
  bytes::Reader in(entry.others);
  std::uint64_t sequence = entry.first;
  postings->reserve(postings->size() + static_cast<std::size_t>(entry.count));
  postings->push_back({sequence, entry.first_count});
  for (std::uint64_t i = 1; i < entry.count && in.ok(); ++i) {
    const std::uint64_t posting = in.varint();
    const std::uint64_t step = posting >> 1;
    const std::uint64_t count = posting & 1 ? in.varint() : 1;
    if (step == 0 || step > UINT64_MAX - sequence || count > UINT32_MAX ||
        (posting & 1 && count == 1)) {
      return damaged("its postings are out of order");
    }
    sequence += step;
    postings->push_back({sequence, static_cast<std::uint32_t>(count)});
  }
  if (!in.ok() || !in.at_end() || sequence != entry.last) {
    return damaged("its postings are cut short");
  }
  return ok();
}

// --- RowsBuilder

RowsBuilder::RowsBuilder(std::uint32_t index, std::uint64_t segment, Emit emit)
    : segment_key_(segment_key(index, segment)), emit_(std::move(emit)) {}

// Never less than what end_entry() appends.
std::size_t RowsBuilder::entry_bytes() const {
  return kEntryHeadBytesMax + word_.size() - shared_bytes(row_word_, word_) + others_.size();
}

void RowsBuilder::add(std::string_view word, const Posting& posting) {
  if (count_ > 0 && word == word_) {
    const std::size_t row =
        key_.empty() ? segment_key_.size() + word_.size() + 10 : key_.size() + row_.size();
    if (kCheckBytes + row + entry_bytes() + kPostingBytesMax <= kWordRowBytes) {
      put_posting(others_, last_, posting);
      last_ = posting.sequence;
      ++count_;
      return;
    }
    end_entry();
    end_row();
  }
  begin_entry(word, posting);
}

void RowsBuilder::begin_entry(std::string_view word, const Posting& posting) {
  end_entry();
  word_ = word;
  count_ = 1;
  first_ = posting;
  last_ = posting.sequence;
  others_.clear();
  if (!key_.empty() && kCheckBytes + key_.size() + row_.size() + entry_bytes() > kWordRowBytes) {
    end_row();
  }
}

void RowsBuilder::end_entry() {
  if (count_ == 0) return;
  if (key_.empty()) {
    key_ = row_key(segment_key_, word_, first_.sequence);
    row_word_ = word_;
    row_first_ = first_.sequence;
  }
  const std::size_t shared = shared_bytes(row_word_, word_);
  const bool many = first_.count != 1;
  bytes::put_varint(row_, shared);
  bytes::put_text(row_, std::string_view(word_).substr(shared));
  bytes::put_varint(row_, zigzag(row_first_, first_.sequence));
  bytes::put_varint(row_, count_ << 1 | (many ? 1 : 0));
  if (many) bytes::put_varint(row_, first_.count);
  if (count_ > 1) {
    bytes::put_varint(row_, last_ - first_.sequence);
    bytes::put_text(row_, others_);
  }
  row_word_ = word_;
  row_first_ = first_.sequence;
  count_ = 0;
}

void RowsBuilder::end_row() {
  if (key_.empty()) return;
  std::string row = record::encode_checked(key_, row_);
  emit_(std::move(key_), std::move(row));
  key_.clear();
  row_.clear();
  row_word_.clear();
}

void RowsBuilder::finish() {
  end_entry();
  end_row();
}

}  // namespace atelier::word_rows
