// What an index planner asks of a selector: where the values of one field can lie.
//
// Invariant: the range of a node holds the key of the field in every document that the node
// matches, if the document has the field; `required` says that it must. Ranges of $and intersect,
// of $or they are spanned.
#include <algorithm>

#include "query/selector.h"
#include "query/selector_tree.h"

namespace atelier::query {
namespace {

using Node = SelectorNode;

const std::string kPast(1, '\xFF');  // behind a key: past everything that begins with it

FieldBounds unbounded(bool exact) {
  FieldBounds bounds;
  bounds.exact = exact;
  return bounds;
}

FieldBounds range(std::string lower, std::optional<std::string> upper) {
  FieldBounds bounds;
  bounds.required = true;
  bounds.exact = true;
  bounds.lower = std::move(lower);
  bounds.upper = std::move(upper);
  return bounds;
}

// All keys of one or more kinds: tags are a byte, see collate.h.
FieldBounds kinds(char first_tag, char past_tag, bool exact) {
  FieldBounds bounds = range(std::string(1, first_tag), std::string(1, past_tag));
  bounds.exact = exact;
  return bounds;
}
FieldBounds numbers(bool exact) {
  return kinds('\x40', '\x41', exact);
}
FieldBounds strings(bool exact) {
  return kinds('\x50', '\x51', exact);
}
FieldBounds arrays(bool exact) {
  return kinds('\x60', '\x61', exact);
}
FieldBounds objects(bool exact) {
  return kinds('\x70', '\x71', exact);
}

bool is_empty(const FieldBounds& bounds) {
  if (bounds.never) return true;
  if (bounds.keys && bounds.keys->empty()) return true;
  return bounds.upper && *bounds.upper <= bounds.lower;
}

FieldBounds never() {
  FieldBounds bounds;
  bounds.never = true;
  bounds.required = true;
  bounds.exact = true;
  return bounds;
}

FieldBounds of_prefix(const std::string& prefix) {
  std::string key = encode_key(json::quoted(prefix));
  key.pop_back();  // the end mark
  return range(key, key + kPast);
}

FieldBounds of_type(std::string_view type) {
  if (type == "null") return kinds('\x10', '\x11', true);
  if (type == "boolean") return kinds('\x20', '\x31', true);
  if (type == "number") return numbers(true);
  if (type == "string") return strings(true);
  if (type == "array") return arrays(true);
  if (type == "object") return objects(true);
  return never();
}

FieldBounds of_list(const Node& node, bool is_id) {
  if (node.arguments.empty()) return never();
  std::vector<std::string> keys;
  for (const std::string& argument : node.arguments) keys.push_back(encode_key(argument));
  std::sort(keys.begin(), keys.end());
  FieldBounds bounds = range(keys.front(), keys.back() + kPast);
  bounds.exact = is_id;
  if (!is_id) {
    bounds.lower = std::min(bounds.lower, std::string("\x60"));
    bounds.upper = std::max(*bounds.upper, std::string("\x61"));
  } else if (node.arguments.size() == 1) {
    bounds.equal = node.arguments.front();
  }
  bounds.keys = std::move(keys);
  return bounds;
}

FieldBounds of_condition(const Node& node, bool is_id) {
  if (node.negated) {  // of an operator without opposite: anywhere, but there
    FieldBounds bounds = unbounded(false);
    bounds.required = true;
    return bounds;
  }
  const auto key = [&] { return encode_key(node.argument); };
  switch (node.op) {
    case Op::kEq: {
      FieldBounds bounds = range(key(), key() + kPast);
      bounds.equal = node.argument;
      return bounds;
    }
    case Op::kGt:
      return range(key() + kPast, std::nullopt);
    case Op::kGte:
      return range(key(), std::nullopt);
    case Op::kLt:
      return range("", key());
    case Op::kLte:
      return range("", key() + kPast);
    case Op::kIn:
      return of_list(node, is_id);
    case Op::kBeginsWith:
      return of_prefix(node.argument);
    case Op::kType:
      return of_type(node.argument);
    case Op::kExists: {
      FieldBounds bounds = unbounded(node.expected);
      bounds.required = node.expected;
      return bounds;
    }
    case Op::kRegex:
      return strings(false);
    case Op::kMod:
      return numbers(false);
    case Op::kAll:
    case Op::kElemMatch:
    case Op::kAllMatch:
    case Op::kSize:
      return arrays(false);
    case Op::kKeyMapMatch:
      return objects(false);
    default:
      break;
  }
  FieldBounds bounds = unbounded(false);  // $ne, $nin
  bounds.required = true;
  return bounds;
}

void intersect(FieldBounds& bounds, const FieldBounds& other) {
  bounds.required = bounds.required || other.required;
  bounds.exact = bounds.exact && other.exact && !(bounds.keys && other.keys);
  bounds.never = bounds.never || other.never;
  bounds.lower = std::max(bounds.lower, other.lower);
  if (other.upper && (!bounds.upper || *other.upper < *bounds.upper)) bounds.upper = other.upper;
  if (!bounds.equal) bounds.equal = other.equal;
  if (!bounds.keys) bounds.keys = other.keys;  // of two lists one is enough to look up
}

// `exact` is lost: between two ranges lies what matches neither.
void span(FieldBounds& bounds, const FieldBounds& other) {
  if (is_empty(other)) return;
  if (is_empty(bounds)) {
    bounds = other;
    return;
  }
  bounds.required = bounds.required && other.required;
  bounds.exact = false;
  bounds.lower = std::min(bounds.lower, other.lower);
  if (!other.upper || (bounds.upper && *bounds.upper < *other.upper)) bounds.upper = other.upper;
  bounds.equal.reset();
  bounds.keys.reset();
}

FieldBounds of_node(const Node& node, std::size_t field, bool is_id) {
  if (node.op == Op::kAnd) {
    FieldBounds all = unbounded(true);
    for (const Node& child : node.children) intersect(all, of_node(child, field, is_id));
    return all;
  }
  if (node.op == Op::kOr) {
    if (node.children.empty()) return unbounded(true);
    FieldBounds any = of_node(node.children.front(), field, is_id);
    for (std::size_t i = 1; i < node.children.size(); ++i)
      span(any, of_node(node.children[i], field, is_id));
    return any;
  }
  if (node.field != field) return unbounded(false);
  return of_condition(node, is_id);
}

FieldBounds bounds_of(const SelectorTree& tree, std::string_view field) {
  if (tree.everything) return unbounded(true);
  const auto path = FieldPath::parse(field);
  std::size_t index = SelectorNode::kNoField - 1;  // names no path of the tree
  if (path) {
    const auto known = std::find(tree.paths.begin(), tree.paths.end(), *path);
    if (known != tree.paths.end()) index = static_cast<std::size_t>(known - tree.paths.begin());
  }
  FieldBounds bounds = of_node(tree.root, index, field == "_id");
  if (is_empty(bounds)) return never();
  return bounds;
}

// The smallest id whose key is not below `key`; none when there is no such id.
std::optional<std::string> first_id(std::string_view key) {
  constexpr char kStringTag = '\x50';
  if (key.empty() || key.front() < kStringTag) return std::string();
  if (key.front() > kStringTag) return std::nullopt;
  std::string id;
  std::size_t pos = 1;
  for (; pos < key.size() && key[pos] != '\0'; ++pos) {
    if (key[pos] == '\x01' && pos + 1 < key.size())
      id += static_cast<char>(key[++pos] - 1);
    else
      id += key[pos];
  }
  if (pos + 1 < key.size()) id += '\0';  // past the whole key: the next id there is
  return id;
}

// A range of all ids that begin alike: upper is lower with FF behind it, or, written with $gte and
// $lt, with its last byte one higher ("message:" up to "message;").
std::optional<std::string> prefix_of(const IdBounds& bounds) {
  if (!bounds.upper || bounds.lower.empty()) return std::nullopt;
  if (*bounds.upper == bounds.lower + kPast) return bounds.lower;
  std::string next = bounds.lower;
  const auto last = static_cast<unsigned char>(next.back());
  if (last >= 0x7F) return std::nullopt;
  next.back() = static_cast<char>(last + 1);
  if (*bounds.upper == next) return bounds.lower;
  return std::nullopt;
}

}  // namespace

FieldBounds Selector::bounds(std::string_view field) const {
  return bounds_of(*tree_, field);
}

IdBounds Selector::id_bounds() const {
  const FieldBounds keys = bounds_of(*tree_, "_id");
  IdBounds ids;
  ids.exact = keys.exact;
  const auto lower = first_id(keys.lower);
  if (keys.never || !lower) {
    ids.never = true;
    return ids;
  }
  ids.lower = *lower;
  if (keys.upper) ids.upper = first_id(*keys.upper);
  if (ids.upper && *ids.upper <= ids.lower) {
    ids.never = true;
    return ids;
  }
  const auto add_id = [&](const std::string& key) {
    std::size_t pos = 0;
    const auto value = decode_key(key, pos);
    if (!value || !JsonView(*value).is_string()) return;
    if (key < keys.lower || (keys.upper && key >= *keys.upper)) return;
    ids.ids->push_back(JsonView(*value).string_copy());
  };
  if (keys.equal || keys.keys) ids.ids.emplace();
  if (keys.equal) {
    add_id(encode_key(*keys.equal));
  } else if (keys.keys) {
    for (const std::string& key : *keys.keys) add_id(key);
  }
  if (ids.ids && ids.ids->empty()) ids.never = true;
  ids.prefix = prefix_of(ids);
  return ids;
}

}  // namespace atelier::query
