// A text that several people edit at once, offline for as long as they like.
// Thread rule: one thread at a time.
//
// In the steady state it is a rope and a log of operations; no character carries anything.
// Concurrent operations are merged by an event graph walker: "Collaborative Text Editing with
// Eg-walker: Better, Faster, Smaller" (arXiv 2409.14252). Everyone who has the same operations has
// the same text, in whatever order they came.
//
// Positions and lengths are counted in code points; text().byte_of() and its like convert.
//
// Agents. An operation is named by its agent and a sequence that counts that agent's operations
// from 0. Two different operations of one name would part the copies of a text for ever. So an
// agent id is never used again after an unclean end, nor by a copy or a restored backup of a
// profile: whoever opens a text to edit it makes a new id with new_agent_id(), and nothing else is
// safe. Where that happened nevertheless, merge() refuses the second content of the name and says
// so.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/shared_text.h"  // TextPatch
#include "base/error.h"
#include "text/batch.h"
#include "text/event_graph.h"
#include "text/op_log.h"
#include "text/rope.h"
#include "text/tracker.h"

namespace atelier {

/// Where a position is after a patch. What is inserted at the position itself comes behind it, or
/// before it with `stay_right`.
std::size_t map_position(std::size_t position, const TextPatch& patch, bool stay_right = false);
std::size_t map_position(std::size_t position, std::span<const TextPatch> patches,
                         bool stay_right = false);

/// A random agent id of 16 characters (digits and lowercase letters): 80 bits.
std::string new_agent_id();

/// Operations of one agent on their way to others.
struct TextBatch {
  std::string agent;
  std::uint32_t sequence = 0;  // of the first
  std::uint32_t operations = 0;
  std::string bytes;  // binary; merge() takes it
};

/// An operation's name for everyone.
struct TextVersionEntry {
  std::string agent;
  std::uint32_t sequence = 0;
  bool operator==(const TextVersionEntry&) const = default;
};
/// The operations that no other one of a version follows, ordered by agent, then sequence.
using TextVersion = std::vector<TextVersionEntry>;

enum class MergeState {
  kMerged,   // it is in the text now
  kKnown,    // it was there before, the same
  kWaiting,  // it follows something that has not come: what does is merged then, what does not is
             // now
  kRefused,  // see the error; it changed nothing
};

struct MergeResult {
  MergeState state = MergeState::kMerged;
  Error error;  // when it was refused
};

/// A batch that had been waiting and turned out wrong when what it waited for came.
struct RefusedBatch {
  std::string agent;
  std::uint32_t sequence = 0;
  Error error;
};

struct MergeReport {
  std::vector<MergeResult> results;   // one for each batch given
  std::vector<TextPatch> patches;     // what became visible, in order
  std::vector<RefusedBatch> refused;  // of those that had been waiting
};

class TextDoc {
 public:
  /// An empty text, edited by `agent`, which may stay empty where nothing is edited.
  explicit TextDoc(std::string agent = {});
  TextDoc(TextDoc&&) noexcept = default;
  TextDoc& operator=(TextDoc&&) noexcept = default;

  /// Opens what write_snapshot() wrote. Costs the length of the text: its history is read when the
  /// first operation comes that needs it. kInvalid when it is damaged.
  static Result<TextDoc> open(std::string_view snapshot, std::string agent = {});

  const Rope& text() const { return rope_; }
  const std::string& agent() const { return agent_id_; }

  // --- One's own edits. Errors: kInvalid (position, UTF-8, no agent), kTooLarge.
  Status insert(std::size_t position, std::string_view text);
  Status erase(std::size_t position, std::size_t count);

  /// The next own operations that were not taken yet, at most about kTextBatchContentBytes of them;
  /// nullopt when there are none. Once taken they must reach the store or the text be thrown away.
  std::optional<TextBatch> take_batch();
  bool has_untaken() const;

  // --- Others' edits
  /// Merges one batch. kWaiting and kKnown are no errors; a refusal is: it says what is wrong.
  Result<MergeReport> merge(std::string_view batch);
  /// Merges batches in any order, at the cost of one: whoever has several, as after a time offline,
  /// gives them together. Refusals stand in the results.
  MergeReport merge_all(std::span<const std::string_view> batches) {
    return merge_all(batches, Keep::kWaiting);
  }
  /// With kNothing a batch that must wait is not kept: kWaiting then says to give it again.
  enum class Keep { kWaiting, kNothing };
  MergeReport merge_all(std::span<const std::string_view> batches, Keep keep);
  std::size_t waiting() const { return waiting_.size(); }
  /// Forgets what waits, as after a restart.
  void drop_waiting();

  // --- Versions
  TextVersion version() const;
  /// How many operations of an agent are known.
  std::uint32_t known_of(std::string_view agent) const;
  std::uint32_t operations() const { return graph_.end(); }
  /// All batches that someone lacks who knows so many operations of each agent.
  Result<std::vector<TextBatch>> batches_since(
      const std::map<std::string, std::uint32_t, std::less<>>& known);
  /// The operations [begin, end) of an agent, which must be known, in batches of a good size.
  Result<std::vector<TextBatch>> batches_of(std::string_view agent, std::uint32_t begin,
                                            std::uint32_t end);
  std::map<std::string, std::uint32_t, std::less<>> known() const;
  /// Where `position` of an earlier or concurrent `version` is now: others' carets. kNotFound when
  /// this version has operations that have not come.
  Result<std::size_t> position_now(const TextVersion& version, std::size_t position);

  // --- Snapshots
  enum class History { kWith, kWithout };
  /// Text and version, with the history or without. Someone who opens it without can merge
  /// everything that follows it; what is concurrent with it needs take_history() first.
  /// kUnavailable when the history is wanted and was left out of the snapshot that this text was
  /// opened from.
  Result<std::string> write_snapshot(History history);
  /// Reads the history if it has not been needed yet. kUnavailable when there is none, kInvalid
  /// when it is damaged.
  Status load_history();
  bool has_history() const { return graph_.begin() == 0; }
  /// Takes the history from another snapshot of the very same version as was opened.
  Status take_history(std::string_view snapshot);
  /// Replays the whole history and compares: kInvalid when the text is not what it gives.
  Status verify();

  /// Lets go of what merging keeps for the next merge.
  void release_tracker();
  /// Bytes held.
  std::size_t memory() const;

 private:
  using Lv = text_crdt::Lv;
  using Name = std::pair<std::string, std::uint32_t>;  // of an operation
  // How many operations of a batch, from its front, were known before and are here now. The rest
  // waits.
  struct Staged {
    std::uint32_t known = 0;
    std::uint32_t here = 0;
  };
  struct Waiting {
    std::string bytes;
    Name name;                     // of its first operation that is not here
    std::uint32_t operations = 0;  // from there on
    std::vector<Name> missing;
  };
  static constexpr std::size_t kFromWaiting = ~std::size_t{0};
  struct StagedBatch {
    Lv begin = 0;
    std::size_t result = 0;  // into the results; kFromWaiting for those that had waited
    std::string_view given;  // by the caller
    std::string kept;        // of those that had waited
    std::string_view view() const {
      return result == kFromWaiting ? std::string_view(kept) : given;
    }
  };

  Status check_edit(std::size_t bytes, std::size_t operations) const;
  Status check_batch_size() const;
  std::uint32_t batch_end(std::uint32_t agent, std::uint32_t sequence, std::uint32_t limit) const;
  void add_batches(std::uint32_t agent, std::uint32_t begin, std::uint32_t end,
                   std::vector<TextBatch>& batches) const;
  Result<Staged> stage(std::string_view bytes, Keep keep);
  Status resolve_parents(std::vector<Name>& missing, std::uint32_t& usable);
  Status resolve_parent(const text_crdt::Batch::Parent& parent, std::vector<Name>& missing);
  Status check_known(std::uint32_t agent, std::uint32_t resolved, std::uint32_t known) const;
  bool same_parents(std::uint32_t agent, std::uint32_t end) const;
  Status append_staged(std::uint32_t skip, std::uint32_t end);
  Status wait(std::string_view bytes, std::uint32_t from, std::vector<Name> missing);
  bool waits_for_itself(const Waiting& batch) const;
  std::optional<std::string> take_ready(const Name& begin, std::uint32_t end);
  void stage_one(StagedBatch batch, Keep keep, MergeReport& report,
                 std::vector<StagedBatch>& staged);
  void finish(const StagedBatch& batch, Error error, MergeReport& report);
  void apply(std::vector<StagedBatch>& staged, Keep keep, MergeReport& report);
  bool transform(Lv from, Lv& failed_at);
  bool transform_sequential(Lv begin, Lv end, std::size_t& length, Lv& failed_at);
  bool transform_concurrent(Lv zone, Lv begin, Lv end, std::size_t& length, Lv& failed_at);
  void commit_changes(std::vector<TextPatch>& patches);
  void write_history(std::string& out) const;
  Status read_history(std::string_view bytes);
  Result<text_crdt::Frontier> find_version(const TextVersion& version) const;

  std::string agent_id_;
  std::uint32_t agent_ = text_crdt::kNoLv;
  std::uint32_t taken_ = 0;  // own operations that went into batches
  Rope rope_;
  text_crdt::OpLog log_;
  text_crdt::EventGraph graph_;
  std::string unread_history_;  // of the snapshot, when it is not in graph_ and log_

  text_crdt::Tracker tracker_;
  bool tracking_ = false;

  std::map<std::uint64_t, Waiting> waiting_;
  std::multimap<Name, std::uint64_t> waiting_for_;      // by the first that is missing
  std::multimap<Name, std::uint64_t> waiting_by_name_;  // by its first operation
  std::uint64_t next_waiting_ = 0;
  std::size_t waiting_bytes_ = 0;

  // Used again by each merge.
  text_crdt::Batch batch_;
  std::vector<Lv> parents_;  // resolved, of all stretches of batch_
  std::string failed_name_;  // the operation that transform() refused
  std::vector<text_crdt::Change> changes_;
};

}  // namespace atelier
