// SPDX-License-Identifier: MIT
#include <agent_websocket/client/sink.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <utility>

using namespace agent_websocket;

TEST_CASE("client sink: nothing has to be overridden, and nobody deletes it through its base") {
  struct silent final : client_sink {
  } sink;
  client_sink& base = sink;
  base.on_state(client_state::live);
  base.on_text("q1", text_change::appended, "a");
  base.on_answer(client_answer());
  CHECK_FALSE(std::is_destructible_v<client_sink>);
}

TEST_CASE("client sink: states have names") {
  for (const auto& [state, name] :
       {std::pair<client_state, const char*>{client_state::idle, "idle"},
        {client_state::connecting, "connecting"},
        {client_state::catching_up, "catching_up"},
        {client_state::live, "live"},
        {client_state::waiting, "waiting"},
        {client_state::stopped, "stopped"}}) {
    CHECK(to_string(state) == name);
  }
}

TEST_CASE("client sink: an answer is open until it has a status") {
  client_answer answer;
  CHECK(answer.is_open());
  answer.so_far.add(0, 1, "a");
  CHECK(answer.text() == "a");
  answer.status = wire::answer_status::cancelled;
  CHECK_FALSE(answer.is_open());
}

TEST_CASE("client sink: a notice has the whole message") {
  const std::string text =
      R"({"type":"notification","seq":3,"topic":"build","content":"failed","data":{"build":812},"replay":true})";
  json::document document;
  const auto read = wire::read_server_message(text, document);
  REQUIRE(read);
  const client_notice notice = client_notice::of(*read, text);
  CHECK(notice.topic == "build");
  CHECK(notice.content == "failed");
  CHECK(notice.seq == 3);
  CHECK(notice.replay);
  CHECK(notice.op == "");
  CHECK(notice.json == text);
}
