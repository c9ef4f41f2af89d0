// The texts of a room: TextDoc's operations as documents and, while they are typed, as presence.
//
// Invariants
//   1. Own operations are in a document's queue kTextWriteMs after the first one that no document
//      holds (kTextWriteAloneMs where only documents reach the others), at once when they are many,
//      and when the text is closed. With them goes everything else that no document holds.
//   2. Operations of others that came by presence are written here when nobody else did within
//      kTextForeignWriteMs: their author is gone.
//   3. Presence can add operations to the text, and nothing else: what is wrong in it is ignored,
//      what must wait is not kept.
//   4. on_patches() runs after the text has changed, and the text cannot be changed from within.
// Thread rule: main thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "atelier/room.h"
#include "room/room_core.h"
#include "room/room_tasks.h"
#include "room/shared_text_ledger.h"
#include "room/shared_text_presence.h"
#include "text/text_doc.h"
#include "text/text_undo.h"

namespace atelier {

/// See Room::open_text(). `raw` holds the documents of `owner`; `presence` carries what is being
/// typed and may be null.
Result<std::unique_ptr<SharedText>> open_shared_text(const std::shared_ptr<RoomCore>& core,
                                                     std::uint64_t owner,
                                                     std::shared_ptr<RawCollection> raw,
                                                     std::shared_ptr<RawPresence> presence,
                                                     const std::string& key);

class SharedTextImpl final : public SharedText, private RoomTask {
 public:
  SharedTextImpl(const std::shared_ptr<RoomCore>& core, std::uint64_t owner,
                 std::shared_ptr<RawCollection> raw, std::shared_ptr<RawPresence> presence,
                 const std::string& key);
  ~SharedTextImpl() override;
  SharedTextImpl(const SharedTextImpl&) = delete;
  SharedTextImpl& operator=(const SharedTextImpl&) = delete;

  std::size_t size() const override { return doc_.text().points(); }
  std::size_t line_count() const override { return doc_.text().lines(); }
  std::size_t line_begin(std::size_t line) const override {
    return doc_.text().point_of_line(line);
  }
  std::size_t line_of(std::size_t position) const override { return doc_.text().line_of(position); }
  std::string slice(std::size_t position, std::size_t count) const override;
  std::uint64_t revision() const override { return revision_; }

  Status replace(std::size_t position, std::size_t erased, std::string_view text) override;
  void end_undo_step() override { undo_.end_group(); }
  bool can_undo() const override { return undo_.can_undo(); }
  bool can_redo() const override { return undo_.can_redo(); }
  Status undo() override { return take_back(&TextUndo::undo); }
  Status redo() override { return take_back(&TextUndo::redo); }
  Subscription on_patches(OnPatches fn) override;

  void show_caret(std::optional<TextCaret> caret) override;
  std::vector<OtherCaret> other_carets() const override;
  std::uint64_t carets_revision() const override { return carets_revision_; }
  bool saved() const override { return unheld_.empty() && ledger_.written(); }

 private:
  struct Listener {
    OnPatches fn;  // empty when the subscription has ended
  };
  // Somebody else in this text.
  struct Other {
    std::string name, state;
    std::string agent, tail;         // what they typed; the tail is empty once it is in the text
    std::optional<TextCaret> shown;  // as they gave it, in their version
    TextVersion version;
    std::optional<TextCaret> caret;  // where that is here, as far as it is known
    bool placed = false;             // `shown` was found in the text
  };
  using Patches = std::span<const TextPatch>;

  // RoomTask
  bool run() override;
  bool idle() const override { return saved() && !ledger_.has_arrived(); }
  void save() override;

  std::int64_t now() const;
  Status take_back(Result<Patches> (TextUndo::*back)(TextDoc&));
  void changed(Patches patches, bool own);
  void own_changed(Patches patches, std::size_t bytes);
  void notify(Patches patches, bool own);
  void note(const std::string& agent);

  bool merge_documents();
  bool merge_tails();
  void read_presence();
  void read_state(const std::string& key, Other& other);
  bool may_speak_for(const std::string& key, const std::string& agent) const;
  void place_carets();

  std::int64_t write_due_ms() const;
  void write_all();
  void tidy_when_idle();
  void publish();
  std::string own_tail();
  void arm();

  const std::weak_ptr<RoomCore> core_;
  const std::shared_ptr<RoomTasks> tasks_;
  const std::shared_ptr<RawPresence> presence_;
  TextLedger ledger_;
  TextDoc doc_;
  TextUndo undo_;
  Subscription documents_;
  std::vector<std::shared_ptr<Listener>> listeners_;
  bool notifying_ = false;
  std::uint64_t revision_ = 0;

  // What no document holds: by agent, since when.
  std::map<std::string, std::int64_t> unheld_;
  std::size_t unheld_bytes_ = 0;       // own
  std::int64_t foreign_write_ms_ = 0;  // this program's time within the spread
  std::int64_t edited_ms_ = 0;         // the last change of the text
  std::int64_t retry_ms_ = 0;          // not before, after a write that failed

  std::map<std::string, Other> others_;  // by a Person's key
  std::uint64_t presence_revision_ = 0;  // that others_ shows, and one
  std::uint64_t carets_revision_ = 0;
  std::int64_t place_again_ms_ = 0;
  std::uint64_t placed_revision_ = 0;

  std::optional<TextCaret> caret_;  // one's own
  std::uint32_t tail_begin_ = 0;
  bool publish_ = false;
  std::string published_;
};

}  // namespace atelier
