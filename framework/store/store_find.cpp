// find(): walks what the plan says, in read transactions of bounded work. Thread rule: as
// StoreImpl.
#include <algorithm>

#include "base/digest.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "store/find_plan.h"
#include "store/index_rows.h"
#include "store/store_impl.h"

namespace atelier {
namespace {

constexpr std::string_view kDesignPrefix = "_design/";

Error bad_bookmark(const std::string& bookmark) {
  return invalid("Invalid bookmark value: " + json::quoted(bookmark.substr(0, 200)));
}

// bookmark := base64 of way:1 descending:1 index:ordered key
std::string bookmark_head(const CompiledFind& find) {
  std::string head;
  head.push_back(static_cast<char>('0' + static_cast<int>(find.plan.way)));
  head.push_back(find.plan.descending ? 'd' : 'a');
  index_rows::put_ordered(head, find.index ? find.index->number : 0);
  return head;
}

// `_attachments` as a document shows it, in normal form.
std::string attachments_text(const std::vector<Attachment>& attachments) {
  std::string text;
  for (const Attachment& one : attachments) {
    text += text.empty() ? "{" : ",";
    text += json::quoted(one.name) + ":{\"content_type\":" + json::quoted(one.content_type) +
            ",\"revpos\":" + std::to_string(one.revpos) +
            ",\"digest\":" + json::quoted(one.digest) +
            ",\"length\":" + std::to_string(one.length) + ",\"stub\":true}";
  }
  return text.empty() ? text : text + "}";
}

bool is_whole_value(std::string_view key, std::string_view bytes) {
  return key.size() == kFragmentBytes || index_rows::id_of_value_row(key, bytes).has_value();
}

}  // namespace

// One query while it runs. Invariant: `last_key_` is the key of the last row that was looked at;
// everything behind it, in the plan's direction, is still to come.
class StoreImpl::FindRun {
 public:
  struct Row {
    std::string key;
    Document document;
  };

  FindRun(const StoreImpl& store, const FindQuery& query, CompiledFind find, bool rows)
      : store_(store),
        find_(std::move(find)),
        skip_(query.skip),
        left_(query.limit),
        rows_(rows),
        table_(find_.index ? store.tables_.values : store.tables_.docs) {
    for (const std::string& field : find_.selector.fields()) {
      asks_rev_ = asks_rev_ || field.starts_with("_rev");
      asks_attachments_ = asks_attachments_ || field.starts_with("_attachments");
    }
    if (find_.plan.descending) std::reverse(find_.ranges.begin(), find_.ranges.end());
  }

  Status go_on_behind(const std::string& bookmark) {
    if (bookmark.empty() || bookmark == "nil") return ok();
    const auto bytes = unbase64(bookmark);
    const std::string head = bookmark_head(find_);
    if (!bytes || !bytes->starts_with(head)) return bad_bookmark(bookmark);
    last_key_ = bytes->substr(head.size());
    return ok();
  }

  // Looks at rows until a transaction's worth is done. Those that match go into `page`.
  Status slice(MDB_txn* txn, std::vector<Row>& page) {
    keys_ = docs_ = bytes_ = 0;
    if (find_.index) ATELIER_CHECK(store_.check_index(txn, *find_.index));
    IdCursor cursor(txn, table_, *store_.file_, find_.index ? "values" : "docs",
                    find_.index ? "value-fragments" : "fragments",
                    find_.index ? is_whole_value : record::is_whole_doc);
    while (range_ < find_.ranges.size() && left_ > 0 && !full(page)) {
      if (!enter_range(cursor)) {
        ATELIER_CHECK(cursor.status());
        ++range_;
        continue;
      }
      bool more = true;
      while (more && left_ > 0 && !full(page)) {
        ATELIER_CHECK(look_at(txn, cursor, page));
        last_key_ = cursor.id();
        more = (find_.plan.descending ? cursor.previous() : cursor.next()) && in_range(cursor.id());
      }
      ATELIER_CHECK(cursor.status());
      if (!more) ++range_;
    }
    return ok();
  }
  bool done() const { return range_ >= find_.ranges.size() || left_ == 0; }

  FindAnswer& answer() { return answer_; }
  std::string bookmark_of(const std::string& key) const {
    return base64(bookmark_head(find_) + key);
  }

 private:
  bool full(const std::vector<Row>& page) const {
    return keys_ >= kFindKeysPerTxn || docs_ >= kFindDocsPerTxn || page.size() >= kFindPageRows ||
           bytes_ >= kFindPageBytes;
  }
  bool in_range(std::string_view key) const {
    const KeyRange& range = find_.ranges[range_];
    return key >= range.low && (!range.high || key < *range.high);
  }
  // To the first row of the range that is behind last_key_.
  bool enter_range(IdCursor& cursor) const {
    const KeyRange& range = find_.ranges[range_];
    if (!find_.plan.descending) {
      std::string from = range.low;
      if (last_key_ && *last_key_ >= from) from = *last_key_ + '\0';
      return cursor.seek(from) && in_range(cursor.id());
    }
    std::optional<std::string> end = range.high;
    if (last_key_ && (!end || *last_key_ < *end)) end = last_key_;
    bool more = end ? cursor.seek(*end) || cursor.seek_last() : cursor.seek_last();
    while (more && end && cursor.id() >= *end) more = cursor.previous();
    return more && in_range(cursor.id());
  }

  Status look_at(MDB_txn* txn, const IdCursor& cursor, std::vector<Row>& page) {
    ++keys_;
    ++answer_.keys_examined;
    std::string_view id = cursor.id();
    if (find_.index) {
      ATELIER_TRY(named, index_rows::id_of_value_row(cursor.id(), cursor.row()));
      id = named;
    }
    if (id.starts_with(kDesignPrefix)) return ok();
    if (!find_.ids_covered && !id.starts_with(find_.id_prefix)) return ok();
    if (find_.index && find_.plan.covered && (!rows_ || skip_ > 0)) return count_one();
    record::DocRow& row = row_;
    if (find_.index) {
      ATELIER_TRY(found, store_.find_doc(txn, id, nullptr, &row));
      if (!found || row.deleted || !row.has_body || row.evicted) {
        return Error(ErrorCode::kCorrupt,
                     "the index '" + find_.index->definition.name +
                         "' names a document that is not there: " + std::string(id.substr(0, 200)));
      }
    } else {
      ATELIER_CHECK(record::decode_doc(id, cursor.row(), &row));
      if (row.deleted || !row.has_body || row.evicted) return ok();
    }
    ++docs_;
    ++answer_.docs_examined;
    ATELIER_TRY(matched, matches(id, row));
    if (!matched) return ok();
    if (!rows_ || skip_ > 0) return count_one();
    ATELIER_TRY(attachments, record::decode_attachments(row.attachments));
    Row given{std::string(cursor.id()), {}};
    given.document.id = id;
    given.document.rev = row.rev;
    given.document.body = row.body;
    given.document.sequence = row.sequence;
    given.document.attachments = std::move(attachments);
    bytes_ += given.key.size() + row.body.size();
    page.push_back(std::move(given));
    --left_;
    return ok();
  }

  // A match that nobody wants to see.
  Status count_one() {
    if (skip_ > 0) {
      --skip_;
      return ok();
    }
    ++answer_.results;
    --left_;
    return ok();
  }

  Result<bool> matches(std::string_view id, const record::DocRow& row) {
    if (find_.plan.covered) return true;
    query::DocumentView view;
    view.id = id;
    view.body = row.body;
    std::string rev, attachments;
    if (asks_rev_) {
      rev = row.rev.to_string();
      view.rev = rev;
    }
    if (asks_attachments_) {
      ATELIER_TRY(list, record::decode_attachments(row.attachments));
      attachments = attachments_text(list);
      view.attachments = attachments;
    }
    return find_.selector.matches(view);
  }

  const StoreImpl& store_;
  CompiledFind find_;
  std::size_t skip_, left_;
  const bool rows_;  // false: only counted
  const IdTables table_;
  bool asks_rev_ = false, asks_attachments_ = false;
  FindAnswer answer_;
  record::DocRow row_;
  std::optional<std::string> last_key_;
  std::size_t range_ = 0;
  std::size_t keys_ = 0, docs_ = 0, bytes_ = 0;  // of this transaction
};

Result<FindAnswer> StoreImpl::run_find(const FindQuery& query, bool rows,
                                       const std::function<bool(Document&)>& fn) const {
  return guard([&]() -> Result<FindAnswer> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(find, plan_find(query, *indexes_.get()));
    const FindPlan plan = find.plan;
    FindRun run(*this, query, std::move(find), rows);
    ATELIER_CHECK(run.go_on_behind(query.bookmark));
    FindAnswer& answer = run.answer();
    answer.plan = plan;
    std::vector<FindRun::Row> page;
    bool going = plan.way != FindPlan::Way::kNothing;
    while (going && !run.done()) {
      ATELIER_CHECK(check_usable(false));
      page.clear();
      {
        ATELIER_TRY(txn, environment_->read());
        ATELIER_CHECK(run.slice(txn.get(), page));
      }
      for (FindRun::Row& row : page) {
        ++answer.results;
        answer.bookmark = std::move(row.key);
        going = fn(row.document);
        if (!going) break;
      }
    }
    if (!answer.bookmark.empty()) answer.bookmark = run.bookmark_of(answer.bookmark);
    return std::move(answer);
  });
}

Result<FindAnswer> StoreImpl::find(const FindQuery& query,
                                   const std::function<bool(Document&)>& fn) const {
  return run_find(query, true, fn);
}

Result<FindAnswer> StoreImpl::count_matches(const FindQuery& query) const {
  return run_find(query, false, {});
}

Result<FindPlan> StoreImpl::explain(const FindQuery& query) const {
  return guard([&]() -> Result<FindPlan> {
    ATELIER_CHECK(check_usable(false));
    ATELIER_TRY(find, plan_find(query, *indexes_.get()));
    return find.plan;
  });
}

}  // namespace atelier
