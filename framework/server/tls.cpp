#include "server/tls.h"

#include <utility>

#include <boost/asio/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/digest.h"
#include "base/os/os.h"

namespace atelier::server {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

constexpr const char* kCiphers =  // of TLS 1.2; those of 1.3 are OpenSSL's own
    "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* kGroups = "X25519:P-256:P-384";
constexpr unsigned char kHttp11[] = "\x08http/1.1";

using Bio = std::unique_ptr<BIO, decltype(&BIO_free_all)>;
using Cert = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Context = std::shared_ptr<SSL_CTX>;

/// OpenSSL's words for what went wrong last.
std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_last_error());
  return text != nullptr ? text : "it is not understood";
}

Bio memory(const std::string& bytes) {
  return {BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), &BIO_free_all};
}

// --- OpenSSL's way to the socket: asio's calls, which raise no SIGPIPE

template <class Link, class Transfer>
int transfer(BIO* bio, Transfer move_bytes, void (*set_retry)(BIO*)) {
  BIO_clear_retry_flags(bio);
  Link& link = *static_cast<Link*>(BIO_get_data(bio));
  error_code failed;
  const std::size_t size = move_bytes(*link.socket, failed);
  if (!failed) return static_cast<int>(size);
  if (failed == asio::error::would_block || failed == asio::error::try_again)
    set_retry(bio);
  else
    link.failed = failed;
  return failed == asio::error::eof ? 0 : -1;
}

void set_retry_read(BIO* bio) {
  BIO_set_retry_read(bio);
}
void set_retry_write(BIO* bio) {
  BIO_set_retry_write(bio);
}

long control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

template <class Link>
const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "asio socket");
    BIO_meth_set_read(made, [](BIO* bio, char* into, int size) {
      return transfer<Link>(
          bio,
          [&](auto& socket, error_code& failed) {
            return socket.read_some(asio::buffer(into, static_cast<std::size_t>(size)), failed);
          },
          &set_retry_read);
    });
    BIO_meth_set_write(made, [](BIO* bio, const char* from, int size) {
      return transfer<Link>(
          bio,
          [&](auto& socket, error_code& failed) {
            return socket.write_some(asio::buffer(from, static_cast<std::size_t>(size)), failed);
          },
          &set_retry_write);
    });
    BIO_meth_set_ctrl(made, &control);
    BIO_meth_set_create(made, [](BIO* bio) {
      BIO_set_init(bio, 1);
      return 1;
    });
    return made;
  }();
  return method;
}

// --- what sessions are made of

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11 - 1, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 section 3.2
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/// A key under a password is not asked for: nobody may be there to type it.
int no_password(char*, int, int, void*) {
  return 0;
}

Result<Context> plain_context() {
  Context context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  const Error failed(ErrorCode::kInternal, "OpenSSL cannot start");
  if (!context) return failed;
  SSL_CTX* ssl = context.get();
  if (SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ssl, kCiphers) != 1 || SSL_CTX_set1_groups_list(ssl, kGroups) != 1)
    return failed;
  SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Without retries by itself: records that carry nothing must not keep the server's thread.
  SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);  // tickets do it without our memory
  SSL_CTX_set_num_tickets(ssl, 1);
  SSL_CTX_set_alpn_select_cb(ssl, &choose_protocol, nullptr);
  return context;
}

Status use_chain(SSL_CTX* context, const std::string& pem) {
  const Bio bio = memory(pem);
  const Cert leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
  if (!leaf) return invalid("there is no certificate in it (PEM)");
  if (SSL_CTX_use_certificate(context, leaf.get()) != 1) return invalid(reason());
  while (true) {
    ERR_clear_error();
    Cert next(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free);
    if (!next) break;
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) return invalid(reason());
    (void)next.release();  // the context's
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return at_end ? ok() : Status(invalid("a certificate of the chain is not understood"));
}

Status use_key(SSL_CTX* context, const std::string& pem) {
  const Bio bio = memory(pem);
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, &no_password, nullptr), &EVP_PKEY_free);
  if (!key)
    return invalid("there is no private key in it that can be read without a password (PEM)");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 || SSL_CTX_check_private_key(context) != 1)
    return invalid("the private key is not that of the certificate");
  return ok();
}

}  // namespace

// --- a session

TlsSession::TlsSession(ssl_st* ssl) : link_(std::make_unique<Link>()), ssl_(ssl) {
  BIO* bio = BIO_new(socket_method<Link>());
  if (bio == nullptr) {
    broken_ = true;
    return;
  }
  BIO_set_data(bio, link_.get());
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_accept_state(ssl_);
}

TlsSession::~TlsSession() {
  SSL_free(ssl_);
}

error_code TlsSession::fault(int result, bool& waits_to_read, bool& waits_to_write) {
  waits_to_read = waits_to_write = false;
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      waits_to_read = true;
      return asio::error::would_block;
    case SSL_ERROR_WANT_WRITE:
      waits_to_write = true;
      return asio::error::would_block;
    case SSL_ERROR_ZERO_RETURN:
      return asio::error::eof;
    default:
      broken_ = true;
      ERR_clear_error();
      return link_->failed ? link_->failed : asio::error::connection_aborted;
  }
}

template <class Call>
error_code TlsSession::call(Socket& socket, bool writes, const Call& call) {
  if (broken_) return asio::error::connection_aborted;
  link_->socket = &socket;
  ERR_clear_error();
  const int result = call();
  if (result == 1) return {};
  bool to_read = false, to_write = false;
  const error_code failed = fault(result, to_read, to_write);
  if (writes)
    write_waits_to_read_ = to_read;
  else
    read_waits_to_write_ = to_write;
  return failed;
}

void TlsSession::handshake(Socket& socket, error_code& failed) {
  failed = call(socket, false, [&] { return SSL_do_handshake(ssl_); });
}

std::size_t TlsSession::read(Socket& socket, asio::mutable_buffer into, error_code& failed) {
  std::size_t size = 0;
  failed = call(socket, false,
                [&] { return SSL_read_ex(ssl_, into.data(), into.size(), &size); });
  return size;
}

std::size_t TlsSession::write(Socket& socket, asio::const_buffer from, error_code& failed) {
  std::size_t size = 0;
  failed = call(socket, true,
                [&] { return SSL_write_ex(ssl_, from.data(), from.size(), &size); });
  return size;
}

void TlsSession::peek(Socket& socket, error_code& failed) {
  char byte = 0;
  std::size_t size = 0;
  failed = call(socket, false, [&] { return SSL_peek_ex(ssl_, &byte, 1, &size); });
}

void TlsSession::end(Socket& socket) {
  if (broken_ || SSL_in_init(ssl_)) return;
  link_->socket = &socket;
  ERR_clear_error();
  (void)SSL_shutdown(ssl_);
  ERR_clear_error();
}

bool TlsSession::pending() const {
  return SSL_pending(ssl_) > 0;
}

// --- the keeper

Result<std::unique_ptr<TlsKeeper>> TlsKeeper::open(Options options) {
  std::unique_ptr<TlsKeeper> keeper(new TlsKeeper(std::move(options)));
  ATELIER_TRY(files, keeper->read_files());
  ATELIER_CHECK(keeper->use(files));
  keeper->seen_ = sha256(files.certificate + '\0' + files.key);
  keeper->looked_at_ = std::chrono::steady_clock::now();
  return keeper;
}

TlsKeeper::~TlsKeeper() = default;

Result<TlsKeeper::Files> TlsKeeper::read_files() const {
  ATELIER_TRY(certificate, os::read_file(options_.certificate, kTlsFileBytesMax));
  ATELIER_TRY(key, os::read_file(options_.key, kTlsFileBytesMax));
  return Files{std::move(certificate), std::move(key)};
}

Status TlsKeeper::use(const Files& files) {
  const auto in_file = [](const std::filesystem::path& file, const Error& error) {
    return Error(error.code, file.string() + ": " + error.message);
  };
  ERR_clear_error();
  ATELIER_TRY(context, plain_context());
  const auto said = read_certificate(files.certificate);
  if (!said) return in_file(options_.certificate, said.error());
  if (const Status used = use_chain(context.get(), files.certificate); !used)
    return in_file(options_.certificate, used.error());
  if (const Status used = use_key(context.get(), files.key); !used)
    return in_file(options_.key, used.error());
  context_ = std::move(context);
  const std::scoped_lock lock(mutex_);
  certificate_ = *said;
  return ok();
}

void TlsKeeper::look() {
  const auto now = std::chrono::steady_clock::now();
  if (now < looked_at_ + std::chrono::milliseconds(kTlsFilesLookMs)) return;
  looked_at_ = now;
  const auto files = read_files();
  std::string fault;
  if (!files) {
    fault = files.error().message;
  } else {
    const Sha256 digest = sha256(files->certificate + '\0' + files->key);
    if (digest == seen_) return;
    seen_ = digest;
    if (const Status used = use(*files); !used) fault = used.error().message;
  }
  if (!options_.notice) return;
  if (fault.empty()) {
    options_.notice("new connections are shown the certificate with the fingerprint " +
                    fingerprint_words(certificate().sha256));
  } else if (fault != fault_) {
    options_.notice("the new certificate cannot be used, the last one stays: " + fault);
  }
  fault_ = std::move(fault);
}

std::unique_ptr<TlsSession> TlsKeeper::session() {
  look();
  SSL* ssl = SSL_new(context_.get());
  return ssl != nullptr ? std::unique_ptr<TlsSession>(new TlsSession(ssl)) : nullptr;
}

Certificate TlsKeeper::certificate() const {
  const std::scoped_lock lock(mutex_);
  return certificate_;
}

}  // namespace atelier::server
