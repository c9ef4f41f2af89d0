// A room's store as one client may use it: reads give what the client may read, and what it may not
// read is answered like what is not there; writes are made in the client's name. Routes work with
// this one, so that a new route has the room's rights without asking for them.
//
// Invariants
//   1. A document is there when its winner may be read. Of its other leaves and of older revisions
//      each is judged by itself.
//   2. Where rules restrict reading, sequences are shown enciphered for this kind of reader: they
//      tell neither how much was written nor, to others, anything. One that was made for other
//      rights is answered from 0, so that what one may see now is served from the beginning.
//   3. Every write carries its user; the gate judges it when it is committed.
//   4. `_local` documents are each reader's own where rules restrict reading. This program's own
//      (`atelier-…`: outbox, quarantine) are the administrators'.
// Thread rule: any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/room_gate.h"
#include "store/store.h"

namespace atelier::server {

class GuardedStore : public Store {
 public:
  GuardedStore(std::shared_ptr<Store> store, std::shared_ptr<RoomGate> gate,
               std::shared_ptr<const WriteUser> user);
  /// What the ids of the `_local` documents of that reader begin with, see invariant 4.
  static std::string local_prefix(std::string_view name);

  /// Whether there may be documents that this client does not see.
  bool restricted() const { return restricted_; }
  /// What its view of the room depends on: equal for clients who see the same. Empty when it sees
  /// everything.
  const std::string& view() const { return view_; }
  const WriteUser& user() const { return *user_; }
  RoomGate& gate() const { return *gate_; }
  const std::shared_ptr<Store>& behind() const { return store_; }

  /// Whether this client sees that document (which is there, by its winner).
  bool sees(std::string_view id) const;
  /// The same of a row of changes; takes leaves out that are not to be seen.
  bool sees(ChangeRow& row) const;
  /// The last sequence that this client can know of.
  std::uint64_t last_seen() const;
  /// The author of a revision, where the room's rules name a field for one; of a tombstone that names
  /// none, that of its newest ancestor whose body is kept. Empty when there is none.
  std::string author_of(std::string_view id, const RevId& rev) const;
  /// Whether rules name an author of documents with that id.
  bool has_author(std::string_view id) const { return terms_->author_field(id) != nullptr; }
  /// Takes the author out of a write whose maker did not give it: write_async() sets it anew.
  void forget_author(DocumentWrite& write) const;

  // --- Store
  void write_async(std::vector<DocumentWrite> documents, const WriteOptions& options,
                   Done done) override;
  std::vector<WriteResult> write(std::vector<DocumentWrite> documents,
                                 const WriteOptions& options) override;
  Result<std::unique_ptr<BlobWriter>> begin_blob() override { return store_->begin_blob(); }

  Result<Document> get(std::string_view id, const GetOptions& options) const override;
  std::vector<Result<Document>> open_revs(std::string_view id, std::span<const RevId> revs,
                                          bool latest) const override;
  Result<RevTree> tree(std::string_view id) const override;
  Result<RevsDiff> revs_diff(std::string_view id, std::span<const RevId> revs) const override;
  Status scan(const ScanOptions& options,
              const std::function<bool(const DocumentView&)>& fn) const override;
  Result<std::uint64_t> count(const ScanOptions& options) const override;
  Status read_blob(const Sha256& blob, std::uint64_t offset, std::uint64_t length,
                   const std::function<bool(std::string_view)>& fn) const override {
    return store_->read_blob(blob, offset, length, fn);
  }

  Status changes(std::uint64_t since, std::size_t limit,
                 const std::function<bool(const ChangeRow&)>& fn) const override;
  Status changes_descending(std::size_t limit,
                            const std::function<bool(const ChangeRow&)>& fn) const override;
  Result<ChangeBatch> read_changes(const ChangeFilter& filter) const override;
  std::uint64_t last_sequence() const override { return last_seen(); }
  [[nodiscard]] Subscription subscribe(std::function<void()> poke) override {
    return store_->subscribe(std::move(poke));
  }
  std::string sequence_text(std::uint64_t sequence) const override;
  Result<std::uint64_t> parse_sequence(std::string_view text) const override;

  Result<LocalDocument> get_local(std::string_view id) const override;
  Result<std::uint64_t> put_local(std::string_view id, std::string_view body,
                                  std::uint64_t parent_rev) override;
  Status remove_local(std::string_view id) override;
  std::vector<LocalDocument> list_locals() const override;

  Result<std::string> get_property(std::string_view name) const override {
    return store_->get_property(name);
  }
  Status put_property(std::string_view name, std::string_view value) override {
    return store_->put_property(name, value);
  }

  Result<bool> create_index(const IndexDefinition& definition) override {
    return store_->create_index(definition);
  }
  Status drop_index(std::string_view name) override { return store_->drop_index(name); }
  std::vector<IndexStatus> indexes() const override { return store_->indexes(); }
  Result<FindAnswer> find(const FindQuery& query,
                          const std::function<bool(Document&)>& fn) const override;
  Result<FindAnswer> count_matches(const FindQuery& query) const override;
  Result<FindPlan> explain(const FindQuery& query) const override {
    return store_->explain(query);
  }
  Result<SearchAnswer> search(const SearchQuery& query) const override;

  StoreInfo info() const override;
  std::uint32_t revs_limit() const override { return store_->revs_limit(); }
  Status set_revs_limit(std::uint32_t limit) override { return store_->set_revs_limit(limit); }
  Result<std::vector<RevId>> purge(std::string_view id, std::span<const RevId> revs) override {
    return store_->purge(id, revs);
  }
  Status compact() override { return store_->compact(); }
  Retention retention() const override { return store_->retention(); }
  Status set_retention(Retention retention) override {
    return store_->set_retention(std::move(retention));
  }
  Result<ExpireResult> expire(const ExpireOptions& options) override {
    return store_->expire(options);
  }
  Result<std::uint64_t> forget_tombstones() override { return store_->forget_tombstones(); }
  Result<std::uint64_t> evict(std::span<const std::string> ids, EvictWhat what) override {
    return store_->evict(ids, what);
  }
  void set_validator(Validator validator) override { store_->set_validator(std::move(validator)); }
  Status flush() override { return store_->flush(); }
  const std::filesystem::path& path() const override { return store_->path(); }
  void retire(const std::filesystem::path& path) override { store_->retire(path); }
  bool retired() const override { return store_->retired(); }

 private:
  bool sees_body(std::string_view id, bool deleted, std::string_view body) const;
  bool sees_revision(std::string_view id, const RevId& rev, bool deleted,
                     std::string_view body) const;
  bool sees_winner(std::string_view id) const;
  std::optional<bool> sees_by_id(std::string_view id) const;
  void sign(DocumentWrite& write) const;
  std::optional<Error> refuse_hidden(const DocumentWrite& write) const;
  std::string local_id(std::string_view id) const;
  bool is_hidden_local(std::string_view id) const;
  RoomGate::Counts counts() const;

  const std::shared_ptr<Store> store_;
  const std::shared_ptr<RoomGate> gate_;
  const std::shared_ptr<const WriteUser> user_;
  const std::shared_ptr<const RoomGate::Terms> terms_;
  bool admin_ = false;
  bool restricted_ = false;
  std::string view_, key_, local_prefix_;
};

}  // namespace atelier::server
