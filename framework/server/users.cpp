#include "server/users.h"

#include "base/clock.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "server/passwords.h"

namespace atelier::server {

namespace {

constexpr std::string_view kPasswordMembers[] = {"password",    "password_scheme", "derived_key",
                                                 "salt",        "iterations",      "pbkdf2_prf",
                                                 "password_sha"};

std::vector<std::string> roles_of(std::string_view user) {
  std::vector<std::string> roles;
  const auto list = json::member(user, "roles");
  if (!list || json::kind_of(*list) != json::Kind::kArray) return roles;
  json::for_each_element(*list, [&](std::string_view element) {
    auto role = json::string_value(element);
    // CouchDB lets no account bring a role of the system's own.
    if (role && !role->starts_with('_')) roles.push_back(std::move(*role));
    return true;
  });
  return roles;
}

bool is_password_member(std::string_view name) {
  for (std::string_view known : kPasswordMembers)
    if (name == known) return true;
  return false;
}

constexpr std::string_view kInvitation = "invitation";  // what a link was made for
constexpr std::string_view kExpires = "expires";  // seconds since 1970

std::string digest_of(std::string_view user) {
  std::string made_of;
  for (std::string_view name : kPasswordMembers)
    if (const auto value = json::member(user, name)) made_of += std::string(*value) + '\n';
  return hex(sha256(made_of));
}

Error forbidden(std::string reason) {
  return {ErrorCode::kForbidden, std::move(reason)};
}

/// The shape that every account has, in the order in which CouchDB looks.
Status check_shape(std::string_view id, std::string_view user) {
  if (json::string_member(user, "type") != "user") return forbidden("doc.type must be user");
  const auto name = json::string_member(user, "name");
  if (!name || name->empty()) return forbidden("doc.name is required");
  const auto roles = json::member(user, "roles");
  if (!roles) return forbidden("doc.roles must exist");
  if (json::kind_of(*roles) != json::Kind::kArray) return forbidden("doc.roles must be an array");
  bool strings = true, system_role = false;
  json::for_each_element(*roles, [&](std::string_view element) {
    const auto role = json::string_value(element);
    strings = strings && role;
    system_role = system_role || (role && role->starts_with('_'));
    return true;
  });
  if (!strings) return forbidden("doc.roles can only contain strings");
  if (id != std::string(kUserIdPrefix) + *name)
    return forbidden("Doc ID must be of the form org.couchdb.user:name");
  if (system_role) return forbidden("No system roles (starting with underscore) in users db.");
  if (name->starts_with('_')) return forbidden("Username may not start with underscore.");
  if (name->find(':') != std::string::npos)
    return forbidden("Character `:` is not allowed in usernames.");
  return ok();
}

/// What one without an administrator's rights may change.
Status check_self_service(const Principal& who, std::string_view user,
                          const std::optional<std::string>& old) {
  const std::vector<std::string> roles = roles_of(user);
  if (!old) return roles.empty() ? ok() : Status(forbidden("Only _admin may set roles"));
  if (who.name.empty() || json::string_member(user, "name") != who.name)
    return forbidden("You may only update your own user document.");
  if (roles != roles_of(*old)) return forbidden("Only _admin may edit roles");
  for (std::string_view kept : {kExpires, kInvitation})
    if (json::member(user, kept) != json::member(*old, kept))
      return forbidden("Only _admin may edit " + std::string(kept));
  return ok();
}

/// The body with what is kept of its password in the password's place.
Result<std::string> without_password(std::string_view user, std::string_view password) {
  if (password.size() > kPasswordBytesMax)
    return Error{ErrorCode::kTooLarge, "The password is too long."};
  ATELIER_TRY(members, password_members(password));
  std::string out = "{";
  json::for_each_member(user, [&](std::string_view name, std::string_view value) {
    if (!is_password_member(name)) {
      if (out.size() > 1) out += ',';
      out += json::quoted(name) + ':' + std::string(value);
    }
    return true;
  });
  return out + (out.size() > 1 ? members : members.substr(1)) + '}';
}

}  // namespace

std::optional<Account> Users::find(std::string_view name) const {
  if (catalog_ == nullptr || name.empty()) return std::nullopt;
  const auto store = catalog_->open(kUsersDatabase, false);
  if (!store) return std::nullopt;
  const auto document = (*store)->get(std::string(kUserIdPrefix) + std::string(name));
  if (!document) return std::nullopt;
  Account account{std::string(name), roles_of(document->body), document->body,
                  digest_of(document->body)};
  if (const auto ends = json::member(document->body, kExpires)) {
    account.ends_at = json::int_value(*ends).value_or(1);  // what is no time is over
    if (account.ends_at <= system_clock().wall_ms() / 1000) return std::nullopt;
  }
  return account;
}

std::optional<Account> Users::check(std::string_view name, std::string_view password) const {
  auto account = find(name);
  const bool right =
      account ? password_matches(account->body, password) : no_password_matches(password);
  return right ? std::move(account) : std::nullopt;
}

std::string Users::key_of(std::string_view name, std::string_view password) const {
  std::string text(name);
  text += '\0';
  text += password;
  return hex(hmac_sha256(secret_, text));
}

std::optional<Account> Users::known(std::string_view name, std::string_view password) const {
  const auto found = known_.find(key_of(name, password));
  if (found == known_.end()) return std::nullopt;
  auto account = find(name);
  return account && account->digest == found->second ? std::move(account) : std::nullopt;
}

void Users::remember(const Account& account, std::string_view password) {
  if (known_.size() >= kKnownPasswordsMax) known_.clear();
  known_[key_of(account.name, password)] = account.digest;
}

bool Users::is_locked(const std::string& address, std::string_view name, std::int64_t now) const {
  const auto found = failures_.find({address, std::string(name)});
  return found != failures_.end() && found->second.count >= kLockoutFailures &&
         now < found->second.last + kLockoutSeconds;
}

void Users::failed(const std::string& address, std::string_view name, std::int64_t now) {
  if (failures_.size() >= kLockoutEntriesMax)
    std::erase_if(failures_,
                  [&](const auto& entry) { return now >= entry.second.last + kLockoutSeconds; });
  if (failures_.size() >= kLockoutEntriesMax) failures_.clear();
  Failures& failures = failures_[{address, std::string(name)}];
  if (now >= failures.last + kLockoutSeconds) failures.count = 0;
  ++failures.count;
  failures.last = now;
}

void Users::succeeded(const std::string& address, std::string_view name) {
  failures_.erase({address, std::string(name)});
}

Status prepare_user_write(const Principal& who, bool is_admin, const Store& store,
                          DocumentWrite& write) {
  if (write.id.starts_with("_design/")) return ok();  // for administrators alone, as everywhere
  if (!write.attachments.empty()) return forbidden("A user document has no attachments.");
  const auto old = store.get(write.id);
  std::optional<std::string> old_body;
  if (old) old_body = old->body;
  if (write.deleted) {
    if (is_admin || (!who.name.empty() && write.id == std::string(kUserIdPrefix) + who.name))
      return ok();
    return forbidden("Only admins may delete other user docs.");
  }
  ATELIER_TRY(body, json::normalize(write.body));
  ATELIER_CHECK(check_shape(write.id, body));
  if (!is_admin) ATELIER_CHECK(check_self_service(who, body, old_body));
  if (const auto password = json::member(body, "password")) {
    const auto text = json::string_value(*password);
    if (!text) return forbidden("Password must be a string.");
    ATELIER_TRY(made, without_password(body, *text));
    body = std::move(made);
  }
  write.body = std::move(body);
  write.body_is_normal = true;
  return ok();
}

bool may_read_user(const Principal& who, std::string_view id) {
  return who.admin || (!who.name.empty() && id == std::string(kUserIdPrefix) + who.name);
}

}  // namespace atelier::server
