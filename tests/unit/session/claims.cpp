// SPDX-License-Identifier: MIT
#include <agent_websocket/session/claims.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

using agent_websocket::claimed_ids;
using agent_websocket::time_point;
using namespace std::chrono_literals;

namespace {
const time_point start{24h};
}

TEST_CASE("claims: what has no end is claimed as such, and nothing without an id") {
  claimed_ids ids;
  const time_point now{};
  ids.take_without_end("s1", now);
  REQUIRE(ids.find("s1", now) != nullptr);
  CHECK(ids.find("s1", now)->end_seq == claimed_ids::without_end);
  ids.take_without_end("", now);
  CHECK(ids.find("", now) == nullptr);
}

TEST_CASE("claims: an id is free until it is claimed, then it names its answer") {
  claimed_ids ids;
  CHECK(ids.find("q1", start) == nullptr);
  ids.take("q1", "r_1", start);
  ids.take("q2", "r_2", start);
  REQUIRE(ids.find("q1", start) != nullptr);
  CHECK(ids.find("q1", start)->stream == "r_1");
  CHECK(ids.find("q1", start)->end_seq == 0u);
  CHECK(ids.find("q2", start + 1min)->stream == "r_2");
  CHECK(ids.find("q3", start) == nullptr);
  CHECK(ids.find("", start) == nullptr);
}

TEST_CASE("claims: remember by which number an answer ended") {
  claimed_ids ids;
  ids.take("q1", "r_1", start);
  ids.take("q2", "r_2", start);
  ids.ended("q1", 7);
  REQUIRE(ids.find("q1", start) != nullptr);
  CHECK(ids.find("q1", start)->end_seq == 7u);
  CHECK(ids.find("q1", start)->stream == "r_1");
  CHECK(ids.find("q2", start)->end_seq == 0u);
  ids.ended("never claimed", 8);
  CHECK(ids.find("never claimed", start) == nullptr);
}

TEST_CASE("claims: an end that comes late is not that of the id's next claim") {
  claimed_ids ids;
  ids.take("q1", "r_1", start);
  ids.ended("q1", 7);
  CHECK(ids.find("q1", start + 5min) == nullptr);
  ids.take("q1", "r_2", start + 5min);
  REQUIRE(ids.find("q1", start + 5min) != nullptr);
  CHECK(ids.find("q1", start + 5min)->stream == "r_2");
  CHECK(ids.find("q1", start + 5min)->end_seq == 0u);
}

TEST_CASE("claims: hold for five minutes each") {
  claimed_ids ids;
  ids.take("q1", "r_1", start);
  ids.take("q2", "r_2", start + 1min);
  CHECK(ids.find("q1", start + 5min - 1ms) != nullptr);
  CHECK(ids.find("q1", start + 5min) == nullptr);
  CHECK(ids.find("q2", start + 5min) != nullptr);
  CHECK(ids.find("q2", start + 6min) == nullptr);
  ids.take("q1", "r_9", start + 7min);
  REQUIRE(ids.find("q1", start + 8min) != nullptr);
  CHECK(ids.find("q1", start + 8min)->stream == "r_9");
}

TEST_CASE("claims: hold as long as they are told to") {
  claimed_ids brief(1min), lasting(10min);
  for (claimed_ids* ids : {&brief, &lasting}) ids->take("q1", "r_1", start);
  CHECK(brief.find("q1", start + 1min - 1ms) != nullptr);
  CHECK(brief.find("q1", start + 1min) == nullptr);
  CHECK(lasting.find("q1", start + 10min - 1ms) != nullptr);
  CHECK(lasting.find("q1", start + 10min) == nullptr);
}

TEST_CASE("claims: the latest 1024 are held") {
  claimed_ids ids;
  for (int i = 0; i < 1024; ++i) ids.take("q" + std::to_string(i), "r", start);
  CHECK(ids.find("q0", start) != nullptr);
  ids.take("q1024", "r", start);
  CHECK(ids.find("q0", start) == nullptr);
  CHECK(ids.find("q1", start) != nullptr);
  CHECK(ids.find("q1024", start) != nullptr);
  for (int i = 0; i < 5000; ++i) ids.take("n" + std::to_string(i), "r", start);
  std::size_t held = 0;
  for (int i = 0; i < 5000; ++i) held += ids.find("n" + std::to_string(i), start) != nullptr;
  CHECK(held == 1024u);
}

TEST_CASE("claims: neither asking nor an end makes an id last longer") {
  claimed_ids ids;
  ids.take("q1", "r_1", start);
  for (int i = 1; i < 5; ++i) CHECK(ids.find("q1", start + std::chrono::minutes(i)) != nullptr);
  ids.ended("q1", 3);
  CHECK(ids.find("q1", start + 5min) == nullptr);
}

TEST_CASE("claims: one that is dropped is free, and makes no other older") {
  claimed_ids ids;
  ids.take("a", "r_1", start);
  ids.take("b", "r_2", start + 1min);
  ids.take("c", "r_3", start + 2min);
  ids.drop("b");
  ids.drop("nobody");
  CHECK(ids.find("b", start + 2min) == nullptr);
  REQUIRE(ids.find("a", start + 2min) != nullptr);
  REQUIRE(ids.find("c", start + 2min) != nullptr);
  ids.take("b", "r_4", start + 3min);
  CHECK(ids.find("b", start + 3min)->stream == "r_4");
  // It ages from its second taking, and the others from their first.
  CHECK(ids.find("a", start + claimed_ids::max_age) == nullptr);
  CHECK(ids.find("c", start + claimed_ids::max_age) != nullptr);
  CHECK(ids.find("b", start + 2min + claimed_ids::max_age) != nullptr);
  CHECK(ids.find("b", start + 3min + claimed_ids::max_age) == nullptr);
}

TEST_CASE("claims: are visited oldest first, with their time") {
  claimed_ids ids;
  ids.take("a", "r_1", start);
  ids.ended("a", 7);
  ids.take_without_end("s", start + 1s);
  ids.take("b", "r_2", start + 2s);
  ids.drop("a");
  ids.take("a", "r_3", start + 3s);
  std::string all;
  ids.for_each([&](const std::string& id, const claimed_ids::claim& claimed, time_point since) {
    all += id + " " + claimed.stream + " " +
           (claimed.end_seq == claimed_ids::without_end ? "-" : std::to_string(claimed.end_seq)) +
           " " + std::to_string((since - start) / 1s) + ", ";
  });
  CHECK(all == "s  - 1, b r_2 0 2, a r_3 0 3, ");
}

TEST_CASE("claims: are what a list would say, whatever is taken, dropped and grown old") {
  struct known {
    std::string id;
    std::string stream;
    std::uint64_t end_seq;
    time_point at;
  };
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    claimed_ids ids(10min);
    std::vector<known> model;
    time_point now = start;
    const std::size_t names = round % 2 == 0 ? 30 : 3000;
    for (int step = 0; step < 3000; ++step) {
      if (random() % 8 == 0) now += std::chrono::seconds(random() % 20);
      const std::string id = "q" + std::to_string(random() % names);
      const auto* const found = ids.find(id, now);
      while (!model.empty() && model.front().at + 10min <= now) model.erase(model.begin());
      const auto place = std::find_if(model.begin(), model.end(),
                                      [&](const known& each) { return each.id == id; });
      REQUIRE((found != nullptr) == (place != model.end()));
      if (found != nullptr) {
        REQUIRE(found->stream == place->stream);
        REQUIRE(found->end_seq == place->end_seq);
        if (random() % 3 == 0) {
          ids.drop(id);
          model.erase(place);
        } else {
          place->end_seq = random();
          ids.ended(id, place->end_seq);
        }
      } else {
        const std::string stream = "r" + std::to_string(step);
        ids.take(id, stream, now);
        if (model.size() == claimed_ids::max_ids) model.erase(model.begin());
        model.push_back({id, stream, 0, now});
      }
    }
    std::size_t at = 0;
    ids.for_each([&](const std::string& id, const claimed_ids::claim& claimed, time_point since) {
      REQUIRE(at < model.size());
      CHECK(id == model[at].id);
      CHECK(claimed.stream == model[at].stream);
      CHECK(since == model[at++].at);
    });
    CHECK(at == model.size());
  }
}
