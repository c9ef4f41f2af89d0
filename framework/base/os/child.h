// Work that may end in a fault, in a process of its own. Thread rule: any thread, as long as the
// work needs no lock that another thread of this process may hold at that moment (memory is fine).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace atelier::os {

struct ChildEnd {
  int code = 0;       // what the work returned
  int signal = 0;     // or the signal that ended it
  std::string words;  // "ended with code 3", "was ended by signal 7 (Bus error)"
};

/// Sends a line (without its end) to the parent; in the child.
using Tell = std::function<void(std::string_view line)>;

/// Runs `work` in a copy of this process and gives each line that it tells to `hear`, in this one;
/// returns when the child has ended. The child ends with its parent and has none of its handlers of
/// faults. Errors: kInternal when there can be no further process.
Result<ChildEnd> run_in_child(const std::function<int(const Tell&)>& work,
                              const std::function<void(std::string_view line)>& hear);

}  // namespace atelier::os
