// SPDX-License-Identifier: MIT
#include <agent_websocket/session/keeping.hpp>

#include "core_tools.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace agent_websocket;
using namespace std::chrono_literals;

namespace {

/// A session on a lasting store; the test plays the store.
struct fixture : tool_core {
  explicit fixture(session_settings settings = tool_settings()) : tool_core(std::move(settings)) {
    open();
    sent();
    keep_records();
  }

  /// "op ref" or "code ref" or "type" of each, without thinking.
  static std::string words(const std::vector<frame>& frames) {
    std::string all;
    for (const frame& each : frames) {
      if (each.op() == "thinking") continue;
      if (!all.empty()) all += ' ';
      all += each.type() == "error"      ? each.code()
             : each.type() == "response" ? each.phase()
             : !each.op().empty()        ? each.op()
                                         : each.type();
      if (!each.ref().empty()) all += ":" + each.ref();
    }
    return all;
  }
  std::string said(std::string_view text, connection_id from = here) {
    const auto frames = send(text, from);
    collect();
    return words(frames);
  }
  std::string heard(connection_id to = here) { return words(sent(to)); }
  std::string kept(connection_id to = here) {
    keep_all();
    return heard(to);
  }
  /// In which everything is kept at once.
  template <typename Do>
  void easily(Do&& act) {
    keep_all();
    keeps_at_once = true;
    act();
    collect();
    sent();
    keeps_at_once = false;
  }
  /// A query that streams, and whose model was asked.
  void ask(const std::string& id, bool streamed = true) {
    easily([&] {
      send(R"({"id":")" + id + R"(","content":"x","stream":)" + (streamed ? "true" : "false") +
           "}");
      proceed();
    });
  }
  std::vector<frame> records(std::string_view kind) const {
    std::vector<frame> found;
    for (const frame& each : frames_of(stored)) {
      if (each.text("kind") == kind) found.push_back(each);
    }
    return found;
  }
  /// A second socket of the session.
  void second(connection_id its = 2) {
    socket(its);
    sent(its);
  }
};

}  // namespace

// ---- off

TEST_CASE("keeping: without a lasting store nothing is recorded and nothing waits") {
  tool_core talk;
  talk.open();
  talk.sent();
  CHECK(fixture::words(talk.send(R"({"id":"q","content":"x"})")) == "ack:q");
  talk.proceed();
  talk.text("a");
  talk.complete();
  CHECK(fixture::words(talk.sent()) == "full:q");
  CHECK_FALSE(talk.core.book().is_on());
  CHECK(talk.core.book().made() == 0u);
  CHECK(talk.stored.empty());
}

TEST_CASE_FIXTURE(fixture, "keeping: a session that nobody has said anything in makes no records") {
  hello();
  said(R"({"type":"command","op":"ping"})");
  said(R"({"type":"command","op":"info"})");
  core.change_settings(core.settings());
  core.notify("lost", {}, {}, true, at);
  collect();
  CHECK(core.book().made() == 0u);
  CHECK(stored.empty());
}

// ---- what waits

TEST_CASE_FIXTURE(fixture, "keeping: a query is accepted when its record is kept, and not before") {
  CHECK(said(R"({"id":"q1","content":"x"})") == "");
  CHECK(consults.empty());
  CHECK(core.busy());
  CHECK_FALSE(core.running());
  REQUIRE(stored.size() == 2u);
  CHECK(frame(stored[0]).text("kind") == "session");
  CHECK(frame(stored[1]).text("kind") == "query");
  core.kept(1, at);  // only who the session is
  collect();
  CHECK(heard() == "");
  CHECK(consults.empty());
  core.kept(2, at);
  collect();
  const auto frames = sent();
  REQUIRE(frames.size() == 2u);
  CHECK(words(frames) == "ack:q1");
  CHECK(frames[0].text("stream") == "r_1");
  CHECK_FALSE(frames[0].truth("duplicate"));
  CHECK(frames[1].op() == "thinking");
  CHECK(consults.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "keeping: a query without an id waits as well, and regenerate does") {
  CHECK(said(R"({"content":"x"})") == "");
  CHECK(consults.empty());
  CHECK(kept() == "");
  CHECK(consults.size() == 1u);
  easily([&] {
    proceed();
    text("a");
    complete();
  });
  CHECK(said(R"({"type":"command","op":"regenerate","id":"g1"})") == "");
  CHECK(consults.empty());
  CHECK(kept() == "ack:g1");
  CHECK(consults.size() == 1u);
  CHECK(records("query").size() == 2u);
  CHECK(records("query")[1].truth("regenerate"));
}

TEST_CASE_FIXTURE(fixture, "keeping: queries are accepted in their order, each with its record") {
  said(R"({"id":"q1","content":"x"})");
  said(R"({"id":"q2","content":"x"})");
  said(R"({"id":"q3","content":"x"})");
  core.kept(3, at);
  collect();
  CHECK(heard() == "ack:q1 ack:q2 queued:q2");
  CHECK(consults.size() == 1u);
  core.kept(4, at);
  collect();
  const auto frames = sent();
  CHECK(words(frames) == "ack:q3 queued:q3");
  CHECK(frames.at(0).number("position") == 2);
}

TEST_CASE("keeping: those that are being stored count for the queue, and for reject") {
  session_settings settings = tool_settings();
  settings.max_queue = 2;
  fixture talk(settings);
  talk.ask("q0");
  CHECK(talk.said(R"({"id":"q1","content":"x"})") == "");
  CHECK(talk.said(R"({"id":"q2","content":"x"})") == "");
  CHECK(talk.said(R"({"id":"q3","content":"x"})") == "queue_full:q3");
  CHECK(talk.kept() == "ack:q1 queued:q1 ack:q2 queued:q2");
  fixture fresh;
  fresh.said(R"({"id":"q1","content":"x"})");
  CHECK(fresh.said(R"({"id":"q2","content":"x","overlap":"reject"})") == "busy:q2");
  CHECK(fresh.said(R"({"type":"command","op":"regenerate","id":"g"})") == "busy:g");
}

TEST_CASE_FIXTURE(fixture, "keeping: a numbered message goes out when it is kept") {
  core.notify("n", {}, {}, false, at);
  core.notify("m", {}, {}, false, at);
  collect();
  CHECK(heard() == "");
  core.kept(2, at);
  auto frames = sent();
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "n");
  core.kept(3, at);
  frames = sent();
  REQUIRE(frames.size() == 1u);
  CHECK(frames[0].content() == "m");
  CHECK(frames[0].number("seq") == 2);
}

TEST_CASE_FIXTURE(fixture, "keeping: so does the end of an answer, and its turn is kept") {
  ask("q", false);
  text("answer");
  complete();
  CHECK(heard() == "");
  const auto ends = records("message");
  REQUIRE(ends.size() == 1u);
  CHECK(ends[0].text("ends") == "q");
  CHECK(ends[0].text("frame.content") == "answer");
  CHECK(records("turn").size() == 1u);
  CHECK(kept() == "full:q");
}

TEST_CASE_FIXTURE(fixture, "keeping: the acknowledgement of set waits") {
  CHECK(said(R"({"type":"command","op":"set","id":"s","data":{"model":"m"}})") == "");
  CHECK(records("set").size() == 1u);
  CHECK(records("claim").size() == 1u);
  CHECK(kept() == "set:s");
}

TEST_CASE_FIXTURE(fixture, "keeping: that of clear waits, with what it cancels") {
  ask("q");
  said(R"({"id":"w","content":"x"})");
  kept();
  CHECK(said(R"({"type":"command","op":"clear","id":"c"})") == "");
  CHECK(records("clear").size() == 1u);
  CHECK(kept() == "clear:c full:w start:q end:q");
}

TEST_CASE_FIXTURE(fixture, "keeping: that of feedback waits, also of repeated feedback") {
  easily([&] { converse("x", "y", "q"); });
  constexpr const char* feedback = R"({"type":"human_feedback","id":"f","ref":"q","rating":1})";
  CHECK(said(feedback) == "");
  CHECK(said(feedback) == "");
  CHECK(records("feedback").size() == 1u);
  CHECK(feedbacks.size() == 1u);
  CHECK(kept() == "ack:f ack:f");
}

TEST_CASE_FIXTURE(fixture, "keeping: that of a decision waits, and its resolution") {
  easily([&] { ask_and_call({{"a", "erase", R"({"city":"Rome"})"}}); });
  decide("approve", "f_1", R"(,"id":"d")");
  CHECK(decided_frames.empty());
  CHECK(to_run() == "t_1");
  const auto messages = records("message");
  CHECK(messages.back().text("resolves") == "f_1");
  CHECK(kept() == "ack:d feedback_resolved:f_1");
  CHECK(messages.at(messages.size() - 2).text("asks") == "f_1");
}

TEST_CASE_FIXTURE(fixture, "keeping: that of a result of a tool waits") {
  easily([&] {
    hello(R"(,"tools":[{"name":"beep"}])");
    ask_and_call({{"a", "beep", "{}"}});
  });
  const std::string call = core.output().log().top() == 0 ? "t_1" : "t_1";
  CHECK(words(result_of(call, R"(,"id":"r","data":1)")).find("ack") == std::string::npos);
  CHECK(kept().find("ack:r") != std::string::npos);
}

TEST_CASE_FIXTURE(fixture, "keeping: that of a cancel waits for the end that it brings about") {
  ask("q");
  easily([&] { text("a"); });
  CHECK(said(R"({"type":"command","op":"cancel","id":"c"})") == "");
  CHECK(kept() == "ack:c end:q");

  ask("q2");
  easily([&] { send(R"({"id":"w","content":"x"})"); });
  CHECK(said(R"({"type":"command","op":"cancel","id":"d","ref":"w"})") == "");
  CHECK(kept() == "ack:d full:w");
}

TEST_CASE_FIXTURE(fixture, "keeping: a repeated command is told to be done when that is kept") {
  easily([&] { converse("x", "y", "q"); });
  constexpr const char* set = R"({"type":"command","op":"set","id":"s","data":{"model":"m"}})";
  CHECK(said(set) == "");
  CHECK(said(set) == "");
  CHECK(kept() == "set:s ack:s");
  CHECK(said(set) == "ack:s");
}

// ---- what does not wait

TEST_CASE_FIXTURE(fixture, "keeping: pongs, replies and errors do not wait") {
  core.notify("n", {}, {}, false, at);
  CHECK(said(R"({"type":"command","op":"ping","id":"p"})") == "pong:p");
  CHECK(said(R"({"type":"command","op":"info","id":"i"})") == "info:i");
  CHECK(said(R"({"id":"q","content":""})") == "bad_message:q");
  CHECK(said(R"({"type":"command","op":"cancel","id":"c"})") == "not_found:c");
  CHECK(said("no JSON") == "bad_json");
  wire::command command;
  command.op = "roll";
  command.from = here;
  core.reply(command, "4", {}, at);
  CHECK(heard() == "roll");
  core.notify("v", {}, {}, true, at);
  CHECK(sent().at(0).content() == "v");
  CHECK(kept() == "notification");
}

TEST_CASE_FIXTURE(fixture, "keeping: text goes on at once behind a start that is kept") {
  ask("q");
  text("a");
  CHECK(heard() == "");  // the start is not kept
  text("b");
  const auto frames = [&] {
    keep_all();
    return sent();
  }();
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].phase() == "start");
  CHECK(frames[1].content() == "ab");
  const std::uint64_t before = core.book().made();
  text("c");
  text("d");
  CHECK(sent().at(0).content() == "cd");
  text("e");
  CHECK(sent().at(0).content() == "e");
  CHECK(core.book().made() == before);
}

TEST_CASE_FIXTURE(fixture, "keeping: text does not overtake a numbered message that is not kept") {
  ask("q");
  text("a");
  kept();
  core.notify("n", {}, {}, false, at);
  text("b");
  CHECK(heard() == "");
  CHECK(kept() == "notification delta");
}

TEST_CASE_FIXTURE(fixture, "keeping: the last text stands before an end that is not kept") {
  ask("q");
  text("a");
  kept();
  text("b");
  complete();
  CHECK(heard() == "delta");
  CHECK(kept() == "end:q");
}

TEST_CASE_FIXTURE(fixture, "keeping: while records are unkept, an answer can still end in order") {
  ask("q");
  text("a");
  complete();
  CHECK(heard() == "");
  CHECK(kept() == "start:q delta end:q");
}

// ---- sockets

TEST_CASE_FIXTURE(fixture, "keeping: the welcome of a resume waits, and all else of that socket") {
  easily([&] { converse("x", "y", "q"); });
  const auto welcomed = resume(R"({"token":"token","last_seq":0,"epoch":"e1"})", 2);
  CHECK(words(welcomed) == "");
  collect();
  CHECK(records("tokens").size() == 1u);
  CHECK(said(R"({"type":"command","op":"ping","id":"p"})", 2) == "");
  CHECK(said(R"({"type":"command","op":"ping","id":"h"})") == "pong:h");  // the other is served
  core.notify("v", {}, {}, true, at);
  CHECK(heard(2) == "");
  const std::string all = kept(2);
  CHECK(all == "welcome pong:p full:q live notification");
}

TEST_CASE_FIXTURE(fixture, "keeping: the first welcomes of a session wait for nothing") {
  core.opened(5, "t5", at);
  CHECK(heard(5) == "welcome");
  hello("", 5);
  CHECK(core.book().made() == 0u);
}

TEST_CASE_FIXTURE(fixture, "keeping: a hello that comes again is welcomed once, by the later one") {
  easily([&] { converse("x", "y", "q"); });
  resume(R"({"token":"token","last_seq":0,"epoch":"e1"})", 2);
  resume(R"({"token":"token","last_seq":1,"epoch":"e1"})", 2);
  collect();
  keep_all();
  const auto frames = sent(2);
  CHECK(words(frames) == "welcome live");
  CHECK(frames.at(0).number("seq") == 1);
  CHECK(socket(2).waiting_bytes(core.output().log(), nullptr) == 0u);
}

TEST_CASE_FIXTURE(fixture, "keeping: a client's first ack is a record, when it is news") {
  easily([&] {
    converse("x", "y", "q");
    resume(R"({"token":"token","last_seq":0,"epoch":"e1"})", 2);
    sent(2);
  });
  const std::size_t before = records("tokens").size();
  said(R"({"type":"command","op":"ack","seq":1})", 2);
  CHECK(records("tokens").size() == before + 1);
  said(R"({"type":"command","op":"ack","seq":1})", 2);
  CHECK(records("tokens").size() == before + 1);
}

TEST_CASE_FIXTURE(fixture, "keeping: a repeated id of a query that is being stored gets one ack") {
  second();
  constexpr const char* query = R"({"id":"q","content":"x"})";
  CHECK(said(query) == "");
  CHECK(said(query, 2) == "");
  CHECK(said(query, 2) == "");
  CHECK(records("query").size() == 1u);
  keep_all();
  CHECK(heard() == "");
  const auto frames = sent(2);
  CHECK(words(frames) == "ack:q");
  CHECK(consults.size() == 1u);
  CHECK(said(query) == "ack:q");  // now it is a duplicate
}

TEST_CASE_FIXTURE(fixture, "keeping: also when the socket that asked has gone") {
  constexpr const char* query = R"({"id":"q","content":"x"})";
  said(query);
  core.detached(here, at);
  CHECK(said(query, 2) == "");
  keep_all();
  CHECK(heard(2) == "ack:q");
  CHECK(consults.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "keeping: an id that is the name of another's answer is no repetition") {
  CHECK(said(R"({"id":"q","content":"x"})") == "");
  CHECK(said(R"({"id":"r_1","content":"y"})") == "");
  CHECK(records("query").size() == 2u);
  CHECK(kept() == "ack:q ack:r_1 queued:r_1");
  CHECK(said(R"({"id":"r_1","content":"y"})") == "ack:r_1");
}

// ---- cancelled while it is being stored

TEST_CASE_FIXTURE(fixture, "keeping: a query that is cancelled while it is being stored") {
  said(R"({"id":"q","content":"x"})");
  CHECK(said(R"({"type":"command","op":"cancel","id":"c","ref":"q"})") == "");
  const auto frames = [&] {
    keep_all();
    auto first = sent();
    keep_all();
    for (frame& each : sent()) first.push_back(std::move(each));
    return first;
  }();
  CHECK(words(frames) == "ack:c ack:q full:q");
  CHECK(frames.back().text("status") == "cancelled");
  CHECK(consults.empty());
  CHECK_FALSE(core.busy());
}

TEST_CASE_FIXTURE(fixture, "keeping: cancel without a reference takes the one that is being stored") {
  said(R"({"id":"q","content":"x"})");
  CHECK(said(R"({"type":"command","op":"cancel"})") == "");
  keep_all();
  keep_all();
  CHECK(heard() == "ack:q full:q");
  CHECK(consults.empty());
}

TEST_CASE_FIXTURE(fixture, "keeping: clear and overlap latest cancel those that are being stored") {
  for (const char* text : {R"({"type":"command","op":"clear"})",
                           R"({"id":"new","content":"x","overlap":"latest"})"}) {
    fixture talk;
    talk.said(R"({"id":"q1","content":"x"})");
    talk.said(R"({"id":"q2","content":"x"})");
    talk.said(text);
    talk.keep_all();
    talk.keep_all();
    const auto ended = terminals(talk.sent());
    REQUIRE(ended.size() == 2u);
    CHECK(ended[0].ref() == "q1");
    CHECK(ended[1].ref() == "q2");
    for (const frame& each : ended) CHECK(each.text("status") == "cancelled");
    const bool latest = std::string_view(text).find("latest") != std::string_view::npos;
    CHECK(talk.consults.size() == (latest ? 1u : 0u));
    CHECK(talk.core.busy() == latest);
  }
}

TEST_CASE_FIXTURE(fixture, "keeping: interrupt goes before what waits, once it is kept") {
  ask("q1");
  easily([&] { send(R"({"id":"q2","content":"x"})"); });
  said(R"({"id":"now","content":"x","overlap":"interrupt"})");
  keep_all();
  collect();
  REQUIRE_FALSE(consults.empty());
  std::string first;
  for (const auto& each : consults) first += each.query.id + " ";
  CAPTURE(first);
  keep_all();
  const auto ended = terminals(sent());
  REQUIRE(ended.size() == 1u);
  CHECK(ended[0].ref() == "q1");
}

// ---- what cannot be kept

TEST_CASE_FIXTURE(fixture, "keeping: what waits to be accepted is refused when it is not kept") {
  said(R"({"id":"q1","content":"x"})");
  said(R"({"id":"q2","content":"x"})");
  core.not_kept(at);
  collect();
  const auto frames = sent();
  CHECK(words(frames) == "internal:q1 internal:q2");
  for (const frame& each : frames) {
    CHECK(each.truth("retryable"));
    CHECK_FALSE(each.truth("terminal"));
    CHECK(each.content() == session_core::not_kept_words);
  }
  CHECK_FALSE(core.busy());
  CHECK(records("withdrawn").size() == 2u);
  core.not_kept(at);  // told once
  CHECK(heard() == "");
  CHECK(kept() == "");
  CHECK(consults.empty());
  // The id is free again.
  CHECK(said(R"({"id":"q1","content":"x"})") == "");
  CHECK(kept() == "ack:q1");
  CHECK(consults.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "keeping: meanwhile what has to be kept is refused at once") {
  easily([&] { converse("x", "y", "q"); });
  core.notify("n", {}, {}, false, at);
  core.not_kept(at);
  collect();
  CHECK(said(R"({"id":"q1","content":"x"})") == "internal:q1");
  CHECK(said(R"({"content":"x"})") == "internal");
  CHECK(said(R"({"type":"command","op":"regenerate","id":"g"})") == "internal:g");
  CHECK(said(R"({"type":"command","op":"set","id":"s","data":{"model":"m"}})") == "internal:s");
  CHECK(said(R"({"type":"command","op":"clear","id":"c"})") == "internal:c");
  CHECK(said(R"({"type":"human_feedback","id":"f","ref":"q","rating":1})") == "internal:f");
  CHECK(said(R"({"type":"command","op":"ping","id":"p"})") == "pong:p");
  CHECK(said(R"({"type":"command","op":"history","id":"h"})") == "history:h");
  CHECK(said(R"({"id":"q","content":"x"})") == "ack:q");  // its end stands behind the notification
  CHECK(core.settings().model != "m");
  CHECK(core.history().turns().size() == 1u);
  CHECK(core.history().turns()[0].feedback.empty());
  CHECK(kept() == "notification full:q");
  CHECK(said(R"({"id":"q1","content":"x"})") == "");
  CHECK(kept() == "ack:q1");
}

TEST_CASE_FIXTURE(fixture, "keeping: an answer goes on while the store is away") {
  ask("q");
  text("a");
  kept();
  core.not_kept(at);
  text("b");
  CHECK(heard() == "delta");
  complete();
  CHECK(heard() == "");
  CHECK(kept() == "end:q");
}

TEST_CASE_FIXTURE(fixture, "keeping: what waits in the queue is not refused, it was accepted") {
  ask("q1");
  easily([&] { send(R"({"id":"q2","content":"x"})"); });
  said(R"({"id":"q3","content":"x"})");
  core.not_kept(at);
  collect();
  CHECK(heard() == "internal:q3");
  complete();
  collect();
  CHECK(consults.size() == 1u);
  CHECK(consults[0].query.id == "q2");
}

// ---- closing

TEST_CASE_FIXTURE(fixture, "keeping: a session closes when its last records are kept") {
  ask("q");
  core.end(4499, "x", error(errc::interrupted), at);
  collect();
  CHECK(core.closing());
  CHECK(closes.empty());
  core.kept(core.book().made() - 1, at);
  collect();
  CHECK(closes.empty());
  keep_all();
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 4499);
  CHECK(heard() == "start:q end:q");
  keep_all();
  CHECK(closes.size() == 1u);
}

TEST_CASE_FIXTURE(fixture, "keeping: and at once when there are none") {
  easily([&] { converse("x", "y"); });
  core.end(4499, "x", error(errc::interrupted), at);
  collect();
  CHECK(closes.size() == 1u);
}

TEST_CASE("keeping: it closes at once when they cannot be kept") {
  fixture before;
  before.ask("q");
  before.core.not_kept(before.at);
  before.core.end(4499, "x", error(errc::interrupted), before.at);
  before.collect();
  CHECK(before.closes.size() == 1u);

  fixture meanwhile;
  meanwhile.ask("q");
  meanwhile.core.end(4499, "x", error(errc::interrupted), meanwhile.at);
  meanwhile.core.not_kept(meanwhile.at);
  meanwhile.collect();
  CHECK(meanwhile.closes.size() == 1u);
  meanwhile.keep_all();
  CHECK(meanwhile.closes.size() == 1u);

  for (const errc why : {errc::moved, errc::connection_failed}) {
    fixture lost;
    lost.ask("q");
    lost.core.end(4499, "x", error(errc::interrupted), lost.at);
    lost.core.lose(error(why), lost.at);
    lost.collect();
    REQUIRE(lost.closes.size() == 1u);
    CHECK(lost.closes[0].first == 4499);
    lost.core.lose(error(why), lost.at);
    lost.collect();
    CHECK(lost.closes.size() == 1u);
  }
}

TEST_CASE_FIXTURE(fixture, "keeping: the command close refuses what was being stored") {
  said(R"({"id":"q","content":"x"})");
  CHECK(said(R"({"type":"command","op":"close","id":"c"})") == "close:c interrupted:q");
  CHECK(closes.empty());
  keep_all();
  CHECK(closes.size() == 1u);
  CHECK(consults.empty());
}

TEST_CASE_FIXTURE(fixture, "keeping: so does drain") {
  said(R"({"id":"q","content":"x"})");
  core.drain(1s, at);  // refused by a control frame
  collect();
  CHECK(heard().find("draining:q") != std::string::npos);
  keep_all();
  REQUIRE(closes.size() == 1u);
  CHECK(closes[0].first == 1012);
}

// ---- lost

TEST_CASE("keeping: a session that another server has sends its clients there") {
  fixture talk;
  talk.ask("q1");
  talk.easily([&] { talk.send(R"({"id":"q2","content":"x"})"); });
  talk.said(R"({"id":"q3","content":"x"})");
  talk.core.lose(error(errc::moved), talk.at);
  talk.collect();
  CHECK(talk.heard() == "internal:q3");
  REQUIRE(talk.closes.size() == 1u);
  CHECK(talk.closes[0] == std::pair<int, std::string>(4003, "moved"));
  CHECK(talk.cancels.size() == 1u);
  CHECK_FALSE(talk.core.busy());
  CHECK(talk.core.closing());
  CHECK_FALSE(talk.core.ended_for_good());
}

TEST_CASE("keeping: one whose store is away for too long says so and closes") {
  for (const errc why : {errc::internal, errc::connection_failed, errc::session_not_found}) {
    fixture talk;
    talk.second();
    talk.ask("q1");
    talk.core.lose(error(why, "words", "the secret detail"), talk.at);
    talk.collect();
    for (const connection_id each : {connection_id{1}, connection_id{2}}) {
      std::vector<frame> errors;
      for (const frame& sent : talk.sent(each)) {
        if (sent.type() == "error") errors.push_back(sent);
      }
      REQUIRE(errors.size() == 1u);
      CHECK(errors[0].code() == "internal");
      CHECK(errors[0].content() == session_core::not_kept_words);
      CHECK_FALSE(errors[0].has("ref"));
    }
    REQUIRE(talk.closes.size() == 1u);
    CHECK(talk.closes[0] == std::pair<int, std::string>(4000, "server_error"));
    CHECK(talk.cancels.size() == 1u);
    CHECK_FALSE(talk.core.ended_for_good());
  }
}

TEST_CASE("keeping: which ends mean that a session is not to be found again") {
  struct way {
    std::uint16_t code;
    bool for_good;
  };
  for (const way& each : {way{1000, true}, way{4499, true}, way{1012, false}, way{4000, false},
                          way{4003, false}, way{4100, true}}) {
    fixture talk;
    CHECK_FALSE(talk.core.ended_for_good());
    talk.core.end(each.code, "x", error(errc::interrupted), talk.at);
    CAPTURE(each.code);
    CHECK(talk.core.ended_for_good() == each.for_good);
  }
}

// ---- what is recorded

TEST_CASE_FIXTURE(fixture, "keeping: the first record says who the session is") {
  principal owner;
  owner.name = "anna";
  core.belong_to(owner, "192.0.2.7");
  core.notify("n", {}, {}, false, at);
  core.notify("m", {}, {}, false, at);
  collect();
  REQUIRE(stored.size() == 3u);
  const frame first(stored[0]);
  CHECK(first.text("kind") == "session");
  CHECK(first.number("v") == records::version);
  CHECK(first.text("id") == core.id());
  CHECK(first.text("epoch") == "e1");
  CHECK(first.text("owner") == "anna");
  CHECK_FALSE(first.truth("anonymous"));
  CHECK(first.text("address") == "192.0.2.7");
  CHECK(first.number("top") == 0);
  CHECK(first.size("tokens") == 1u);
  CHECK_FALSE(first.has("settings"));
}

TEST_CASE_FIXTURE(fixture, "keeping: settings of its own are kept, as far as they are its own") {
  session_settings own = core.settings();
  own.model = "own";
  core.change_settings(own);
  core.notify("n", {}, {}, false, at);
  collect();
  CHECK(frame(stored.at(0)).json("settings") == R"({"model":"own"})");
  own.temperature = 1.5;
  core.change_settings(own);
  collect();
  CHECK(frame(stored.back()).text("kind") == "settings");
  CHECK(frame(stored.back()).json("settings") == R"({"model":"own","temperature":1.5})");
}

TEST_CASE_FIXTURE(fixture, "keeping: a checkpoint has all of it, and what is open") {
  ask("q1");
  text("a");
  easily([&] {
    send(R"({"id":"q2","content":"y"})");
    core.notify("n", {}, {}, false, at);
  });
  said(R"({"id":"q3","content":"z"})");
  std::string kinds;
  std::vector<frame> all = frames_of(core.checkpoint(at));
  std::vector<frame> queries;
  for (const frame& each : all) {
    kinds += each.text("kind") + " ";
    if (each.text("kind") == "query") queries.push_back(each);
  }
  CHECK(kinds == "session message message claim claim claim query query query ");
  REQUIRE(queries.size() == 3u);
  CHECK(queries[0].text("id") == "q1");
  CHECK(queries[0].truth("started"));
  CHECK(queries[1].text("id") == "q2");
  CHECK_FALSE(queries[1].truth("started"));
  CHECK(queries[2].text("id") == "q3");
  CHECK(core.book().made() == stored.size());  // it makes no records of its own
}
