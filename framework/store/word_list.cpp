#include "store/word_list.h"

#include <algorithm>
#include <functional>

namespace atelier {
namespace {

using word_rows::Posting;

constexpr std::uint32_t kNone = UINT32_MAX;
constexpr std::size_t kSlotsFirst = 256;

// The first bytes of a word, so that comparing numbers compares those.
std::uint64_t beginning(std::string_view word) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof number; ++i) {
    number = number << 8 | (i < word.size() ? static_cast<unsigned char>(word[i]) : 0);
  }
  return number;
}

}  // namespace

void WordList::begin_document(std::uint64_t sequence, bool stands) {
  sequence_ = sequence;
  stands_ = stands;
  document_ = postings_.size();
}

// Where the word is, or would be put.
std::size_t WordList::slot_of(std::string_view word, std::uint32_t hash) const {
  std::size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot] != kNone) {
    const Word& known = words_[slots_[slot]];
    if (known.hash == hash && text_of(known) == word) break;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void WordList::grow() {
  slots_.assign(std::max(kSlotsFirst, 2 * slots_.size()), kNone);
  for (std::uint32_t i = 0; i < words_.size(); ++i) {
    std::size_t slot = words_[i].hash & (slots_.size() - 1);
    while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = i;
  }
}

void WordList::add(std::string_view word, std::uint32_t count) {
  if (2 * words_.size() >= slots_.size()) grow();
  const auto hash = static_cast<std::uint32_t>(std::hash<std::string_view>()(word));
  const std::size_t slot = slot_of(word, hash);
  const auto node = static_cast<std::uint32_t>(postings_.size());
  const Posting posting{sequence_, stands_ ? count : 0};
  if (slots_[slot] == kNone) {
    slots_[slot] = static_cast<std::uint32_t>(words_.size());
    words_.push_back({static_cast<std::uint32_t>(text_.size()),
                      static_cast<std::uint32_t>(word.size()), hash, node, node});
    text_.append(word);
    postings_.push_back({posting, kNone});
    return;
  }
  Word& known = words_[slots_[slot]];
  if (known.last >= document_) {
    postings_[known.last].posting.count += posting.count;
    return;
  }
  postings_[known.last].next = node;
  known.last = node;
  postings_.push_back({posting, kNone});
}

std::vector<std::uint32_t> WordList::sorted() const {
  struct Key {
    std::uint64_t beginning;
    std::uint32_t word;
  };
  std::vector<Key> keys;
  keys.reserve(words_.size());
  for (std::uint32_t i = 0; i < words_.size(); ++i) {
    keys.push_back({beginning(text_of(words_[i])), i});
  }
  std::sort(keys.begin(), keys.end(), [&](const Key& a, const Key& b) {
    if (a.beginning != b.beginning) return a.beginning < b.beginning;
    return text_of(words_[a.word]) < text_of(words_[b.word]);
  });
  std::vector<std::uint32_t> order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(key.word);
  return order;
}

void WordList::read_postings(const Word& word, std::vector<Posting>* postings) const {
  postings->clear();
  bool ascending = true;
  for (std::uint32_t at = word.first; at != kNone; at = postings_[at].next) {
    const Posting& one = postings_[at].posting;
    ascending = ascending && (postings->empty() || postings->back().sequence < one.sequence);
    postings->push_back(one);
  }
  if (ascending) return;
  std::stable_sort(postings->begin(), postings->end(),
                   [](const Posting& a, const Posting& b) { return a.sequence < b.sequence; });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < postings->size(); ++i) {
    const bool last =
        i + 1 == postings->size() || (*postings)[i + 1].sequence != (*postings)[i].sequence;
    if (last) (*postings)[kept++] = (*postings)[i];
  }
  postings->resize(kept);
}

}  // namespace atelier
