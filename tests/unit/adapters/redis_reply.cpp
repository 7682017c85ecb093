// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_reply.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::adapters::error_of_redis;
using agent_websocket::adapters::make_redis_command;
using agent_websocket::adapters::redis_error_kind;
using agent_websocket::adapters::redis_reader;
using agent_websocket::adapters::redis_view;

namespace {

/// A reply as one line: (a b), "text", 12, !error, nil.
std::string shown(const redis_view& reply) {
  if (reply.is_error()) return "!" + std::string(reply.text());
  if (reply.is_nil()) return "nil";
  if (!reply.is_array()) {
    const auto number = reply.number();
    return number ? std::to_string(*number) : "\"" + std::string(reply.text()) + "\"";
  }
  std::string all = "(";
  for (std::size_t i = 0; i < reply.size(); ++i) all += (i == 0 ? "" : " ") + shown(reply[i]);
  return all + ")";
}

/// All replies of the bytes, given in pieces of that size; "broken" at the end of bad ones.
std::string replies(const std::string& bytes, std::size_t piece) {
  redis_reader reader;
  std::string all;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(std::string_view(bytes).substr(at, piece));
    for (;;) {
      auto next = reader.next();
      if (!next) {
        CHECK(next.error().code == errc::protocol_error);
        return all + "broken";
      }
      if (!next->has_value()) break;
      all += shown(**next) + ";";
    }
  }
  return all;
}

const std::string example =
    "+OK\r\n:12\r\n$4\r\na\r\nb\r\n-ERR no\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n"
    "*3\r\n$1\r\nx\r\n:-3\r\n*2\r\n$2\r\n42\r\n$-1\r\n";

}  // namespace

TEST_CASE("redis reply: all kinds, whole and in pieces") {
  const std::string whole = replies(example, 1000);
  CHECK(whole == "\"OK\";12;\"a\r\nb\";!ERR no;nil;nil;();\"\";(\"x\" \"\" (42 nil));");
  for (std::size_t piece = 1; piece < example.size(); ++piece) {
    CHECK(replies(example, piece) == whole);
  }
}

TEST_CASE("redis reply: what is no reply") {
  CHECK(replies("HTTP/1.1 200 OK\r\n", 100) == "broken");
  CHECK(replies("+OK\r\n?\r\n", 3) == "\"OK\";broken");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "*1\r\n";
  CHECK(replies(deep, 4) == "broken");
  std::mt19937 random(5);
  for (int round = 0; round < 2000; ++round) {
    std::string text(1 + random() % 40, ' ');
    for (char& c : text) c = "*$+-:0123456789\r\n ab"[random() % 19];
    replies(text, 1 + random() % 7);  // comes back
  }
}

TEST_CASE("redis reply: asked for what it is not, it has nothing") {
  const redis_view nothing;
  CHECK(nothing.is_nil());
  CHECK(nothing.text().empty());
  CHECK(nothing.size() == 0);
  CHECK_FALSE(nothing.number());
  CHECK(nothing[3][4].is_nil());
  redis_reader reader;
  reader.feed("*1\r\n$3\r\nabc\r\n:-1\r\n$20\r\n99999999999999999999\r\n$2\r\n1x\r\n");
  const auto array = reader.next();
  CHECK((**array)[1].is_nil());
  CHECK_FALSE((**array).number());
  CHECK((**array)[0][0].is_nil());
  for (int i = 0; i < 3; ++i) CHECK_FALSE((**reader.next()).number());
}

TEST_CASE("redis reply: commands") {
  CHECK(*make_redis_command({"PING"}) == "*1\r\n$4\r\nPING\r\n");
  CHECK(*make_redis_command({"SET", "", std::string_view("\0\r\n", 3)}) ==
        std::string("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$3\r\n\0\r\n\r\n", 28));
  CHECK(*make_redis_command({"SET", std::string_view(), "x"}) ==
        "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$1\r\nx\r\n");
  std::vector<std::string_view> many(5000, "word");
  CHECK(make_redis_command(many)->substr(0, 7) == "*5000\r\n");
}

TEST_CASE("redis reply: what errors mean") {
  struct row {
    const char* text;
    errc code;
    const char* words;
  };
  for (const row& each : {
           row{"NOAUTH Authentication required.", errc::bad_configuration,
               "The store refuses this server"},
           {"WRONGPASS invalid", errc::bad_configuration, "The store refuses this server"},
           {"NOPERM this user", errc::bad_configuration, "The store refuses this server"},
           {"OOM command not allowed", errc::internal, "The store is full"},
           {"LOADING Redis is loading", errc::connection_failed, "The store is not available"},
           {"READONLY You can't write", errc::connection_failed, "The store is not available"},
           {"CLUSTERDOWN Hash slot not served", errc::connection_failed,
            "The store is not available"},
           {"MASTERDOWN Link", errc::connection_failed, "The store is not available"},
           {"BUSY Redis is busy", errc::connection_failed, "The store is not available"},
           {"MISCONF Redis", errc::connection_failed, "The store is not available"},
           {"ERR unknown command", errc::internal, "The store failed"},
           {"OOMPH", errc::internal, "The store failed"},
           {"", errc::internal, "The store failed"},
       }) {
    const error found = error_of_redis(each.text);
    CAPTURE(each.text);
    CHECK(found.code == each.code);
    CHECK(found.message == each.words);
    CHECK(found.detail == std::string("redis: ") + each.text);
  }
  CHECK(redis_error_kind("MOVED 1 a:1") == "MOVED");
  CHECK(redis_error_kind("ERR") == "ERR");
}
