// How sequences are shown to others: `<n>-<16 hex digits>`.
//
// The digits name the lineage of sequence n: the run of a process that made it. A run begins a new
// lineage with its first write, so two copies of one store never make the same name for different
// changes, and a reader whose store was restored from an older copy continues where both agree:
// lineage L that began at sequence f and ended at e (where the next began) has f..e in common with
// everyone who knows L. The digits also cover the epoch of rights, so that a reader whose rights
// were widened begins anew.
//
// Thread rule: safe from any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier {

class SequenceNames {
 public:
  struct Lineage {
    std::uint64_t first = 0;  // the first sequence of this run
    std::string name;         // random bytes
  };
  void reset(std::vector<Lineage> lineages, std::uint64_t epoch);  // sorted by `first`, not empty
  void add(Lineage lineage);
  void set_epoch(std::uint64_t epoch);

  std::string text(std::uint64_t sequence) const;
  Result<std::uint64_t> parse(std::string_view text, std::uint64_t last_sequence) const;

 private:
  std::string token(const Lineage& lineage) const;

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Lineage> lineages_;
  std::vector<std::string> tokens_;
  std::uint64_t epoch_ = 0;
};

}  // namespace atelier
