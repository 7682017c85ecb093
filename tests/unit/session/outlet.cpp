// SPDX-License-Identifier: MIT
#include <agent_websocket/session/outlet.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

using namespace agent_websocket;

namespace {

struct recorder {
  std::size_t send(connection_id id, std::string_view frame) {
    said += "send " + std::to_string(id) + " " + std::string(frame) + ";";
    return frame.size();
  }
  void close(connection_id id, std::uint16_t code, std::string_view reason) {
    said += "close " + std::to_string(id) + " " + std::to_string(code) + " " +
            std::string(reason) + ";";
  }
  std::string said;
};

struct far_recorder final : remote_outlet {
  std::size_t send(connection_id guest, std::string_view frame) override {
    return 2 * inner.send(guest & ~remote_bit, frame);
  }
  void close(connection_id guest, std::uint16_t code, std::string_view reason) override {
    inner.close(guest & ~remote_bit, code, reason);
  }
  recorder inner;
};

}  // namespace

TEST_CASE("outlet: the id says where a socket is") {
  CHECK_FALSE(is_remote(0));
  CHECK_FALSE(is_remote(1));
  CHECK_FALSE(is_remote(remote_bit - 1));
  CHECK(is_remote(remote_bit));
  CHECK(is_remote(remote_bit | 1));
  CHECK(is_remote(std::numeric_limits<connection_id>::max()));
}

TEST_CASE("outlet: frames and closes go where the socket is") {
  recorder here;
  far_recorder there;
  outlet<recorder> out(here);
  CHECK(out.send(1, "before there are others") == 23u);
  out.lead_to(there);
  here.said.clear();
  CHECK(out.send(5, "abc") == 3u);
  CHECK(out.send(remote_bit | 5, "abc") == 6u);
  out.close(6, 1000, "here");
  out.close(remote_bit | 6, 4000, "there");
  CHECK(here.said == "send 5 abc;close 6 1000 here;");
  CHECK(there.inner.said == "send 5 abc;close 6 4000 there;");
}
