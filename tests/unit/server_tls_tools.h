// What tests of TLS share: certificates in files, and a client's side by OpenSSL over a blocking
// socket, so that nothing of the server's code checks itself. Thread rule: one thread a client.
#pragma once

#include <csignal>
#include <fstream>
#include <memory>
#include <string>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "server/certificate.h"
#include "server_tools.h"

namespace atelier::server_test {

/// How a client begins, and what it trusts.
struct TlsChoices {
  int version_max = 0;             // TLS1_1_VERSION…; 0: any
  std::string ciphers;             // of TLS 1.2; empty: OpenSSL's own
  std::string trusted;             // PEM; empty: whatever comes
  std::string host;                // to be named by the certificate; empty: any
  std::string protocols;           // ALPN, each with its length in front
  SSL_SESSION* session = nullptr;  // to go on with
};

/// The client's end of TLS.
class ClientTls final : public Cipher {
 public:
  ClientTls(int socket, const TlsChoices& choices) : context_(SSL_CTX_new(TLS_client_method())) {
    std::signal(SIGPIPE, SIG_IGN);            // OpenSSL writes plainly
    SSL_CTX_set_security_level(context_, 0);  // also what is old, so that the server is who refuses
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    if (choices.version_max != 0) SSL_CTX_set_max_proto_version(context_, choices.version_max);
    if (!choices.ciphers.empty()) SSL_CTX_set_cipher_list(context_, choices.ciphers.c_str());
    if (!choices.trusted.empty()) trust(choices.trusted);
    ssl_ = SSL_new(context_);
    if (!choices.host.empty()) SSL_set1_host(ssl_, choices.host.c_str());
    if (!choices.protocols.empty())
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(choices.protocols.data()),
                          static_cast<unsigned>(choices.protocols.size()));
    if (choices.session != nullptr) SSL_set_session(ssl_, choices.session);
    SSL_set_fd(ssl_, socket);
  }
  ~ClientTls() override {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }

  bool shake_hands() {
    ERR_clear_error();
    if (SSL_connect(ssl_) == 1) return true;
    const char* why = ERR_reason_error_string(ERR_peek_last_error());
    fault_ = why != nullptr ? why : "closed";
    return false;
  }
  /// Why shake_hands() failed, or the last receive().
  const std::string& fault() const { return fault_; }
  SSL* ssl() { return ssl_; }
  std::string sha256() const {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509* shown = SSL_get1_peer_certificate(ssl_);
    X509_digest(shown, EVP_sha256(), digest, &size);
    X509_free(shown);
    return hex(std::string_view(reinterpret_cast<const char*>(digest), size));
  }
  std::string protocol() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  /// "Nothing follows", without closing the socket.
  void end() { SSL_shutdown(ssl_); }
  bool ended_in_good_order() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }

  ssize_t send(const char* bytes, std::size_t size) override {
    return SSL_write(ssl_, bytes, static_cast<int>(size));
  }
  ssize_t receive(char* into, std::size_t size) override {
    ERR_clear_error();
    const int got = SSL_read(ssl_, into, static_cast<int>(size));
    if (got <= 0) {
      const char* why = ERR_reason_error_string(ERR_peek_last_error());
      fault_ = why != nullptr ? why : "closed";
    }
    return got;
  }

 private:
  void trust(const std::string& pem) {
    BIO* bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* cert = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), cert);
    X509_free(cert);
    BIO_free(bio);
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
  }

  SSL_CTX* const context_;
  SSL* ssl_ = nullptr;
  std::string fault_;
};

/// A client after its handshake; `tls` is null, and `fault` says why, when it failed.
struct SecureClient {
  Client client;
  ClientTls* tls = nullptr;  // the client's
  std::string fault;
};
inline SecureClient secure_client(std::uint16_t port, const TlsChoices& choices = {}) {
  SecureClient out{Client(port), nullptr, {}};
  auto tls = std::make_unique<ClientTls>(out.client.socket(), choices);
  if (!tls->shake_hands()) {
    out.fault = tls->fault();
    return out;
  }
  out.tls = tls.get();
  out.client.use(std::move(tls));
  return out;
}

/// A server with a certificate of its own.
class TlsServerTest : public ServerTest {
 protected:
  CertificatePair make_pair(const std::vector<std::string>& names = {"localhost", "127.0.0.1"},
                            int days = 30) {
    const auto made = make_self_signed(names, days);
    EXPECT_TRUE(made) << made.error().message;
    return *made;
  }
  void write(const std::filesystem::path& file, const std::string& text) const {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text;
  }
  void write_pair(const CertificatePair& pair) {
    write(certificate_file(), pair.certificate);
    write(key_file(), pair.key);
  }
  std::filesystem::path certificate_file() const { return folder_ / "cert.pem"; }
  std::filesystem::path key_file() const { return folder_ / "key.pem"; }
  ServerOptions tls_options() const {
    ServerOptions options = default_options();
    options.tls_certificate = certificate_file();
    options.tls_key = key_file();
    return options;
  }
  void start_tls() { start_tls(tls_options()); }
  void start_tls(const ServerOptions& options) {
    pair_ = make_pair();
    write_pair(pair_);
    start(options);
  }
  SecureClient secure(const TlsChoices& choices = {}) {
    return secure_client(server_->port(), choices);
  }
  Reply secure_request(const std::string& method, const std::string& target,
                       const std::string& body = {}, const HeaderList& headers = as_admin()) {
    SecureClient one = secure();
    EXPECT_NE(one.tls, nullptr) << one.fault;
    return one.client.request(method, target, body, headers);
  }

  CertificatePair pair_;
};

}  // namespace atelier::server_test
