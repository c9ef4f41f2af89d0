#include "server/person.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/digest.h"
#include "base/json_text.h"
#include "server/guarded_store.h"
#include "server/quarantine.h"
#include "server/room_gate.h"
#include "store/care.h"

namespace atelier::server {
namespace {

constexpr std::size_t kPageLeavesMax = 1'000;        // looked at in a call: some milliseconds
constexpr std::size_t kPageBytesMax = 8 << 20;       // of bodies, likewise
constexpr std::size_t kPageFoundBytesMax = 4 << 20;  // of bodies that are then changed
constexpr int kAttemptsMax = 20;                     // of a document that others write to as well

/// Calls fn(begin, end, is_key) for each string of a text in normal form, quotes included.
template <class Fn>
void each_string(std::string_view text, const Fn& fn) {
  for (std::size_t at = text.find('"'); at < text.size(); at = text.find('"', at)) {
    std::size_t end = at + 1;
    while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
    end = std::min(end + 1, text.size());
    fn(at, end, end < text.size() && text[end] == ':');
    at = end;
  }
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool is_letter(char c) {
  const char small = lower(c);
  return (small >= 'a' && small <= 'z') || (c >= '0' && c <= '9') ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

std::size_t find_in_any_case(std::string_view text, std::string_view word, std::size_t from) {
  const auto found =
      std::search(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), word.begin(),
                  word.end(), [](char a, char b) { return lower(a) == lower(b); });
  return found == text.end() ? std::string_view::npos
                             : static_cast<std::size_t>(found - text.begin());
}

bool is_left_alone(std::string_view id) {
  return id.starts_with("_design/") || id == kRulesId;
}

/// The list of a mode gets shorter: a replacement in it would be somebody who may write.
std::string mode_without_name(std::string_view body, std::string_view name) {
  json::Writer out;
  out.begin_object();
  json::for_each_member(body, [&](std::string_view key, std::string_view value) {
    out.key(key);
    if (key != "names" || json::kind_of(value) != json::Kind::kArray) {
      out.raw(value);
      return true;
    }
    out.begin_array();
    json::for_each_element(value, [&](std::string_view one) {
      if (json::string_value(one) != name) out.raw(one);
      return true;
    });
    out.end_array();
    return true;
  });
  out.end_object();
  return out.take();
}

/// Of a mode its list of names alone is about people: somebody may be called "watch".
NamePlaces places_in(std::string_view id, std::string_view body, std::string_view name) {
  if (id != kModeId) return places_of_name(body, name);
  const auto list = json::member(body, "names");
  return list ? places_of_name(*list, name) : NamePlaces();
}

std::string rewritten(const Document& document, const NameRemoval& removal) {
  if (document.id == kModeId) return mode_without_name(document.body, removal.name);
  return without_name(document.body, removal.name, removal.replacement);
}

DocumentWrite child_of(const Document& leaf, const NameRemoval& removal) {
  DocumentWrite write;
  write.id = leaf.id;
  write.deleted = leaf.deleted;
  write.body = rewritten(leaf, removal);
  write.body_is_normal = true;
  write.parent = leaf.rev;
  for (const Attachment& one : leaf.attachments) {
    AttachmentWrite stub;
    stub.name = one.name;
    stub.content_type = one.content_type;
    stub.stub = true;
    stub.digest = one.digest;
    write.attachments.push_back(std::move(stub));
  }
  return write;
}

/// A write for each leaf that carries the name now.
Result<std::vector<DocumentWrite>> writes_of(const Store& store, const std::string& id,
                                             const NameRemoval& removal) {
  std::vector<DocumentWrite> writes;
  for (const Result<Document>& leaf : store.open_revs(id, {}, false)) {
    if (!leaf && leaf.error().code == ErrorCode::kEvicted) continue;
    if (!leaf) return leaf.error();
    if (places_in(id, leaf->body, removal.name).values > 0)
      writes.push_back(child_of(*leaf, removal));
  }
  return writes;
}

void take_results(const std::vector<DocumentWrite>& writes, const std::vector<WriteResult>& results,
                  RemovedPage& page, std::set<std::string>& again) {
  std::set<std::string_view> changed;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i].rev) {
      ++page.revisions;
      if (changed.insert(writes[i].id).second) ++page.documents;
    } else if (results[i].rev.error().code == ErrorCode::kConflict) {
      again.insert(writes[i].id);
    } else {
      page.left.push_back({writes[i].id, results[i].rev.error().message});
    }
  }
}

/// All in one write; then those to whom somebody else came first, one by one.
Status rewrite(Store& store, const std::set<std::string>& ids, const NameRemoval& removal,
               RemovedPage& page) {
  std::vector<DocumentWrite> writes;
  for (const std::string& id : ids) {
    ATELIER_TRY(some, writes_of(store, id, removal));
    std::move(some.begin(), some.end(), std::back_inserter(writes));
  }
  std::set<std::string> again;
  take_results(writes, store.write(writes, {}), page, again);
  for (const std::string& id : again) {
    std::set<std::string> busy = {id};
    for (int attempt = 0; !busy.empty() && attempt < kAttemptsMax; ++attempt) {
      busy.clear();
      ATELIER_TRY(some, writes_of(store, id, removal));
      take_results(some, store.write(some, {}), page, busy);
    }
    if (!busy.empty()) page.left.push_back({id, "it is written to faster than it can be changed"});
  }
  return ok();
}

Status note_attachments(const Store& store, std::string_view name, NamedLeaf& leaf) {
  const std::vector<RevId> revs = {leaf.rev};
  for (const Result<Document>& document : store.open_revs(leaf.id, revs, false)) {
    if (!document) continue;  // it changed meanwhile, or its body is not here
    for (const Attachment& one : document->attachments)
      if (mentions_name(one.name, name)) ++leaf.places.mentions;
  }
  return ok();
}

/// Of revisions that are no leaves any more, and whose bodies no compaction has dropped yet.
Result<bool> old_revision_has_name(const Store& store, const std::string& id,
                                   std::string_view name) {
  const auto tree = store.tree(id);
  if (!tree && tree.error().code == ErrorCode::kNotFound) return false;
  if (!tree) return tree.error();
  std::vector<RevId> old;
  for (const RevNode& node : tree->nodes())
    if (node.has_children && node.body != 0) old.push_back(node.rev);
  if (old.empty()) return false;
  for (const Result<Document>& one : store.open_revs(id, old, false))
    if (one && places_in(id, one->body, name).values > 0) return true;
  return false;
}

bool is_of_reader(std::string_view local_id, const std::string& name) {
  return local_id.starts_with(GuardedStore::local_prefix(name));
}

/// The quarantined revision's body stays upstream, as a large one does.
std::optional<std::string> without_body(std::string_view quarantined, std::string_view name) {
  const auto body = json::member(quarantined, "body");
  if (!body || places_of_name(*body, name).values == 0) return std::nullopt;
  json::Writer out;
  out.begin_object();
  json::for_each_member(quarantined, [&](std::string_view key, std::string_view value) {
    if (key != "body") out.key(key).raw(value);
    return true;
  });
  out.end_object();
  return out.take();
}

}  // namespace

bool mentions_name(std::string_view text, std::string_view name) {
  if (name.empty()) return false;
  for (std::size_t at = find_in_any_case(text, name, 0); at != std::string_view::npos;
       at = find_in_any_case(text, name, at + 1)) {
    const bool begins = at == 0 || !is_letter(text[at - 1]);
    const std::size_t end = at + name.size();
    if (begins && (end == text.size() || !is_letter(text[end]))) return true;
  }
  return false;
}

NamePlaces places_of_name(std::string_view json, std::string_view name) {
  NamePlaces places;
  const std::string quoted = json::quoted(name);
  const std::string_view escaped = std::string_view(quoted).substr(1, quoted.size() - 2);
  if (find_in_any_case(json, escaped, 0) == std::string_view::npos) return places;
  each_string(json, [&](std::size_t begin, std::size_t end, bool is_key) {
    const std::string_view string = json.substr(begin, end - begin);
    if (!is_key && string == quoted)
      ++places.values;
    else if (string.size() >= quoted.size() &&
             mentions_name(json::string_value(string).value_or(""), name))
      ++places.mentions;
  });
  return places;
}

std::string without_name(std::string_view json, std::string_view name,
                         std::string_view replacement) {
  const std::string quoted = json::quoted(name), instead = json::quoted(replacement);
  std::string out;
  std::size_t copied = 0;
  each_string(json, [&](std::size_t begin, std::size_t end, bool is_key) {
    if (is_key || json.substr(begin, end - begin) != quoted) return;
    out.append(json, copied, begin - copied);
    out += instead;
    copied = end;
  });
  out.append(json, copied);
  return out;
}

Result<NamedPage> find_named(const Store& store, std::string_view name, const std::string& from) {
  NamedPage page;
  std::vector<std::size_t> with_attachments;  // of page.leaves; the last ones may mention nothing
  std::size_t looked_at = 0, bytes = 0, found_bytes = 0;
  std::string last;
  ScanOptions options;
  options.start = from;
  options.deleted = true;
  options.all_leaves = true;
  ATELIER_CHECK(store.scan(options, [&](const DocumentView& view) {
    const bool full =
        looked_at >= kPageLeavesMax || bytes >= kPageBytesMax || found_bytes >= kPageFoundBytesMax;
    if (full && view.id != last) {  // all leaves of a document are in one page
      page.next = std::string(view.id);
      return false;
    }
    if (view.rev.generation() > 1 && view.id != last) page.edited.emplace_back(view.id);
    last = view.id;
    ++looked_at;
    bytes += view.body.size();
    if (view.evicted) ++page.evicted;
    NamedLeaf leaf{std::string(view.id), view.rev, view.deleted,
                   places_in(view.id, view.body, name)};
    if (mentions_name(view.id, name)) ++leaf.places.mentions;
    if (leaf.places.values > 0) found_bytes += view.body.size();
    if (!leaf.places.any() && !view.has_attachments) return true;
    if (view.has_attachments) with_attachments.push_back(page.leaves.size());
    page.leaves.push_back(std::move(leaf));
    return true;
  }));
  for (const std::size_t index : with_attachments)
    ATELIER_CHECK(note_attachments(store, name, page.leaves[index]));
  std::erase_if(page.leaves, [](const NamedLeaf& leaf) { return !leaf.places.any(); });
  return page;
}

Result<RemovedPage> remove_named(Store& store, const NameRemoval& removal,
                                 const std::string& from) {
  if (removal.name.empty() || removal.name == removal.replacement)
    return invalid("a name, and another one in its place");
  ATELIER_TRY(found, find_named(store, removal.name, from));
  RemovedPage page;
  page.evicted = found.evicted;
  page.next = found.next;
  std::set<std::string> ids;
  for (const NamedLeaf& leaf : found.leaves) {
    const bool carries = leaf.places.values > 0;
    if (carries && is_left_alone(leaf.id))
      page.left.push_back({leaf.id, "what the name means there cannot be told"});
    else if (carries)
      ids.insert(leaf.id);
    if (leaf.places.mentions > 0 && (page.mentioned.empty() || page.mentioned.back() != leaf.id))
      page.mentioned.push_back(leaf.id);
  }
  for (const std::string& id : found.edited) {
    if (ids.contains(id)) continue;
    ATELIER_TRY(has, old_revision_has_name(store, id, removal.name));
    page.old += has ? 1 : 0;
  }
  if (ids.empty() && page.old == 0) return page;
  ATELIER_CHECK(begin_removal(store));
  if (!ids.empty()) ATELIER_CHECK(rewrite(store, ids, removal, page));
  return page;
}

Status begin_removal(const Store& store) {
  return mark_erasing(store.path(), Erasing::kBegun);
}

Result<std::uint64_t> remove_from_locals(Store& store, const std::string& name) {
  std::uint64_t changed = 0;
  for (const Store::LocalDocument& local : store.list_locals()) {
    const bool of_reader = is_of_reader(local.id, name);
    const auto shorter =
        local.id.starts_with(kQuarantinePrefix) ? without_body(local.body, name) : std::nullopt;
    if (!of_reader && !shorter) continue;
    ATELIER_CHECK(begin_removal(store));
    if (of_reader) {
      ATELIER_CHECK(store.remove_local(local.id));
    } else {
      ATELIER_CHECK(store.put_local(local.id, *shorter, local.rev));
    }
    ++changed;
  }
  return changed;
}

Result<bool> finish_removal(Store& store) {
  const Erasing stage = erasing(store.path());
  if (stage == Erasing::kNone || stage == Erasing::kCopy) return true;
  if (stage == Erasing::kBegun) {
    // The rows of an index of words keep the words of what is gone until they are joined.
    for (const IndexStatus& index : store.indexes()) {
      const bool words = index.definition.kind == IndexDefinition::Kind::kWords;
      if (!words || index.state == IndexStatus::State::kDropping) continue;
      ATELIER_CHECK(store.drop_index(index.definition.name));
      ATELIER_CHECK(store.create_index(index.definition));
    }
    ATELIER_CHECK(store.compact());
    ATELIER_CHECK(mark_erasing(store.path(), Erasing::kIndexes));
  }
  for (const IndexStatus& index : store.indexes())
    if (index.state == IndexStatus::State::kDropping) return false;
  ATELIER_CHECK(mark_erasing(store.path(), Erasing::kCopy));
  return true;
}

}  // namespace atelier::server
