// SPDX-License-Identifier: MIT
#include <agent_websocket/session/resume_tokens.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

using agent_websocket::connection_id;
using agent_websocket::resume_tokens;

TEST_CASE("resume_tokens: nothing is accepted before something is issued") {
  const resume_tokens tokens;
  CHECK_FALSE(tokens.accepts(""));
  CHECK_FALSE(tokens.accepts("t1"));
  CHECK(tokens.size() == 0u);
}

TEST_CASE("resume_tokens: what was issued is accepted, exactly that") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  CHECK(tokens.accepts("t1"));
  CHECK_FALSE(tokens.accepts("t2"));
  CHECK_FALSE(tokens.accepts("T1"));
  CHECK_FALSE(tokens.accepts("t1 "));
  CHECK_FALSE(tokens.accepts("t"));
  CHECK_FALSE(tokens.accepts(""));
}

TEST_CASE("resume_tokens: a token stays good when its socket goes") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.released(1);
  CHECK(tokens.accepts("t1"));
  tokens.released(1);
  tokens.released(99);
  CHECK(tokens.accepts("t1"));
}

TEST_CASE("resume_tokens: the one presented is good until the client's first ack") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.released(1);
  tokens.issue(2, "t2", "t1");
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
  tokens.arrived(2);
  CHECK_FALSE(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
  CHECK(tokens.size() == 1u);
  tokens.arrived(2);
  CHECK(tokens.accepts("t2"));
}

TEST_CASE("resume_tokens: a welcome that is lost does not lose the session, ten times over") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.released(1);
  for (connection_id each = 2; each < 12; ++each) {
    tokens.issue(each, "lost" + std::to_string(each), "t1");
    tokens.released(each);  // and its welcome never arrived
    CHECK(tokens.accepts("t1"));
  }
  tokens.issue(12, "t12", "t1");
  tokens.arrived(12);
  CHECK_FALSE(tokens.accepts("t1"));
  CHECK(tokens.accepts("t12"));
}

TEST_CASE("resume_tokens: a socket that goes without an ack comes back with either token") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.released(1);
  tokens.issue(2, "t2", "t1");
  tokens.released(2);
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
  tokens.issue(3, "t3", "t2");
  tokens.arrived(3);
  CHECK_FALSE(tokens.accepts("t2"));
  CHECK(tokens.accepts("t3"));
}

TEST_CASE("resume_tokens: an ack of another socket takes nothing away") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.released(1);
  tokens.issue(2, "t2", "t1");
  tokens.arrived(1);
  tokens.arrived(3);
  tokens.arrived(0);
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
}

TEST_CASE("resume_tokens: a token that another socket lives by stays good for it") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.issue(2, "t2", "t1");  // a second tab, with the first one's token
  tokens.arrived(2);
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
  tokens.arrived(1);  // it came with none
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
}

TEST_CASE("resume_tokens: a hello again on the same socket rotates its token") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.issue(1, "t2", "t1");
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
  tokens.arrived(1);
  CHECK_FALSE(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
}

TEST_CASE(
    "resume_tokens: so it does when that socket goes before the second tab has acknowledged") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  tokens.issue(2, "t2", "t1");
  tokens.released(1);
  tokens.arrived(2);
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts("t2"));
}

TEST_CASE("resume_tokens: there is a bound, and the oldest go") {
  resume_tokens tokens;
  const auto name = [](std::size_t i) { return "t" + std::to_string(i); };
  constexpr std::size_t max = resume_tokens::max_tokens;
  for (std::size_t i = 0; i < max; ++i) tokens.issue(1, name(i));
  CHECK(tokens.size() == max);
  CHECK(tokens.accepts("t0"));
  tokens.issue(1, name(max));
  CHECK(tokens.size() == max);
  CHECK_FALSE(tokens.accepts("t0"));
  CHECK(tokens.accepts("t1"));
  CHECK(tokens.accepts(name(max)));
}

TEST_CASE("resume_tokens: any number of lost welcomes does not lose the session") {
  resume_tokens tokens;
  tokens.issue(1, "held");
  tokens.released(1);
  for (connection_id each = 2; each < 1000; ++each) {
    tokens.issue(each, "lost" + std::to_string(each), "held");
    tokens.released(each);
  }
  CHECK(tokens.size() <= resume_tokens::max_tokens);
  CHECK(tokens.accepts("held"));
  CHECK(tokens.accepts("lost999"));
}

TEST_CASE("resume_tokens: who presents one has it: those before it are spent") {
  resume_tokens tokens;
  tokens.issue(1, "w0");
  tokens.released(1);
  for (connection_id each = 1; each <= 5; ++each) {
    tokens.issue(each + 1, "w" + std::to_string(each), "w" + std::to_string(each - 1));
    tokens.released(each + 1);
  }
  for (const char* each : {"w0", "w1", "w2", "w3"}) CHECK_FALSE(tokens.accepts(each));
  CHECK(tokens.accepts("w4"));
  CHECK(tokens.accepts("w5"));
}

TEST_CASE(
    "resume_tokens: a token of a socket that is here outlasts those of sockets that are not") {
  resume_tokens tokens;
  tokens.issue(1, "here");
  for (connection_id each = 2; each < 50; ++each) {
    tokens.issue(each, "t" + std::to_string(each), "here");
    tokens.released(each);
  }
  CHECK(tokens.accepts("here"));
}

TEST_CASE("resume_tokens: says when a client's ack was news") {
  resume_tokens tokens;
  tokens.issue(1, "t1");
  CHECK_FALSE(tokens.arrived(9));
  const bool first = tokens.arrived(1);
  CHECK_FALSE(tokens.arrived(1));
  tokens.issue(2, "t2", "t1");
  CHECK(tokens.arrived(2));
  CHECK_FALSE(tokens.arrived(2));
  CHECK_FALSE(first);  // one that presents none is taken to have it
}

TEST_CASE("resume_tokens: come back from their digests, with no socket that lives by them") {
  resume_tokens tokens;
  tokens.issue(1, "held");
  tokens.released(1);
  tokens.issue(2, "lost", "held");
  std::vector<std::pair<agent_websocket::digest256, bool>> kept;
  tokens.for_each([&](const agent_websocket::digest256& digest, bool is_known) {
    kept.emplace_back(digest, is_known);
  });
  REQUIRE(kept.size() == 2u);
  CHECK(kept[0].first == agent_websocket::sha256("held"));
  CHECK(kept[0].second);
  CHECK_FALSE(kept[1].second);
  resume_tokens again;
  again.issue(5, "other");
  again.forget_all();
  CHECK(again.size() == 0u);
  CHECK_FALSE(again.accepts("other"));
  for (const auto& each : kept) again.kept(each.first, each.second);
  CHECK(again.accepts("held"));
  CHECK(again.accepts("lost"));
  CHECK(again.size() == 2u);
  // Those that no client is known to have go first.
  for (connection_id each = 10; again.accepts("lost"); ++each) {
    REQUIRE(each < 200u);
    again.issue(each, "t" + std::to_string(each));
  }
  CHECK(again.accepts("held"));
}

TEST_CASE("resume_tokens: no more come back than there may be") {
  resume_tokens tokens;
  for (std::size_t i = 0; i < resume_tokens::max_tokens + 5; ++i)
    tokens.kept(agent_websocket::sha256("t" + std::to_string(i)), true);
  CHECK(tokens.size() == resume_tokens::max_tokens);
}
