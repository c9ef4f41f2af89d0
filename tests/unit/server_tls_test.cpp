// Goal: what the server does over TCP it does over TLS, to nobody without it, and with the newest
// certificate that can be used. Method: OpenSSL's own client; files that the test replaces.
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <set>
#include <thread>

#include "server/server.h"
#include "server_tls_tools.h"
#include "server_web.h"

namespace atelier::server_test {
namespace {

using Time = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string noise(std::size_t size) {
  std::string out;
  while (out.size() < size) out += random_bytes(1 << 16);
  out.resize(size);
  return out;
}

TEST_F(TlsServerTest, RequestsAreServedUnderTheNewestProtocol) {
  start_tls();
  EXPECT_TRUE(server_->url().starts_with("https://127.0.0.1:")) << server_->url();
  ASSERT_TRUE(server_->certificate());
  SecureClient one = secure({.trusted = pair_.certificate, .host = "localhost"});
  ASSERT_NE(one.tls, nullptr) << one.fault;
  EXPECT_EQ(SSL_version(one.tls->ssl()), TLS1_3_VERSION);
  EXPECT_EQ(one.tls->sha256(), server_->certificate()->sha256);
  EXPECT_EQ(one.client.request("PUT", "/db", "", as_admin()).status, 201);
  const Reply made = one.client.request("POST", "/db", R"({"_id":"a"})", as_admin());
  EXPECT_EQ(made.status, 201);
  EXPECT_TRUE(made.header("Location").starts_with("https://127.0.0.1:")) << made.header("Location");
  EXPECT_EQ(one.client.request("GET", "/db/a", "", as_admin()).text("_id"), "a");
}

TEST_F(TlsServerTest, LargeBodiesArePassedWholeBothWays) {
  start_tls();
  const std::string bytes = noise(16'000'000);
  ASSERT_EQ(secure_request("PUT", "/db").status, 201);
  HeaderList headers = as_admin({{"Content-Type", "application/octet-stream"}});
  const Reply put = secure_request("PUT", "/db/doc/file", bytes, headers);
  ASSERT_EQ(put.status, 201) << put.body;
  EXPECT_TRUE(secure_request("GET", "/db/doc/file").body == bytes);
  // More than the sockets hold: the server waits in the middle of a record until it is read.
  SecureClient slow = secure();
  slow.client.send_request("GET", "/db/doc/file", "", as_admin());
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_TRUE(slow.client.read_reply().body == bytes);
  EXPECT_EQ(slow.client.request("GET", "/db", "", as_admin()).status, 200);
}

TEST_F(TlsServerTest, ManyDocumentsComeWholeInChunks) {
  start_tls();
  ASSERT_EQ(secure_request("PUT", "/db").status, 201);
  std::string body = R"({"docs":[)";
  for (int i = 0; i < 5'000; ++i)
    body += (i ? "," : "") + std::string(R"({"_id":"d)") + std::to_string(10'000 + i) +
            R"(","text":")" + std::string(100, 'x') + "\"}";
  ASSERT_EQ(secure_request("POST", "/db/_bulk_docs", body + "]}").status, 201);
  const auto all = secure_request("GET", "/db/_all_docs?include_docs=true").json();
  ASSERT_EQ(all.at("rows").as_array().size(), 5'000u);
  EXPECT_EQ(all.at("rows").as_array().back().at("id").as_string(), "d14999");
}

TEST_F(TlsServerTest, CookiesAreForTlsAlone) {
  start_tls();
  const Reply in = secure_request(
      "POST", "/_session", std::string(R"({"name":"admin","password":")") + kToken + "\"}", {});
  EXPECT_EQ(in.status, 200);
  EXPECT_NE(in.header("Set-Cookie").find("; Secure;"), std::string::npos);
  EXPECT_NE(secure_request("DELETE", "/_session", "", {}).header("Set-Cookie").find("; Secure;"),
            std::string::npos);
}

TEST_F(TlsServerTest, PagesOfTheServerItselfMayWriteAndPlainOnesMayNot) {
  start_tls();
  ASSERT_EQ(secure_request("PUT", "/db").status, 201);
  const std::string port = std::to_string(server_->port());
  EXPECT_EQ(secure_request("POST", "/db", "{}", {{"Origin", "https://localhost:" + port}}).status,
            201);
  EXPECT_EQ(secure_request("POST", "/db", "{}", {{"Origin", "http://localhost:" + port}}).status,
            403);
}

TEST_F(TlsServerTest, ProtocolIsAgreedOn) {
  start_tls();
  SecureClient both = secure({.protocols = std::string("\x02h2\x08http/1.1")});
  ASSERT_NE(both.tls, nullptr) << both.fault;
  EXPECT_EQ(both.tls->protocol(), "http/1.1");
  EXPECT_EQ(secure({.protocols = std::string("\x02h2")}).tls, nullptr);
  EXPECT_EQ(secure({.protocols = std::string("\x02h2")}).fault,
            "tlsv1 alert no application protocol");
}

TEST_F(TlsServerTest, OldProtocolsAndCiphersAreRefused) {
  start_tls();
  EXPECT_EQ(secure({.version_max = TLS1_1_VERSION}).fault, "tlsv1 alert protocol version");
  EXPECT_EQ(secure({.version_max = TLS1_VERSION}).fault, "tlsv1 alert protocol version");
  for (const char* weak : {"AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA"})
    EXPECT_EQ(secure({.version_max = TLS1_2_VERSION, .ciphers = weak}).tls, nullptr) << weak;
  SecureClient good =
      secure({.version_max = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"});
  ASSERT_NE(good.tls, nullptr) << good.fault;
  EXPECT_EQ(good.client.request("GET", "/").status, 200);
}

TEST_F(TlsServerTest, RenegotiationIsRefused) {
  start_tls();
  SecureClient one = secure({.version_max = TLS1_2_VERSION});
  ASSERT_NE(one.tls, nullptr) << one.fault;
  ASSERT_EQ(one.client.request("GET", "/").status, 200);
  SSL_renegotiate(one.tls->ssl());
  EXPECT_NE(SSL_do_handshake(one.tls->ssl()), 1);
  EXPECT_EQ(secure_request("GET", "/").status, 200);
}

TEST_F(TlsServerTest, KeysAreRenewedUnderWay) {
  start_tls();
  SecureClient one = secure();
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(SSL_key_update(one.tls->ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
    EXPECT_EQ(one.client.request("GET", "/").status, 200);
  }
}

TEST_F(TlsServerTest, WhoComesBackGoesOnWithItsTicket) {
  start_tls();
  SecureClient one = secure();
  EXPECT_EQ(one.client.request("GET", "/").status, 200);  // the ticket comes with it
  SSL_SESSION* session = SSL_get1_session(one.tls->ssl());
  SecureClient again = secure({.session = session});
  ASSERT_NE(again.tls, nullptr) << again.fault;
  EXPECT_EQ(SSL_session_reused(again.tls->ssl()), 1);
  EXPECT_EQ(again.client.request("GET", "/").status, 200);
  SSL_SESSION_free(session);
}

TEST_F(TlsServerTest, PlainRequestsAreToldSoAndNothingElse) {
  start_tls();
  for (const char* method : {"GET", "PUT", "POST", "DELETE", "OPTIONS", "COPY", "X"}) {
    Client plain = client();
    plain.send_request(method, "/_all_dbs", "", as_admin());
    const Reply reply = plain.read_reply();
    EXPECT_EQ(reply.status, 400) << method;
    EXPECT_NE(reply.body.find("https://"), std::string::npos) << reply.body;
    EXPECT_TRUE(plain.closed());
  }
  EXPECT_EQ(catalog_->list().size(), 0u);
}

TEST_F(TlsServerTest, GarbageIsCutAndTheNextOneServed) {
  start_tls();
  const std::vector<std::string> garbage = {
      std::string("\0\0\0\0\0\0", 6), "get / http/1.1\r\n\r\n", noise(100'000),
      std::string("\x16\x03\x01\xff\xff", 5) + noise(1000),
      std::string("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10)};
  for (const std::string& bytes : garbage) {
    Client hostile = client();
    // A letter at the front of noise would be a plain request.
    hostile.send('\x01' + bytes);
    hostile.shutdown_send();
    while (!hostile.closed()) hostile.read_bytes(1);
    EXPECT_EQ(secure_request("GET", "/").status, 200);
  }
  // Broken in the middle of a session that was whole.
  SecureClient one = secure();
  ASSERT_EQ(one.client.request("GET", "/").status, 200);
  ::send(one.client.socket(), "not a record at all", 19, MSG_NOSIGNAL);
  EXPECT_TRUE(one.client.closed());
  EXPECT_EQ(secure_request("GET", "/").status, 200);
}

TEST_F(TlsServerTest, HandshakeThatDoesNotEndIsCutAtItsDeadline) {
  ServerOptions options = tls_options();
  options.tls_handshake_ms = 400;
  start_tls(options);
  const auto began = Time::now();
  Client silent = client();
  Client slow = client();
  // A hello of 512 bytes that comes byte by byte: each one is progress, the whole is none.
  std::thread drip([&] {
    const std::string head("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
    for (std::size_t i = 0; i < 500; ++i) {
      if (!slow.send(std::string(1, i < head.size() ? head[i] : 'x'))) break;
      std::this_thread::sleep_for(milliseconds(20));
    }
  });
  EXPECT_TRUE(silent.closed());
  const auto silent_took = Time::now() - began;
  drip.join();
  EXPECT_TRUE(slow.closed());
  const auto slow_took = Time::now() - began;
  EXPECT_GE(silent_took, milliseconds(400));
  EXPECT_LT(slow_took, milliseconds(5'000)) << "500 bytes at 20 ms each are 10 s";
  SecureClient good = secure();
  ASSERT_NE(good.tls, nullptr) << good.fault;
  std::this_thread::sleep_for(milliseconds(600));  // the deadline was the handshake's alone
  EXPECT_EQ(good.client.request("GET", "/").status, 200);
}

TEST_F(TlsServerTest, EachRequestOfAPipelineIsAnswered) {
  start_tls();
  ASSERT_EQ(secure_request("PUT", "/db").status, 201);
  SecureClient one = secure();
  // The feed waits, with the next requests decrypted behind it; then it is given something.
  const std::string host = "Host: localhost\r\n\r\n";
  ASSERT_TRUE(one.client.send("GET /db/_changes?feed=longpoll&since=0 HTTP/1.1\r\n" + host));
  std::this_thread::sleep_for(milliseconds(100));  // it is parked now, which is the harder order
  ASSERT_TRUE(one.client.send("GET /db HTTP/1.1\r\n" + host + "GET /_up HTTP/1.1\r\n" + host));
  std::this_thread::sleep_for(milliseconds(50));
  ASSERT_EQ(secure_request("PUT", "/db/a", "{}").status, 201);
  EXPECT_EQ(one.client.read_reply().json().at("results").as_array().size(), 1u);
  EXPECT_EQ(one.client.read_reply().text("db_name"), "db");
  EXPECT_EQ(one.client.read_reply().text("status"), "ok");
}

TEST_F(TlsServerTest, FeedEndsWhenItsClientSaysGoodbye) {
  start_tls();
  ASSERT_EQ(secure_request("PUT", "/db").status, 201);
  const auto feeds = [&] {
    return secure_request("GET", "/_node/_local/_stats/httpd/clients_requesting_changes")
        .text("value");
  };
  SecureClient one = secure();
  one.client.send_request("GET", "/db/_changes?feed=continuous&heartbeat=60000", "", as_admin());
  ASSERT_EQ(one.client.read_head().status, 200);
  ASSERT_EQ(feeds(), "1");
  // A record that carries nothing, and then the goodbye. The socket stays open.
  ASSERT_EQ(SSL_key_update(one.tls->ssl(), SSL_KEY_UPDATE_NOT_REQUESTED), 1);
  ASSERT_EQ(SSL_do_handshake(one.tls->ssl()), 1);
  ASSERT_EQ(feeds(), "1");
  one.tls->end();
  for (const auto end = Time::now() + std::chrono::seconds(10); feeds() != "0";) {
    ASSERT_LT(Time::now(), end) << "the feed of a client that left";
    std::this_thread::sleep_for(milliseconds(10));
  }
}

TEST_F(TlsServerTest, PeopleMeetOverTls) {
  start_tls();
  ASSERT_EQ(secure_request("PUT", "/db").status, 201);
  Web ada(std::move(secure().client)), bob(std::move(secure().client));
  ASSERT_EQ(ada.reply().status, 101);
  const std::string a = ada.key(), b = bob.key();
  const std::string large(15'000, 'x');
  ada.say("Ada", R"({"board":")" + large + "\"}");
  EXPECT_EQ(bob.must(), R"({"key":")" + a + R"(","name":"Ada","topics":{"board":")" + large +
                            R"("},"whole":true})");
  bob.say("Bob", R"({"board":1})");
  ada.must();
  for (int i = 2; i < 30; ++i) {
    bob.send(R"({"topics":{"board":)" + std::to_string(i) + "}}");
    if (i % 10 == 0) ada.must();
  }
  server_.reset();
  EXPECT_EQ(ada.end_code(), 1001);
}

TEST_F(TlsServerTest, AStoppingServerEndsInGoodOrder) {
  start_tls();
  SecureClient idle = secure();
  ASSERT_EQ(idle.client.request("GET", "/").status, 200);
  server_.reset();
  EXPECT_TRUE(idle.client.closed());
  EXPECT_TRUE(idle.tls->ended_in_good_order());
}

TEST_F(TlsServerTest, TheSocketFileStaysPlain) {
  ServerOptions options = tls_options();
  options.unix_socket = folder_ / "socket";
  start_tls(options);
  EXPECT_EQ(Client(folder_ / "socket").request("PUT", "/db").status, 201);
}

// --- files

/// What the server told, and waiting for it.
class Notices {
 public:
  std::function<void(const std::string&)> taker() {
    return [this](const std::string& text) {
      const std::scoped_lock lock(mutex_);
      all_.push_back(text);
    };
  }
  std::vector<std::string> all() const {
    const std::scoped_lock lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

class TlsReloadTest : public TlsServerTest {
 protected:
  void begin() {
    ServerOptions options = tls_options();
    options.tls_notice = notices_.taker();
    start_tls(options);
  }
  std::string shown() {
    SecureClient one = secure();
    EXPECT_NE(one.tls, nullptr) << one.fault;
    return one.tls ? one.tls->sha256() : "";
  }
  /// Makes new connections until `done`; false after ten seconds.
  bool until(const std::function<bool()>& done) {
    for (const auto end = Time::now() + std::chrono::seconds(10); Time::now() < end;) {
      if (done()) return true;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return false;
  }
  static std::string sha256_of(const CertificatePair& pair) {
    return read_certificate(pair.certificate)->sha256;
  }

  Notices notices_;
};

TEST_F(TlsReloadTest, NewConnectionsGetNewFilesAndRunningOnesGoOn) {
  begin();
  SecureClient old = secure();
  ASSERT_EQ(old.client.request("GET", "/").status, 200);
  const CertificatePair fresh = make_pair({"fresh.example"});
  write_pair(fresh);
  ASSERT_TRUE(until([&] { return shown() == sha256_of(fresh); }));
  EXPECT_EQ(server_->certificate()->sha256, sha256_of(fresh));
  EXPECT_EQ(server_->certificate()->names, std::vector<std::string>{"fresh.example"});
  EXPECT_EQ(old.client.request("GET", "/").status, 200);
  EXPECT_EQ(old.tls->sha256(), sha256_of(pair_));
  ASSERT_FALSE(notices_.all().empty());
  EXPECT_NE(notices_.all().back().find(fingerprint_words(sha256_of(fresh))), std::string::npos);
}

TEST_F(TlsReloadTest, BrokenFilesAreToldOnceAndTheLastGoodOneStays) {
  begin();
  write(certificate_file(), "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n");
  ASSERT_TRUE(until([&] {
    EXPECT_EQ(shown(), sha256_of(pair_));
    return !notices_.all().empty();
  }));
  EXPECT_NE(notices_.all().front().find("cert.pem"), std::string::npos) << notices_.all().front();
  const auto end = Time::now() + milliseconds(2'200);  // two looks more
  while (Time::now() < end) {
    EXPECT_EQ(shown(), sha256_of(pair_));
    std::this_thread::sleep_for(milliseconds(100));
  }
  EXPECT_EQ(notices_.all().size(), 1u) << notices_.all().back();
  const CertificatePair fresh = make_pair();
  write_pair(fresh);
  EXPECT_TRUE(until([&] { return shown() == sha256_of(fresh); }));
}

TEST_F(TlsReloadTest, ACertificateWaitsForItsKey) {
  begin();
  const CertificatePair fresh = make_pair();
  write(certificate_file(), fresh.certificate);  // and the key that belongs to the old one
  ASSERT_TRUE(until([&] {
    EXPECT_EQ(shown(), sha256_of(pair_));
    return !notices_.all().empty();
  }));
  EXPECT_NE(notices_.all().front().find("not that of the certificate"), std::string::npos);
  write(key_file(), fresh.key);
  EXPECT_TRUE(until([&] { return shown() == sha256_of(fresh); }));
}

TEST_F(TlsReloadTest, MissingFilesChangeNothing) {
  begin();
  std::filesystem::remove(key_file());
  ASSERT_TRUE(until([&] {
    EXPECT_EQ(shown(), sha256_of(pair_));
    return !notices_.all().empty();
  }));
  EXPECT_NE(notices_.all().front().find("key.pem"), std::string::npos) << notices_.all().front();
}

TEST_F(TlsReloadTest, ASecondFileOfTheSameSizeAndTimeIsSeen) {
  begin();
  const auto time = std::filesystem::last_write_time(certificate_file());
  CertificatePair fresh = make_pair();
  for (int i = 0; fresh.certificate.size() != pair_.certificate.size() && i < 100; ++i)
    fresh = make_pair();
  ASSERT_EQ(fresh.certificate.size(), pair_.certificate.size());
  write_pair(fresh);
  std::filesystem::last_write_time(certificate_file(), time);
  std::filesystem::last_write_time(key_file(), time);
  EXPECT_TRUE(until([&] { return shown() == sha256_of(fresh); }));
}

TEST_F(TlsServerTest, FilesThatCannotBeUsedStartNoServer) {
  const CertificatePair one = make_pair(), other = make_pair();
  const auto fault = [&](const std::string& certificate, const std::string& key) {
    write(certificate_file(), certificate);
    write(key_file(), key);
    const auto started = Server::start(tls_options(), catalog_, {});
    EXPECT_FALSE(started);
    return started ? std::string() : started.error().message;
  };
  EXPECT_NE(fault("", one.key).find("cert.pem"), std::string::npos);
  EXPECT_NE(fault("nothing", one.key).find("cert.pem"), std::string::npos);
  EXPECT_NE(fault(one.key, one.key).find("cert.pem"), std::string::npos);
  EXPECT_NE(fault(one.certificate, "").find("key.pem"), std::string::npos);
  EXPECT_NE(fault(one.certificate, one.certificate).find("key.pem"), std::string::npos);
  EXPECT_NE(fault(one.certificate, other.key).find("not that of the certificate"),
            std::string::npos);
  EXPECT_NE(
      fault(one.certificate + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            one.key)
          .find("chain"),
      std::string::npos);
  // Under a password: nobody is asked for it.
  BIO* plain = BIO_new_mem_buf(one.key.data(), -1);
  EVP_PKEY* key = PEM_read_bio_PrivateKey(plain, nullptr, nullptr, nullptr);
  BIO* sealed = BIO_new(BIO_s_mem());
  char password[] = "password";
  PEM_write_bio_PKCS8PrivateKey(sealed, key, EVP_aes_256_cbc(), password, 8, nullptr, nullptr);
  char* text = nullptr;
  const long size = BIO_get_mem_data(sealed, &text);
  EXPECT_NE(fault(one.certificate, std::string(text, static_cast<std::size_t>(size)))
                .find("without a password"),
            std::string::npos);
  EVP_PKEY_free(key);
  BIO_free(plain);
  BIO_free(sealed);
  std::filesystem::remove(key_file());
  write(certificate_file(), one.certificate);
  const auto started = Server::start(tls_options(), catalog_, {});
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("key.pem"), std::string::npos);
  ServerOptions half = tls_options();
  half.tls_key.clear();
  EXPECT_FALSE(Server::start(half, catalog_, {}));
}

TEST_F(TlsServerTest, WhoeverChecksRefusesWhatIsOverAndWhatIsAnothers) {
  pair_ = make_pair({"localhost"}, -1);
  write_pair(pair_);
  start(tls_options());
  EXPECT_EQ(secure({.trusted = pair_.certificate}).fault, "certificate verify failed");
  server_.reset();
  start_tls();
  EXPECT_EQ(secure({.trusted = make_pair().certificate}).fault, "certificate verify failed");
  EXPECT_EQ(secure({.trusted = pair_.certificate, .host = "other.example"}).fault,
            "certificate verify failed");
  EXPECT_NE(secure({.trusted = pair_.certificate, .host = "localhost"}).tls, nullptr);
}

// --- certificates

TEST(CertificateTest, OneMadeHereSaysWhatItIs) {
  const auto made = make_self_signed({"localhost", "127.0.0.1", "::1", "Example.org", "localhost"});
  ASSERT_TRUE(made) << made.error().message;
  const auto read = read_certificate(made->certificate);
  ASSERT_TRUE(read);
  EXPECT_TRUE(read->self_signed);
  EXPECT_EQ(read->names,
            (std::vector<std::string>{"localhost", "127.0.0.1", "::1", "Example.org"}));
  EXPECT_EQ(read->sha256.size(), 64u);
  EXPECT_NE(made->key.find("PRIVATE KEY"), std::string::npos);
  const std::int64_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  EXPECT_LT(read->begins_s, now);
  EXPECT_NEAR(static_cast<double>(read->ends_s - now), 3650.0 * 86'400, 3600);
  EXPECT_NE(make_self_signed({"localhost"})->key, make_self_signed({"localhost"})->key);
}

TEST(CertificateTest, NamesThatCannotStandInItAreRefused) {
  EXPECT_FALSE(make_self_signed({}));
  for (const char* name : {"", "a,DNS:evil.example", "a b", "fe80::1%lo", "a\n", "é"})
    EXPECT_FALSE(make_self_signed({"localhost", name})) << name;
}

TEST(CertificateTest, CoversItsNamesAndOneLabelOfAWildcard) {
  Certificate one;
  one.names = {"Localhost", "*.example.org", "10.0.0.1"};
  for (const char* name : {"localhost", "LOCALHOST", "a.example.org", "10.0.0.1"})
    EXPECT_TRUE(one.covers(name)) << name;
  for (const char* name : {"", "example.org", "a.b.example.org", "10.0.0.2", "ocalhost"})
    EXPECT_FALSE(one.covers(name)) << name;
}

TEST(CertificateTest, FingerprintsAreForPeople) {
  EXPECT_EQ(fingerprint_words("00ab9f"), "00:AB:9F");
  EXPECT_FALSE(read_certificate("nothing"));
}

}  // namespace
}  // namespace atelier::server_test
