// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_connection.hpp>

#include "loopback/redis_peer.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

using agent_websocket::errc;
using agent_websocket::result;
using agent_websocket::adapters::make_redis_command;
using agent_websocket::adapters::redis_connection;
using agent_websocket::adapters::redis_connection_settings;
using agent_websocket::adapters::redis_handler;
using agent_websocket::adapters::redis_reply;
using loopback::redis_peer;

namespace {

using std::chrono::milliseconds;
using texts = std::vector<std::string>;

/// A connection to a peer that answers +PONG to PING, and as it is told to the rest.
struct bench {
  explicit bench(redis_peer::answer each, redis_connection_settings settings = {})
      : peer(context, [each = std::move(each)](const std::string& command) {
          const std::string said = each(command);
          return said == "default" ? std::string("+PONG\r\n") : said;
        }) {
    settings.address = {"127.0.0.1", peer.port()};
    settings.timeout = milliseconds(300);
    settings.on_event = [this](std::string_view event, std::string_view text) {
      told.push_back(std::string(event) + " " + std::string(text.substr(text.find(' ') + 1)));
    };
    connection = std::make_unique<redis_connection>(context, std::move(settings));
  }

  void send(const std::string& word) {
    connection->send(make_redis_command({word}), handler(word));
  }
  redis_handler handler(const std::string& word) {
    return [this, word](const result<redis_reply>& reply) {
      if (reply) {
        outcomes.push_back(word + "=" + std::string(reply->text()));
      } else {
        CHECK((reply.error().code == errc::connection_failed ||
               reply.error().code == errc::bad_configuration));
        detail = reply.error().detail;
        outcomes.push_back(word + "!");
      }
      if (then) then();
    };
  }
  void run(const std::function<bool()>& ready, milliseconds most = milliseconds(5'000)) {
    const auto end = std::chrono::steady_clock::now() + most;
    while (!ready() && std::chrono::steady_clock::now() < end) {
      context.restart();
      context.run_one_for(milliseconds(10));
    }
  }
  void run_for(milliseconds time) {
    context.restart();
    context.run_for(time);
  }

  asio::io_context context;
  redis_peer peer;
  std::unique_ptr<redis_connection> connection;
  texts outcomes, told;
  std::string detail;
  std::function<void()> then;
};

std::string echo(const std::string& command) {
  return command == "PING" ? "default" : "+" + command + "\r\n";
}

}  // namespace

TEST_CASE("redis connection: replies in the order of the commands") {
  bench at(echo);
  CHECK(at.peer.accepted() == 0);
  texts expected;
  for (int i = 0; i < 300; ++i) {
    at.send("c" + std::to_string(i));
    expected.push_back("c" + std::to_string(i) + "=c" + std::to_string(i));
  }
  CHECK(at.outcomes.empty());
  CHECK(at.connection->pending() == 300);
  at.run([&] { return at.outcomes.size() == 300; });
  CHECK(at.outcomes == expected);
  CHECK(at.connection->pending() == 0);
  CHECK(at.connection->is_ready());
  CHECK(at.peer.accepted() == 1);
  CHECK(at.peer.commands().front() == "PING");
  at.send("later");
  at.run([&] { return at.outcomes.size() == 301; });
  CHECK(at.outcomes.back() == "later=later");
  CHECK(at.told == texts{"redis_connected 127.0.0.1:" + std::to_string(at.peer.port())});
}

TEST_CASE("redis connection: signs in before all else") {
  redis_connection_settings settings;
  settings.user = "me";
  settings.password = "secret";
  settings.database = 4;
  bench at([](const std::string& command) { return command == "PING" ? "default" : "+OK\r\n"; },
           settings);
  at.send("GET");
  at.run([&] { return at.outcomes.size() == 1; });
  CHECK(at.peer.commands() == texts{"AUTH me secret", "SELECT 4", "PING", "GET"});
  settings.user.clear();
  bench by_password([](const std::string&) { return "+OK\r\n"; }, settings);
  by_password.connection->connect();
  by_password.run([&] { return by_password.connection->is_ready(); });
  CHECK(by_password.peer.commands().front() == "AUTH secret");
}

TEST_CASE("redis connection: refused, and let in later") {
  bool is_loading = true;
  bench at([&](const std::string& command) -> std::string {
    if (command == "PING" && is_loading) return "-LOADING Redis is loading\r\n";
    return echo(command);
  });
  at.send("one");
  at.run([&] { return at.outcomes.size() == 1; });
  CHECK(at.outcomes == texts{"one!"});
  CHECK(at.detail == "redis: LOADING Redis is loading");
  at.send("two");  // at once
  at.run([&] { return at.outcomes.size() == 2; }, milliseconds(20));
  CHECK(at.outcomes.size() == 2);
  is_loading = false;
  at.run([&] { return at.connection->is_ready(); });
  at.send("three");
  at.run([&] { return at.outcomes.size() == 3; });
  CHECK(at.outcomes.back() == "three=three");
  CHECK(at.told.size() == 2);
  CHECK(at.told.front() == "redis_lost LOADING Redis is loading");
  // A user that may not PING is let in all the same.
  bench other([](const std::string& command) {
    return command == "PING" ? std::string("-NOPERM no\r\n") : echo(command);
  });
  other.send("x");
  other.run([&] { return other.outcomes.size() == 1; });
  CHECK(other.outcomes == texts{"x=x"});
}

TEST_CASE("redis connection: it breaks with commands on the way") {
  for (const char* end : {"close", "rubbish\r\n", "+a\r\n+b\r\n+c\r\n+d\r\n+e\r\n+f\r\n"}) {
    CAPTURE(end);
    bench at([&](const std::string& command) -> std::string {
      if (command == "c2") return end;
      return end[0] == '+' && command[0] == 'c' && command > "c2" ? "" : echo(command);
    });
    for (int i = 0; i < 5; ++i) at.send("c" + std::to_string(i));
    at.run([&] { return at.outcomes.size() == 5; });
    at.run_for(milliseconds(20));
    REQUIRE(at.outcomes.size() == 5);
    CHECK(at.outcomes[0] == "c0=c0");
    CHECK(at.outcomes[1] == "c1=c1");
    if (end[0] == '+') {
      CHECK(at.outcomes[4] == "c4=c");  // and then one that nobody asked for
      CHECK(at.told.back() == "redis_lost a reply that nobody asked for");
    } else {
      CHECK(at.outcomes[2] == "c2!");
      CHECK(at.outcomes[4] == "c4!");
    }
    at.run([&] { return at.told.size() == 3; });
    at.send("again");
    at.run([&] { return at.outcomes.size() == 6; });
    CHECK(at.outcomes.back() == "again=again");
  }
}

TEST_CASE("redis connection: a server that became a replica is left, for what its name leads to now") {
  bench at([](const std::string& command) {
    return command == "write" ? std::string("-READONLY You can't write\r\n") : echo(command);
  });
  at.send("write");
  at.send("read");
  at.run([&] { return at.outcomes.size() == 2; });
  CHECK(at.outcomes == texts{"write=READONLY You can't write", "read!"});
  at.run([&] { return at.peer.accepted() == 2; });
  CHECK(at.peer.accepted() == 2);
  CHECK(at.told[1] == "redis_lost it is a replica now");
}

TEST_CASE("redis connection: attempts become rare") {
  bench at([](const std::string&) { return "close"; });
  at.send("x");
  at.run_for(milliseconds(1'500));
  CHECK(at.outcomes == texts{"x!"});
  CHECK(at.peer.accepted() >= 2);
  CHECK(at.peer.accepted() <= 7);
  CHECK(at.told.size() == 1);
}

TEST_CASE("redis connection: a reply may take long as long as it comes") {
  bench at([](const std::string& command) -> std::string {
    return command == "PING" ? "default" : "$20\r\n";
  });
  at.send("slow");
  at.run([&] { return at.peer.commands().size() == 2; });
  for (int i = 0; i < 10; ++i) {
    at.run_for(milliseconds(100));
    at.peer.say("ab");
  }
  at.peer.say("\r\n");
  at.run([&] { return at.outcomes.size() == 1; });
  CHECK(at.outcomes == texts{"slow=abababababababababab"});
  at.send("stuck");
  const auto begin = std::chrono::steady_clock::now();
  at.run([&] { return at.outcomes.size() == 2; });
  CHECK(at.outcomes.back() == "stuck!");
  CHECK(at.detail.find("no reply in time") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begin >= milliseconds(290));
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(1'500));
}

TEST_CASE("redis connection: what is sent meanwhile is no sign of life") {
  bench at([](const std::string& command) { return command == "PING" ? "default" : ""; });
  at.send("first");
  const auto begin = std::chrono::steady_clock::now();
  while (at.outcomes.empty() && std::chrono::steady_clock::now() - begin < milliseconds(2'000)) {
    at.run_for(milliseconds(50));
    at.send("more");
  }
  CHECK(std::chrono::steady_clock::now() - begin < milliseconds(1'500));
  REQUIRE_FALSE(at.outcomes.empty());
  CHECK(at.outcomes.front() == "first!");
}

TEST_CASE("redis connection: no answer to the sign-in, no such name") {
  bench at([](const std::string&) { return ""; });
  at.send("x");
  at.run([&] { return at.outcomes.size() == 1; });
  CHECK(at.outcomes == texts{"x!"});
  CHECK(at.detail.find("no connection in time") != std::string::npos);

  asio::io_context context;
  redis_connection_settings settings;
  settings.address = {"no-such-host.invalid", 1};
  settings.timeout = milliseconds(500);
  redis_connection connection(context, settings);
  std::string said;
  connection.send(make_redis_command({"PING"}),
                  [&](const result<redis_reply>& reply) { said = reply.error().detail; });
  for (int i = 0; i < 300 && said.empty(); ++i) {
    context.restart();
    context.run_for(milliseconds(10));
  }
  CHECK(said.find("redis at no-such-host.invalid:1: ") == 0);
}

TEST_CASE("redis connection: messages come beside the replies") {
  texts messages;
  int ready = 0;
  redis_connection_settings settings;
  settings.on_message = [&](const redis_reply& reply) {
    messages.push_back(std::string(reply[2].text()));
  };
  settings.on_ready = [&] { ++ready; };
  const std::string message = "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n";
  bench at([&](const std::string& command) { return command == "x" ? message + "+x\r\n" : echo(command); },
           settings);
  at.send("x");
  at.run([&] { return at.outcomes.size() == 1; });
  CHECK(at.outcomes == texts{"x=x"});
  at.peer.say(message);
  at.run([&] { return messages.size() == 2; });
  CHECK(messages == texts{"hi", "hi"});
  CHECK(ready == 1);
}

TEST_CASE("redis connection: it goes within any of its calls") {
  for (const bool breaks : {false, true}) {
    for (std::size_t at_call = 1; at_call <= 4; ++at_call) {
      CAPTURE(at_call);
      bench at([&](const std::string& command) -> std::string {
        return breaks && command == "c1" ? "close" : echo(command);
      });
      at.then = [&] {
        if (at.outcomes.size() == at_call) at.connection.reset();
      };
      for (int i = 0; i < 6; ++i) at.send("c" + std::to_string(i));
      at.run([&] { return at.outcomes.size() >= at_call; });
      at.run_for(milliseconds(30));
      CHECK(at.outcomes.size() == at_call);
    }
  }
  bench at(echo);
  const auto held = std::make_shared<int>(0);
  for (int i = 0; i < 5; ++i) {
    at.connection->send(make_redis_command({"x"}), [held](const result<redis_reply>&) { CHECK(false); });
  }
  at.connection.reset();
  CHECK(held.use_count() == 1);
  at.run_for(milliseconds(30));

  // The same of those that are refused at once.
  bench away([](const std::string&) { return "close"; });
  away.send("x");
  away.run([&] { return !away.outcomes.empty(); });
  for (int i = 0; i < 5; ++i) {
    away.connection->send(make_redis_command({"x"}),
                          [held](const result<redis_reply>&) { CHECK(false); });
  }
  CHECK(held.use_count() == 6);
  away.connection.reset();
  CHECK(held.use_count() == 1);
  away.run_for(milliseconds(30));
}
