// SPDX-License-Identifier: MIT
#include <agent_websocket/session/kept_watch.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

using agent_websocket::kept_watch;

namespace {

struct fixture {
  std::vector<std::string> told;
  std::unique_ptr<kept_watch> its = std::make_unique<kept_watch>();

  void wait(unsigned records) {
    its->wait(records, [this, records](bool kept) {
      told.push_back(std::to_string(records) + (kept ? " kept" : " lost"));
    });
  }
};

using lines = std::vector<std::string>;

}  // namespace

TEST_CASE_FIXTURE(fixture, "kept_watch: tells those whose records are kept, in their order") {
  for (const unsigned each : {2u, 2u, 3u, 5u}) wait(each);
  its->kept(1);
  CHECK(told.empty());
  its->kept(3);
  CHECK(told == lines{"2 kept", "2 kept", "3 kept"});
  CHECK_FALSE(its->empty());
  its->kept(9);
  CHECK(told.back() == "5 kept");
  CHECK(its->empty());
}

TEST_CASE_FIXTURE(fixture, "kept_watch: what is lost is told, once") {
  wait(1);
  wait(2);
  its->kept(1);
  its->lost();
  its->lost();
  its->kept(2);
  its.reset();
  CHECK(told == lines{"1 kept", "2 lost"});
}

TEST_CASE_FIXTURE(fixture, "kept_watch: nobody is left waiting") {
  wait(1);
  wait(2);
  its.reset();
  CHECK(told == lines{"1 lost", "2 lost"});
}

TEST_CASE_FIXTURE(fixture, "kept_watch: who is told may wait again") {
  its->wait(1, [this](bool) { wait(2); });
  its->kept(1);
  CHECK(told.empty());
  its->kept(2);
  CHECK(told == lines{"2 kept"});
}
