#include "room/shared_text_ledger.h"

#include "base/clock.h"
#include "base/limits.h"
#include "text/batch.h"

namespace atelier {

TextLedger::TextLedger(std::weak_ptr<RoomCore> core, std::shared_ptr<RawCollection> raw,
                       const std::string& key)
    : core_(std::move(core)),
      raw_(std::move(raw)),
      prefix_(raw_->prefix() + ":" + key + ":"),
      behind_(raw_->prefix() + ":" + key + ";") {}

// --- Opening

TextDoc TextLedger::open() {
  const std::string agent = new_agent_id();
  TextDoc doc(agent);
  const auto core = core_.lock();
  if (!core) return doc;
  if (!open_snapshot(doc, agent)) {
    core->for_each_between(prefix_, behind_, true, [this](const RawDocument& document) {
      add_document(document.id, document.body);
      return true;
    });
  }
  merge_arrived(doc);
  return doc;
}

// With a snapshot only the ids of the documents are read, and the bodies of those that follow it.
bool TextLedger::open_snapshot(TextDoc& doc, const std::string& agent) {
  const auto core = core_.lock();
  const auto bytes = core->store()->get_property(snapshot_name());
  if (!bytes || bytes->empty()) return false;
  auto opened = TextDoc::open(*bytes, agent);
  if (!opened) return false;
  std::vector<std::string> rest;
  core->for_each_between(prefix_, behind_, false, [&](const RawDocument& document) {
    const auto range = parse_text_document_id(std::string_view(document.id).substr(prefix_.size()));
    if (range && range->end <= opened->known_of(range->agent))
      held_.add(*range);
    else
      rest.push_back(document.id);
    return true;
  });
  for (const auto& [known, operations] : opened->known()) {
    if (held_.holds({known, 0, operations})) continue;
    held_ = {};
    return false;
  }
  doc = std::move(*opened);
  for (const std::string& id : rest) {
    if (const auto document = core->get(id)) add_document(id, document->body);
  }
  return true;
}

std::string TextLedger::snapshot_name() const {
  return "text-snapshot:" + prefix_;
}

// --- In

std::optional<TextRange> TextLedger::range_of(const std::string& id) {
  auto range = parse_text_document_id(std::string_view(id).substr(prefix_.size()));
  if (range) return std::move(*range);
  raw_->report_malformed(id, range.error().message);
  return std::nullopt;
}

void TextLedger::add_document(const std::string& id, const std::string& body) {
  auto range = range_of(id);
  if (!range) return;
  auto bytes = parse_text_document(*range, body);
  if (!bytes) return raw_->report_malformed(id, bytes.error().message);
  arrived_.push_back({id, std::move(*range), std::move(*bytes)});
}

void TextLedger::on_change(const RawChange& change) {
  const RawDocument& document = change.document;
  if (!document.id.starts_with(prefix_)) return;
  const auto own = writing_.find(document.id);
  if (own == writing_.end()) {
    // What was deleted stays in the text of whoever has it open, and is not written again.
    if (!change.deleted) add_document(document.id, document.body);
    return;
  }
  if (document.pending) return;
  const TextRange range = std::move(own->second);
  writing_.erase(own);
  if (!change.deleted || !change.local) return;
  held_.remove(range);
  failed_.insert(range.agent);
}

MergeReport TextLedger::merge_arrived(TextDoc& doc) {
  std::vector<ArrivedBatch> batches = std::exchange(arrived_, {});
  std::erase_if(batches, [&](const ArrivedBatch& batch) {
    const bool forged =
        batch.range.agent == doc.agent() && batch.range.end > doc.known_of(doc.agent());
    if (forged) raw_->report_malformed(batch.id, "operations in the name of this open text");
    return forged;
  });
  order_by_parents(batches);
  std::vector<std::string_view> bytes;
  for (const ArrivedBatch& batch : batches) bytes.push_back(batch.bytes);
  MergeReport report = doc.merge_all(bytes);
  for (std::size_t i = 0; i < batches.size(); ++i) settle(batches[i], report.results[i]);
  for (const RefusedBatch& batch : report.refused) withdraw(batch);
  if (doc.waiting() == 0) waiting_.clear();
  return report;
}

void TextLedger::settle(const ArrivedBatch& batch, const MergeResult& result) {
  if (result.state == MergeState::kRefused) {
    // Too many wait: it is in the store, and read again later.
    if (result.error.code == ErrorCode::kTooLarge && rescan_at_ms_ == 0)
      rescan_at_ms_ = system_clock().monotonic_ms() + kTextRescanMs;
    return raw_->report_malformed(batch.id, result.error.message);
  }
  held_.add(batch.range);
  ++since_snapshot_;
  if (result.state == MergeState::kWaiting)
    waiting_[{batch.range.agent, batch.range.begin}] = {batch.id, batch.range, {}};
}

void TextLedger::withdraw(const RefusedBatch& batch) {
  const auto found = waiting_.find({batch.agent, batch.sequence});
  if (found == waiting_.end()) return;
  held_.remove(found->second.range);
  raw_->report_malformed(found->second.id, batch.error.message);
  waiting_.erase(found);
}

void TextLedger::rescan() {
  rescan_at_ms_ = 0;
  const auto core = core_.lock();
  if (!core) return;
  core->for_each_between(prefix_, behind_, true, [this](const RawDocument& document) {
    const auto range = parse_text_document_id(std::string_view(document.id).substr(prefix_.size()));
    if (range && !held_.holds(*range)) add_document(document.id, document.body);
    return true;
  });
}

// --- Out

Status TextLedger::write_missing(TextDoc& doc, const std::string& agent) {
  for (const TextRange& gap : held_.missing(agent, doc.known_of(agent))) {
    ATELIER_TRY(batches, doc.batches_of(agent, gap.begin, gap.end));
    for (const TextBatch& batch : batches) {
      const TextRange range{agent, batch.sequence, batch.sequence + batch.operations};
      const std::string id = text_document_id(prefix_, range);
      held_.add(range);
      ++since_snapshot_;
      writing_.emplace(id, range);
      raw_->write(id,
                  [body = text_document_body(batch.bytes),
                   range](std::string_view there) -> std::optional<std::string> {
                    const bool good =
                        !there.empty() && parse_text_document(range, there).has_value();
                    if (good) return std::nullopt;
                    return body;
                  });
      const auto now = raw_->get(id);
      if (!now || !now->pending) writing_.erase(id);
      if (now) continue;
      held_.remove(range);
      failed_.insert(agent);
    }
  }
  return ok();
}

// --- Snapshot

void TextLedger::write_snapshot(TextDoc& doc) {
  since_snapshot_ = 0;
  const auto core = core_.lock();
  auto bytes = doc.write_snapshot(TextDoc::History::kWith);
  if (!core || !bytes || bytes->size() > kTextSnapshotBytesMax) return;
  core->tasks()->in_background(
      [store = core->store(), name = snapshot_name(), bytes = std::move(*bytes)] {
        auto copy = TextDoc::open(bytes);
        if (copy && copy->verify()) (void)store->put_property(name, bytes);
      });
}

}  // namespace atelier
