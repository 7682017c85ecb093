// SPDX-License-Identifier: MIT
#include <agent_websocket/adapters/redis_slots.hpp>

#include <doctest/doctest.h>

#include <string>

using agent_websocket::adapters::parse_redis_redirection;
using agent_websocket::adapters::redis_address;
using agent_websocket::adapters::redis_crc16;
using agent_websocket::adapters::redis_reader;
using agent_websocket::adapters::redis_slot_map;
using agent_websocket::adapters::redis_slot_of;

namespace {

const redis_address asked{"10.0.0.9", 7009};

bool assign(redis_slot_map& map, const std::string& bytes) {
  redis_reader reader;
  reader.feed(bytes);
  const auto reply = reader.next();
  REQUIRE((reply && reply->has_value()));
  return map.assign(**reply, asked);
}

std::string owner(const redis_slot_map& map, std::uint16_t slot) {
  const redis_address* const found = map.find(slot);
  return found == nullptr ? "nobody" : found->text();
}

/// 0-5460 at 10.0.0.1:7001 with a replica, 5461-16383 at the server that was asked, by its port.
const std::string two_ranges =
    "*2\r\n"
    "*4\r\n:0\r\n:5460\r\n*3\r\n$8\r\n10.0.0.1\r\n:7001\r\n$2\r\nid\r\n"
    "*3\r\n$8\r\n10.0.0.2\r\n:7002\r\n$2\r\nid\r\n"
    "*3\r\n:5461\r\n:16383\r\n*4\r\n$-1\r\n:7003\r\n$2\r\nid\r\n*0\r\n";

}  // namespace

TEST_CASE("redis slots: of a key") {
  CHECK(redis_crc16("123456789") == 0x31C3);  // of the cluster specification
  CHECK(redis_crc16("") == 0);
  // As redis-cli CLUSTER KEYSLOT says.
  CHECK(redis_slot_of("foo") == 12182);
  CHECK(redis_slot_of("bar") == 5061);
  CHECK(redis_slot_of("{user1000}.following") == redis_slot_of("{user1000}.followers"));
  CHECK(redis_slot_of("{user1000}.following") == redis_slot_of("user1000"));
  CHECK(redis_slot_of("foo{}{bar}") == redis_crc16("foo{}{bar}") % 16384);
  CHECK(redis_slot_of("foo{{bar}}zap") == redis_slot_of("{bar"));
  CHECK(redis_slot_of("foo{bar}{zap}") == redis_slot_of("bar"));
  CHECK(redis_slot_of("foo{bar") == redis_crc16("foo{bar") % 16384);
  CHECK(redis_slot_of("p:{s}") == redis_slot_of("p:{s}:records"));
}

TEST_CASE("redis slots: MOVED and ASK") {
  const auto moved = parse_redis_redirection("MOVED 3999 127.0.0.1:6381", asked);
  REQUIRE(moved);
  CHECK_FALSE(moved->asks);
  CHECK(moved->slot == 3999);
  CHECK(moved->address.text() == "127.0.0.1:6381");
  const auto ask = parse_redis_redirection("ASK 16383 redis.example:1", asked);
  REQUIRE(ask);
  CHECK(ask->asks);
  CHECK(ask->address.text() == "redis.example:1");
  CHECK(parse_redis_redirection("MOVED 1 fe80::1:6381", asked)->address.text() == "[fe80::1]:6381");
  CHECK(parse_redis_redirection("MOVED 1 :6381", asked)->address.text() == "10.0.0.9:6381");
  CHECK(parse_redis_redirection("MOVED 1 ?:6381", asked)->address.text() == "10.0.0.9:6381");
  for (const char* other :
       {"ERR MOVED 1 a:1", "MOVED", "MOVED ", "MOVED 1", "MOVED 1 a", "MOVED x a:1", "MOVED 1 a:0",
        "MOVED 16384 a:1", "MOVED 1 a:65536", "MOVED 1 a:", "MOVED -1 a:1", "MOVED a:1 2",
        "TRYAGAIN Multiple keys", ""}) {
    CAPTURE(other);
    CHECK_FALSE(parse_redis_redirection(other, asked));
  }
}

TEST_CASE("redis slots: who has which") {
  redis_slot_map map;
  CHECK(owner(map, 0) == "nobody");
  CHECK(map.addresses().empty());
  REQUIRE(assign(map, two_ranges));
  CHECK(owner(map, 0) == "10.0.0.1:7001");
  CHECK(owner(map, 5460) == "10.0.0.1:7001");
  CHECK(owner(map, 5461) == "10.0.0.9:7003");
  CHECK(owner(map, 16383) == "10.0.0.9:7003");
  CHECK(map.addresses().size() == 2u);  // no replica
  CHECK(map.contains({"10.0.0.1", 7001}));
  CHECK_FALSE(map.contains({"10.0.0.2", 7002}));

  map.move(5461, {"10.0.0.1", 7001});
  map.move(0, {"10.0.0.3", 7003});
  CHECK(owner(map, 5461) == "10.0.0.1:7001");
  CHECK(owner(map, 0) == "10.0.0.3:7003");
  CHECK(owner(map, 1) == "10.0.0.1:7001");
  CHECK(map.addresses().size() == 3u);

  // Slots that nobody serves are nobody's.
  REQUIRE(assign(map, "*1\r\n*3\r\n:7\r\n:7\r\n*2\r\n$1\r\na\r\n:1\r\n"));
  CHECK(owner(map, 7) == "a:1");
  CHECK(owner(map, 8) == "nobody");
}

TEST_CASE("redis slots: an answer that is none changes nothing") {
  redis_slot_map map;
  map.move(3, {"a", 1});
  for (const char* other :
       {"*0\r\n", "-ERR This instance has cluster support disabled\r\n", ":1\r\n", "$-1\r\n",
        "*1\r\n:1\r\n", "*1\r\n*3\r\n:9\r\n:7\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:0\r\n", "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\na\r\n:65536\r\n"}) {
    CAPTURE(other);
    CHECK_FALSE(assign(map, other));
    CHECK(owner(map, 3) == "a:1");
  }
}
