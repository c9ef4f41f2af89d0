// Mango's semantics a second time, slow and plain: a selector is brought to CouchDB's normal form
// as a JSON tree, step by step as CouchDB does it, and a parsed document is asked recursively.
// Numbers are doubles, so the tests use numbers that doubles hold. Strings are compared by bytes.
#pragma once

#include <cmath>
#include <regex>
#include <string>

#include <boost/json.hpp>

namespace atelier::query::reference {

using boost::json::array;
using boost::json::object;
using boost::json::value;

inline bool is_op(const value& v) {
  return v.is_object() && v.as_object().size() == 1 &&
         v.as_object().begin()->key().starts_with('$');
}
inline std::string op_of(const value& v) {
  return std::string(v.as_object().begin()->key());
}
inline const value& arg_of(const value& v) {
  return v.as_object().begin()->value();
}
inline value single(std::string_view key, value v) {
  return object{{key, std::move(v)}};
}

inline bool is_element_op(std::string_view op) {
  return op == "$elemMatch" || op == "$allMatch" || op == "$keyMapMatch";
}
inline bool is_list_op(std::string_view op) {
  return op == "$and" || op == "$or" || op == "$nor";
}

// Step 1: every condition has its operator.
inline value norm_ops(const value& v) {
  if (!v.is_object() || v.as_object().empty()) return single("$eq", v);
  if (v.as_object().size() > 1) {
    array parts;
    for (const auto& member : v.as_object())
      parts.push_back(norm_ops(single(member.key(), member.value())));
    return single("$and", parts);
  }
  const std::string op = op_of(v);
  if (is_list_op(op)) {
    array parts;
    for (const value& part : arg_of(v).as_array()) parts.push_back(norm_ops(part));
    return single(op, parts);
  }
  if (op == "$not" || is_element_op(op) || !op.starts_with('$'))
    return single(op, norm_ops(arg_of(v)));
  return v;
}

// Step 2: fields stand directly above the conditions.
inline value norm_fields(const value& v, const std::string& path) {
  const std::string op = op_of(v);
  if (is_list_op(op)) {
    array parts;
    for (const value& part : arg_of(v).as_array()) parts.push_back(norm_fields(part, path));
    return single(op, parts);
  }
  if (op == "$not") return single(op, norm_fields(arg_of(v), path));
  if (is_element_op(op)) return single(path, single(op, norm_fields(arg_of(v), "")));
  if (op.starts_with('$')) return single(path, v);
  return norm_fields(arg_of(v), path.empty() ? op : path + "." + op);
}

inline value negate(const value& v);

// Step 3: negations go down.
inline value norm_negations(const value& v) {
  const std::string op = op_of(v);
  if (op == "$not") return negate(arg_of(v));
  if (!is_list_op(op)) return v;
  array parts;
  for (const value& part : arg_of(v).as_array())
    parts.push_back(op == "$nor" ? negate(part) : norm_negations(part));
  return single(op == "$nor" ? "$and" : op, parts);
}

inline value negate(const value& v) {
  static const std::pair<const char*, const char*> kOpposites[] = {
      {"$lt", "$gte"}, {"$gte", "$lt"}, {"$lte", "$gt"}, {"$gt", "$lte"},
      {"$eq", "$ne"},  {"$ne", "$eq"},  {"$in", "$nin"}, {"$nin", "$in"}};
  const std::string op = op_of(v);
  if (op == "$not") return norm_negations(arg_of(v));
  if (is_list_op(op)) {
    array parts;
    for (const value& part : arg_of(v).as_array())
      parts.push_back(op == "$nor" ? norm_negations(part) : negate(part));
    return single(op == "$and" ? "$or" : op == "$or" ? "$and" : "$or", parts);
  }
  for (const auto& [from, to] : kOpposites)
    if (op == from) return single(to, arg_of(v));
  if (op == "$exists") return single(op, !arg_of(v).as_bool());
  if (op.starts_with('$')) return single("$not", v);
  return single(op, negate(arg_of(v)));
}

inline int rank(const value& v) {
  switch (v.kind()) {
    case boost::json::kind::null:
      return 0;
    case boost::json::kind::bool_:
      return v.as_bool() ? 2 : 1;
    case boost::json::kind::string:
      return 4;
    case boost::json::kind::array:
      return 5;
    case boost::json::kind::object:
      return 6;
    default:
      return 3;
  }
}

template <class T>
int order(const T& a, const T& b) {
  return a < b ? -1 : b < a;
}

inline int compare(const value& a, const value& b) {
  if (rank(a) != rank(b)) return order(rank(a), rank(b));
  if (rank(a) == 3) return order(a.to_number<double>(), b.to_number<double>());
  if (rank(a) == 4) return order(std::string(a.as_string()), std::string(b.as_string()));
  if (rank(a) == 5) {
    for (std::size_t i = 0; i < std::min(a.as_array().size(), b.as_array().size()); ++i)
      if (const int c = compare(a.as_array()[i], b.as_array()[i]); c != 0) return c;
    return order(a.as_array().size(), b.as_array().size());
  }
  if (rank(a) == 6) {
    auto i = a.as_object().begin();
    auto j = b.as_object().begin();
    for (; i != a.as_object().end() && j != b.as_object().end(); ++i, ++j) {
      if (const int c = order(std::string(i->key()), std::string(j->key())); c != 0) return c;
      if (const int c = compare(i->value(), j->value()); c != 0) return c;
    }
    return order(a.as_object().size(), b.as_object().size());
  }
  return 0;
}

enum class Miss { kFound, kNotFound, kBadPath };

inline std::vector<std::string> split(const std::string& field) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '.' && (i == 0 || field[i - 1] != '\\'))
      parts.emplace_back();
    else
      parts.back() += field[i];
  }
  for (std::string& part : parts) std::erase(part, '\\');
  return parts;
}

inline Miss get_field(const value& document, const std::string& field, value& out) {
  out = document;
  for (const std::string& part : split(field)) {
    if (out.is_object()) {
      const value* next = out.as_object().if_contains(part);
      if (next == nullptr) return Miss::kNotFound;
      out = value(*next);
    } else if (out.is_array()) {
      const bool digits = part.find_first_not_of("0123456789") == std::string::npos;
      if (!digits || std::stoul(part) >= out.as_array().size()) return Miss::kBadPath;
      out = value(out.as_array()[std::stoul(part)]);
    } else {
      return Miss::kBadPath;
    }
  }
  return Miss::kFound;
}

inline const char* type_of(const value& v) {
  static const char* kNames[] = {"null",   "boolean", "boolean", "number",
                                 "string", "array",   "object"};
  return kNames[rank(v)];
}

inline bool contains(const array& list, const value& v) {
  for (const value& element : list)
    if (compare(element, v) == 0) return true;
  return false;
}

inline bool in(const value& v, const array& list) {
  if (!v.is_array()) return contains(list, v);
  for (const value& element : v.as_array())
    if (contains(list, element)) return true;
  return false;
}

inline bool match(const value& selector, const value& v);

inline bool match_all(const value& v, const array& wanted) {
  if (!v.is_array() || wanted.empty()) return false;
  if (wanted.size() == 1 && wanted[0].is_array() && compare(wanted[0], v) == 0) return true;
  for (const value& one : wanted)
    if (!contains(v.as_array(), one)) return false;
  return true;
}

inline bool match_elements(const std::string& op, const value& arg, const value& v) {
  if (op == "$keyMapMatch") {
    if (!v.is_object()) return false;
    for (const auto& member : v.as_object())
      if (match(arg, value(member.key()))) return true;
    return false;
  }
  if (!v.is_array() || v.as_array().empty()) return false;
  for (const value& element : v.as_array()) {
    if (match(arg, element) && op == "$elemMatch") return true;
    if (!match(arg, element) && op == "$allMatch") return false;
  }
  return op == "$allMatch";
}

inline bool match_op(const std::string& op, const value& arg, const value& v) {
  if (op == "$lt") return compare(v, arg) < 0;
  if (op == "$lte") return compare(v, arg) <= 0;
  if (op == "$eq") return compare(v, arg) == 0;
  if (op == "$ne") return compare(v, arg) != 0;
  if (op == "$gte") return compare(v, arg) >= 0;
  if (op == "$gt") return compare(v, arg) > 0;
  if (op == "$in") return in(v, arg.as_array());
  if (op == "$nin") return !in(v, arg.as_array());
  if (op == "$exists") return arg.as_bool();
  if (op == "$type") return arg.as_string() == type_of(v);
  if (op == "$all") return match_all(v, arg.as_array());
  if (is_element_op(op)) return match_elements(op, arg, v);
  if (op == "$size") return v.is_array() && v.as_array().size() == arg.to_number<std::size_t>();
  if (op == "$mod") {
    if (!v.is_int64()) return false;
    return v.as_int64() % arg.at(0).as_int64() == arg.at(1).as_int64();
  }
  if (op == "$beginsWith") return v.is_string() && v.as_string().starts_with(arg.as_string());
  if (op == "$regex") {
    return v.is_string() &&
           std::regex_search(std::string(v.as_string()), std::regex(std::string(arg.as_string())));
  }
  throw std::logic_error(op);
}

inline bool match(const value& selector, const value& v) {
  const std::string op = op_of(selector);
  const value& arg = arg_of(selector);
  if (op == "$and" || op == "$or" || op == "$nor") {
    const auto& parts = arg.as_array();
    const auto holds = [&](const value& part) { return match(part, v); };
    if (op == "$and") return std::all_of(parts.begin(), parts.end(), holds);
    if (op == "$nor") return std::none_of(parts.begin(), parts.end(), holds);
    return parts.empty() || std::any_of(parts.begin(), parts.end(), holds);
  }
  if (op == "$not") return !match(arg, v);
  if (op.starts_with('$')) return match_op(op, arg, v);
  if (op.empty()) return match(arg, v);
  value found;
  const Miss miss = get_field(v, op, found);
  if (miss == Miss::kFound) return match(arg, found);
  return miss == Miss::kNotFound && arg == value(object{{"$exists", false}});
}

/// Whether a document (with its pseudo fields) matches.
inline bool matches(const std::string& selector, const std::string& document) {
  const value parsed = boost::json::parse(selector);
  if (parsed.as_object().empty()) return true;
  return match(norm_negations(norm_fields(norm_ops(parsed), "")), boost::json::parse(document));
}

}  // namespace atelier::query::reference
