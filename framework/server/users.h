// The accounts of this server: documents of the database `_users`, as CouchDB keeps them, and who
// may do what there. Thread rule: find() and the free functions from any thread; the rest on the
// server's thread.
//
// Invariants
//   1. No password is stored, and none is compared on the server's thread.
//   2. An unknown name and a wrong password take equally long.
//   3. After kLockoutFailures failures of one name from one address, further ones are refused
//      unheard for kLockoutSeconds.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/http_message.h"
#include "store/catalog.h"

namespace atelier::server {

inline constexpr std::string_view kUsersDatabase = "_users";
inline constexpr std::string_view kUserIdPrefix = "org.couchdb.user:";

struct Account {
  std::string name;
  std::vector<std::string> roles;
  std::string body;    // of its document
  std::string digest;  // of what the password was made of: another one is another password
  std::int64_t ends_at = 0;  // seconds since 1970: its member `expires`; 0: it does not end
};

class Users {
 public:
  void use(std::shared_ptr<Catalog> catalog) { catalog_ = std::move(catalog); }

  /// Nothing for an account whose time is over.
  std::optional<Account> find(std::string_view name) const;
  /// Finds the account and compares the password: slow.
  std::optional<Account> check(std::string_view name, std::string_view password) const;

  /// The account, if this very password was found right before and nothing changed since.
  std::optional<Account> known(std::string_view name, std::string_view password) const;
  void remember(const Account& account, std::string_view password);

  bool is_locked(const std::string& address, std::string_view name, std::int64_t now) const;
  void failed(const std::string& address, std::string_view name, std::int64_t now);
  void succeeded(const std::string& address, std::string_view name);

 private:
  struct Failures {
    int count = 0;
    std::int64_t last = 0;  // seconds
  };
  std::string key_of(std::string_view name, std::string_view password) const;

  std::shared_ptr<Catalog> catalog_;
  const std::string secret_ = random_bytes(32);
  std::map<std::string, std::string> known_;  // digest of name and password: the account's digest
  std::map<std::pair<std::string, std::string>, Failures> failures_;  // by address and name
};

/// Checks one write to `_users` by `who` against CouchDB's rules for it and replaces a password by
/// what is kept of it: slow. Errors: kForbidden with CouchDB's reason.
Status prepare_user_write(const Principal& who, bool is_admin, const Store& store,
                          DocumentWrite& write);

/// Whether `who` may read that document of `_users`.
bool may_read_user(const Principal& who, std::string_view id);

}  // namespace atelier::server
