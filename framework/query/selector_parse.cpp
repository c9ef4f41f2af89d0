// Reads a selector's JSON into the tree, and moves negations down to the conditions.
#include "query/selector_parse.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/limits.h"
#include "query/collate.h"

namespace atelier::query {
namespace {

constexpr std::array<std::pair<std::string_view, Op>, 21> kOperators = {{
    {"$and", Op::kAnd},
    {"$or", Op::kOr},
    {"$not", Op::kNot},
    {"$eq", Op::kEq},
    {"$ne", Op::kNe},
    {"$gt", Op::kGt},
    {"$gte", Op::kGte},
    {"$lt", Op::kLt},
    {"$lte", Op::kLte},
    {"$in", Op::kIn},
    {"$nin", Op::kNin},
    {"$exists", Op::kExists},
    {"$type", Op::kType},
    {"$all", Op::kAll},
    {"$elemMatch", Op::kElemMatch},
    {"$allMatch", Op::kAllMatch},
    {"$keyMapMatch", Op::kKeyMapMatch},
    {"$size", Op::kSize},
    {"$mod", Op::kMod},
    {"$regex", Op::kRegex},
    {"$beginsWith", Op::kBeginsWith},
}};

constexpr std::size_t kKeysFrom = 9;  // arguments of $in from which a search beats comparing each
constexpr std::size_t kShownBytesMax = 200;  // of an argument in an error's text

// A value as Erlang prints it with ~w, which is how CouchDB's reasons show it.
void append_term(JsonView value, std::string& out) {
  if (out.size() > kShownBytesMax) return;
  std::string scratch;
  const auto append_binary = [&out](std::string_view bytes) {
    out += "<<";
    for (std::size_t i = 0; i < bytes.size() && out.size() <= kShownBytesMax; ++i) {
      if (i > 0) out += ',';
      out += std::to_string(static_cast<unsigned char>(bytes[i]));
    }
    out += ">>";
  };
  bool first = true;
  if (value.is_string()) {
    append_binary(value.string(scratch));
  } else if (value.is_array()) {
    out += '[';
    for (JsonView element : value.elements()) {
      if (!std::exchange(first, false)) out += ',';
      append_term(element, out);
    }
    out += ']';
  } else if (value.is_object()) {
    out += "{[";
    for (const JsonMember& member : value.members()) {
      out += std::exchange(first, false) ? "{" : ",{";
      append_binary(member.name(scratch));
      out += ',';
      append_term(member.value, out);
      out += '}';
    }
    out += "]}";
  } else {
    out += value.text();
  }
}

std::string term(JsonView value) {
  std::string out;
  append_term(value, out);
  if (out.size() > kShownBytesMax) {
    out.resize(kShownBytesMax);
    out += "...";
  }
  return out;
}

Error bad_argument(std::string_view op, JsonView argument) {
  return invalid("Bad argument for operator " + std::string(op) + ": " + term(argument));
}

std::string canonical_value(JsonView value) {
  std::size_t pos = 0;
  return decode_key(encode_key(value.text()), pos).value();  // what encode_key() gave reads back
}

// Tells apart what is one condition and what is CouchDB's $default, $where and the like.
bool is_refused_operator(std::string_view op) {
  static constexpr std::string_view kRefused[] = {"$where", "$geoWithin",  "$geoIntersects",
                                                  "$near",  "$nearSphere", "$text"};
  return std::find(std::begin(kRefused), std::end(kRefused), op) != std::end(kRefused);
}

class SelectorReader {
 public:
  Result<SelectorTree> read(JsonView selector) {
    if (selector.count() == 0) {
      tree_.everything = true;
      return std::move(tree_);
    }
    ATELIER_TRY(root, condition(selector, ""));
    tree_.root = lower_negations(std::move(root), false);
    find_roots();
    return std::move(tree_);
  }

 private:
  using Node = SelectorNode;

  Result<Node> condition(JsonView value, const std::string& path) {
    if (++depth_ > kSelectorDepthMax)
      return Error{ErrorCode::kTooLarge,
                   "Selector is nested more than " + std::to_string(kSelectorDepthMax) + " deep"};
    auto node = condition_inside(value, path);
    --depth_;
    return node;
  }

  // A bare value means equality, an object of several members that all of them hold.
  Result<Node> condition_inside(JsonView value, const std::string& path) {
    if (!value.is_object() || value.count() == 0) return leaf(Op::kEq, "$eq", value, path);
    std::vector<Node> nodes;
    std::string scratch;
    for (const JsonMember& member : value.members()) {
      ATELIER_TRY(node, this->member(std::string(member.name(scratch)), member.value, path));
      nodes.push_back(std::move(node));
    }
    if (nodes.size() == 1) return std::move(nodes.front());
    Node all;
    all.children = std::move(nodes);
    return all;
  }

  Result<Node> member(const std::string& name, JsonView argument, const std::string& path) {
    if (!name.starts_with('$')) return condition(argument, path.empty() ? name : path + "." + name);
    if (name == "$and" || name == "$or" || name == "$nor") return combination(name, argument, path);
    if (name == "$not") return negation(argument, path);
    if (is_refused_operator(name))
      return Error{ErrorCode::kUnsupported, "Unsupported operator: " + name};
    for (const auto& [text, op] : kOperators)
      if (text == name) return leaf(op, name, argument, path);
    return invalid("Invalid operator: " + name);
  }

  Result<Node> combination(const std::string& name, JsonView arguments, const std::string& path) {
    if (!arguments.is_array()) return bad_argument(name, arguments);
    Node node;
    node.op = name == "$or" ? Op::kOr : Op::kAnd;
    for (JsonView argument : arguments.elements()) {
      Result<Node> child = name == "$nor" ? negation_of(argument, path) : condition(argument, path);
      if (!child) return child;
      node.children.push_back(std::move(*child));
    }
    return node;
  }

  Result<Node> negation(JsonView argument, const std::string& path) {
    if (!argument.is_object()) return bad_argument("$not", argument);
    return negation_of(argument, path);
  }

  Result<Node> negation_of(JsonView argument, const std::string& path) {
    ATELIER_TRY(child, condition(argument, path));
    Node node;
    node.op = Op::kNot;
    node.children.push_back(std::move(child));
    return node;
  }

  Result<Node> leaf(Op op, std::string_view name, JsonView argument, const std::string& path) {
    if (++conditions_ > kSelectorConditionsMax)
      return Error{
          ErrorCode::kTooLarge,
          "Selector has more than " + std::to_string(kSelectorConditionsMax) + " conditions"};
    Node node;
    node.op = op;
    if (!path.empty()) {
      ATELIER_TRY(field, FieldPath::parse(path));
      node.field = index_of(std::move(field));
    } else if (element_level_ == 0) {
      return invalid("One or more conditions is missing a field name.");
    }
    ATELIER_CHECK(read_argument(node, name, argument));
    return node;
  }

  Status read_argument(Node& node, std::string_view name, JsonView argument) {
    switch (node.op) {
      case Op::kIn:
      case Op::kNin:
      case Op::kAll:
        return read_list(node, name, argument);
      case Op::kElemMatch:
      case Op::kAllMatch:
      case Op::kKeyMapMatch:
        return read_element_condition(node, name, argument);
      case Op::kExists:
        if (!argument.is_bool()) return bad_argument(name, argument);
        node.expected = argument.kind() == json::Kind::kTrue;
        return ok();
      case Op::kType:
        if (!argument.is_string()) return bad_argument(name, argument);
        node.argument = argument.string_copy();
        return ok();
      case Op::kSize:
        return read_size(node, name, argument);
      case Op::kMod:
        return read_mod(node, name, argument);
      case Op::kRegex:
        return read_regex(node, name, argument);
      case Op::kBeginsWith:
        // CouchDB knows the operator with a string alone.
        if (!argument.is_string()) return invalid("Invalid operator: " + std::string(name));
        node.argument = argument.string_copy();
        return ok();
      default:
        node.argument = canonical_value(argument);
        return ok();
    }
  }

  static Status read_list(Node& node, std::string_view name, JsonView argument) {
    if (!argument.is_array()) return bad_argument(name, argument);
    for (JsonView element : argument.elements()) node.arguments.push_back(canonical_value(element));
    // As text, so that equal selectors have equal trees: the order of collation needs a parse.
    std::sort(node.arguments.begin(), node.arguments.end());
    node.arguments.erase(std::unique(node.arguments.begin(), node.arguments.end()),
                         node.arguments.end());
    if (node.op == Op::kAll || node.arguments.size() < kKeysFrom) return ok();
    for (const std::string& value : node.arguments) node.keys.push_back(encode_key(value));
    std::sort(node.keys.begin(), node.keys.end());
    return ok();
  }

  Status read_element_condition(Node& node, std::string_view name, JsonView argument) {
    if (!argument.is_object()) return bad_argument(name, argument);
    ++element_level_;
    auto child = condition(argument, "");
    --element_level_;
    if (!child) return child.error();
    node.children.push_back(std::move(*child));
    return ok();
  }

  static Status read_size(Node& node, std::string_view name, JsonView argument) {
    const auto size = json::int_value(argument.text());
    if (!size || *size < 0) return bad_argument(name, argument);
    node.size = static_cast<std::size_t>(*size);
    return ok();
  }

  static Status read_mod(Node& node, std::string_view name, JsonView argument) {
    constexpr std::int64_t kDivisorMax = 1'000'000'000'000'000'000;  // ten times it fits 64 bits
    const auto divisor = argument.element(0);
    const auto remainder = argument.element(1);
    if (!divisor || !remainder || argument.count() != 2) return bad_argument(name, argument);
    const auto d = json::int_value(divisor->text());
    const auto r = json::int_value(remainder->text());
    if (!d || !r || *d == 0 || *d > kDivisorMax || *d < -kDivisorMax)
      return bad_argument(name, argument);
    node.divisor = *d;
    node.remainder = *r;
    return ok();
  }

  static Status read_regex(Node& node, std::string_view name, JsonView argument) {
    if (!argument.is_string()) return bad_argument(name, argument);
    node.argument = argument.string_copy();
    auto regex = Regex::compile(node.argument);
    if (!regex) {
      Error error = bad_argument(name, argument);
      error.code = regex.error().code;
      error.message += " (" + regex.error().message + ")";
      return error;
    }
    node.regex = std::move(*regex);
    return ok();
  }

  std::size_t index_of(FieldPath path) {
    auto& paths = tree_.paths;
    const auto known = std::find(paths.begin(), paths.end(), path);
    if (known != paths.end()) return static_cast<std::size_t>(known - paths.begin());
    paths.push_back(std::move(path));
    return paths.size() - 1;
  }

  // CouchDB's negate(): pushes a negation to the conditions, where most operators have an opposite.
  static Node lower_negations(Node node, bool negate) {
    switch (node.op) {
      case Op::kNot: {
        Node child = std::move(node.children.front());
        return lower_negations(std::move(child), !negate);
      }
      case Op::kAnd:
      case Op::kOr:
        if (negate) node.op = node.op == Op::kAnd ? Op::kOr : Op::kAnd;
        for (Node& child : node.children) child = lower_negations(std::move(child), negate);
        return node;
      case Op::kExists:
        node.expected = node.expected != negate;
        return node;
      default:
        if (negate) make_opposite(node);
        return node;
    }
  }

  static void make_opposite(Node& node) {
    switch (node.op) {
      case Op::kEq:
        node.op = Op::kNe;
        return;
      case Op::kNe:
        node.op = Op::kEq;
        return;
      case Op::kGt:
        node.op = Op::kLte;
        return;
      case Op::kGte:
        node.op = Op::kLt;
        return;
      case Op::kLt:
        node.op = Op::kGte;
        return;
      case Op::kLte:
        node.op = Op::kGt;
        return;
      case Op::kIn:
        node.op = Op::kNin;
        return;
      case Op::kNin:
        node.op = Op::kIn;
        return;
      default:
        node.negated = !node.negated;
    }
  }

  void find_roots() {
    for (const FieldPath& path : tree_.paths) {
      const FieldPath::Segment& first = path.segments().front();
      tree_.roots.push_back(root_of(first.name));
      tree_.root_names.push_back(0);
      if (tree_.roots.back() != SelectorTree::Root::kBody) continue;
      auto& names = tree_.body_names;
      const auto known = std::find(names.begin(), names.end(), first.raw);
      tree_.root_names.back() = static_cast<std::size_t>(known - names.begin());
      if (known == names.end()) names.push_back(first.raw);
    }
  }

  static SelectorTree::Root root_of(std::string_view name) {
    if (name == "_id") return SelectorTree::Root::kId;
    if (name == "_rev") return SelectorTree::Root::kRev;
    if (name == "_deleted") return SelectorTree::Root::kDeleted;
    if (name == "_attachments") return SelectorTree::Root::kAttachments;
    return SelectorTree::Root::kBody;
  }

  SelectorTree tree_;
  int depth_ = 0;
  int element_level_ = 0;
  std::size_t conditions_ = 0;
};

}  // namespace

std::string_view operator_name(Op op) {
  for (const auto& [text, known] : kOperators)
    if (known == op) return text;
  return "";
}

Result<SelectorTree> read_selector(JsonView selector) {
  if (!selector.is_object())
    return invalid("Selector must be a JSON object, not: " + term(selector));
  return SelectorReader().read(selector);
}

}  // namespace atelier::query
