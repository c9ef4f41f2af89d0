# cpp-httplib 0.41 or later, one header. Debian 12's package is 0.11.4, which cannot pull a stream.
#
#   atelier_httplib    INTERFACE. Link it PRIVATE and include <httplib.h> in one .cpp only: it costs
#                      20 s of compile, and its class layouts depend on the macros below.

include_guard(GLOBAL)
include("${CMAKE_CURRENT_LIST_DIR}/DebianSource.cmake")

find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Threads REQUIRED)

atelier_source(
  NAME httplib
  DEBIAN cpp-httplib
  HAS httplib.h
  VERSION_MIN 0.41
  VERSION_BELOW 1
  URL https://github.com/yhirose/cpp-httplib/archive/refs/tags/v0.41.0.tar.gz
  URL_HASH SHA256=6d38a6b74ea33ac3133b8352f2b55b557c1d42f36e1ed0c01f852e3218329d39
  URL_VERSION 0.41.0
  OUT_VAR _atelier_httplib_dir
  OUT_VERSION_VAR _atelier_httplib_version)

add_library(atelier_httplib INTERFACE)
target_include_directories(atelier_httplib SYSTEM INTERFACE "${_atelier_httplib_dir}")
# CPPHTTPLIB_USE_NON_BLOCKING_GETADDRINFO stays off: in 0.41 a look-up that times out returns
# while the resolver's thread may still write into the frame that it left (gai_cancel can answer
# "not canceled").
# A peer that hangs up must not kill the process; TLS writes need SIGPIPE ignored as well.
target_compile_definitions(
  atelier_httplib INTERFACE CPPHTTPLIB_OPENSSL_SUPPORT CPPHTTPLIB_ZLIB_SUPPORT
                            CPPHTTPLIB_SEND_FLAGS=MSG_NOSIGNAL)
target_link_libraries(atelier_httplib INTERFACE OpenSSL::SSL OpenSSL::Crypto ZLIB::ZLIB
                                                Threads::Threads)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(atelier_httplib INTERFACE -fno-gnu-unique)
endif()
