// The documents of one prefix as values of a C++ struct, and live views of them in an order.
// Header-only, over RawCollection. Included by room.h; do not include it alone.
//
// A document that is not what T says is reported (Room::problems) and left untouched; it is in no
// view. Thread rule: main thread; see room.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "atelier/describe_json.h"
#include "atelier/room.h"

namespace atelier {

/// A document as a value.
template <class T>
struct Item {
  std::string id;
  T value{};
  bool pending = false;  // written here and not yet on disk
};

/// A document that a search found, and where its words are.
template <class T>
struct Hit {
  Item<T> item;
  std::vector<Highlight> highlights;
};

/// A document appeared or changed, or went away (`deleted`: the item has its id alone). One that is
/// no longer what T says has gone away, too.
template <class T>
struct Change {
  Item<T> item;
  bool deleted = false;
  bool local = false;  // made through this Room
};

namespace detail {

/// A document as T; reports what is wrong with it and returns nullopt when it is none.
template <class T>
std::optional<T> value_of(RawCollection& raw, const RawDocument& document) {
  auto value = json::decode<T>(document.body);
  if (value) return std::move(*value);
  raw.report_malformed(document.id, value.error().message);
  return std::nullopt;
}

// The order of a key. NaN has no order of its own and would break a sorted list: it comes last.
template <class Key>
int compare_keys(const Key& a, const Key& b) {
  if constexpr (std::is_floating_point_v<Key>) {
    if (std::isnan(a) || std::isnan(b))
      return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
  }
  if (a < b) return -1;
  return b < a ? 1 : 0;
}

// What a View shows. It is apart from the View so that the View can be moved while the collection's
// subscription points here.
template <class T>
class ViewState {
 public:
  using Order = std::function<int(const T&, const T&)>;

  explicit ViewState(Order order) : order_(std::move(order)) {}

  void load(RawCollection& raw) {
    raw.for_each([&](const RawDocument& document) {
      if (auto value = value_of<T>(raw, document))
        nodes_[document.id] = make_item(document, std::move(*value));
      return true;
    });
    sorted_.reserve(nodes_.size());
    for (const auto& [id, item] : nodes_) sorted_.push_back(item.get());
    std::sort(sorted_.begin(), sorted_.end(), [this](auto* a, auto* b) { return before(*a, *b); });
  }

  void apply(RawCollection& raw, const RawChange& change) {
    std::optional<T> value;
    if (!change.deleted) value = value_of<T>(raw, change.document);
    ++revision_;
    const auto found = nodes_.find(change.document.id);
    if (found != nodes_.end()) {
      if (value && replace_in_place(*found->second, change.document, *value)) return;
      sorted_.erase(position(*found->second));
      nodes_.erase(found);
    }
    if (!value) return;
    auto item = make_item(change.document, std::move(*value));
    sorted_.insert(position(*item), item.get());
    nodes_.emplace(item->id, std::move(item));
  }

  const std::vector<const Item<T>*>& sorted() const { return sorted_; }
  const Item<T>* find(const std::string& id) const {
    const auto found = nodes_.find(id);
    return found == nodes_.end() ? nullptr : found->second.get();
  }
  std::uint64_t revision() const { return revision_; }

 private:
  static std::unique_ptr<Item<T>> make_item(const RawDocument& document, T value) {
    return std::make_unique<Item<T>>(Item<T>{document.id, std::move(value), document.pending});
  }
  bool before(const Item<T>& a, const Item<T>& b) const {
    const int order = order_(a.value, b.value);
    return order != 0 ? order < 0 : a.id < b.id;
  }
  auto position(const Item<T>& item) {
    return std::lower_bound(sorted_.begin(), sorted_.end(), &item,
                            [this](auto* a, auto* b) { return before(*a, *b); });
  }
  // An edit that leaves the order as it is moves nothing.
  bool replace_in_place(Item<T>& item, const RawDocument& document, T& value) const {
    if (order_(item.value, value) != 0) return false;
    item.value = std::move(value);
    item.pending = document.pending;
    return true;
  }

  const Order order_;
  std::unordered_map<std::string, std::unique_ptr<Item<T>>> nodes_;
  std::vector<const Item<T>*> sorted_;
  std::uint64_t revision_ = 0;
};

}  // namespace detail

/// The documents of a collection in an order, kept up to date by Room::pump(): a change costs
/// O(log n) comparisons and the moving of pointers. Items stay where they are until the next
/// pump().
template <class T>
class View {
 public:
  class Iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = Item<T>;
    using difference_type = std::ptrdiff_t;
    using pointer = const Item<T>*;
    using reference = const Item<T>&;

    Iterator() = default;
    explicit Iterator(const Item<T>* const* at) : at_(at) {}
    reference operator*() const { return **at_; }
    pointer operator->() const { return *at_; }
    reference operator[](difference_type n) const { return *at_[n]; }
    Iterator& operator++() { return *this += 1; }
    Iterator& operator--() { return *this += -1; }
    Iterator operator++(int) { return Iterator(at_++); }
    Iterator operator--(int) { return Iterator(at_--); }
    Iterator& operator+=(difference_type n) {
      at_ += n;
      return *this;
    }
    Iterator& operator-=(difference_type n) { return *this += -n; }
    friend Iterator operator+(Iterator it, difference_type n) { return it += n; }
    friend Iterator operator+(difference_type n, Iterator it) { return it += n; }
    friend Iterator operator-(Iterator it, difference_type n) { return it -= n; }
    friend difference_type operator-(Iterator a, Iterator b) { return a.at_ - b.at_; }
    friend bool operator==(const Iterator&, const Iterator&) = default;
    friend auto operator<=>(const Iterator&, const Iterator&) = default;

   private:
    const Item<T>* const* at_ = nullptr;
  };

  /// A view of nothing, to be assigned to.
  View() = default;

  Iterator begin() const { return Iterator(state_ ? state_->sorted().data() : nullptr); }
  Iterator end() const { return begin() + static_cast<std::ptrdiff_t>(size()); }
  std::size_t size() const { return state_ ? state_->sorted().size() : 0; }
  bool empty() const { return size() == 0; }
  const Item<T>& operator[](std::size_t index) const { return *state_->sorted()[index]; }
  const Item<T>& front() const { return (*this)[0]; }
  const Item<T>& back() const { return (*this)[size() - 1]; }
  /// The item with that id, or nullptr.
  const Item<T>* find(const std::string& id) const { return state_ ? state_->find(id) : nullptr; }
  /// Grows with each change: what was computed from the view is good as long as it stands.
  std::uint64_t revision() const { return state_ ? state_->revision() : 0; }

 private:
  template <class>
  friend class Collection;
  View(std::shared_ptr<detail::ViewState<T>> state, Subscription subscription)
      : state_(std::move(state)), subscription_(std::move(subscription)) {}

  std::shared_ptr<detail::ViewState<T>> state_;
  Subscription subscription_;
};

template <class T>
class Collection {
  static_assert(json::Described<T>,
                "The type of a collection must be described: write "
                "BOOST_DESCRIBE_STRUCT(Type, (), (its, members)) after the struct");
  static_assert(std::is_default_constructible_v<T>,
                "The type of a collection needs defaults: a document may lack members");

 public:
  /// A collection of nothing, to be assigned to.
  Collection() = default;
  explicit Collection(std::shared_ptr<RawCollection> raw) : raw_(std::move(raw)) {}

  /// Writes a new document and returns its id, which is made from the time.
  std::string add(const T& value) {
    std::string id = raw_->make_id();
    put(id, value);
    return id;
  }
  /// Writes a document under an id (`<prefix>:<key>`), over the one that is there: what T does not
  /// know of it stays.
  void put(const std::string& id, const T& value) {
    raw_->write(id, [value](std::string_view body) -> std::optional<std::string> {
      return body.empty() ? json::encode(value) : json::merged(value, body);
    });
  }
  /// Changes a document: `fn(T&)`. It runs at once, and again when somebody else changed the
  /// document in between; so it should say what changes and not what all of it is. A document that
  /// is not there (any more), or is not what T says, stays as it is.
  template <class Fn>
  void edit(const std::string& id, Fn fn) {
    static_assert(std::is_invocable_v<Fn&, T&>,
                  "edit() wants a function that takes the value: [](T& value) { ... }");
    const std::weak_ptr<RawCollection> weak = raw_;
    raw_->write(id, [id, weak, fn](std::string_view body) mutable -> std::optional<std::string> {
      if (body.empty()) return std::nullopt;
      auto value = json::decode<T>(body);
      if (!value) {
        if (const auto raw = weak.lock()) raw->report_malformed(id, value.error().message);
        return std::nullopt;
      }
      fn(*value);
      return json::merged(*value, body);
    });
  }
  void remove(const std::string& id) { raw_->remove(id); }

  /// nullopt when there is none, or when it is not what T says.
  std::optional<T> get(const std::string& id) const {
    const auto document = raw_->get(id);
    return document ? detail::value_of<T>(*raw_, *document) : std::nullopt;
  }
  /// How many documents there are, those that are not what T says included.
  std::size_t size() const { return raw_->size(); }
  /// In the order of the ids. `fn(const Item<T>&)` may return false to stop.
  template <class Fn>
  void for_each(Fn fn) const {
    raw_->for_each([&](const RawDocument& document) {
      auto value = detail::value_of<T>(*raw_, document);
      if (!value) return true;
      const Item<T> item{document.id, std::move(*value), document.pending};
      if constexpr (std::is_same_v<std::invoke_result_t<Fn&, const Item<T>&>, bool>)
        return fn(item);
      else
        return fn(item), true;
    });
  }
  /// See RawCollection::search. Documents that are not what T says are left out.
  Result<std::vector<Hit<T>>> search(std::string_view words, std::size_t limit = 50) const {
    auto found = raw_->search(words, limit);
    if (!found) return found.error();
    std::vector<Hit<T>> hits;
    for (RawHit& hit : *found) {
      auto value = detail::value_of<T>(*raw_, hit.document);
      if (!value) continue;
      hits.push_back(
          {{hit.document.id, std::move(*value), hit.document.pending}, std::move(hit.highlights)});
    }
    return hits;
  }
  /// See RawCollection::find.
  Result<std::vector<Item<T>>> find(const CollectionQuery& query) const {
    auto found = raw_->find(query);
    if (!found) return found.error();
    std::vector<Item<T>> items;
    for (RawDocument& document : *found) {
      auto value = detail::value_of<T>(*raw_, document);
      if (value) items.push_back({document.id, std::move(*value), document.pending});
    }
    return items;
  }
  /// Calls `fn` within pump() for each change from now on, until the subscription goes.
  [[nodiscard]] Subscription on_change(std::function<void(const Change<T>&)> fn) {
    return raw_->on_change([raw = raw_.get(), fn = std::move(fn)](const RawChange& raw_change) {
      Change<T> change{{raw_change.document.id, {}, raw_change.document.pending},
                       raw_change.deleted,
                       raw_change.local};
      if (!change.deleted) {
        auto value = detail::value_of<T>(*raw, raw_change.document);
        if (value)
          change.item.value = std::move(*value);
        else
          change.deleted = true;
      }
      fn(change);
    });
  }

  /// All documents, ordered by a member and then by id: ordered_by(&Message::timestamp).
  template <class Key, class Owner>
  requires std::is_base_of_v<Owner, T> View<T> ordered_by(Key Owner::*member) {
    static_assert(std::is_member_object_pointer_v<Key Owner::*>);
    return ordered(
        [member](const T& a, const T& b) { return detail::compare_keys(a.*member, b.*member); });
  }
  /// All documents, ordered by what `key(const T&)` returns, and then by id.
  template <class Fn>
  requires std::is_invocable_v<Fn, const T&> &&
      (!std::is_member_pointer_v<Fn>)View<T> ordered_by(Fn key) {
    return ordered([key](const T& a, const T& b) { return detail::compare_keys(key(a), key(b)); });
  }
  /// All documents in the order of their ids, which is that of time where add() made them.
  View<T> ordered_by_id() {
    return ordered([](const T&, const T&) { return 0; });
  }

  RawCollection& raw() const { return *raw_; }

 private:
  View<T> ordered(typename detail::ViewState<T>::Order order) {
    auto state = std::make_shared<detail::ViewState<T>>(std::move(order));
    state->load(*raw_);
    auto subscription = raw_->on_change(
        [state, raw = raw_](const RawChange& change) { state->apply(*raw, change); });
    return View<T>(std::move(state), std::move(subscription));
  }

  std::shared_ptr<RawCollection> raw_;
};

}  // namespace atelier
