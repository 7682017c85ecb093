// SPDX-License-Identifier: MIT
#include <agent_websocket/base/random.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

using agent_websocket::make_short_name;
using agent_websocket::make_token;
using agent_websocket::make_uuid;
using agent_websocket::random_source;

namespace {

/// A source that gives these numbers in turn.
random_source scripted(std::vector<std::uint64_t> numbers) {
  return random_source([numbers = std::move(numbers), next = std::size_t{0}]() mutable {
    return numbers.at(next++);
  });
}

std::string uuid_of(std::uint64_t first, std::uint64_t second) {
  random_source random = scripted({first, second});
  return make_uuid(random);
}

/// RFC 9562 sections 4 and 5.4, lower case.
bool is_uuid_v4(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (c != '-') return false;
    } else if (std::string_view("0123456789abcdef").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return text[14] == '4' && std::string_view("89ab").find(text[19]) != std::string_view::npos;
}

}  // namespace

TEST_CASE("random: a UUID shows every bit but those of version and variant") {
  CHECK(uuid_of(0, 0) == "00000000-0000-4000-8000-000000000000");
  CHECK(uuid_of(~0ULL, ~0ULL) == "ffffffff-ffff-4fff-bfff-ffffffffffff");
  CHECK(uuid_of(0x0123'4567'89AB'CDEFULL, 0xFEDC'BA98'7654'3210ULL) ==
        "01234567-89ab-4def-bedc-ba9876543210");
  CHECK(uuid_of(0x0000'0000'0000'8000ULL, 0x4000'0000'0000'0000ULL) ==
        "00000000-0000-4000-8000-000000000000");
}

TEST_CASE("random: UUIDs from the operating system have the form, differ, and vary everywhere") {
  random_source random;
  std::unordered_set<std::string> seen;
  std::vector<std::unordered_set<char>> at(36);
  int malformed = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string uuid = make_uuid(random);
    if (!is_uuid_v4(uuid)) ++malformed;
    seen.insert(uuid);
    for (std::size_t k = 0; k < uuid.size(); ++k) at[k].insert(uuid[k]);
  }
  CHECK(malformed == 0);
  CHECK(seen.size() == 2000);
  for (std::size_t k = 0; k < 36; ++k) {
    CAPTURE(k);
    const bool fixed = k == 8 || k == 13 || k == 18 || k == 23 || k == 14;
    CHECK(at[k].size() == (fixed ? 1u : k == 19 ? 4u : 16u));  // a digit missing: 1 in 10^54
  }
}

TEST_CASE("random: two sources of the operating system do not repeat each other") {
  random_source a, b;
  CHECK(make_uuid(a) != make_uuid(b));
}

TEST_CASE("random: a seed gives its sequence, and a copy goes on by itself") {
  random_source a = random_source::seeded(7), b = random_source::seeded(7);
  random_source other = random_source::seeded(8);
  const std::uint64_t first = a.bits();
  CHECK(first == b.bits());
  CHECK(first != other.bits());
  random_source copy = a;
  const std::uint64_t second = a.bits();
  CHECK(copy.bits() == second);
  CHECK(first != second);
  CHECK(random_source::seeded(5489).bits() == 14514284786278117030ULL);  // std::mt19937_64's first
  // The standard's own test of std::mt19937_64, [rand.predef]: the 10000th of its default seed.
  random_source standard = random_source::seeded(5489);
  for (int i = 1; i < 10'000; ++i) standard.bits();
  CHECK(standard.bits() == 9981545732273789042ULL);
}

TEST_CASE("random: what is drawn at once is the same as what is drawn one by one") {
  random_source one = random_source::seeded(3), at_once = random_source::seeded(3);
  const std::string uuid = make_uuid(one), name = agent_websocket::make_short_name(one),
                    token = agent_websocket::make_token(one);
  {
    agent_websocket::random_draw<agent_websocket::words_of_uuid + agent_websocket::words_of_short_name +
                                 agent_websocket::words_of_token>
        draw(at_once);
    CHECK(make_uuid(draw) == uuid);
    CHECK(agent_websocket::make_short_name(draw) == name);
    CHECK(agent_websocket::make_token(draw) == token);
  }
  CHECK(one.bits() == at_once.bits());  // nothing was left over
}

TEST_CASE("random: a draw leaves nothing behind") {
  alignas(agent_websocket::random_draw<4>) unsigned char memory[sizeof(agent_websocket::random_draw<4>)];
  random_source source = random_source::seeded(3);
  auto* const draw = ::new (static_cast<void*>(memory)) agent_websocket::random_draw<4>(source);
  const std::uint64_t first = draw->words<1>()[0];
  REQUIRE(std::memcmp(memory, &first, sizeof first) == 0);
  draw->~random_draw();
  CHECK(std::all_of(memory, memory + 4 * sizeof first, [](unsigned char each) { return each == 0; }));
}

TEST_CASE("random: unit() lies in [0, 1) and uses the upper bits") {
  CHECK(scripted({0}).unit() == 0.0);
  CHECK(scripted({0x7FF}).unit() == 0.0);
  CHECK(scripted({0x800}).unit() == 0x1.0p-53);
  CHECK(scripted({0x8000'0000'0000'0000ULL}).unit() == 0.5);
  CHECK(scripted({~0ULL}).unit() < 1.0);
  CHECK(scripted({~0ULL}).unit() == 1.0 - 0x1.0p-53);

  random_source random = random_source::seeded(1);
  double sum = 0;
  bool outside = false;
  for (int i = 0; i < 10'000; ++i) {
    const double drawn = random.unit();
    outside = outside || drawn < 0 || drawn >= 1;
    sum += drawn;
  }
  CHECK_FALSE(outside);
  CHECK(sum / 10'000 == doctest::Approx(0.5).epsilon(0.05));
}

TEST_CASE("random: a token has 43 characters of base64url, without padding") {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  random_source random;
  std::unordered_set<std::string> seen;
  std::vector<std::unordered_set<char>> at(43);
  for (int i = 0; i < 3000; ++i) {
    const std::string token = make_token(random);
    REQUIRE(token.size() == 43u);
    REQUIRE(token.find_first_not_of(alphabet) == std::string::npos);
    seen.insert(token);
    for (std::size_t k = 0; k < token.size(); ++k) at[k].insert(token[k]);
  }
  CHECK(seen.size() == 3000u);
  for (std::size_t k = 0; k < 43; ++k) {
    CAPTURE(k);
    CHECK(at[k].size() == 64u);  // a character missing: 1 in 10^18
  }
}

TEST_CASE("random: a token shows at least 256 bits of its source") {
  // Each bit that is drawn and used changes the token; 43 characters hold 258.
  std::size_t used = 0, draws = 0;
  random_source counting([&draws] {
    ++draws;
    return std::uint64_t{0};
  });
  const std::string zeros = make_token(counting);
  CHECK(zeros == std::string(43, 'A'));
  std::unordered_set<std::string> seen{zeros};
  for (std::size_t draw = 0; draw < draws; ++draw) {
    for (int bit = 0; bit < 64; ++bit) {
      std::vector<std::uint64_t> numbers(draws, 0);
      numbers[draw] = std::uint64_t{1} << bit;
      random_source one = scripted(numbers);
      const std::string token = make_token(one);
      if (token == zeros) continue;
      ++used;
      CHECK(seen.insert(token).second);
    }
  }
  CHECK(used >= 256u);
}

TEST_CASE("random: a token is as predictable as its source") {
  random_source a = random_source::seeded(7), b = random_source::seeded(7);
  random_source other = random_source::seeded(8);
  const std::string first = make_token(a);
  CHECK(first == make_token(b));
  CHECK(first != make_token(a));
  CHECK(first != make_token(other));
  random_source x, y;
  CHECK(make_token(x) != make_token(y));
}

TEST_CASE("random: several words at once are as many calls, in their order") {
  random_source random = scripted({1, 2, 3, 4});
  const auto words = random.words<3>();
  CHECK(words[0] == 1u);
  CHECK(words[1] == 2u);
  CHECK(words[2] == 3u);
  CHECK(random.bits() == 4u);
}

TEST_CASE("random: words of the operating system differ, and all of their bits change") {
  random_source random;
  std::unordered_set<std::uint64_t> seen;
  std::uint64_t ever_one = 0, ever_zero = 0;
  for (int i = 0; i < 100; ++i) {
    for (const std::uint64_t each : random.words<9>()) {
      seen.insert(each);
      ever_one |= each;
      ever_zero |= ~each;
    }
  }
  CHECK(seen.size() == 900u);
  CHECK(ever_one == ~0ULL);
  CHECK(ever_zero == ~0ULL);
}

TEST_CASE("random: a short name uses ten times six bits of a word") {
  random_source random = scripted({0, 0xFFFF'FFFF'FFFF'FFFFULL});
  CHECK(make_short_name(random) == "AAAAAAAAAA_____");
  random_source system;
  std::unordered_set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(make_short_name(system));
  CHECK(seen.size() == 1000u);
}
