// A room as an application sees it: typed collections that change, and how the syncing is doing.
//
//   struct Message { std::int64_t timestamp = 0; std::string sender, text; };
//   BOOST_DESCRIBE_STRUCT(Message, (), (timestamp, sender, text))
//
//   auto messages = room.collection<Message>("message");
//   auto view = messages.ordered_by(&Message::timestamp);
//   messages.add({now_ms(), room.user().name, "hello"});
//   for (const auto& item : view) draw(item.value.text);
//
// Thread rule: everything here belongs to the main thread. Nothing changes and no callback runs but
// inside pump(), which the host calls between frames: there are no locks to think of.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "atelier/error.h"
#include "atelier/presence.h"
#include "atelier/search.h"
#include "atelier/shared_text.h"
#include "atelier/subscription.h"
#include "atelier/sync_status.h"

namespace atelier {

/// Milliseconds since 1970-01-01 UTC, what documents carry as their time.
inline std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// A document of a collection: its id, its JSON text (normal form, without `_` members).
struct RawDocument {
  std::string id;
  std::string body;
  bool pending = false;  // written here and not yet on disk
};

/// One document became visible, changed or went away; local or from somebody else.
struct RawChange {
  RawDocument document;  // of a deletion: the id alone
  bool deleted = false;
  bool local = false;  // the change was made through this Room object
};

/// A document that a search found.
struct RawHit {
  RawDocument document;
  std::vector<Highlight> highlights;
};

/// Which documents of a collection, in which order.
struct CollectionQuery {
  std::string selector = "{}";    // as CouchDB's _find takes it, JSON: {"stars": {"$gte": 3}}
  std::vector<std::string> sort;  // fields; an index of these fields must be declared
  bool descending = false;
  std::size_t limit = 1'000;
};

/// What Collection<T> stands on: the documents of one prefix, as text. The functions that take an
/// id throw std::logic_error, which the host shows, when it does not begin with `<prefix>:`.
class RawCollection {
 public:
  virtual ~RawCollection() = default;

  /// From the body that is there (normal form; empty when there is no document) to the new one (any
  /// JSON object), or nullopt to leave all as it is.
  using ChangeBody = std::function<std::optional<std::string>(std::string_view body)>;

  virtual const std::string& prefix() const = 0;
  /// `<prefix>:` and what makes it unique; ids made later sort behind.
  virtual std::string make_id() = 0;
  /// Queues a write; it shows in get() at once and in changes at the next pump(). `change` runs at
  /// once, and again when somebody else changed the document in between. It must not call the room.
  virtual void write(const std::string& id, ChangeBody change) = 0;
  virtual void remove(const std::string& id) = 0;
  /// As of now: may be newer than what the last pump() delivered.
  virtual std::optional<RawDocument> get(std::string_view id) const = 0;
  virtual std::size_t size() const = 0;
  /// In the order of the ids, until `fn` returns false.
  virtual void for_each(const std::function<bool(const RawDocument&)>& fn) const = 0;
  /// Those that have all words in the fields of CollectionOptions::search, whatever their case and
  /// accents, the last word perhaps only begun; what changed last comes first. Takes milliseconds.
  /// Finds what is on disk: a pending write shows a moment later. Errors: kNotFound when no field
  /// is declared, kUnavailable while what was there before is still being indexed, kInvalid for
  /// words without a letter.
  virtual Result<std::vector<RawHit>> search(std::string_view words, std::size_t limit) const = 0;
  /// Those that a selector matches, from the disk. Without a fitting index each document is asked.
  /// Errors: kInvalid, kUnsupported for an order without an index.
  virtual Result<std::vector<RawDocument>> find(const CollectionQuery& query) const = 0;
  /// `fn` runs within pump(), until the subscription goes.
  [[nodiscard]] virtual Subscription on_change(std::function<void(const RawChange&)> fn) = 0;
  /// Documents that are not what the program expects: kept, shown in the inspector, never dropped.
  virtual void report_malformed(const std::string& id, const std::string& reason) = 0;
};

/// Who uses the room on this machine.
struct User {
  std::string name;
};

/// Something that a person should know of: a write that failed, a malformed document.
struct Problem {
  std::string id;    // the document's
  std::string text;  // in words
};

/// What happens when two people changed one document at once.
enum class Conflicts {
  kKeepWinner,   // CouchDB's winner stands; the other one is kept beside it
  kMergeFields,  // each member by itself: who moves a shape and who colours it both get what they
                 // did; of two who set one member, the later. Documents carry a member "~" for it
};

struct CollectionOptions {
  Conflicts conflicts = Conflicts::kKeepWinner;
  // Fields are named as in JSON: "text", "author.name". Indexes are made once, in the background,
  // and kept on disk from then on.
  std::vector<std::string> search;                // whose words search() finds
  std::vector<std::vector<std::string>> indexes;  // each of one field or some, for find()
};

template <class T>
class Collection;

class Room {
 public:
  virtual ~Room() = default;

  virtual const std::string& title() const = 0;
  virtual const User& user() const = 0;

  /// The documents `<prefix>:…` as values of T (collection.h). Throws std::logic_error, which the
  /// host shows, when the plugin did not declare the prefix. What comes of it must go before the
  /// room; of a plugin it does nothing any more once the plugin was closed.
  template <class T>
  Collection<T> collection(const std::string& prefix, const CollectionOptions& options = {}) {
    return Collection<T>(raw_collection(prefix, options));
  }
  virtual std::shared_ptr<RawCollection> raw_collection(const std::string& prefix,
                                                        const CollectionOptions& options = {}) = 0;

  /// The text whose edits are the documents `<prefix>:<key>:…`; one that nobody wrote yet is empty.
  /// Nothing else may write under that prefix. Errors: kInvalid for a key that is empty, has a
  /// colon or is over kTextKeyBytesMax, and those of the store.
  virtual Result<std::unique_ptr<SharedText>> open_text(const std::string& prefix,
                                                        const std::string& key) = 0;

  // --- Who is here (presence.h)
  /// Oneself first, then the others by name.
  virtual std::vector<Person> people() const = 0;
  virtual PresenceStatus presence_status() const = 0;
  /// States of a topic: a declared prefix, or one with "/" and more behind it.
  template <class T>
  Presence<T> presence(const std::string& topic) {
    return Presence<T>(raw_presence(topic));
  }
  virtual std::shared_ptr<RawPresence> raw_presence(const std::string& topic) = 0;

  /// Delivers what changed, for at most `budget_ms`; the rest comes at the next call. Returns
  /// whether anything was delivered. Called by the host, or by a headless program's loop; in a
  /// plugin's hands it does nothing.
  virtual bool pump(int budget_ms = 4) = 0;
  /// Calls `wake` from any thread when pump() has something to do; it may only wake the main loop.
  virtual void set_wake(std::function<void()> wake) = 0;

  /// Whether everything written is on disk and every change was delivered.
  virtual bool idle() const = 0;

  virtual SyncStatus sync_status() const = 0;
  /// Retries a lost connection at once.
  virtual void sync_now() = 0;
  virtual std::vector<Problem> problems() const = 0;
};

}  // namespace atelier

#include "atelier/collection.h"  // IWYU pragma: export
