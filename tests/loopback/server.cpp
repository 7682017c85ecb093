// SPDX-License-Identifier: MIT
#include <agent_websocket/host/server.hpp>

#include <doctest/doctest.h>

#include <loopback/raw_client.hpp>
#include <loopback/raw_http_server.hpp>
#include <loopback/tls_client.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using namespace agent_websocket;
using loopback::raw_client;

namespace {

std::string quoted_after(const std::string& text, const std::string& mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) return {};
  const std::size_t begin = at + mark.size();
  return text.substr(begin, text.find('"', begin) - begin);
}

/// A server on a loop of the test's, with an upstream that repeats the last question word by word.
struct bench {
  asio::io_context context{1};
  loopback::raw_http_server upstream{context};
  std::unique_ptr<server> subject;
  std::vector<std::unique_ptr<raw_client>> clients;

  explicit bench(options chosen = {}) {
    upstream.answer = [](const loopback::raw_http_server::request& request) {
      const std::string mark = R"({"role":"user","content":")";
      const std::string question =
          quoted_after(request.body.substr(request.body.rfind(mark)), mark);
      std::string body;
      for (const std::string& piece : {std::string("You said: "), question}) {
        body += R"(data: {"choices":[{"delta":{"content":")" + piece + "\"}}]}\n\n";
      }
      body += "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
      return loopback::reply(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
          std::to_string(body.size()) + "\r\n\r\n" + body);
    };
    chosen.host = "127.0.0.1";
    chosen.port = 0;
    chosen.access.new_connections_per_second = 0;  // a thousand of one address at once
    chosen.access.messages_per_minute = chosen.access.user_messages_per_minute = 0;
    chosen.base_url = upstream.url("/v1");
    chosen.level = log_level::off;
    chosen.session.resume_window = chosen.run_grace = std::chrono::milliseconds(0);
    subject = std::make_unique<server>(std::move(chosen), context);
    REQUIRE(subject->start());
    REQUIRE(subject->port() != 0);
  }

  raw_client& connect() {
    clients.push_back(std::make_unique<raw_client>(subject->port()));
    REQUIRE(clients.back()->connected);
    clients.back()->send(loopback::upgrade_request());
    return *clients.back();
  }

  void say(raw_client& client, std::string_view text) {
    client.send(loopback::client_frame(loopback::fin | loopback::text, text));
  }

  template <typename Predicate>
  bool run_until(Predicate predicate, std::chrono::milliseconds limit = std::chrono::seconds(60)) {
    std::vector<raw_client*> all;
    for (const auto& each : clients) all.push_back(each.get());
    return loopback::run_until(context, all, predicate, limit);
  }
  bool all_hold(const std::string& text) {
    return run_until([&] {
      for (const auto& each : clients) {
        if (each->in.find(text) == std::string::npos) return false;
      }
      return true;
    });
  }
};

}  // namespace

TEST_CASE("server: a thousand sockets at once, each with its own conversation, none mixed") {
  bench test;
  constexpr std::size_t count = 1000;
  for (std::size_t i = 0; i < count; ++i) test.connect();
  REQUIRE(test.all_hold("Connected to Agent WebSocket. Session ID: "));
  CHECK(test.subject->basic().session_count() == count);

  for (int round = 0; round < 2; ++round) {
    const std::string name = round == 0 ? "first" : "second";
    for (std::size_t i = 0; i < count; ++i) {
      const std::string question = name + " of " + std::to_string(i) + "!";
      test.say(*test.clients[i], R"({"content":")" + question + R"(","stream":)" +
                                     (round == 0 ? "true" : "false") + "}");
    }
    REQUIRE(test.run_until([&] {
      for (std::size_t i = 0; i < count; ++i) {
        if (test.clients[i]->in.find("You said: " + name + " of " + std::to_string(i) + "!") ==
            std::string::npos) {
          return false;
        }
      }
      return true;
    }));
  }
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& in = test.clients[i]->in;
    ids.push_back(quoted_after(in, R"("session_id":")"));
    const std::string own = " of " + std::to_string(i) + "!";
    std::size_t foreign = 0;
    for (std::size_t at = in.find("You said: "); at != std::string::npos;
         at = in.find("You said: ", at + 1)) {
      const std::string said = in.substr(at, in.find('"', at) - at);
      if (said != "You said: " && said.find(own) == std::string::npos) ++foreign;
    }
    CHECK(foreign == 0u);
  }
  std::sort(ids.begin(), ids.end());
  CHECK(std::unique(ids.begin(), ids.end()) == ids.end());
  CHECK(ids.front().size() == 36u);

  for (const auto& each : test.clients) each->drop();
  CHECK(test.run_until([&] { return test.subject->basic().session_count() == 0; }));
}

TEST_CASE("server: notify, broadcast, post and stop may come from other threads") {
  bench test;
  raw_client& one = test.connect();
  test.connect();
  REQUIRE(test.all_hold("Session ID"));
  const std::string id = quoted_after(one.in, R"("session_id":")");

  int posted = 0;
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) test.subject->post([&posted] { ++posted; });
    test.subject->notify(id, "for one", "topic", R"({"n":1})");
    test.subject->broadcast("for all");
    test.subject->notify("nobody", "lost");
  });
  CHECK(test.all_hold("for all"));
  other.join();
  CHECK(posted == 100);
  CHECK(one.in.find(R"("seq":1,"topic":"topic","content":"for one","data":{"n":1})") !=
        std::string::npos);
  CHECK(one.in.find(R"("seq":2,"content":"for all")") != std::string::npos);
  CHECK(test.clients[1]->in.find("for one") == std::string::npos);
  CHECK(test.clients[1]->in.find(R"("seq":1,"content":"for all")") != std::string::npos);

  std::thread stopper([&] { test.subject->stop(); });
  CHECK(test.all_hold("Server is shutting down"));
  CHECK(test.all_hold("\x03\xF4"));  // 1012
  stopper.join();
}

TEST_CASE("server: run() ends after stop(), and after a signal, when the clients have been told") {
  for (const bool by_signal : {false, true}) {
    CAPTURE(by_signal);
    options chosen;
    chosen.host = "127.0.0.1";
    chosen.port = 0;
    chosen.base_url = "http://127.0.0.1:9/v1";
    chosen.level = log_level::off;
    server subject(chosen);
    subject.router().on_connect([&](auto&, const auto&) {
      if (by_signal) {
        std::raise(SIGTERM);
      } else {
        subject.stop();
      }
    });
    REQUIRE(subject.start());
    raw_client client(subject.port());
    REQUIRE(client.connected);
    client.send(loopback::upgrade_request());
    std::thread reader([&] {
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (client.in.find("\x03\xF4") == std::string::npos &&
             std::chrono::steady_clock::now() < end) {
        client.pump();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      client.send(loopback::close_frame(1012));
    });
    CHECK(subject.run());
    reader.join();
    CHECK(client.in.find("\x03\xF4") != std::string::npos);  // 1012
    CHECK(client.in.find("Connected to Agent WebSocket") != std::string::npos);
    CHECK(client.in.find("Server is shutting down") != std::string::npos);
  }
}

TEST_CASE("server: what is wrong is said by start() and run()") {
  options chosen;
  chosen.level = log_level::off;
  const result<void> without_key = server(chosen).run();
  REQUIRE_FALSE(without_key);
  CHECK(without_key.error().message.find("OPENROUTER_API_KEY") != std::string::npos);

  bench test;
  chosen.base_url = test.upstream.url("/v1");
  chosen.host = "127.0.0.1";
  chosen.port = test.subject->port();
  const result<void> taken = server(chosen).start();
  REQUIRE_FALSE(taken);
  CHECK(taken.error().message.find("127.0.0.1:" + std::to_string(chosen.port)) !=
        std::string::npos);
}

TEST_CASE("server: the options say who may come") {
  options chosen;
  REQUIRE(chosen.access.tokens.add("ada", "a-token-of-ada-1"));
  chosen.access.auth_timeout = std::chrono::milliseconds(0);
  bench b(chosen);
  const auto answer = [&](std::string_view fields) {
    b.clients.push_back(std::make_unique<raw_client>(b.subject->port()));
    raw_client& client = *b.clients.back();
    client.send(loopback::upgrade_request("/ws", fields));
    REQUIRE(b.run_until([&] { return client.in.find("\r\n\r\n") != std::string::npos; }));
    return client.in;
  };
  CHECK(answer("").rfind("HTTP/1.1 401 ", 0) == 0u);
  CHECK(answer("Authorization: Bearer a-token-of-ada-2\r\n").rfind("HTTP/1.1 401 ", 0) == 0u);
  CHECK(answer("Authorization: Bearer a-token-of-ada-1\r\n").rfind("HTTP/1.1 101 ", 0) == 0u);
  const std::string chose =
      answer("Sec-WebSocket-Protocol: agent-websocket.v1, bearer.a-token-of-ada-1\r\n");
  CHECK(chose.rfind("HTTP/1.1 101 ", 0) == 0u);
  CHECK(chose.find("agent-websocket.v1") != std::string::npos);
  CHECK(chose.find("a-token-of-ada-1") == std::string::npos);
  CHECK(b.subject->basic().session_count() == 2u);
}

TEST_CASE("server: the program's own authenticator stands in place of the options") {
  asio::io_context context(1);
  options chosen;
  chosen.host = "127.0.0.1";
  chosen.port = 0;
  chosen.api_key = "key";
  chosen.level = log_level::off;
  chosen.access.auth_timeout = std::chrono::milliseconds(0);
  chosen.access.jwt_secret = "too short, and not looked at";
  server subject(chosen, context);
  int asked = 0;
  subject.authenticate_with([&](const credentials& shown) -> result<principal> {
    ++asked;
    if (shown.token == "open sesame" || shown.token == "sesame") return principal{"ali"};
    return error(errc::forbidden);
  });
  REQUIRE(subject.start());
  raw_client good(subject.port()), bad(subject.port());
  good.send(loopback::upgrade_request("/ws", "Authorization: Bearer sesame\r\n"));
  bad.send(loopback::upgrade_request("/ws", "Authorization: Bearer barley\r\n"));
  const std::string end = "\r\n\r\n";
  REQUIRE(loopback::run_until(
      context, {&good, &bad},
      [&] {
        return good.in.find(end) != std::string::npos && bad.in.find(end) != std::string::npos;
      },
      std::chrono::seconds(30)));
  CHECK(good.in.rfind("HTTP/1.1 101 ", 0) == 0u);
  CHECK(bad.in.rfind("HTTP/1.1 403 ", 0) == 0u);
  CHECK(asked == 2);
}

TEST_CASE("server: without authentication it does not listen where others can reach it") {
  asio::io_context context(1);
  options chosen;
  chosen.host = "0.0.0.0";
  chosen.port = 0;
  chosen.api_key = "key";
  chosen.level = log_level::off;
  {
    server subject(chosen, context);
    const auto refused = subject.start();
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::bad_configuration);
    CHECK(refused.error().message.find("ALLOW_ANONYMOUS=1") != std::string::npos);
    CHECK(subject.port() == 0);
  }
  {
    server subject(chosen, context);
    subject.authenticate_with(allow_all());  // says so of itself
    CHECK_FALSE(subject.start().has_value());
  }
  {
    server subject(chosen, context);
    subject.authenticate_with(
        [](const credentials&) -> result<principal> { return error(errc::unauthorized); });
    CHECK(subject.start().has_value());
  }
  {
    options locked = chosen;
    REQUIRE(locked.access.tokens.add("ada", "a-token-of-ada-1"));
    server subject(locked, context);
    CHECK(subject.start().has_value());
  }
  {
    options open = chosen;
    open.access.allow_anonymous = true;
    server subject(open, context);
    CHECK(subject.start().has_value());
  }
  options wrong = chosen;
  wrong.access.jwt_public_key_file = "no/such.pem";
  server subject(wrong, context);
  const auto refused = subject.start();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().message == "JWT_PUBLIC_KEY_FILE: the file no/such.pem cannot be read");
}

TEST_CASE("server: a hangup brings another certificate, and ends no socket") {
  loopback::served_certificate files;
  const loopback::served_certificate other;
  options chosen;
  chosen.host = "127.0.0.1";
  chosen.port = 0;
  chosen.base_url = "http://127.0.0.1:9/v1";
  chosen.level = log_level::off;
  chosen.access.tls_cert_file = files.files().certificate;
  chosen.access.tls_key_file = files.files().key;
  CHECK(server::check_certificates(chosen));
  server subject(chosen);
  std::mutex guard;
  std::string events;
  subject.router().on_event([&](const server_event& record) {
    const std::lock_guard<std::mutex> lock(guard);
    events += std::string(record.name) + ": " + std::string(record.text) + '\n';
  });
  REQUIRE(subject.start());

  std::string shown[3];
  bool went_on = false;
  bool told = false;
  std::thread person([&] {
    const auto until = [](loopback::tls_client& client, const auto& predicate) {
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (!predicate() && std::chrono::steady_clock::now() < end) {
        client.pump();
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      return predicate();
    };
    const auto logged = [&](const std::string& what) {
      const std::lock_guard<std::mutex> lock(guard);
      return events.find(what) != std::string::npos;
    };
    const auto show = [&] {
      loopback::tls_client client(subject.port());
      until(client, [&] { return client.is_established(); });
      return client.shown();
    };
    loopback::tls_client kept(subject.port());
    kept.send(loopback::upgrade_request());
    until(kept, [&] { return kept.in.find("Connected to Agent WebSocket") != std::string::npos; });
    shown[0] = kept.shown();
    files.chain_file.replace(other.shown.pem());
    files.key_file.replace(other.shown.key_pem());
    std::raise(SIGHUP);
    until(kept, [&] { return logged("certificates_reloaded"); });
    shown[1] = show();
    files.key_file.replace("rubbish");
    subject.reload();
    until(kept, [&] { return logged("reload_failed"); });
    shown[2] = show();
    kept.in.clear();
    kept.send(loopback::client_frame(loopback::fin | loopback::text,
                                     R"({"type":"command","op":"get","id":"still"})"));
    went_on = until(kept, [&] { return kept.in.find("still") != std::string::npos; });
    subject.stop();
    told = until(kept, [&] { return kept.in.find("\x03\xF4") != std::string::npos; });  // 1012
    kept.send(loopback::close_frame(1012));
    until(kept, [&] { return kept.ended; });
  });
  CHECK(subject.run());
  person.join();
  CHECK(shown[0] != other.shown.pem());
  CHECK(shown[1] == other.shown.pem());
  CHECK(shown[2] == other.shown.pem());
  CHECK(went_on);
  CHECK(told);
  CHECK(events.find("certificates_reloaded: valid until 20") != std::string::npos);
  CHECK(events.find("reload_failed: the key file (TLS_KEY_FILE)") != std::string::npos);
  CHECK_FALSE(server::check_certificates(chosen));
}
