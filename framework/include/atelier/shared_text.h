// A text that several people write at once, offline for as long as they like: everyone keeps every
// word, and all copies become equal. It saves itself: what was typed is in the local store within
// two seconds, also through a crash.
//
//   auto text = room.open_text("coedit-text", key);
//   text->replace(text->size(), 0, "Hello");
//   auto heard = text->on_patches([&](std::span<const TextPatch> patches, bool own) { … });
//
// Positions and lengths count code points. Lines are what "\n" separates. The text changes in one's
// own edits and inside Room::pump(), nowhere else. Thread rule: main thread; see room.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/error.h"
#include "atelier/subscription.h"

namespace atelier {

/// One change: at `position`, `erased` code points went and `inserted` came. Each is meant for the
/// text that has the patches before it.
struct TextPatch {
  std::size_t position = 0;
  std::size_t erased = 0;
  std::size_t inserted_points = 0;
  std::string_view inserted;  // valid until the text changes again
};

/// Where somebody writes; `anchor` is the other end of what is selected (equal: nothing is).
struct TextCaret {
  std::size_t position = 0;
  std::size_t anchor = 0;
};

class SharedText {
 public:
  virtual ~SharedText() = default;

  // --- Reading
  virtual std::size_t size() const = 0;
  virtual std::size_t line_count() const = 0;  // at least 1
  /// Where line `line` (the first is 0) begins; size() for what lies beyond.
  virtual std::size_t line_begin(std::size_t line) const = 0;
  virtual std::size_t line_of(std::size_t position) const = 0;
  virtual std::string slice(std::size_t position, std::size_t count) const = 0;
  /// Grows with each change.
  virtual std::uint64_t revision() const = 0;

  // --- One's own edits. Errors: kInvalid (position, UTF-8), kTooLarge, kBusy (from on_patches());
  // nothing changed then.
  virtual Status replace(std::size_t position, std::size_t erased, std::string_view text) = 0;
  /// The next edit begins a new step of undo: after a pause, a click, a paste.
  virtual void end_undo_step() = 0;
  virtual bool can_undo() const = 0;
  virtual bool can_redo() const = 0;
  /// Take back, or do again, one step of one's own; what others wrote stays. on_patches() tells
  /// what became visible.
  virtual Status undo() = 0;
  virtual Status redo() = 0;

  /// `fn` runs after each own edit (own: true) and inside pump() for others' (own: false). The text
  /// cannot be edited from within (kBusy).
  using OnPatches = std::function<void(std::span<const TextPatch> patches, bool own)>;
  [[nodiscard]] virtual Subscription on_patches(OnPatches fn) = 0;

  // --- Carets
  /// Shows others where one writes; nullopt hides it. After an own edit it is behind what was typed,
  /// and others' edits move it: only what the person does needs to be told.
  virtual void show_caret(std::optional<TextCaret> caret) = 0;
  struct OtherCaret {
    std::string key, name;  // of a Person
    TextCaret caret;        // where it is in this text now
  };
  virtual std::vector<OtherCaret> other_carets() const = 0;
  /// Grows when other_carets() may have changed.
  virtual std::uint64_t carets_revision() const = 0;

  /// Whether everything that is known is in the local store, what others typed included.
  virtual bool saved() const = 0;
};

}  // namespace atelier
