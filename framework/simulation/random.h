// Randomness that a seed reproduces on every machine and with every standard library. Thread rule:
// a value.
#pragma once

#include <cstdint>

namespace atelier::simulation {

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// 0 to `end` - 1; 0 when `end` is 0. The bias is below 2^-32 for ends that fit 32 bits.
  std::uint64_t below(std::uint64_t end) { return end == 0 ? 0 : next() % end; }
  bool chance(int per_mille) { return static_cast<int>(below(1'000)) < per_mille; }

 private:
  std::uint64_t state_;
};

}  // namespace atelier::simulation
