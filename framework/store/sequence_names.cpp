#include "store/sequence_names.h"

#include <algorithm>
#include <charconv>

#include "base/digest.h"

namespace atelier {
namespace {

constexpr std::size_t kTokenBytes = 8;

Error malformed() {
  return invalid("Malformed sequence supplied in 'since' parameter.");
}

}  // namespace

std::string SequenceNames::token(const Lineage& lineage) const {
  const Sha256 sum = sha256(lineage.name + "/" + std::to_string(epoch_));
  return hex(std::string_view(reinterpret_cast<const char*>(sum.data()), kTokenBytes));
}

void SequenceNames::reset(std::vector<Lineage> lineages, std::uint64_t epoch) {
  const std::lock_guard lock(mutex_);
  epoch_ = epoch;
  lineages_ = std::move(lineages);
  tokens_.clear();
  for (const Lineage& one : lineages_) tokens_.push_back(token(one));
}

void SequenceNames::add(Lineage lineage) {
  const std::lock_guard lock(mutex_);
  tokens_.push_back(token(lineage));
  lineages_.push_back(std::move(lineage));
}

void SequenceNames::set_epoch(std::uint64_t epoch) {
  std::vector<Lineage> lineages;
  {
    const std::lock_guard lock(mutex_);
    lineages = lineages_;
  }
  reset(std::move(lineages), epoch);
}

std::string SequenceNames::text(std::uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  auto behind = std::upper_bound(lineages_.begin(), lineages_.end(), sequence,
                                 [](std::uint64_t s, const Lineage& l) { return s < l.first; });
  const std::size_t index =
      behind == lineages_.begin() ? 0 : static_cast<std::size_t>(behind - lineages_.begin()) - 1;
  return std::to_string(sequence) + "-" + tokens_[index];
}

Result<std::uint64_t> SequenceNames::parse(std::string_view text,
                                           std::uint64_t last_sequence) const {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);  // CouchDB takes it as JSON as well
  }
  if (text.empty() || text == "0") return 0;
  if (text == "now") return last_sequence;
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [dash, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || dash == end || *dash != '-' || dash + 1 == end) return malformed();
  const std::string_view token(dash + 1, static_cast<std::size_t>(end - dash) - 1);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = lineages_.size(); i-- > 0;) {
    if (tokens_[i] != token) continue;
    if (number < lineages_[i].first) return 0;  // not a name that we made
    const std::uint64_t lineage_end =
        i + 1 < lineages_.size() ? lineages_[i + 1].first - 1 : last_sequence;
    return std::min(number, std::min(lineage_end, last_sequence));
  }
  return 0;
}

}  // namespace atelier
