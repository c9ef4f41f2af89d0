// Goal: the store means what CouchDB means. Method: a model that is simple and slow (documents as
// sets of revisions with their parents, no trees, no tables) gets the same random operations as a
// store, and both are asked the same questions. A failure names its seed; ATELIER_SEED runs it
// alone.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "store/verify.h"
#include "unit/store_tools.h"

namespace atelier::test {
namespace {

constexpr std::uint32_t kRevsLimit = 6;

/// Attachments by name: what they hold, and since which generation.
struct ModelAttachment {
  std::string bytes;
  std::uint64_t revpos = 0;
};
using ModelAttachments = std::map<std::string, ModelAttachment>;

struct ModelRevision {
  std::optional<RevId> parent;
  bool deleted = false;
  bool inner = false;  // had a child once
  std::optional<std::string> body;
  ModelAttachments attachments;  // with the body
};

struct ModelDocument {
  std::map<RevId, ModelRevision> revisions;
  std::uint64_t sequence = 0;

  std::vector<RevId> leaves() const {
    std::vector<RevId> found;
    for (const auto& [rev, one] : revisions) {
      if (!one.inner) found.push_back(rev);
    }
    std::sort(found.begin(), found.end(), [&](const RevId& a, const RevId& b) {
      const bool dead_a = revisions.at(a).deleted, dead_b = revisions.at(b).deleted;
      return dead_a != dead_b ? dead_b : b < a;
    });
    return found;
  }
  bool deleted() const { return revisions.at(leaves().front()).deleted; }

  std::vector<RevId> history(const RevId& rev) const {
    std::vector<RevId> found;
    std::optional<RevId> at = rev;
    while (at && revisions.contains(*at)) {
      found.push_back(*at);
      at = revisions.at(*at).parent;
    }
    return found;
  }

  // Every revision that is nearer than the limit to the end of some branch stays.
  void stem() {
    if (revisions.size() <= kRevsLimit) return;
    std::set<RevId> parents, keep;
    for (const auto& [rev, one] : revisions) {
      if (one.parent) parents.insert(*one.parent);
    }
    for (const auto& [rev, one] : revisions) {
      if (parents.contains(rev)) continue;
      const auto path = history(rev);
      keep.insert(path.begin(), path.begin() + std::min<std::ptrdiff_t>(
                                                   kRevsLimit, static_cast<int>(path.size())));
    }
    std::erase_if(revisions, [&](const auto& entry) { return !keep.contains(entry.first); });
    for (auto& [rev, one] : revisions) {
      if (one.parent && !revisions.contains(*one.parent)) one.parent.reset();
    }
  }
};

class Model {
 public:
  std::map<std::string, ModelDocument> documents;
  std::uint64_t sequence = 0;

  // Adds a history, newest first. Returns whether it was new.
  bool add(const std::string& id, const std::vector<RevId>& path, const std::string& body,
           bool deleted, ModelAttachments attachments) {
    ModelDocument& document = documents[id];
    const bool known = document.revisions.contains(path[0]);
    if (known) return false;
    for (std::size_t i = 0; i < path.size(); ++i) {
      ModelRevision& one = document.revisions[path[i]];
      if (i > 0) one.inner = true;
      if (i + 1 < path.size() && (!one.parent || *one.parent < path[i + 1])) {
        one.parent = path[i + 1];
      }
    }
    document.revisions[path[0]].deleted = deleted;
    document.revisions[path[0]].body = body;
    document.revisions[path[0]].attachments = std::move(attachments);
    document.sequence = ++sequence;
    document.stem();
    return true;
  }

  // Whether an edit of `parent` is allowed; sets the parent of a re-creation.
  bool allows(const std::string& id, std::optional<RevId>* parent) const {
    const auto at = documents.find(id);
    if (at == documents.end()) return true;
    const auto leaves = at->second.leaves();
    if (*parent) return std::find(leaves.begin(), leaves.end(), **parent) != leaves.end();
    if (!at->second.deleted()) return false;
    *parent = leaves.front();
    return true;
  }

  void purge(const std::string& id, const RevId& leaf) {
    auto& document = documents.at(id);
    std::optional<RevId> at = leaf;
    while (at && document.revisions.contains(*at)) {
      const bool has_child =
          std::any_of(document.revisions.begin(), document.revisions.end(),
                      [&](const auto& entry) { return entry.second.parent == at; });
      if (has_child) break;
      const auto above = document.revisions.at(*at).parent;
      document.revisions.erase(*at);
      at = above;
    }
    if (document.leaves().empty()) {
      documents.erase(id);
    } else {
      document.sequence = ++sequence;
      document.stem();  // an end that kept others is gone
    }
  }

  void compact() {
    for (auto& [id, document] : documents) {
      for (auto& [rev, one] : document.revisions) {
        if (!one.inner) continue;
        one.body.reset();
        one.attachments.clear();
      }
    }
  }

  // What all kept revisions hold, each content once.
  std::set<std::string> contents() const {
    std::set<std::string> all;
    for (const auto& [id, document] : documents) {
      for (const auto& [rev, one] : document.revisions) {
        for (const auto& [name, attachment] : one.attachments) all.insert(attachment.bytes);
      }
    }
    return all;
  }
};

class Run {
 public:
  explicit Run(std::uint32_t seed) : random_(seed) {
    open();
    EXPECT_TRUE(store_->set_revs_limit(kRevsLimit));
  }

  void step() {
    const std::string id = "doc:" + std::to_string(number(6));
    const int what = number(100);
    if (what < 40) {
      edit_locally(id);
    } else if (what < 85) {
      replicate(id);
    } else if (what < 90) {
      purge(id);
    } else if (what < 94) {
      EXPECT_TRUE(store_->compact());
      model_.compact();
    } else if (what < 96) {
      open();
    } else {
      check();
    }
  }

  void check() {
    std::vector<std::string> live, all;
    std::map<std::uint64_t, std::string> feed;
    for (const auto& [id, document] : model_.documents) {
      all.push_back(id);
      if (!document.deleted()) live.push_back(id);
      feed[document.sequence] = id;
      check_document(id, document);
    }
    EXPECT_EQ(ids(*store_), live);
    ScanOptions deleted_too;
    deleted_too.deleted = true;
    EXPECT_EQ(ids(*store_, deleted_too), all);
    EXPECT_EQ(store_->info().doc_count, live.size());
    EXPECT_EQ(store_->info().doc_del_count, all.size() - live.size());
    const auto rows = changes(*store_);
    ASSERT_EQ(rows.size(), feed.size());
    auto expected = feed.begin();
    for (const ChangeRow& row : rows) {
      EXPECT_EQ(row.sequence, expected->first);
      EXPECT_EQ(row.id, expected->second);
      EXPECT_EQ(row.leaves, model_.documents.at(row.id).leaves());
      ++expected;
    }
  }

  // Each content is kept once, and counted as often as it is referred to; what refused edits left
  // stays for a while.
  void check_file() {
    store_.reset();
    const auto report = verify_store(dir_.path() / "store");
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_TRUE(report->clean()) << report->words.front();
    for (const auto& table : report->tables) {
      if (table.name != "blobs") continue;
      EXPECT_GE(table.rows, model_.contents().size());
    }
  }

 private:
  int number(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  RevId random_rev(std::uint64_t generation) {
    RevId::Digest digest{};
    digest[0] = static_cast<std::uint8_t>(number(4));  // few, so that histories meet
    return RevId(generation, digest);
  }
  // Whether a revision is deleted must not depend on who tells it.
  static bool is_deleted(const RevId& rev) { return rev.digest()[0] == 3; }

  void open() {
    store_.reset();
    StoreOptions options;
    options.sync = false;
    auto opened = Store::open(dir_.path() / "store", options);
    ASSERT_TRUE(opened);
    store_ = *opened;
  }

  // What an attachment holds: of few contents, so that documents share them.
  std::string random_bytes_of() {
    return std::string(static_cast<std::size_t>(number(5)) * 40'000, static_cast<char>('a' + number(2)));
  }
  Sha256 stored(const std::string& bytes) {
    auto blob = store_->begin_blob();
    EXPECT_TRUE(blob && (*blob)->append(bytes));
    auto done = (*blob)->finish();
    EXPECT_TRUE(done);
    return done ? done->blob : Sha256{};
  }

  // Some new ones, and some stubs of what `held` has; both into `write` and as the model sees them.
  ModelAttachments attach(DocumentWrite& write, const ModelAttachments& held,
                          std::uint64_t generation) {
    ModelAttachments all;
    for (const char* const name : {"a.txt", "b.txt"}) {
      AttachmentWrite one;
      one.name = name;
      const auto old = held.find(name);
      const int what = number(4);
      if (what == 0) {
        const std::string bytes = random_bytes_of();
        one.blob = stored(bytes);
        if (!write.history.empty()) one.revpos = generation;  // as a peer tells it
        all[name] = {bytes, generation};
      } else if (what < 3 && old != held.end()) {
        one.stub = true;
        one.revpos = old->second.revpos;
        all[name] = old->second;
      } else {
        continue;
      }
      one.content_type = "text/plain";
      write.attachments.push_back(std::move(one));
    }
    return all;
  }

  const ModelAttachments& held_by(const std::string& id, const std::optional<RevId>& rev) const {
    static const ModelAttachments kNone;
    const auto at = model_.documents.find(id);
    if (!rev || at == model_.documents.end()) return kNone;
    const auto found = at->second.revisions.find(*rev);
    return found == at->second.revisions.end() ? kNone : found->second.attachments;
  }

  void edit_locally(const std::string& id) {
    std::optional<RevId> parent;
    const auto at = model_.documents.find(id);
    if (at != model_.documents.end() && number(4) > 0) {
      const auto& revisions = at->second.revisions;
      parent = std::next(revisions.begin(), number(static_cast<int>(revisions.size())))->first;
      if (number(3) > 0) parent = at->second.leaves().front();
    }
    DocumentWrite write = edit(id, "{\"n\":" + std::to_string(number(3)) + "}", parent);
    write.deleted = number(4) == 0;
    const bool allowed = model_.allows(id, &parent);
    const auto attachments =
        attach(write, held_by(id, parent), parent ? parent->generation() + 1 : 1);
    const auto written = store_->write_one(write);
    ASSERT_EQ(written.has_value(), allowed) << id;
    if (!allowed) {
      EXPECT_EQ(written.error().code, ErrorCode::kConflict);
      return;
    }
    if (attachments.empty()) {
      EXPECT_EQ(*written, make_revision({write.deleted, parent.value_or(RevId()), write.body, {}}));
    }
    std::vector<RevId> path = {*written};
    if (parent) path.push_back(*parent);
    model_.add(id, path, write.body, write.deleted, attachments);
  }

  void replicate(const std::string& id) {
    std::vector<RevId> path;
    const auto at = model_.documents.find(id);
    if (at != model_.documents.end() && number(2) == 0) {
      const auto& revisions = at->second.revisions;
      path = at->second.history(
          std::next(revisions.begin(), number(static_cast<int>(revisions.size())))->first);
    }
    const std::uint64_t base =
        path.empty() ? static_cast<std::uint64_t>(number(3)) : path.front().generation();
    const int steps = 1 + number(4);
    for (int i = 1; i <= steps; ++i) {
      path.insert(path.begin(), random_rev(base + static_cast<std::uint64_t>(i)));
    }
    const bool deleted = is_deleted(path[0]);
    const std::string body = "{\"r\":\"" + path[0].to_string() + "\"}";
    DocumentWrite write = replicated(id, path, body, deleted);
    // With all bytes: a stub is taken from whatever the document holds, which a peer cannot know.
    const auto attachments = attach(write, {}, path[0].generation());
    const auto written = store_->write({write});
    ASSERT_TRUE(written[0].rev);
    EXPECT_EQ(written[0].sequence != 0, model_.add(id, path, body, deleted, attachments));
  }

  void purge(const std::string& id) {
    const auto at = model_.documents.find(id);
    if (at == model_.documents.end()) return;
    const auto leaves = at->second.leaves();
    const RevId leaf = leaves[static_cast<std::size_t>(number(static_cast<int>(leaves.size())))];
    const auto purged = store_->purge(id, std::span(&leaf, 1));
    ASSERT_TRUE(purged);
    EXPECT_EQ(*purged, std::vector<RevId>{leaf});
    model_.purge(id, leaf);
  }

  void check_document(const std::string& id, const ModelDocument& document) {
    const auto leaves = document.leaves();
    const auto tree = store_->tree(id);
    ASSERT_TRUE(tree) << id;
    std::vector<RevId> known;
    for (const RevNode& node : tree->nodes()) known.push_back(node.rev);
    std::vector<RevId> expected;
    for (const auto& [rev, one] : document.revisions) expected.push_back(rev);
    EXPECT_EQ(known, expected) << id;
    const auto winner = store_->get(id, {.conflicts = true});
    EXPECT_EQ(winner.has_value(), !document.deleted());
    if (winner) {
      EXPECT_EQ(winner->rev, leaves.front());
    }
    const auto open = store_->open_revs(id, {}, false);
    ASSERT_EQ(open.size(), leaves.size());
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      ASSERT_TRUE(open[i]) << open[i].error().message;
      EXPECT_EQ(open[i]->rev, leaves[i]);
      EXPECT_EQ(open[i]->history, document.history(leaves[i]));
      EXPECT_EQ(open[i]->body, document.revisions.at(leaves[i]).body);
    }
    check_bodies(id, document);
    std::vector<RevId> asked = expected, missing;
    for (std::uint64_t generation = 1; generation < 4; ++generation) {
      asked.push_back(random_rev(generation));
      if (!document.revisions.contains(asked.back())) missing.push_back(asked.back());
    }
    const auto diff = store_->revs_diff(id, asked);
    ASSERT_TRUE(diff);
    std::sort(missing.begin(), missing.end());
    EXPECT_EQ(diff->missing, missing);
  }

  static std::string bytes_of(const Store& store, const Attachment& attachment) {
    std::string bytes;
    EXPECT_TRUE(store.read_blob(attachment.blob, 0, UINT64_MAX, [&](std::string_view part) {
      bytes += part;
      return true;
    }));
    return bytes;
  }

  void check_attachments(const Document& document, const ModelAttachments& expected) {
    ASSERT_EQ(document.attachments.size(), expected.size()) << document.id;
    for (const Attachment& one : document.attachments) {
      const auto at = expected.find(one.name);
      ASSERT_NE(at, expected.end()) << one.name;
      EXPECT_EQ(one.revpos, at->second.revpos) << one.name;
      EXPECT_EQ(one.length, at->second.bytes.size());
      EXPECT_EQ(bytes_of(*store_, one), at->second.bytes);
    }
  }

  void check_bodies(const std::string& id, const ModelDocument& document) {
    for (const auto& [rev, one] : document.revisions) {
      const auto found = store_->get(id, {.rev = rev});
      ASSERT_EQ(found.has_value(), one.body.has_value()) << id << " " << rev.to_string();
      if (found) {
        EXPECT_EQ(found->body, *one.body);
      }
      if (found) {
        EXPECT_EQ(found->deleted, one.deleted);
        check_attachments(*found, one.attachments);
      }
    }
  }

  std::mt19937 random_;
  TempDir dir_;
  std::shared_ptr<Store> store_;
  Model model_;
};

void run_seed(std::uint32_t seed) {
  SCOPED_TRACE("ATELIER_SEED=" + std::to_string(seed));
  Run run(seed);
  for (int i = 0; i < 60 && !::testing::Test::HasFailure(); ++i) run.step();
  if (!::testing::Test::HasFailure()) run.check();
  if (!::testing::Test::HasFailure()) run.check_file();
}

TEST(StoreModel, RandomHistoriesMeanTheSameInTheStoreAndInTheModel) {
  if (const char* seed = std::getenv("ATELIER_SEED")) {
    return run_seed(static_cast<std::uint32_t>(std::strtoul(seed, nullptr, 10)));
  }
  for (std::uint32_t seed = 1; seed <= 12 && !HasFailure(); ++seed) run_seed(seed);
}

}  // namespace
}  // namespace atelier::test
