// A set of sequences, in about a bit each where they lie close together. Thread rule: one thread at
// a time.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>

namespace atelier {

class SequenceSet {
 public:
  SequenceSet() = default;
  SequenceSet(const SequenceSet&) = delete;  // last_ points into it
  SequenceSet& operator=(const SequenceSet&) = delete;
  void insert(std::uint64_t sequence) {
    block_of(sequence / kBits)[sequence % kBits / 64] |= std::uint64_t{1} << (sequence % 64);
  }
  bool contains(std::uint64_t sequence) const {
    if (sequence / kBits != last_number_ || !last_) {
      const auto found = blocks_.find(sequence / kBits);
      if (found == blocks_.end()) return false;
      last_number_ = sequence / kBits;
      last_ = &found->second;
    }
    return (*last_)[sequence % kBits / 64] >> (sequence % 64) & 1;
  }

 private:
  static constexpr std::uint64_t kBits = 1024;
  using Block = std::array<std::uint64_t, kBits / 64>;
  Block& block_of(std::uint64_t number) { return blocks_[number]; }

  std::unordered_map<std::uint64_t, Block> blocks_;  // whose blocks stay where they are
  mutable std::uint64_t last_number_ = 0;
  mutable const Block* last_ = nullptr;
};

}  // namespace atelier
