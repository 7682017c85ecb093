// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/spare_descriptor.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using agent_websocket::adapters::spare_descriptor;

namespace {

/// The number that the next descriptor will have; -1 when there are no more.
int next_descriptor() {
  const int next = ::dup(0);
  if (next >= 0) ::close(next);
  return next;
}

/// While it lives no descriptors are left.
class none_left {
 public:
  none_left() {
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
    rlimit tight = before_;
    tight.rlim_cur = static_cast<rlim_t>(next_descriptor());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    CHECK(next_descriptor() == -1);
  }
  ~none_left() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("spare descriptor: given up it makes room for one, and can be taken again") {
  spare_descriptor spare;
  const none_left limit;
  REQUIRE(spare.give_up());
  CHECK_FALSE(spare.give_up());  // there is only one
  const int used = ::dup(0);
  CHECK(used >= 0);
  CHECK(next_descriptor() == -1);
  spare.take();  // in vain
  CHECK_FALSE(spare.give_up());
  ::close(used);
  spare.take();
  spare.take();  // no second one
  CHECK(next_descriptor() == -1);
  CHECK(spare.give_up());
  CHECK_FALSE(spare.give_up());
  CHECK(next_descriptor() >= 0);
}

TEST_CASE("spare descriptor: is not inherited, and ends with its owner") {
  const int number = next_descriptor();
  {
    const spare_descriptor spare;
    CHECK(::fcntl(number, F_GETFD) == FD_CLOEXEC);
  }
  CHECK(next_descriptor() == number);
}
