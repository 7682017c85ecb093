// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_url.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::errc;
using agent_websocket::adapters::parse_redis_url;
using agent_websocket::adapters::redis_address;
using agent_websocket::adapters::redis_url;

namespace {

/// All of it on one line: "host:port tls user password db prefix cluster ca".
std::string parts(const std::string& text) {
  const auto parsed = parse_redis_url(text);
  if (!parsed) {
    CHECK(parsed.error().code == errc::bad_configuration);
    return parsed.error().message;
  }
  return parsed->address.text() + (parsed->secure ? " tls" : "") + " [" + parsed->user + "|" +
         parsed->password + "] " + std::to_string(parsed->database) + " " + parsed->prefix +
         (parsed->cluster ? " cluster" : "") +
         (parsed->ca_file.empty() ? std::string() : " " + parsed->ca_file);
}

}  // namespace

TEST_CASE("redis url: all forms") {
  struct row {
    const char* text;
    const char* parts;
  };
  for (const row& each : {
           row{"redis://localhost", "localhost:6379 [|] 0 agent_websocket:"},
           {"redis://localhost/", "localhost:6379 [|] 0 agent_websocket:"},
           {"REDIS://10.0.0.1:7000", "10.0.0.1:7000 [|] 0 agent_websocket:"},
           {"redis://[::1]", "[::1]:6379 [|] 0 agent_websocket:"},
           {"redis://[::1]:7000/2", "[::1]:7000 [|] 2 agent_websocket:"},
           {"rediss://redis.example", "redis.example:6379 tls [|] 0 agent_websocket:"},
           {"redis://:secret@localhost", "localhost:6379 [|secret] 0 agent_websocket:"},
           {"redis://me:secret@localhost:1/15", "localhost:1 [me|secret] 15 agent_websocket:"},
           {"redis://me:a:b@c@localhost", "localhost:6379 [me|a:b@c] 0 agent_websocket:"},
           {"redis://m%65:%2F%3f%23%40%25@localhost",
            "localhost:6379 [me|/?#@%] 0 agent_websocket:"},
           {"redis://localhost?prefix=chat:", "localhost:6379 [|] 0 chat:"},
           {"redis://localhost/?prefix=a%3Ab&cluster=1", "localhost:6379 [|] 0 a:b cluster"},
           {"rediss://h/0?ca=/etc/ca.pem&cluster=0", "h:6379 tls [|] 0 agent_websocket: /etc/ca.pem"},
       }) {
    CHECK(parts(each.text) == each.parts);
  }
}

TEST_CASE("redis url: what is wrong, and what would be right") {
  struct row {
    const char* text;
    const char* words;
  };
  for (const row& each : {
           row{"", "it begins with redis:// or rediss:// (with TLS)"},
           {"localhost:6379", "it begins with redis:// or rediss:// (with TLS)"},
           {"redis:/localhost", "it begins with redis:// or rediss:// (with TLS)"},
           {"redis://", "the host is missing"},
           {"redis://:6379", "the host is missing"},
           {"redis://:hidden@", "the host is missing"},
           {"redis://a b", "it holds a space or a character that is not of ASCII"},
           {"redis://localhost:0", "a port is a number from 1 to 65535"},
           {"redis://localhost:65536", "a port is a number from 1 to 65535"},
           {"redis://::1", "an IPv6 address stands in brackets: [::1]"},
           {"redis://[::1", "the bracket of an IPv6 address is not closed"},
           {"redis://hidden@localhost", "before the @ stands user:password, or :password alone"},
           {"redis://hidden:@localhost", "before the @ stands user:password, or :password alone"},
           {"redis://me:hid%zden@localhost", "a % in the user or the password is written %25"},
           {"redis://me:hidden%4@localhost", "a % in the user or the password is written %25"},
           {"redis://me:hid/den@localhost",
            "in a user or a password / ? # are written %2F %3F %23, an @ %40"},
           {"redis://me:hid#den@localhost",
            "in a user or a password / ? # are written %2F %3F %23, an @ %40"},
           {"redis://localhost/zero", "after the host stands the number of a database, as in /0"},
           {"redis://localhost/-1", "after the host stands the number of a database, as in /0"},
           {"redis://localhost/1/2", "after the host stands the number of a database, as in /0"},
           {"redis://localhost/99999999999",
            "after the host stands the number of a database, as in /0"},
           {"redis://localhost?hidden", "its options are written name=value, a % as %25"},
           {"redis://localhost?prefix=%", "its options are written name=value, a % as %25"},
           {"redis://localhost?password=hidden",
            "it has an option that is unknown; known are prefix=, cluster=, ca="},
           {"redis://localhost?prefix=", "prefix= is 1 to 64 characters without braces and spaces"},
           {"redis://localhost?prefix=%7Ba%7D",
            "prefix= is 1 to 64 characters without braces and spaces"},
           {"redis://localhost?cluster=yes", "cluster= is 0 or 1"},
           {"redis://localhost/1?cluster=1", "a cluster has no database but 0"},
           {"redis://localhost?ca=/etc/ca.pem", "ca= needs TLS: rediss://"},
           {"rediss://localhost?ca=", "ca= is the name of a file in PEM form"},
       }) {
    const std::string said = parts(each.text);
    CHECK(said == std::string("the address of Redis is wrong: ") + each.words);
    CHECK(said.find("hid") == std::string::npos);
  }
}

TEST_CASE("redis url: no text breaks it, and none of a password comes out") {
  const std::string seed = "redis://me:hidden@host:6379/1?prefix=p&cluster=0";
  for (std::size_t i = 0; i < seed.size(); ++i) {
    for (const char c : {'@', ':', '/', '?', '#', '%', '[', ']', ' ', '\0', '&', '=', '9', 'x'}) {
      std::string text = seed;
      text[i] = c;
      const auto changed = parse_redis_url(text);
      if (!changed) CHECK(changed.error().message.find("dden") == std::string::npos);
      text = seed;
      text.insert(i, 1, c);
      const auto longer = parse_redis_url(text);
      if (!longer) CHECK(longer.error().message.find("dden") == std::string::npos);
      parse_redis_url(seed.substr(0, i));
    }
  }
}

TEST_CASE("redis url: addresses are compared by both parts") {
  CHECK((redis_address{"a", 1} == redis_address{"a", 1}));
  CHECK((redis_address{"a", 1} != redis_address{"a", 2}));
  CHECK((redis_address{"a", 1} != redis_address{"b", 1}));
  CHECK(redis_address{"fe80::1", 1}.text() == "[fe80::1]:1");
}
