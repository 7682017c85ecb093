// SPDX-License-Identifier: MIT
#include <agent_websocket/client/transcript.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace agent_websocket;

namespace {

void end(client_answer& answer, const std::string& text = "text") {
  answer.so_far.replace(text);
  answer.status = wire::answer_status::completed;
}

client_notice notice(const std::string& content) {
  client_notice made;
  made.content = content;
  return made;
}

std::vector<std::string> ids(const client_transcript& of) {
  std::vector<std::string> all;
  for (const client_answer& each : of.answers()) all.push_back(each.id);
  return all;
}

}  // namespace

TEST_CASE("client transcript: answers are found by id and by stream") {
  const client_options limits;
  client_transcript t(limits);
  t.add("q1", true).stream = "r_1";
  t.add("q2", false).stream = "r_2";
  CHECK(t.find("q1")->own);
  CHECK(t.find("q1", "r_2")->id == "q1");
  CHECK(t.find("", "r_2")->id == "q2");
  CHECK(t.find("", "") == nullptr);
  CHECK(t.find("", "r_3") == nullptr);
  CHECK(t.find("q3") == nullptr);
  const client_transcript& same = t;
  CHECK(same.find("q2")->is_open());
}

TEST_CASE("client transcript: a drop leaves what is awaited, empty") {
  const client_options limits;
  client_transcript t(limits);
  end(t.add("done", true));
  client_answer& lost = t.add("lost", true);
  lost.status = wire::answer_status::failed;
  lost.failure = answer_failure{"session_expired", "", true, {}};
  t.add("other", false);
  client_answer& awaited = t.add("awaited", true);
  awaited.so_far.replace("half");
  awaited.stream = "r_1";
  t.notify(notice("n"));
  t.drop();
  CHECK(ids(t) == std::vector<std::string>{"lost", "awaited"});
  CHECK(t.find("awaited")->text() == "");
  CHECK(t.find("", "r_1") == nullptr);
  CHECK(t.notifications().empty());
}

TEST_CASE("client transcript: the oldest that have ended go first") {
  client_options limits;
  SUBCASE("by number") { limits.max_answers = 2; }
  SUBCASE("by bytes") { limits.max_answer_bytes = 10; }
  client_transcript t(limits);
  t.add("open", true);
  for (const char* id : {"a", "b", "c", "d"}) {
    end(t.add(id, true), "12345");
    t.trim();
  }
  CHECK(ids(t) == std::vector<std::string>{"open", "c", "d"});
}

TEST_CASE("client transcript: notifications are bounded") {
  client_options limits;
  limits.max_notifications = 2;
  client_transcript t(limits);
  for (const char* content : {"a", "b", "c"}) t.notify(notice(content));
  CHECK(t.notifications().size() == 2u);
  CHECK(t.notifications().front().content == "b");
  limits.max_notifications = 0;
  client_transcript none(limits);
  none.notify(notice("a"));
  CHECK(none.notifications().empty());
}

TEST_CASE("client transcript: answers of others that never end are bounded") {
  const client_options limits;
  client_transcript t(limits);
  t.add("own", true);
  for (int i = 0; i < 1000; ++i) t.add("x" + std::to_string(i), false);
  CHECK(t.answers().size() == 65u);
  CHECK(t.find("own") != nullptr);
  CHECK(t.find("x999") != nullptr);
  CHECK(t.find("x0") == nullptr);
}

TEST_CASE("client transcript: visits open answers of its own") {
  const client_options limits;
  client_transcript t(limits);
  t.add("a", true);
  end(t.add("b", true));
  t.add("c", false);
  t.add("d", true);
  std::string seen;
  t.for_each_open([&](const client_answer& each) { seen += each.id; });
  CHECK(seen == "ad");
}

TEST_CASE("client transcript: reasoning is dropped with the text, and counts as it does") {
  client_options options;
  options.max_answer_bytes = 10;
  client_transcript t(options);
  t.add("q1", true).reasoning.add_reasoning(0, 1, "hm");
  t.drop();
  CHECK(t.find("q1")->reasoning.text().empty());
  t.find("q1")->reasoning.add_reasoning(0, 1, "twelve bytes");
  t.find("q1")->status = wire::answer_status::completed;
  t.trim();
  CHECK(t.find("q1") == nullptr);
}
