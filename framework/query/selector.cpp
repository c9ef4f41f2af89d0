// Asking documents, and the one text of a selector.
#include "query/selector.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "query/selector_parse.h"
#include "query/selector_tree.h"

namespace atelier::query {
namespace {

using Node = SelectorNode;
using Found = FieldPath::Found;

std::string_view type_name(JsonView value) {
  switch (value.kind()) {
    case json::Kind::kNull:
      return "null";
    case json::Kind::kFalse:
    case json::Kind::kTrue:
      return "boolean";
    case json::Kind::kNumber:
      return "number";
    case json::Kind::kString:
      return "string";
    case json::Kind::kArray:
      return "array";
    case json::Kind::kObject:
      return "object";
  }
  return "";
}

bool is_one_of(JsonView value, const Node& node) {
  if (!node.keys.empty()) {
    std::string key;
    encode_key(value, key);
    return std::binary_search(node.keys.begin(), node.keys.end(), key);
  }
  return std::any_of(node.arguments.begin(), node.arguments.end(),
                     [&](const std::string& argument) { return equal(value, JsonView(argument)); });
}

// Of an array, Mango's $in asks the elements and not the array itself.
bool is_in(JsonView value, const Node& node) {
  if (!value.is_array()) return is_one_of(value, node);
  for (JsonView element : value.elements())
    if (is_one_of(element, node)) return true;
  return false;
}

bool has_element(JsonView array, JsonView wanted) {
  for (JsonView element : array.elements())
    if (equal(element, wanted)) return true;
  return false;
}

// All arguments are elements; or the one argument is an array and equals the value.
bool has_all(JsonView value, const Node& node) {
  if (!value.is_array() || node.arguments.empty()) return false;
  if (node.arguments.size() == 1 && JsonView(node.arguments[0]).is_array() &&
      equal(value, JsonView(node.arguments[0])))
    return true;
  return std::all_of(node.arguments.begin(), node.arguments.end(), [&](const std::string& wanted) {
    return has_element(value, JsonView(wanted));
  });
}

bool has_size(JsonView value, std::size_t size) {
  if (!value.is_array()) return false;
  std::size_t count = 0;
  for ([[maybe_unused]] JsonView element : value.elements())
    if (++count > size) return false;
  return count == size;
}

// The remainder has the sign of the value, as Erlang's rem. Integers of any length.
bool has_remainder(JsonView value, std::int64_t divisor, std::int64_t wanted) {
  if (!value.is_integer()) return false;
  std::string_view digits = value.text();
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const auto modulus = static_cast<std::uint64_t>(divisor < 0 ? -divisor : divisor);
  std::uint64_t remainder = 0;
  for (char c : digits) {
    if (c < '0' || c > '9') return false;
    remainder = (remainder * 10 + static_cast<std::uint64_t>(c - '0')) % modulus;
  }
  const auto result = static_cast<std::int64_t>(remainder);
  return (negative ? -result : result) == wanted;
}

bool holds(const SelectorTree& tree, const Node& node, JsonView element);

bool holds_for_elements(const SelectorTree& tree, const Node& node, JsonView value) {
  const Node& inner = node.children.front();
  if (node.op == Op::kKeyMapMatch) {
    for (const JsonMember& member : value.members()) {
      std::string name(1, '"');
      name += member.raw_name;
      name += '"';
      if (holds(tree, inner, JsonView(name))) return true;
    }
    return false;
  }
  const bool all = node.op == Op::kAllMatch;
  bool any = false;
  for (JsonView element : value.elements()) {
    any = true;
    if (holds(tree, inner, element) != all) return !all;
  }
  return all && any;
}

bool condition_holds(const SelectorTree& tree, const Node& node, JsonView value) {
  std::string scratch;
  switch (node.op) {
    case Op::kEq:
      return equal(value, JsonView(node.argument));
    case Op::kNe:
      return !equal(value, JsonView(node.argument));
    case Op::kGt:
      return compare(value, JsonView(node.argument)) > 0;
    case Op::kGte:
      return compare(value, JsonView(node.argument)) >= 0;
    case Op::kLt:
      return compare(value, JsonView(node.argument)) < 0;
    case Op::kLte:
      return compare(value, JsonView(node.argument)) <= 0;
    case Op::kIn:
      return is_in(value, node);
    case Op::kNin:
      return !is_in(value, node);
    case Op::kExists:
      return node.expected;
    case Op::kType:
      return type_name(value) == node.argument;
    case Op::kAll:
      return has_all(value, node);
    case Op::kElemMatch:
    case Op::kAllMatch:
    case Op::kKeyMapMatch:
      return holds_for_elements(tree, node, value);
    case Op::kSize:
      return has_size(value, node.size);
    case Op::kMod:
      return has_remainder(value, node.divisor, node.remainder);
    case Op::kRegex:
      return value.is_string() && node.regex->found_in(value.string(scratch));
    case Op::kBeginsWith:
      return value.is_string() && value.string(scratch).starts_with(node.argument);
    case Op::kAnd:
    case Op::kOr:
    case Op::kNot:
      break;  // not conditions
  }
  return false;
}

// A missing field makes any condition false but {$exists: false}, to which a path that runs into a
// scalar is not missing but wrong: so says CouchDB.
bool field_holds(const SelectorTree& tree, const Node& node, const Found& found) {
  if (found.value) return condition_holds(tree, node, *found.value) != node.negated;
  return node.op == Op::kExists && !node.expected && found.miss == FieldPath::Miss::kNotFound;
}

template <class LookUp>
bool tree_holds(const SelectorTree& tree, const Node& node, const LookUp& look_up) {
  const auto child_holds = [&](const Node& child) { return tree_holds(tree, child, look_up); };
  switch (node.op) {
    case Op::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), child_holds);
    case Op::kOr:  // of nothing: true, as in CouchDB
      return node.children.empty() ||
             std::any_of(node.children.begin(), node.children.end(), child_holds);
    case Op::kNot:
      return !child_holds(node.children.front());
    default:
      return field_holds(tree, node, look_up(node.field));
  }
}

bool holds(const SelectorTree& tree, const Node& node, JsonView element) {
  return tree_holds(tree, node, [&](std::size_t field) {
    if (field == Node::kNoField) return Found{element, {}};
    return tree.paths[field].look_up(element);
  });
}

// Finds the members of the body that the selector names, all in one pass, when the first is asked
// for: a condition on the id alone never looks at the body.
class DocumentFields {
 public:
  DocumentFields(const SelectorTree& tree, const DocumentView& document)
      : tree_(tree), document_(document) {}

  Found look_up(std::size_t field) {
    const FieldPath& path = tree_.paths[field];
    const std::optional<JsonView> first = root(field);
    if (!first) return {std::nullopt, FieldPath::Miss::kNotFound};
    return path.look_up_from(*first, 1);
  }

 private:
  std::optional<JsonView> root(std::size_t field) {
    switch (tree_.roots[field]) {
      case SelectorTree::Root::kId:
        return quoted(document_.id, id_);
      case SelectorTree::Root::kRev:
        return quoted(document_.rev, rev_);
      case SelectorTree::Root::kDeleted:
        if (!document_.deleted) return std::nullopt;
        return JsonView("true");
      case SelectorTree::Root::kAttachments:
        if (document_.attachments.empty()) return std::nullopt;
        return JsonView(document_.attachments);
      case SelectorTree::Root::kBody:
        break;
    }
    if (!scanned_) scan();
    return values()[tree_.root_names[field]];
  }

  static std::optional<JsonView> quoted(std::string_view text, std::string& buffer) {
    if (buffer.empty()) json::append_string(buffer, text);
    return JsonView(buffer);
  }

  std::span<std::optional<JsonView>> values() {
    if (tree_.body_names.size() <= few_.size()) return {few_.data(), tree_.body_names.size()};
    many_.resize(tree_.body_names.size());
    return many_;
  }
  void scan() {
    find_members(JsonView(document_.body), tree_.body_names, values());
    scanned_ = true;
  }

  const SelectorTree& tree_;
  const DocumentView& document_;
  bool scanned_ = false;
  std::array<std::optional<JsonView>, 8> few_;
  std::vector<std::optional<JsonView>> many_;
  std::string id_, rev_;
};

// --- The canonical text

std::string canonical_node(const SelectorTree& tree, const Node& node);

// {"$and":[…]} with its children sorted; a single child stands alone.
std::string canonical_combination(const SelectorTree& tree, const Node& node) {
  std::vector<std::string> parts;
  for (const Node& child : node.children) parts.push_back(canonical_node(tree, child));
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  if (parts.size() == 1) return parts.front();
  json::Writer out;
  out.begin_object().key(operator_name(node.op)).begin_array();
  for (const std::string& part : parts) out.raw(part);
  out.end_array().end_object();
  return out.take();
}

void write_argument(const SelectorTree& tree, const Node& node, json::Writer& out) {
  switch (node.op) {
    case Op::kExists:
      out.boolean(node.expected);
      return;
    case Op::kSize:
      out.integer(static_cast<std::int64_t>(node.size));
      return;
    case Op::kMod:
      out.begin_array().integer(node.divisor).integer(node.remainder).end_array();
      return;
    case Op::kType:
    case Op::kRegex:
    case Op::kBeginsWith:
      out.string(node.argument);
      return;
    case Op::kIn:
    case Op::kNin:
    case Op::kAll:
      out.begin_array();
      for (const std::string& argument : node.arguments) out.raw(argument);
      out.end_array();
      return;
    case Op::kElemMatch:
    case Op::kAllMatch:
    case Op::kKeyMapMatch:
      out.raw(canonical_node(tree, node.children.front()));
      return;
    default:
      out.raw(node.argument);
  }
}

std::string canonical_node(const SelectorTree& tree, const Node& node) {
  if (node.op == Op::kAnd || node.op == Op::kOr) return canonical_combination(tree, node);
  json::Writer out;
  out.begin_object();
  if (node.op == Op::kNot) {
    out.key("$not").raw(canonical_node(tree, node.children.front()));
    out.end_object();
    return out.take();
  }
  const bool has_field = node.field != Node::kNoField;
  if (has_field) out.key(tree.paths[node.field].text()).begin_object();
  if (node.negated) out.key("$not").begin_object();
  out.key(operator_name(node.op));
  write_argument(tree, node, out);
  if (node.negated) out.end_object();
  if (has_field) out.end_object();
  out.end_object();
  return out.take();
}

void collect_fields(const SelectorTree& tree, const Node& node, std::vector<std::string>& out) {
  if (node.field != Node::kNoField) {
    out.push_back(tree.paths[node.field].text());
    return;
  }
  for (const Node& child : node.children) collect_fields(tree, child, out);
}

}  // namespace

Result<Selector> Selector::compile(std::string_view text) {
  if (text.size() > kSelectorBytesMax)
    return Error{ErrorCode::kTooLarge,
                 "Selector is longer than " + std::to_string(kSelectorBytesMax) + " bytes"};
  ATELIER_TRY(normal, json::normalize(text));
  ATELIER_TRY(tree, read_selector(JsonView(normal)));
  return Selector(std::make_shared<const SelectorTree>(std::move(tree)));
}

bool Selector::matches(const DocumentView& document) const {
  if (tree_->everything) return true;
  DocumentFields fields(*tree_, document);
  return tree_holds(*tree_, tree_->root, [&](std::size_t field) { return fields.look_up(field); });
}

bool Selector::matches_everything() const {
  return tree_->everything;
}

std::vector<std::string> Selector::fields() const {
  std::vector<std::string> fields;
  collect_fields(*tree_, tree_->root, fields);
  std::sort(fields.begin(), fields.end());
  fields.erase(std::unique(fields.begin(), fields.end()), fields.end());
  return fields;
}

std::string Selector::canonical() const {
  return tree_->everything ? "{}" : canonical_node(*tree_, tree_->root);
}

std::string_view selector_error_name(const Error& error) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"Bad argument for operator", "bad_arg"},      {"Invalid operator", "invalid_operator"},
      {"Unsupported operator", "not_supported"},     {"One or more conditions", "invalid_selector"},
      {"Selector must be", "invalid_selector_json"}, {"Invalid field name", "invalid_field_name"},
  };
  for (const auto& [start, name] : kNames)
    if (error.message.starts_with(start)) return name;
  return error.code == ErrorCode::kTooLarge ? "too_large" : "bad_request";
}

}  // namespace atelier::query
