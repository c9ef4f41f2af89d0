#include "store/leaf_order.h"

#include <utility>

namespace atelier {
namespace {

constexpr std::size_t kMemoryLineBytes = 64;
constexpr MDB_dbi kMainTable = 1;  // LMDB's own: names of tables and their trees

class BorrowedFile : public pages::Source {
 public:
  explicit BorrowedFile(const os::FileReader& file) : file_(file) {}
  std::uint64_t size() const override { return file_.size(); }
  bool read(std::uint64_t offset, char* to, std::size_t count) const override {
    return file_.read(offset, to, count);
  }

 private:
  const os::FileReader& file_;
};

Error damaged(const std::string& table, const std::string& what) {
  return {ErrorCode::kCorrupt, "the store is damaged: in the table '" + table + "' " + what};
}

}  // namespace

std::unique_ptr<pages::Source> borrow(const os::FileReader& file) {
  return std::make_unique<BorrowedFile>(file);
}

Result<pages::Tree> tree_of(MDB_txn* txn, std::string_view table) {
  std::string_view row;
  Error error;
  switch (lmdb::get(txn, kMainTable, lmdb::value_of(table), &row, &error)) {
    case lmdb::Lookup::kFailed:
      return error;
    case lmdb::Lookup::kMissing:
      return Error(ErrorCode::kCorrupt, "the table '" + std::string(table) + "' is missing");
    case lmdb::Lookup::kFound:
      break;
  }
  return pages::tree_of_row(row);
}

LeafOrder::LeafOrder(const os::FileReader& file, MDB_txn* txn, std::string_view table,
                     RowCheck is_whole)
    : file_(file), txn_(txn), table_(table), is_whole_(is_whole) {}

Status LeafOrder::open() {
  MDB_stat stat;
  if (const int code = mdb_stat(txn_, kMainTable, &stat))
    return lmdb::error_of(code, "reading from the store");
  page_bytes_ = stat.ms_psize;
  ATELIER_TRY(tree, tree_of(txn_, table_));
  tree_ = tree;
  pages_ = std::make_unique<pages::PageFile>(
      pages::PageFile::without_head(borrow(file_), stat.ms_psize));
  return ok();
}

Status LeafOrder::push(std::uint64_t number, std::shared_ptr<const pages::Page>* branch) {
  ATELIER_TRY(page, pages_->read_page(number));
  if (page->is_leaf() || page->count() < 2)
    return damaged(table_, "page " + std::to_string(number) + " is no branch");
  if (!pages::keys_in_order(tree_, *page))
    return damaged(table_, "page " + std::to_string(number) + " has keys out of order");
  *branch = std::move(page);
  return ok();
}

// The levels below `page` down to the leaves, at their first or last child.
Status LeafOrder::descend(std::uint64_t page, bool last) {
  while (way_.size() + 1 < tree_.depth) {
    std::shared_ptr<const pages::Page> branch;
    ATELIER_CHECK(push(page, &branch));
    const std::size_t child = last ? branch->count() - 1 : 0;
    page = branch->child(child);
    way_.push_back({std::move(branch), child});
  }
  return ok();
}

Status LeafOrder::go_to_end(bool last) {
  way_.clear();
  return descend(tree_.root, last);
}

Status LeafOrder::go_to(std::string_view key) {
  way_.clear();
  std::uint64_t page = tree_.root;
  while (way_.size() + 1 < tree_.depth) {
    std::shared_ptr<const pages::Page> branch;
    ATELIER_CHECK(push(page, &branch));
    std::size_t low = 1, high = branch->count();  // the first key that is greater lies here
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (pages::key_less(tree_, key, branch->key(middle))) high = middle;
      else low = middle + 1;
    }
    page = branch->child(low - 1);
    way_.push_back({std::move(branch), low - 1});
  }
  return ok();
}

Result<bool> LeafOrder::step(bool forward) {
  std::size_t level = way_.size();
  while (level > 0) {
    const Level& at = way_[level - 1];
    if (forward ? at.child + 1 < at.branch->count() : at.child > 0) break;
    --level;
  }
  if (level == 0) return false;
  way_.resize(level);
  way_.back().child += forward ? 1 : std::size_t{0} - 1;
  ATELIER_CHECK(descend(way_.back().branch->child(way_.back().child), !forward));
  return true;
}

// The rows of a leaf fill lines of memory that would be waited for one by one. So all of the leaf
// that a walk comes to next is asked for while it is on this one.
void LeafOrder::ask_for_next(const void* leaf, bool forward) const {
  if (way_.empty()) return;
  const Level& above = way_.back();
  if (forward ? above.child + 1 >= above.branch->count() : above.child == 0) return;
  const std::uint64_t next = above.branch->child(forward ? above.child + 1 : above.child - 1);
  const auto at = reinterpret_cast<std::uintptr_t>(leaf) + (next - this->leaf()) * page_bytes_;
  for (std::size_t offset = 0; offset < page_bytes_; offset += kMemoryLineBytes)
    __builtin_prefetch(reinterpret_cast<const void*>(at + offset));
}

std::uint64_t LeafOrder::leaf() const {
  return way_.empty() ? tree_.root : way_.back().branch->child(way_.back().child);
}

Status LeafOrder::check_search(std::string_view key) {
  ATELIER_TRY(page, pages_->read_page(leaf()));
  const std::string name = "page " + std::to_string(leaf());
  if (!page->is_leaf() || !pages::keys_in_order(tree_, *page))
    return damaged(table_, name + " has keys out of order");
  std::size_t at = 0;
  while (at < page->count() && pages::key_less(tree_, page->key(at), key)) ++at;
  if (at == 0 || !is_whole_) return ok();
  // The row in front may be one that belongs behind, under a damaged key.
  ATELIER_TRY(value, pages_->value(*page, at - 1));
  if (!is_whole_(page->key(at - 1), value)) return damaged(table_, name + " has a damaged row");
  return ok();
}

Status LeafOrder::expect_below(std::string_view key) {
  ATELIER_TRY(page, pages_->read_page(leaf()));
  if (page->is_leaf() && page->count() > 0 &&
      pages::key_less(tree_, page->key(page->count() - 1), key))
    return ok();
  return damaged(table_, "page " + std::to_string(leaf()) + " was passed over");
}

Status LeafOrder::moved(MDB_cursor_op operation, std::string_view wanted, const void* leaf) {
  if (!pages_) ATELIER_CHECK(open());
  if (tree_.root == pages::kNoPage) {
    return leaf ? Status(damaged(table_, "something was found, and it is empty")) : ok();
  }
  if (operation == MDB_NEXT || operation == MDB_PREV) {
    ATELIER_TRY(more, step(operation == MDB_NEXT));
    if (more != (leaf != nullptr)) return damaged(table_, "a walk ended elsewhere than the tree");
  } else if (operation == MDB_SET_RANGE) {
    ATELIER_CHECK(go_to(wanted));
    ATELIER_CHECK(check_search(wanted));
    const auto stands_on = [&] { return leaf && pages::number_of(leaf) == this->leaf(); };
    if (!stands_on()) {
      // What is not smaller begins with the next leaf, if there is one.
      ATELIER_CHECK(expect_below(wanted));
      ATELIER_TRY(more, step(true));
      if (more != (leaf != nullptr)) return damaged(table_, "a search ended elsewhere than the tree");
    }
  } else {
    ATELIER_CHECK(go_to_end(operation == MDB_LAST));
    if (!leaf) return damaged(table_, "nothing was found, and it is not empty");
  }
  if (!leaf) return ok();
  ask_for_next(leaf, operation != MDB_PREV && operation != MDB_LAST);
  return pages::check_leaf({static_cast<const char*>(leaf), page_bytes_}, this->leaf());
}

}  // namespace atelier
