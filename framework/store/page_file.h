// Reads a file of LMDB 0.9 without LMDB: its pages, its trees, their rows, each access checked
// against the bounds of page and file. For verify and salvage, which must live through any damage:
// LMDB trusts what it reads, and a damaged offset ends its process or gives a wrong answer.
//
// The file (LMDB's mdb.c; integers in the machine's order, P the page size, all of page n at n * P)
//   page     := number:8 pad:2 flags:2 (lower:2 upper:2 | pages:4) ...
//   flags    := 1 branch | 2 leaf | 4 overflow | 8 meta
//   branch, leaf: after the header (lower - 16) / 2 offsets of 2 bytes, sorted by key, of
//   node     := low:2 high:2 flags:2 key-size:2 key data         packed from `upper` to P
//     branch    low, high, flags are the child's page; the first key stands for "anything smaller"
//     leaf      low, high are the value's size; flags 1: data is the number of an overflow page,
//               2: data is a tree (a named table)
//   overflow := header, `pages` pages in all, the value behind the header
//   meta     := header magic:4 version:4 address:8 map:8 tree{2} last-page:8 transaction:8
//               in pages 0 and 1, the higher transaction counts; tree 0 lists free pages, tree 1
//               tables; the first word of tree 0 is P
//   tree     := pad:4 flags:2 depth:2 branches:8 leaves:8 overflows:8 entries:8 root:8
//   free     := a row of tree 0: transaction -> count:8 page:8{count}
//
// Thread rule: one thread at a time; for nothing that changes (a closed file, or the pages of a
// snapshot that a read transaction keeps).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace atelier::pages {

/// Where the bytes are.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::uint64_t size() const = 0;
  /// False when not all of them can be read.
  virtual bool read(std::uint64_t offset, char* to, std::size_t count) const = 0;
};
/// Errors: those of the file.
Result<std::unique_ptr<Source>> open_file(const std::string& path);
std::unique_ptr<Source> bytes_in_memory(std::string bytes);

inline constexpr std::uint64_t kNoPage = ~std::uint64_t{0};

struct Tree {
  std::uint16_t flags = 0;  // MDB_INTEGERKEY: keys are numbers
  std::uint16_t depth = 0;
  std::uint64_t branches = 0, leaves = 0, overflows = 0, entries = 0;
  std::uint64_t root = kNoPage;  // kNoPage: empty
  bool integer_keys() const { return flags & 0x08; }
};

struct Meta {
  std::uint32_t page_bytes = 0;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
  Tree free, main;
};

struct Table {
  std::string name;
  Tree tree;
};

class Page;

/// In the order of the tree's keys.
bool key_less(const Tree& tree, std::string_view left, std::string_view right);

/// Whether the keys of a page are in the order of the tree, none twice.
bool keys_in_order(const Tree& tree, const Page& page);

/// Checks a leaf where it lies: its number, its bounds, that its entries lie side by side, each
/// once, and nothing lies between. Errors: kCorrupt in words.
Status check_leaf(std::string_view page, std::uint64_t number);
/// The number that a page bears.
std::uint64_t number_of(const void* page);

/// A page whose offsets and sizes were checked: what it says can be followed within it.
class Page {
 public:
  std::uint64_t number() const { return number_; }
  bool is_leaf() const;
  std::size_t count() const { return offsets_.size(); }
  std::string_view key(std::size_t index) const;
  std::uint64_t child(std::size_t index) const;           // of a branch
  std::uint16_t node_flags(std::size_t index) const;      // of a leaf
  std::uint64_t value_size(std::size_t index) const;      // likewise
  std::string_view inline_data(std::size_t index) const;  // likewise: the value, or a page's number

 private:
  friend class PageFile;
  const char* node(std::size_t index) const { return bytes_.data() + offsets_[index]; }
  std::uint64_t number_ = 0;
  std::uint16_t flags_ = 0;
  std::string bytes_;
  std::vector<std::uint16_t> offsets_;
};

/// Is told what is wrong, one sentence each.
using Problem = std::function<void(const std::string&)>;

class PageFile {
 public:
  /// With `transaction`, the meta page of that snapshot must be there still. Errors: kCorrupt when
  /// neither meta page can be used; kUnavailable when that snapshot's was overwritten.
  static Result<PageFile> open(std::unique_ptr<Source> source,
                               std::optional<std::uint64_t> transaction = {});

  /// For a file whose head pages are gone: it has no tables, and every page may be looked at.
  static PageFile without_head(std::unique_ptr<Source> source, std::uint32_t page_bytes);

  const Meta& meta() const { return meta_; }
  std::uint64_t file_bytes() const { return source_->size(); }
  /// Pages that the file has room for; at most meta().last_page + 1 are in use.
  std::uint64_t page_count() const;

  /// The named tables, sorted.
  std::vector<Table> tables(const Problem& problem) const;

  /// What a walk may note beside the rows.
  struct Visited {
    std::vector<bool> seen;  // by page; grown as needed. A page that is in it already is a problem
    std::uint64_t branches = 0, leaves = 0, overflows = 0, entries = 0;
  };
  using Row = std::function<bool(std::string_view key, std::string_view value)>;
  /// Calls `row` in the order of the keys, from `start` on, until it returns false. What is damaged
  /// is told and left out; the rest goes on.
  void walk(const Tree& tree, std::string_view start, const Row& row, const Problem& problem,
            Visited* visited = nullptr) const;
  /// Like walk(), without reading the values: the structure alone.
  void walk_pages(const Tree& tree, const Problem& problem, Visited* visited) const;
  /// The row of a key, when it can be found.
  std::optional<std::string> find(const Tree& tree, std::string_view key) const;
  /// Like find(), with every page on the way checked as a walk checks it, so that "nothing" is
  /// true; reads no page twice from memory. Errors: kCorrupt with what is wrong.
  /// Where nothing is found `beside` is told the rows on both sides of the place in their page, and
  /// says whether they are whole: one that is not may be the row, under a damaged key.
  Result<std::optional<std::string>> find_checked(const Tree& tree, std::string_view key,
                                                  const Row& beside = {}) const;
  /// Pages on the free list, in no order.
  std::vector<std::uint64_t> free_pages(const Problem& problem, Visited* visited = nullptr) const;

  /// A branch or leaf page; errors say in words what is wrong with it.
  Result<std::shared_ptr<const Page>> page(std::uint64_t number) const;
  /// The same, read anew: for those who come to a page once.
  Result<std::shared_ptr<const Page>> read_page(std::uint64_t number) const;
  /// The value of a leaf's node. `seen`, when given, gets its overflow pages.
  Result<std::string> value(const Page& leaf, std::size_t index, Visited* visited = nullptr) const;

 private:
  struct Walk;
  explicit PageFile(std::unique_ptr<Source> source) : source_(std::move(source)) {}
  bool read_meta(std::uint64_t page, std::uint32_t page_bytes, Meta* meta) const;
  std::optional<Meta> other_meta(const std::optional<Meta>& first) const;
  Result<std::uint64_t> overflow_pages(const Page& leaf, std::size_t index,
                                       std::uint64_t* first) const;

  std::unique_ptr<Source> source_;
  Meta meta_;
  mutable std::vector<std::shared_ptr<const Page>> cache_;  // by number modulo its size
};

/// The tree of a named table, from its row in the main tree. Errors: kCorrupt.
Result<Tree> tree_of_row(std::string_view row);

/// Compares as the tree's order does.
bool key_less(const Tree& tree, std::string_view left, std::string_view right);

}  // namespace atelier::pages
