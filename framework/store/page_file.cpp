#include "store/page_file.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/limits.h"
#include "base/os/disk.h"

namespace atelier::pages {
namespace {

constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kNodeBytes = 8;
constexpr std::size_t kTreeBytes = 48;
constexpr std::size_t kMetaBytes = 24 + 2 * kTreeBytes + 16;
constexpr std::uint32_t kMetaMagic = 0xBEEFC0DE;
constexpr std::uint32_t kMetaVersion = 1;
constexpr std::uint16_t kBranch = 1, kLeaf = 2, kOverflow = 4, kMeta = 8;
constexpr std::uint16_t kBigData = 1, kSubTree = 2;
constexpr std::size_t kDepthMax = 32;  // LMDB's own
constexpr std::size_t kCachePages = 4'096;
constexpr std::size_t kPageBytesMax = 65'536;

template <class T>
T load(const char* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

Tree load_tree(const char* at) {
  Tree tree;
  tree.flags = load<std::uint16_t>(at + 4);
  tree.depth = load<std::uint16_t>(at + 6);
  tree.branches = load<std::uint64_t>(at + 8);
  tree.leaves = load<std::uint64_t>(at + 16);
  tree.overflows = load<std::uint64_t>(at + 24);
  tree.entries = load<std::uint64_t>(at + 32);
  tree.root = load<std::uint64_t>(at + 40);
  return tree;
}

Error damaged(std::uint64_t page, const std::string& what) {
  return {ErrorCode::kCorrupt, "page " + std::to_string(page) + " " + what};
}

class FileSource : public Source {
 public:
  explicit FileSource(os::FileReader file) : file_(std::move(file)) {}
  std::uint64_t size() const override { return file_.size(); }
  bool read(std::uint64_t offset, char* to, std::size_t count) const override {
    return file_.read(offset, to, count);
  }

 private:
  os::FileReader file_;
};

class MemorySource : public Source {
 public:
  explicit MemorySource(std::string bytes) : bytes_(std::move(bytes)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  bool read(std::uint64_t offset, char* to, std::size_t count) const override {
    if (offset > bytes_.size() || count > bytes_.size() - offset) return false;
    std::memcpy(to, bytes_.data() + offset, count);
    return true;
  }

 private:
  std::string bytes_;
};

std::size_t even(std::size_t size) {
  return (size + 1) & ~std::size_t{1};
}

// Bytes of a node in its page; 0 when its head or its end is outside of it.
std::size_t node_bytes(std::string_view page, std::uint16_t offset, bool leaf) {
  if (offset < kHeaderBytes || offset + kNodeBytes > page.size()) return 0;
  const char* node = page.data() + offset;
  const std::size_t key = load<std::uint16_t>(node + 6);
  std::size_t data = 0;
  if (leaf) {
    const std::uint64_t size =
        load<std::uint16_t>(node) | std::uint64_t{load<std::uint16_t>(node + 2)} << 16;
    data = load<std::uint16_t>(node + 4) & kBigData ? sizeof(std::uint64_t)
                                                    : static_cast<std::size_t>(size);
  }
  const std::size_t whole = kNodeBytes + key + data;
  return whole > page.size() - offset ? 0 : whole;
}

bool note(PageFile::Visited* visited, std::uint64_t page) {
  if (!visited) return true;
  if (page >= visited->seen.size()) visited->seen.resize(static_cast<std::size_t>(page) + 1);
  if (visited->seen[static_cast<std::size_t>(page)]) return false;
  visited->seen[static_cast<std::size_t>(page)] = true;
  return true;
}

}  // namespace

Result<std::unique_ptr<Source>> open_file(const std::string& path) {
  ATELIER_TRY(file, os::FileReader::open(path));
  return std::unique_ptr<Source>(std::make_unique<FileSource>(std::move(file)));
}

std::unique_ptr<Source> bytes_in_memory(std::string bytes) {
  return std::make_unique<MemorySource>(std::move(bytes));
}

bool key_less(const Tree& tree, std::string_view left, std::string_view right) {
  if (tree.integer_keys() && left.size() == sizeof(std::uint64_t) && right.size() == left.size()) {
    return load<std::uint64_t>(left.data()) < load<std::uint64_t>(right.data());
  }
  return left < right;
}

namespace {

// Calls `entry` with the offset of each entry of a page that is checked meanwhile.
template <class Fn>
Status check_entries(std::string_view page, std::uint64_t number, bool* is_leaf, const Fn& entry) {
  const char* head = page.data();
  const auto flags = load<std::uint16_t>(head + 10);
  if (load<std::uint64_t>(head) != number) return damaged(number, "bears another number");
  if (flags != kBranch && flags != kLeaf) return damaged(number, "is neither branch nor leaf");
  *is_leaf = flags == kLeaf;
  const std::size_t lower = load<std::uint16_t>(head + 12), upper = load<std::uint16_t>(head + 14);
  if (lower < kHeaderBytes || lower > upper || upper > page.size() || lower % 2 != 0) {
    return damaged(number, "has bounds that cannot be");
  }
  std::size_t used = 0;
  for (std::size_t at = kHeaderBytes; at < lower; at += 2) {
    const auto offset = load<std::uint16_t>(head + at);
    const std::size_t bytes = node_bytes(page, offset, *is_leaf);
    if (offset < upper || bytes == 0) return damaged(number, "has an entry outside of itself");
    used += even(bytes);
    entry(offset);
  }
  // Nodes are packed, so two that overlap do not add up.
  if (used != page.size() - upper) return damaged(number, "has entries that overlap");
  return ok();
}

Status check_page(std::string_view page, std::uint64_t number, bool* is_leaf,
                  std::vector<std::uint16_t>* offsets) {
  offsets->clear();
  return check_entries(page, number, is_leaf,
                       [&](std::uint16_t offset) { offsets->push_back(offset); });
}

}  // namespace

Status check_leaf(std::string_view page, std::uint64_t number) {
  // A bit for each place where an entry may begin; as many as this page has.
  std::array<std::uint64_t, kPageBytesMax / 2 / 64> seen;
  std::fill_n(seen.begin(), std::min(page.size() / 2 / 64 + 1, seen.size()), 0);
  bool is_leaf = false, twice = page.size() > kPageBytesMax;
  const auto note = [&](std::uint16_t offset) {
    std::uint64_t& word = seen[offset / 2 / 64];
    const std::uint64_t bit = std::uint64_t{1} << (offset / 2 % 64);
    twice = twice || offset % 2 != 0 || (word & bit) != 0;
    word |= bit;
  };
  ATELIER_CHECK(check_entries(page, number, &is_leaf, note));
  if (!is_leaf) return damaged(number, "is a branch where a leaf should be");
  return twice ? Status(damaged(number, "has an entry twice")) : ok();
}

std::uint64_t number_of(const void* page) {
  return load<std::uint64_t>(static_cast<const char*>(page));
}

bool keys_in_order(const Tree& tree, const Page& page) {
  // The first entry of a branch has no key.
  for (std::size_t i = page.is_leaf() ? 1 : 2; i < page.count(); ++i)
    if (!key_less(tree, page.key(i - 1), page.key(i))) return false;
  return true;
}

// --- Page

bool Page::is_leaf() const {
  return flags_ & kLeaf;
}

std::string_view Page::key(std::size_t index) const {
  return {node(index) + kNodeBytes, load<std::uint16_t>(node(index) + 6)};
}

std::uint64_t Page::child(std::size_t index) const {
  const char* at = node(index);
  return load<std::uint16_t>(at) | std::uint64_t{load<std::uint16_t>(at + 2)} << 16 |
         std::uint64_t{load<std::uint16_t>(at + 4)} << 32;
}

std::uint16_t Page::node_flags(std::size_t index) const {
  return load<std::uint16_t>(node(index) + 4);
}

std::uint64_t Page::value_size(std::size_t index) const {
  const char* at = node(index);
  return load<std::uint16_t>(at) | std::uint64_t{load<std::uint16_t>(at + 2)} << 16;
}

std::string_view Page::inline_data(std::size_t index) const {
  const std::string_view name = key(index);
  const std::size_t size = node_flags(index) & kBigData
                               ? sizeof(std::uint64_t)
                               : static_cast<std::size_t>(value_size(index));
  return {name.data() + name.size(), size};
}

// --- PageFile

bool PageFile::read_meta(std::uint64_t page, std::uint32_t page_bytes, Meta* meta) const {
  std::array<char, kHeaderBytes + kMetaBytes> raw;
  if (!source_->read(page * page_bytes, raw.data(), raw.size())) return false;
  if (load<std::uint64_t>(raw.data()) != page) return false;
  if (!(load<std::uint16_t>(raw.data() + 10) & kMeta)) return false;
  const char* at = raw.data() + kHeaderBytes;
  if (load<std::uint32_t>(at) != kMetaMagic || load<std::uint32_t>(at + 4) != kMetaVersion) {
    return false;
  }
  meta->page_bytes = load<std::uint32_t>(at + 24);
  meta->free = load_tree(at + 24);
  meta->free.flags |= 0x08;  // keys of the free list are transactions
  meta->main = load_tree(at + 24 + kTreeBytes);
  meta->last_page = load<std::uint64_t>(at + 24 + 2 * kTreeBytes);
  meta->transaction = load<std::uint64_t>(at + 24 + 2 * kTreeBytes + 8);
  const bool power_of_two = (meta->page_bytes & (meta->page_bytes - 1)) == 0;
  // Flags of a page are not its size's: LMDB keeps 32,768 bytes at most on the disk.
  return power_of_two && meta->page_bytes >= 256 && meta->page_bytes <= 65'536 &&
         meta->last_page >= 1 && meta->last_page < kNoPage / meta->page_bytes;
}

// The second meta page, at the place that the first one says, or at any that it may have.
std::optional<Meta> PageFile::other_meta(const std::optional<Meta>& first) const {
  Meta meta;
  for (std::uint32_t bytes = first ? first->page_bytes : 256; bytes <= 65'536; bytes *= 2) {
    if (read_meta(1, bytes, &meta) && meta.page_bytes == bytes) return meta;
    if (first) break;
  }
  return std::nullopt;
}

Result<PageFile> PageFile::open(std::unique_ptr<Source> source,
                                std::optional<std::uint64_t> transaction) {
  PageFile file(std::move(source));
  std::optional<Meta> first(Meta{});
  if (!file.read_meta(0, 0, &*first)) first.reset();
  const std::optional<Meta> second = file.other_meta(first);
  if (!first && !second) {
    return Error(ErrorCode::kCorrupt, "neither of the file's two head pages can be read");
  }
  if (transaction) {
    for (const auto& meta : {first, second}) {
      if (meta && meta->transaction == *transaction) {
        file.meta_ = *meta;
        return file;
      }
    }
    return Error(ErrorCode::kUnavailable, "the snapshot's head page was overwritten");
  }
  file.meta_ = !second || (first && first->transaction >= second->transaction) ? *first : *second;
  return file;
}

PageFile PageFile::without_head(std::unique_ptr<Source> source, std::uint32_t page_bytes) {
  PageFile file(std::move(source));
  file.meta_.page_bytes = page_bytes;
  file.meta_.last_page = std::max<std::uint64_t>(file.source_->size() / page_bytes, 2) - 1;
  return file;
}

std::uint64_t PageFile::page_count() const {
  return source_->size() / meta_.page_bytes;
}

Result<std::shared_ptr<const Page>> PageFile::page(std::uint64_t number) const {
  if (cache_.empty()) cache_.resize(kCachePages);
  auto& slot = cache_[static_cast<std::size_t>(number % kCachePages)];
  if (slot && slot->number() == number) return slot;
  ATELIER_TRY(page, read_page(number));
  slot = std::move(page);
  return slot;
}

Result<std::shared_ptr<const Page>> PageFile::read_page(std::uint64_t number) const {
  if (number < 2 || number > meta_.last_page) return damaged(number, "is outside of the file");
  auto page = std::make_shared<Page>();
  page->number_ = number;
  page->bytes_.resize(meta_.page_bytes);
  if (!source_->read(number * meta_.page_bytes, page->bytes_.data(), page->bytes_.size())) {
    return damaged(number, "cannot be read");
  }
  bool is_leaf = false;
  ATELIER_CHECK(check_page(page->bytes_, number, &is_leaf, &page->offsets_));
  page->flags_ = is_leaf ? kLeaf : kBranch;
  return std::shared_ptr<const Page>(std::move(page));
}

Result<std::uint64_t> PageFile::overflow_pages(const Page& leaf, std::size_t index,
                                               std::uint64_t* first) const {
  *first = load<std::uint64_t>(leaf.inline_data(index).data());
  const std::uint64_t size = leaf.value_size(index);
  const std::uint64_t count = (kHeaderBytes - 1 + size) / meta_.page_bytes + 1;
  if (*first < 2 || *first > meta_.last_page || count > meta_.last_page - *first + 1) {
    return damaged(leaf.number(), "has a value outside of the file");
  }
  std::array<char, kHeaderBytes> head;
  if (!source_->read(*first * meta_.page_bytes, head.data(), head.size())) {
    return damaged(*first, "cannot be read");
  }
  if (load<std::uint64_t>(head.data()) != *first) return damaged(*first, "bears another number");
  if (load<std::uint16_t>(head.data() + 10) != kOverflow) {
    return damaged(*first, "is not the large value that page " + std::to_string(leaf.number()) +
                               " takes it for");
  }
  // A value that became smaller keeps its pages.
  const std::uint64_t pages = load<std::uint32_t>(head.data() + 12);
  if (pages < count || pages > meta_.last_page - *first + 1) {
    return damaged(*first,
                   "has another length than page " + std::to_string(leaf.number()) + " gives it");
  }
  return pages;
}

Result<std::string> PageFile::value(const Page& leaf, std::size_t index, Visited* visited) const {
  const std::uint16_t flags = leaf.node_flags(index);
  if (flags & ~(kBigData | kSubTree)) return damaged(leaf.number(), "has an entry of unknown kind");
  if (!(flags & kBigData)) return std::string(leaf.inline_data(index));
  std::uint64_t first = 0;
  ATELIER_TRY(pages, overflow_pages(leaf, index, &first));
  for (std::uint64_t i = 0; i < pages; ++i) {
    if (!note(visited, first + i)) return damaged(first + i, "is used twice");
  }
  if (visited) visited->overflows += pages;
  std::string bytes(static_cast<std::size_t>(leaf.value_size(index)), '\0');
  if (!source_->read(first * meta_.page_bytes + kHeaderBytes, bytes.data(), bytes.size())) {
    return damaged(first, "cannot be read");
  }
  return bytes;
}

// --- walking

struct PageFile::Walk {
  const PageFile& file;
  const Tree& tree;
  const Row* row;  // null: the structure alone
  const Problem& problem;
  Visited& visited;
  std::string start;
  std::optional<std::string> last;  // key before
  bool stopped = false;

  void down(std::uint64_t number, std::size_t depth, std::string_view low,
            const std::optional<std::string>& high) {
    if (depth > kDepthMax) return problem("the tree is deeper than any can be");
    if (!note(&visited, number)) {
      return problem("page " + std::to_string(number) + " is used twice");
    }
    const auto loaded = file.page(number);
    if (!loaded) return problem(loaded.error().message);
    const Page& page = **loaded;
    if (page.is_leaf()) return leaf(page, depth, low, high);
    ++visited.branches;
    if (page.count() < 2) problem("page " + std::to_string(number) + " is a branch to one page");
    for (std::size_t i = 0; i < page.count() && !stopped; ++i) {
      // The first key is never looked at: what is smaller than the second goes that way.
      const std::string under(i == 0 ? low : page.key(i));
      std::optional<std::string> above = high;
      if (i + 1 < page.count()) above = std::string(page.key(i + 1));
      if (i > 0 && (key_less(tree, under, low) || (above && !key_less(tree, under, *above)))) {
        problem("page " + std::to_string(number) + " has keys out of order");
      }
      // Nothing of it is asked for.
      if (above && !start.empty() && !key_less(tree, start, *above)) continue;
      down(page.child(i), depth + 1, under, above);
    }
  }

  void leaf(const Page& page, std::size_t depth, std::string_view low,
            const std::optional<std::string>& high) {
    ++visited.leaves;
    const std::string name = "page " + std::to_string(page.number());
    if (depth != tree.depth) problem(name + " is at another depth than the tree's leaves");
    if (page.count() == 0) problem(name + " is empty");
    for (std::size_t i = 0; i < page.count() && !stopped; ++i) {
      const std::string_view key = page.key(i);
      const bool ordered = !last || key_less(tree, *last, key);
      if (!ordered || (!low.empty() && key_less(tree, key, low)) ||
          (high && !key_less(tree, key, *high))) {
        problem(name + " has keys out of order");
      }
      last = std::string(key);
      ++visited.entries;
      if (!start.empty() && key_less(tree, key, start)) continue;
      entry(page, i);
    }
  }

  void entry(const Page& page, std::size_t index) {
    if (!row) {
      // The pages of a large value, without its bytes.
      const std::uint16_t flags = page.node_flags(index);
      if (!(flags & kBigData)) return;
      std::uint64_t first = 0;
      const auto pages = file.overflow_pages(page, index, &first);
      if (!pages) return problem(pages.error().message);
      visited.overflows += *pages;
      for (std::uint64_t i = 0; i < *pages; ++i) {
        if (!note(&visited, first + i)) {
          return problem("page " + std::to_string(first + i) + " is used twice");
        }
      }
      return;
    }
    const auto value = file.value(page, index, &visited);
    if (!value) return problem(value.error().message);
    stopped = !(*row)(page.key(index), *value);
  }
};

void PageFile::walk(const Tree& tree, std::string_view start, const Row& row,
                    const Problem& problem, Visited* visited) const {
  if (tree.root == kNoPage) return;
  Visited own;
  Walk walk{*this, tree, &row, problem, visited ? *visited : own, std::string(start), {}, false};
  walk.down(tree.root, 1, {}, {});
}

void PageFile::walk_pages(const Tree& tree, const Problem& problem, Visited* visited) const {
  if (tree.root == kNoPage) return;
  Walk walk{*this, tree, nullptr, problem, *visited, {}, {}, false};
  walk.down(tree.root, 1, {}, {});
}

std::optional<std::string> PageFile::find(const Tree& tree, std::string_view key) const {
  std::uint64_t number = tree.root;
  for (std::size_t depth = 0; number != kNoPage && depth < kDepthMax; ++depth) {
    const auto loaded = page(number);
    if (!loaded) return std::nullopt;
    const Page& at = **loaded;
    std::size_t low = at.is_leaf() ? 0 : 1, high = at.count();  // first that is greater
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (key_less(tree, key, at.key(middle)))
        high = middle;
      else
        low = middle + 1;
    }
    if (low == 0 || at.count() == 0) return std::nullopt;
    if (!at.is_leaf()) {
      number = at.child(low - 1);
      continue;
    }
    if (at.key(low - 1) != key) return std::nullopt;
    auto found = value(at, low - 1);
    if (!found) return std::nullopt;
    return std::move(*found);
  }
  return std::nullopt;
}

namespace {

// Whether all keys of a page are in order and between what the branches above say.
bool in_order(const Tree& tree, const Page& page, const std::optional<std::string>& low,
              const std::optional<std::string>& high) {
  for (std::size_t i = page.is_leaf() ? 0 : 1; i < page.count(); ++i) {
    const std::string_view key = page.key(i);
    if (low && key_less(tree, key, *low)) return false;
    if (high && !key_less(tree, key, *high)) return false;
    if (i > (page.is_leaf() ? 0 : 1) && !key_less(tree, page.key(i - 1), key)) return false;
  }
  return true;
}

}  // namespace

Result<std::optional<std::string>> PageFile::find_checked(const Tree& tree, std::string_view key,
                                                          const Row& beside) const {
  std::optional<std::string> low, high;
  std::uint64_t number = tree.root;
  for (std::size_t depth = 1; number != kNoPage; ++depth) {
    ATELIER_TRY(at, read_page(number));
    if (depth > kDepthMax || at->count() == 0 || at->is_leaf() != (depth == tree.depth)) {
      return damaged(number, "is not where it belongs");
    }
    if (!in_order(tree, *at, low, high)) return damaged(number, "has keys out of order");
    std::size_t first = at->is_leaf() ? 0 : 1;
    while (first < at->count() && !key_less(tree, key, at->key(first))) ++first;
    if (at->is_leaf()) {
      if (first > 0 && at->key(first - 1) == key) {
        ATELIER_TRY(found, value(*at, first - 1));
        return std::optional<std::string>(std::move(found));
      }
      for (std::size_t i = std::max<std::size_t>(first, 1) - 1; beside && i <= first; ++i) {
        if (i >= at->count()) break;
        ATELIER_TRY(neighbour, value(*at, i));
        if (!beside(at->key(i), neighbour)) return damaged(number, "has a row that is damaged");
      }
      return std::optional<std::string>();
    }
    if (first > 1) low = std::string(at->key(first - 1));
    if (first < at->count()) high = std::string(at->key(first));
    number = at->child(first - 1);
  }
  return std::optional<std::string>();
}

Result<Tree> tree_of_row(std::string_view row) {
  if (row.size() != kTreeBytes) return Error(ErrorCode::kCorrupt, "a table has no tree");
  return load_tree(row.data());
}

std::vector<Table> PageFile::tables(const Problem& problem) const {
  std::vector<Table> found;
  const auto row = [&](std::string_view name, std::string_view value) {
    if (value.size() == kTreeBytes) {
      found.push_back({std::string(name), load_tree(value.data())});
    } else {
      problem("the table '" + std::string(name) + "' has no tree");
    }
    return true;
  };
  walk(meta_.main, {}, row, problem);
  return found;
}

std::vector<std::uint64_t> PageFile::free_pages(const Problem& problem, Visited* visited) const {
  std::vector<std::uint64_t> found;
  const auto row = [&](std::string_view, std::string_view value) {
    const std::uint64_t count = value.size() < 8 ? 0 : load<std::uint64_t>(value.data());
    if (value.size() % 8 != 0 || value.size() < 8 || count > value.size() / 8 - 1) {
      problem("a row of the free list is shorter than it says");
      return true;
    }
    for (std::uint64_t i = 1; i <= count; ++i) {
      found.push_back(load<std::uint64_t>(value.data() + 8 * i));
    }
    return true;
  };
  walk(meta_.free, {}, row, problem, visited);
  return found;
}

}  // namespace atelier::pages
