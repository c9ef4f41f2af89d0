#include "room/shared_text_documents.h"

#include <algorithm>
#include <charconv>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "text/batch.h"

namespace atelier {
namespace {

constexpr std::size_t kDigits = 10;

std::string ten_digits(std::uint32_t number) {
  std::string digits = std::to_string(number);
  digits.insert(0, kDigits - digits.size(), '0');
  return digits;
}

std::optional<std::uint32_t> parse_ten_digits(std::string_view text) {
  if (text.size() != kDigits) return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string text_document_id(std::string_view text_prefix, const TextRange& range) {
  std::string id(text_prefix);
  id.append(range.agent).append(":").append(ten_digits(range.begin));
  return id.append("-").append(ten_digits(range.end));
}

Result<TextRange> parse_text_document_id(std::string_view rest) {
  constexpr std::size_t kTail = 1 + kDigits + 1 + kDigits;
  if (rest.size() <= kTail || rest.size() > kTextAgentBytesMax + kTail)
    return invalid("its id does not end in an agent and a range");
  const std::string_view agent = rest.substr(0, rest.size() - kTail);
  const std::string_view tail = rest.substr(agent.size());
  const auto begin = parse_ten_digits(tail.substr(1, kDigits));
  const auto end = parse_ten_digits(tail.substr(2 + kDigits));
  if (tail[0] != ':' || tail[1 + kDigits] != '-' || !begin || !end ||
      agent.find(':') != std::string_view::npos)
    return invalid("its id does not end in an agent and a range");
  if (*begin >= *end || *end > kTextOperationsMax) return invalid("its id names no operations");
  return TextRange{std::string(agent), *begin, *end};
}

std::string text_document_body(std::string_view batch) {
  return "{\"v\":1,\"ops\":\"" + base64(batch) + "\"}";
}

Result<std::string> parse_text_document(const TextRange& range, std::string_view body) {
  const auto version = json::int_member(body, "v");
  if (!version) return invalid("/v: expected a number");
  if (*version != 1) return invalid("/v: of a newer version of this program");
  const auto text = json::string_member(body, "ops");
  if (!text) return invalid("/ops: expected a string");
  auto bytes = unbase64(*text);
  if (!bytes) return invalid("/ops: expected base64");
  text_crdt::Batch batch;
  ATELIER_CHECK(text_crdt::read_batch(*bytes, batch));
  const bool same = batch.agent() == range.agent && batch.sequence == range.begin &&
                    batch.operations == range.end - range.begin;
  if (!same) return invalid("/ops: other operations than its id says");
  return std::move(*bytes);
}

// --- HeldOperations

void HeldOperations::add(const TextRange& range) {
  if (range.begin >= range.end) return;
  Ranges& ranges = ranges_[range.agent];
  std::uint32_t begin = range.begin, end = range.end;
  auto next = ranges.upper_bound(begin);
  if (next != ranges.begin() && std::prev(next)->second >= begin) --next;
  while (next != ranges.end() && next->first <= end) {
    begin = std::min(begin, next->first);
    end = std::max(end, next->second);
    next = ranges.erase(next);
  }
  ranges.emplace_hint(next, begin, end);
}

void HeldOperations::remove(const TextRange& range) {
  const auto found = ranges_.find(range.agent);
  if (found == ranges_.end() || range.begin >= range.end) return;
  Ranges kept;
  for (const auto& [begin, end] : found->second) {
    if (begin < range.begin) kept.emplace(begin, std::min(end, range.begin));
    if (end > range.end) kept.emplace(std::max(begin, range.end), end);
  }
  found->second = std::move(kept);
}

bool HeldOperations::holds(const TextRange& range) const {
  const auto found = ranges_.find(range.agent);
  if (found == ranges_.end()) return false;
  const auto next = found->second.upper_bound(range.begin);
  return next != found->second.begin() && std::prev(next)->second >= range.end;
}

std::uint32_t HeldOperations::first_missing(std::string_view agent) const {
  const auto found = ranges_.find(agent);
  if (found == ranges_.end() || found->second.empty()) return 0;
  const auto& [begin, end] = *found->second.begin();
  return begin == 0 ? end : 0;
}

std::vector<TextRange> HeldOperations::missing(std::string_view agent, std::uint32_t known) const {
  std::vector<TextRange> missing;
  std::uint32_t at = 0;
  if (const auto found = ranges_.find(agent); found != ranges_.end()) {
    for (const auto& [begin, end] : found->second) {
      if (at >= known) break;
      if (begin > at) missing.push_back({std::string(agent), at, std::min(begin, known)});
      at = end;
    }
  }
  if (at < known) missing.push_back({std::string(agent), at, known});
  return missing;
}

// --- Order

namespace {

// Walks from each batch back to those that it follows and puts these in front. What follows itself
// (nobody honest writes that) comes as it stands; merging refuses it.
class ParentOrder {
 public:
  explicit ParentOrder(std::vector<ArrivedBatch>& batches) : batches_(batches) {
    std::sort(batches.begin(), batches.end(), [](const ArrivedBatch& a, const ArrivedBatch& b) {
      return std::tie(a.range.agent, a.range.begin, a.range.end) <
             std::tie(b.range.agent, b.range.begin, b.range.end);
    });
    seen_.resize(batches.size());
    for (std::size_t i = 0; i < batches.size(); ++i) {
      const TextRange& range = batches[i].range;
      if (i == 0 || range.agent != batches[i - 1].range.agent) begin_of_.emplace(range.agent, i);
    }
  }

  std::vector<ArrivedBatch> take() {
    for (std::size_t i = 0; i < batches_.size(); ++i) visit(i);
    std::vector<ArrivedBatch> ordered;
    ordered.reserve(order_.size());
    for (const std::size_t i : order_) ordered.push_back(std::move(batches_[i]));
    return ordered;
  }

 private:
  struct Open {
    std::size_t batch = 0;
    std::vector<std::size_t> parents;  // not visited yet
  };

  void visit(std::size_t first) {
    if (seen_[first]) return;
    seen_[first] = true;
    std::vector<Open> open{{first, parents_of(first)}};
    while (!open.empty()) {
      if (open.back().parents.empty()) {
        order_.push_back(open.back().batch);
        open.pop_back();
        continue;
      }
      const std::size_t next = open.back().parents.back();
      open.back().parents.pop_back();
      if (seen_[next]) continue;
      seen_[next] = true;
      open.push_back({next, parents_of(next)});
    }
  }

  std::vector<std::size_t> parents_of(std::size_t i) {
    std::vector<std::size_t> parents;
    const TextRange& range = batches_[i].range;
    if (i > 0 && batches_[i - 1].range.agent == range.agent) parents.push_back(i - 1);
    if (!text_crdt::read_batch(batches_[i].bytes, batch_)) return parents;
    for (const auto& parent : batch_.parents) {
      const std::string_view agent = batch_.names[parent.name];
      if (agent == range.agent && parent.sequence >= range.begin) continue;
      if (const auto found = find(agent, parent.sequence)) parents.push_back(*found);
    }
    return parents;
  }

  // The last batch of the agent that begins at the sequence or before it.
  std::optional<std::size_t> find(std::string_view agent, std::uint32_t sequence) const {
    const auto found = begin_of_.find(agent);
    if (found == begin_of_.end()) return std::nullopt;
    const auto next = std::next(found);
    const auto first = batches_.begin() + static_cast<std::ptrdiff_t>(found->second);
    const auto last = next == begin_of_.end()
                          ? batches_.end()
                          : batches_.begin() + static_cast<std::ptrdiff_t>(next->second);
    const auto behind = std::upper_bound(
        first, last, sequence,
        [](std::uint32_t value, const ArrivedBatch& one) { return value < one.range.begin; });
    if (behind == first) return std::nullopt;
    return static_cast<std::size_t>(behind - batches_.begin()) - 1;
  }

  std::vector<ArrivedBatch>& batches_;
  std::map<std::string, std::size_t, std::less<>> begin_of_;  // agent -> its first batch
  std::vector<bool> seen_;
  std::vector<std::size_t> order_;
  text_crdt::Batch batch_;
};

}  // namespace

void order_by_parents(std::vector<ArrivedBatch>& batches) {
  if (batches.size() > 1) batches = ParentOrder(batches).take();
}

}  // namespace atelier
