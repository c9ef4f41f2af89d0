// Asking rules. Numbered, what a write must pass, in this order:
//   1. who: create, change or delete
//   2. append_only of the prefix
//   3. bytes_max, closed
//   4. the author: is the user when a document is created, stays when it is changed
//   5. each field: there, of its type, within its range, unchanged where it must be
// A tombstone passes 1 to 3, and 4 and 5 for the fields that it has.
#include "query/rules.h"

#include <algorithm>

#include "base/limits.h"
#include "query/collate.h"
#include "query/rules_tree.h"

namespace atelier::query {
namespace {

bool has_role(const RulesUser& user, std::string_view role) {
  return std::find(user.roles.begin(), user.roles.end(), role) != user.roles.end();
}

bool is_admin(const RulesUser& user) {
  return has_role(user, "_admin");
}

std::optional<std::string> author_of(const PrefixRules& rules, const DocumentView* document) {
  if (!rules.author || document == nullptr) return std::nullopt;
  const auto value = rules.author->find(JsonView(document->body));
  if (!value || !value->is_string()) return std::nullopt;
  return value->string_copy();
}

bool is_among(const Who& who, const RulesUser& user, const PrefixRules& rules,
              const DocumentView* document) {
  if (who.anyone || is_admin(user) || user.carries) return true;
  if (user.name.empty()) return false;
  if (who.users) return true;
  if (std::find(who.names.begin(), who.names.end(), user.name) != who.names.end()) return true;
  if (std::any_of(who.roles.begin(), who.roles.end(),
                  [&](const std::string& role) { return has_role(user, role); }))
    return true;
  return who.author && author_of(rules, document) == user.name;
}

// One write, with what all its checks need.
class Write {
 public:
  Write(const PrefixRules& rules, const DocumentView* old_document, const DocumentView& document,
        const RulesUser& user)
      : rules_(rules),
        old_(old_document != nullptr && !old_document->deleted ? old_document : nullptr),
        new_(document),
        user_(user) {}

  Status check() const {
    ATELIER_CHECK(check_who());
    if (rules_.append_only && old_ != nullptr)
      return refuse("append_only", "documents stay as they were created");
    if (rules_.bytes_max && new_.body.size() > *rules_.bytes_max)
      return Error{ErrorCode::kTooLarge,
                   text("bytes_max", "the document is longer than " +
                                         std::to_string(*rules_.bytes_max) + " bytes")};
    if (rules_.closed) ATELIER_CHECK(check_closed());
    ATELIER_CHECK(check_author());
    for (const FieldRules& field : rules_.fields) ATELIER_CHECK(check_field(field));
    return ok();
  }

 private:
  std::string text(std::string_view rule, const std::string& why) const {
    return "rule " + rules_.prefix + "." + std::string(rule) + ": " + why;
  }
  Error refuse(std::string_view rule, const std::string& why) const {
    return {ErrorCode::kForbidden, text(rule, why)};
  }
  Error refuse(const FieldRules& field, std::string_view rule, const std::string& why) const {
    return refuse("fields." + field.field + "." + std::string(rule), why);
  }

  Status check_who() const {
    const bool creates = old_ == nullptr;  // a tombstone of nothing needs no more than that right
    const auto& who = creates ? rules_.create : new_.deleted ? rules_.remove : rules_.change;
    const char* name = creates ? "create" : new_.deleted ? "delete" : "change";
    if (!who || is_among(*who, user_, rules_, creates ? &new_ : old_)) return ok();
    if (user_.name.empty())
      return Error{ErrorCode::kUnauthorized, text(name, "only those who signed in may do that")};
    return refuse(name, "this user may not do that");
  }

  Status check_closed() const {
    for (const JsonMember& member : JsonView(new_.body).members()) {
      if (std::find(rules_.names.begin(), rules_.names.end(), member.raw_name) !=
          rules_.names.end())
        continue;
      std::string scratch;
      return refuse("closed", "field " + std::string(member.name(scratch)) + " is not declared");
    }
    return ok();
  }

  Status check_author() const {
    if (!rules_.author) return ok();
    const std::string rule = "author";
    const auto value = rules_.author->find(JsonView(new_.body));
    if (!value && new_.deleted) return ok();
    if (!value || !value->is_string())
      return refuse(rule, "field " + rules_.author_name + " must hold the author's name");
    if (old_ != nullptr) {
      const auto before = rules_.author->find(JsonView(old_->body));
      if (before && equal(*before, *value)) return ok();
      if (before) return refuse(rule, "field " + rules_.author_name + " cannot be changed");
    }
    if (user_.carries || is_admin(user_)) return ok();
    if (user_.name.empty())
      return Error{ErrorCode::kUnauthorized, text(rule, "only those who signed in have a name")};
    if (value->string_copy() == user_.name) return ok();
    return refuse(rule, "field " + rules_.author_name + " must be the user's own name");
  }

  Status check_field(const FieldRules& field) const {
    const auto value = field.path.find(JsonView(new_.body));
    if (!value) {
      if (new_.deleted) return ok();
      if (field.required) return refuse(field, "required", "the field is missing");
      if (old_ == nullptr || !(field.immutable || field.append_only)) return ok();
      if (!field.path.find(JsonView(old_->body))) return ok();
      return refuse(field, field.immutable ? "immutable" : "append_only",
                    "the field cannot be taken away");
    }
    ATELIER_CHECK(check_type(field, *value));
    ATELIER_CHECK(check_range(field, *value));
    ATELIER_CHECK(check_length(field, *value));
    return check_change(field, *value);
  }

  static bool is_of_type(JsonView value, std::string_view type) {
    switch (value.kind()) {
      case json::Kind::kNull:
        return type == "null";
      case json::Kind::kFalse:
      case json::Kind::kTrue:
        return type == "boolean";
      case json::Kind::kString:
        return type == "string";
      case json::Kind::kArray:
        return type == "array";
      case json::Kind::kObject:
        return type == "object";
      case json::Kind::kNumber:
        break;
    }
    if (type != "integer") return type == "number";
    const Decimal decimal = decimal_of(value.text());  // 1e3 and 5.0 are whole as well
    return decimal.sign == 0 || decimal.exponent >= static_cast<std::int64_t>(decimal.count);
  }

  Status check_type(const FieldRules& field, JsonView value) const {
    if (!field.types.empty() &&
        std::none_of(field.types.begin(), field.types.end(),
                     [&](const std::string& type) { return is_of_type(value, type); })) {
      std::string types;
      for (const std::string& type : field.types) types += (types.empty() ? "" : " or ") + type;
      return refuse(field, "type", "the field must be of type " + types);
    }
    if (field.has_allowed &&
        !std::binary_search(field.allowed.begin(), field.allowed.end(), encode_key(value.text())))
      return refuse(field, "enum", "the value is not one of those that are allowed");
    return ok();
  }

  // A range or a length says the type as well: else a string would pass a maximum.
  Status check_range(const FieldRules& field, JsonView value) const {
    if (field.min && !(value.is_number() && compare_numbers(value.text(), *field.min) >= 0))
      return refuse(field, "min", "the field must be a number of " + *field.min + " or more");
    if (field.max && !(value.is_number() && compare_numbers(value.text(), *field.max) <= 0))
      return refuse(field, "max", "the field must be a number of " + *field.max + " or less");
    return ok();
  }

  static std::optional<std::size_t> length_of(JsonView value) {
    if (value.is_array()) return value.count();
    if (!value.is_string()) return std::nullopt;
    std::string scratch;
    std::size_t points = 0;
    for (char c : value.string(scratch)) points += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    return points;
  }

  Status check_length(const FieldRules& field, JsonView value) const {
    if (field.length_min || field.length_max) {
      const auto length = length_of(value);
      if (field.length_min && !(length && *length >= *field.length_min))
        return refuse(field, "length_min",
                      "the length must be at least " + std::to_string(*field.length_min));
      if (field.length_max && !(length && *length <= *field.length_max))
        return refuse(field, "length_max",
                      "the length must be at most " + std::to_string(*field.length_max));
    }
    std::string scratch;
    if (field.pattern && !(value.is_string() && field.pattern->found_in(value.string(scratch))))
      return refuse(field, "pattern", "the text has not the form that is asked for");
    return ok();
  }

  static bool begins_with(JsonView longer, JsonView shorter) {
    if (longer.is_string() && shorter.is_string()) {
      std::string a, b;
      return longer.string(a).starts_with(shorter.string(b));
    }
    if (!longer.is_array() || !shorter.is_array()) return equal(longer, shorter);
    const auto elements = longer.elements();
    auto now = elements.begin();
    for (JsonView before : shorter.elements()) {
      if (!(now != elements.end()) || !equal(*now, before)) return false;
      ++now;
    }
    return true;
  }

  Status check_change(const FieldRules& field, JsonView value) const {
    if (old_ == nullptr || !(field.immutable || field.append_only)) return ok();
    const auto before = field.path.find(JsonView(old_->body));
    if (!before) return ok();
    if (field.immutable && !equal(*before, value))
      return refuse(field, "immutable", "the field cannot be changed");
    if (field.append_only && !begins_with(value, *before))
      return refuse(field, "append_only", "the field can only be added to");
    return ok();
  }

  const PrefixRules& rules_;
  const DocumentView* old_;  // what is there and not deleted
  const DocumentView& new_;
  const RulesUser& user_;
};

// `message` of message:1 and of message~7:1, which is the same collection spread over partitions.
std::string_view prefix_of(std::string_view id) {
  const std::size_t colon = id.find(':');
  if (colon == std::string_view::npos) return {};
  const std::string_view partition = id.substr(0, colon);
  return partition.substr(0, partition.find('~'));
}

}  // namespace

Rules::Rules() : prefixes_(std::make_shared<const std::vector<PrefixRules>>()) {}

Result<Rules> Rules::from_json(std::string_view text) {
  if (text.size() > kRulesBytesMax)
    return Error{ErrorCode::kTooLarge,
                 "rules are longer than " + std::to_string(kRulesBytesMax) + " bytes"};
  ATELIER_TRY(normal, json::normalize(text));
  ATELIER_TRY(prefixes, read_rules(JsonView(normal), [](const std::string& at) {
                return at.empty() ? std::string("rules") : at;
              }));
  Rules rules;
  rules.prefixes_ = std::make_shared<const std::vector<PrefixRules>>(std::move(prefixes));
  return rules;
}

// Design documents and what else is CouchDB's own are the server's to protect.
const PrefixRules* Rules::rules_of(std::string_view id) const {
  if (id.starts_with('_')) return nullptr;
  const std::string_view prefix = prefix_of(id);
  const PrefixRules* others = nullptr;
  for (const PrefixRules& rules : *prefixes_) {
    if (rules.prefix == prefix) return &rules;
    if (rules.prefix == "*") others = &rules;
  }
  return others;
}

Status Rules::check(const DocumentView* old_document, const DocumentView& document,
                    const RulesUser& user) const {
  const PrefixRules* rules = rules_of(document.id);
  if (rules == nullptr) return ok();
  return Write(*rules, old_document, document, user).check();
}

Status Rules::check_replicated(std::span<const DocumentView> outranked,
                               const DocumentView& document, const RulesUser& user) const {
  if (outranked.empty()) return check(nullptr, document, user);
  for (const DocumentView& old_document : outranked)
    ATELIER_CHECK(check(&old_document, document, user));
  return ok();
}

bool Rules::may_read(const DocumentView& document, const RulesUser& user) const {
  const PrefixRules* rules = rules_of(document.id);
  return rules == nullptr || !rules->read || is_among(*rules->read, user, *rules, &document);
}

bool Rules::restrict_reading() const {
  return std::any_of(prefixes_->begin(), prefixes_->end(),
                     [](const PrefixRules& rules) { return rules.read.has_value(); });
}

bool Rules::reading_needs_body(std::string_view id) const {
  const PrefixRules* rules = rules_of(id);
  return rules != nullptr && rules->read && rules->read->author && !rules->read->anyone;
}

const FieldPath* Rules::author_field(std::string_view id) const {
  const PrefixRules* rules = rules_of(id);
  return rules != nullptr && rules->author ? &*rules->author : nullptr;
}

}  // namespace atelier::query
