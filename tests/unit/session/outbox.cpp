// SPDX-License-Identifier: MIT
#include <agent_websocket/session/outbox.hpp>

#include "flow/frame.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using agent_websocket::connection_id;
using agent_websocket::outbox;

namespace {

std::vector<std::string> taken(outbox& from, connection_id socket) {
  std::vector<std::string> all;
  std::string text;
  while (from.find(socket)->take_next(from.log(), nullptr, true, text, "")) all.push_back(text);
  return all;
}

using texts = std::vector<std::string>;
const agent_websocket::ledger nothing_waits;

}  // namespace

TEST_CASE("outbox: numbers its messages from 1, with or without sockets") {
  outbox box;
  CHECK(box.next_seq() == 1u);
  box.publish("{1}", nothing_waits);
  box.publish("{2}", nothing_waits);
  CHECK(box.next_seq() == 3u);
  CHECK(box.log().at(2) == "{2}");
}

TEST_CASE("outbox: a numbered message goes to every socket, each at its own pace") {
  outbox box;
  box.attach(7);
  box.publish("{1}", nothing_waits);
  box.attach(8);
  CHECK(taken(box, 7) == texts{"{1}"});
  box.publish("{2}", nothing_waits);
  CHECK(taken(box, 7) == texts{"{2}"});
  CHECK(taken(box, 8) == texts{"{1}", "{2}"});
}

TEST_CASE("outbox: other messages go to one socket or to all that are here") {
  outbox box;
  box.attach(7);
  box.attach(8);
  box.put_control(7, "{c7}");
  box.put_control(0, "{c}");
  box.put_ordered(8, "{o8}");
  box.put_ordered(0, "{o}");
  box.put_volatile("{v}");
  box.put_control(9, "{nobody}");
  box.attach(10);
  CHECK(taken(box, 7) == texts{"{c7}", "{c}", "{o}", "{v}"});
  CHECK(taken(box, 8) == texts{"{c}", "{o8}", "{o}", "{v}"});
  CHECK(taken(box, 10).empty());
}

TEST_CASE("outbox: what keeps its place stands among the numbered messages") {
  outbox box;
  box.attach(7);
  box.publish("{1}", nothing_waits);
  box.put_ordered(0, "{after 1}");
  box.publish("{2}", nothing_waits);
  CHECK(taken(box, 7) == texts{"{1}", "{after 1}", "{2}"});
}

TEST_CASE("outbox: the last text of an answer goes to every socket that misses it") {
  outbox box;
  box.attach(7);
  box.attach(8);
  const agent_websocket::live_answer answer{1, "r_1", "ab", 2};
  std::string text;
  REQUIRE(box.find(7)->take_next(box.log(), &answer, true, text, "now"));
  box.put_last_deltas(answer, "now");
  box.publish(R"({"phase":"end"})", nothing_waits);
  CHECK(taken(box, 7).size() == 1u);
  const auto frames = frames_of(taken(box, 8));
  REQUIRE(frames.size() == 2u);
  CHECK(frames[0].content() == "ab");
  CHECK(frames[1].phase() == "end");
}

TEST_CASE("outbox: progress is for those who said hello, and for the one that it asks") {
  outbox box;
  for (connection_id each = 7; each < 10; ++each) box.attach(each);
  box.find(8)->take_caps({});
  box.put_progress("{told}", 0, "{told}", {}, "now");
  box.put_progress("{told}", 9, "{to run}", {}, "now");
  box.put_progress("{told}", 8, "{to run}", {}, "now");
  box.put_progress("{told}", 5, "{to run}", {}, "now");
  CHECK(taken(box, 7).empty());
  CHECK(taken(box, 8) == texts{"{told}", "{told}", "{to run}", "{told}"});
  CHECK(taken(box, 9) == texts{"{to run}"});
}

TEST_CASE("outbox: progress stands behind what there is of the answer, and before what comes") {
  outbox box;
  box.attach(7);
  box.attach(8);
  box.find(7)->take_caps({"reasoning"});
  box.publish(R"({"phase":"start"})", nothing_waits);
  const agent_websocket::live_answer before{1, "r_1", "ab", 2, "hm", 1};
  box.put_progress(R"({"op":"tool"})", 0, {}, before, "now");
  box.publish(R"({"phase":"other"})", nothing_waits);
  const agent_websocket::live_answer after{1, "r_1", "abc", 3, "hm", 1};
  const auto told = [&](connection_id socket) {
    std::string all, text;
    while (box.find(socket)->take_next(box.log(), &after, true, text, "now")) {
      const frame sent(text);
      all += (sent.op().empty() ? sent.phase() + " " + sent.content() : sent.op()) + ", ";
    }
    return all;
  };
  CHECK(told(7) == "start , reasoning hm, delta ab, tool, other , delta c, ");
  CHECK(told(8) == "start , other , delta abc, ");
}

TEST_CASE("outbox: a socket is told to have been drained, if it is still here") {
  outbox box;
  box.attach(7).transport_waits = 5;
  box.attach(8).transport_waits = 6;
  box.drained(7);
  box.drained(9);
  CHECK(box.find(7)->transport_waits == 0u);
  CHECK(box.find(8)->transport_waits == 6u);
}

TEST_CASE("outbox: sockets come and go") {
  outbox box;
  box.attach(7);
  box.attach(8);
  CHECK(box.sockets().size() == 2u);
  CHECK(box.sockets()[0]->connection() == 7u);
  box.detach(7);
  box.detach(9);
  CHECK(box.find(7) == nullptr);
  REQUIRE(box.find(8) != nullptr);
  CHECK(box.sockets().size() == 1u);
}

TEST_CASE("outbox: counts what it makes, where somebody wants to know") {
  agent_websocket::wire::notification said;
  said.content = "x";
  outbox box;
  CHECK(box.counts() == nullptr);
  const std::string uncounted = box.encoded(said, "T");
  agent_websocket::session_counts counts;
  box.count_into(counts);
  CHECK(box.encoded(said, "T") == uncounted);
  CHECK(frame(uncounted).content() == "x");
  CHECK(counts.volatile_notifications == 1u);
}

TEST_CASE("outbox: what its records are not kept of waits") {
  agent_websocket::ledger book;
  book.turn_on();
  outbox box;
  box.attach(7);
  box.attach(8);
  book.add("1");
  box.publish("{1}", book);
  box.put_control(7, "{c7}", book);
  book.add("2");
  book.add("3");
  box.publish("{3}", book);
  box.put_control(0, "{c}", book);
  box.put_control(7, "{now}");
  CHECK(box.log().top() == 2u);
  CHECK(taken(box, 7) == texts{"{now}"});
  CHECK(taken(box, 8).empty());
  book.confirm(2);
  box.release(book);
  CHECK(taken(box, 7) == texts{"{c7}", "{1}"});
  CHECK(taken(box, 8) == texts{"{1}"});
  book.confirm(3);
  box.release(book);
  CHECK(taken(box, 7) == texts{"{c}", "{3}"});
  CHECK(taken(box, 8) == texts{"{c}", "{3}"});
  box.publish("{4}", book);
  box.put_control(7, "{c4}", book);
  CHECK(taken(box, 7) == texts{"{c4}", "{4}"});
}

TEST_CASE("outbox: a welcome waits for what its session has to keep, and holds its socket") {
  agent_websocket::ledger book;
  book.turn_on();
  outbox box;
  box.attach(7);
  box.attach(8);
  box.put_welcome(7, "{w0}", book);
  CHECK(taken(box, 7) == texts{"{w0}"});
  book.add("1");
  box.put_welcome(7, "{w}", book);
  box.put_control(0, "{c}");
  CHECK(taken(box, 7).empty());
  CHECK(taken(box, 8) == texts{"{c}"});
  box.put_welcome(9, "{nobody}", book);
  book.confirm(1);
  box.release(book);
  CHECK(taken(box, 7) == texts{"{w}", "{c}"});
}

TEST_CASE("outbox: goes on behind the last message of another process") {
  outbox box;
  box.begin_at(9);
  CHECK(box.next_seq() == 10u);
  box.attach(7);
  box.publish("{10}", nothing_waits);
  CHECK(box.log().at(10) == "{10}");
}
