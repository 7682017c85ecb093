// SPDX-License-Identifier: MIT
//
// What every model of the requirement Store has to do. A fixture is made for one case and gives:
//
//   store()         the store of one process; any type that meets the requirement, lasting()
//   run(ready)      runs the executor until `ready()` is true, a few seconds at most
//   settle()        runs what is there to run, and what comes of it within some milliseconds
//   reopen()        the process ends, without a word to its store, and the next one opens what is
//                   kept: store() is another one afterwards. What the old one held is free, as when
//                   its lease is over
//   drop()          destroys store(), which is not asked for again
//   another()       the store of a second process beside the first, both on what is kept
//   shared          static constexpr bool: whether there is an another(); a model that only one
//                   process can have leaves it out, and never says busy
//
// Sessions of a case have names of their own, so that a server that outlives the case may serve.
#pragma once

#include <agent_websocket/policy/store.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace store_suite {

using agent_websocket::errc;
using agent_websocket::fence_number;
using agent_websocket::result;
using agent_websocket::store_batch;
using agent_websocket::stored_session;
using texts = std::vector<std::string>;

/// The record of that name.
inline std::string operator""_r(const char* text, std::size_t size) {
  return "{\"r\":\"" + std::string(text, size) + "\"}";
}

/// An outcome that is to come exactly once.
template <typename T>
struct awaited {
  int calls = 0;
  std::optional<result<T>> outcome;

  auto handler() {
    return [this](result<T> each) {
      ++calls;
      outcome = std::move(each);
    };
  }
};

/// Success as nothing, a failure as its code.
using code = std::optional<errc>;

template <typename T>
code code_of(const result<T>& outcome) {
  return outcome ? code() : code(outcome.error().code);
}

/// Calls a store and waits. A name of a session holds for one case: `name("a")`.
template <typename Fixture>
class process {
 public:
  using store_type = std::remove_reference_t<decltype(std::declval<Fixture&>().store())>;

  explicit process(Fixture& fixture) : fixture_(fixture) {}
  process(Fixture& fixture, store_type& second) : fixture_(fixture), second_(&second) {}

  store_type& store() { return second_ != nullptr ? *second_ : fixture_.store(); }

  stored_session load(std::string_view session) {
    const auto outcome =
        wait<stored_session>([&](auto done) { store().load(session, std::move(done)); });
    REQUIRE(code_of(outcome) == code());
    return *outcome;
  }
  texts records(std::string_view session) { return load(session).records; }

  result<fence_number> claim(std::string_view session, const stored_session& known) {
    return wait<fence_number>([&](auto done) { store().claim(session, known, std::move(done)); });
  }
  /// Of what is there now.
  fence_number claim(std::string_view session) {
    const auto outcome = claim(session, load(session));
    REQUIRE(code_of(outcome) == code());
    return *outcome;
  }
  code append(std::string_view session, fence_number fence, std::uint64_t first, texts records,
              bool replaces = false) {
    store_batch batch{std::string(session), fence, first, std::move(records), replaces};
    return code_of(
        wait<void>([&](auto done) { store().append(std::move(batch), std::move(done)); }));
  }
  code release(std::string_view session, fence_number fence) {
    return code_of(
        wait<void>([&](auto done) { store().release(session, fence, std::move(done)); }));
  }
  code erase(std::string_view session, fence_number fence) {
    return code_of(wait<void>([&](auto done) { store().erase(session, fence, std::move(done)); }));
  }
  code check() {
    return code_of(wait<void>([&](auto done) { store().check(std::move(done)); }));
  }

 private:
  template <typename T, typename Call>
  result<T> wait(const Call& call) {
    awaited<T> each;
    call(each.handler());
    fixture_.run([&each] { return each.calls > 0; });
    REQUIRE(each.calls == 1);
    return *each.outcome;
  }

  Fixture& fixture_;
  store_type* second_ = nullptr;
};

inline bool is_unknown(const stored_session& found) {
  return found.records.empty() && found.next == 0 && found.fence == 0 && found.holder.empty();
}

/// A session that no other case has.
inline std::string name(const std::string& which) {
  static std::mt19937_64 random(std::random_device{}());
  return which + "-" + std::to_string(random());
}

template <typename Fixture>
void an_unknown_session() {
  Fixture fixture;
  process<Fixture> one(fixture);
  CHECK(one.store().lasting());
  CHECK(one.check() == code());
  const std::string a = name("a");
  CHECK(is_unknown(one.load(a)));
  CHECK(code_of(one.claim(a, {})) == errc::session_not_found);
  CHECK(one.append(a, 1, 1, {"{}"}) == errc::session_not_found);  // there is no record 0
  CHECK(one.append(a, 2, 0, {"{}"}) == errc::session_not_found);  // there was no claim
  CHECK(one.append(a, 0, 0, {"{}"}) == errc::session_not_found);
  CHECK(one.append(a, 1, 7, {"{}"}, true) == errc::session_not_found);
  CHECK(one.release(a, 1) == code());
  CHECK(one.erase(a, 1) == code());
  CHECK(is_unknown(one.load(a)));
}

template <typename Fixture>
void the_first_append_makes_it() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a"), b = name("b");
  CHECK(one.append(a, 1, 0, {"{\"n\":0}", "{\"n\":1}"}) == code());
  CHECK(one.append(b, 1, 0, {"{}"}, true) == code());
  const stored_session found = one.load(a);
  CHECK(found.records == texts{"{\"n\":0}", "{\"n\":1}"});
  CHECK(found.next == 2);
  CHECK(found.fence == 1);
  CHECK(found.holder.empty());  // no other process
  CHECK(one.records(b) == texts{"{}"});
  CHECK(one.records(a) == found.records);  // reading takes nothing
  CHECK(one.append(a, 1, 2, {"{\"n\":2}"}) == code());
  CHECK(one.records(a) == texts{"{\"n\":0}", "{\"n\":1}", "{\"n\":2}"});
  CHECK(one.load(a).next == 3);
  // Made is made: another first append with other records is late.
  CHECK(one.append(a, 1, 0, {"{\"other\":1}"}) == errc::moved);
  CHECK(one.records(a).size() == 3);
}

template <typename Fixture>
void only_the_next_number_is_kept() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a");
  REQUIRE(one.append(a, 1, 0, {"0"_r, "1"_r, "2"_r}) == code());
  CHECK(one.append(a, 1, 4, {"4"_r}) == errc::moved);         // one is missing
  CHECK(one.append(a, 1, 2, {"2"_r, "3"_r}) == errc::moved);  // partly kept
  CHECK(one.append(a, 1, 9, {"9"_r}, true) == errc::moved);   // and no replacing by it
  CHECK(one.append(a, 1, 1, {"1"_r, "2"_r, "3"_r}, true) == errc::moved);
  CHECK(one.records(a) == texts{"0"_r, "1"_r, "2"_r});
  CHECK(one.load(a).next == 3);
  CHECK(one.append(a, 1, 3, {"3"_r}) == code());
}

template <typename Fixture>
void a_repeated_batch_is_kept_once() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a");
  for (int i = 0; i < 3; ++i) CHECK(one.append(a, 1, 0, {"0"_r, "1"_r}) == code());
  CHECK(one.records(a) == texts{"0"_r, "1"_r});
  for (int i = 0; i < 3; ++i) CHECK(one.append(a, 1, 2, {"2"_r}) == code());
  CHECK(one.records(a) == texts{"0"_r, "1"_r, "2"_r});
  for (int i = 0; i < 3; ++i) CHECK(one.append(a, 1, 3, {"3"_r, "4"_r}, true) == code());
  CHECK(one.records(a) == texts{"3"_r, "4"_r});
  CHECK(one.load(a).next == 5);
  // Also when the process has changed between the two, under the fence of its claim.
  fixture.reopen();
  const fence_number fence = one.claim(a);
  CHECK(one.append(a, fence, 3, {"3"_r, "4"_r}, true) == code());
  CHECK(one.records(a) == texts{"3"_r, "4"_r});
}

template <typename Fixture>
void replaces_forgets_the_earlier_ones() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a"), b = name("b");
  REQUIRE(one.append(a, 1, 0, {"0"_r, "1"_r, "2"_r}) == code());
  REQUIRE(one.append(b, 1, 0, {"b"_r}) == code());
  CHECK(one.append(a, 1, 3, {"3"_r, "4"_r}, true) == code());
  CHECK(one.records(a) == texts{"3"_r, "4"_r});
  CHECK(one.load(a).next == 5);
  CHECK(one.records(b) == texts{"b"_r});
  CHECK(one.append(a, 1, 5, {"5"_r}) == code());
  CHECK(one.records(a) == texts{"3"_r, "4"_r, "5"_r});
  CHECK(one.append(a, 1, 6, {"6"_r}, true) == code());
  CHECK(one.records(a) == texts{"6"_r});
  CHECK(one.load(a).next == 7);
}

template <typename Fixture>
void a_claim_gives_a_higher_fence() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a"), b = name("b");
  REQUIRE(one.append(a, 1, 0, {"0"_r}) == code());
  REQUIRE(one.append(b, 1, 0, {"b"_r}) == code());
  fence_number last = 1;
  for (int i = 0; i < 3; ++i) {
    const fence_number fence = one.claim(a);
    CHECK(fence == last + 1);
    CHECK(one.load(a).fence == fence);
    last = fence;
  }
  CHECK(one.load(b).fence == 1);
  CHECK(one.records(a) == texts{"0"_r});
  CHECK(one.load(a).next == 1);
  CHECK(one.append(a, last, 1, {"1"_r}) == code());
  CHECK(one.records(a) == texts{"0"_r, "1"_r});
}

template <typename Fixture>
void another_fence_changes_nothing() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a");
  REQUIRE(one.append(a, 1, 0, {"0"_r, "1"_r}) == code());
  const fence_number fence = one.claim(a);
  for (const fence_number other : {fence - 1, fence + 1, fence_number{0}}) {
    CAPTURE(other);
    CHECK(one.append(a, other, 2, {"late"_r}) == errc::moved);
    CHECK(one.append(a, other, 2, {"late"_r}, true) == errc::moved);
    CHECK(one.append(a, other, 0, {"0"_r, "1"_r}) == errc::moved);  // a repeat, by who has lost it
    CHECK(one.append(a, other, 0, {"late"_r}) == errc::moved);
    CHECK(one.release(a, other) == errc::moved);
    CHECK(one.erase(a, other) == errc::moved);
    CHECK(one.records(a) == texts{"0"_r, "1"_r});
    CHECK(one.load(a).next == 2);
    CHECK(one.load(a).fence == fence);
  }
  CHECK(one.append(a, fence, 0, {"0"_r, "1"_r}) == code());  // a repeat, by who has it now
  CHECK(one.append(a, fence, 2, {"2"_r}) == code());
  CHECK(one.records(a) == texts{"0"_r, "1"_r, "2"_r});
}

template <typename Fixture>
void a_claim_of_what_has_changed() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a");
  REQUIRE(one.append(a, 1, 0, {"0"_r}) == code());
  const stored_session early = one.load(a);
  REQUIRE(one.append(a, 1, 1, {"1"_r}) == code());
  CHECK(code_of(one.claim(a, early)) == errc::moved);  // a record came
  const stored_session later = one.load(a);
  CHECK(later.fence == 1);
  const auto fence = one.claim(a, later);
  REQUIRE(fence.has_value());
  CHECK(code_of(one.claim(a, later)) == errc::moved);  // somebody claimed it
  REQUIRE(one.append(a, *fence, 2, {"2"_r}, true) == code());
  CHECK(code_of(one.claim(a, later)) == errc::moved);
  CHECK(one.load(a).fence == *fence);
  CHECK(one.records(a) == texts{"2"_r});
  // Only the numbers count: who claims need not hold the records any more.
  const stored_session numbers{{}, 3, *fence, {}};
  CHECK(one.claim(a, numbers).has_value());
  const stored_session last = one.load(a);
  REQUIRE(one.erase(a, last.fence) == code());
  CHECK(code_of(one.claim(a, last)) == errc::session_not_found);
}

template <typename Fixture>
void release_keeps_it() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a");
  REQUIRE(one.append(a, 1, 0, {"0"_r}) == code());
  CHECK(one.release(a, 1) == code());
  CHECK(one.release(a, 1) == code());  // twice does no harm
  CHECK(one.records(a) == texts{"0"_r});
  const fence_number fence = one.claim(a);
  CHECK(fence == 2);
  CHECK(one.append(a, fence, 1, {"1"_r}) == code());
  CHECK(one.release(a, fence) == code());
  CHECK(one.load(a).fence == fence);
  CHECK(one.claim(a) == fence + 1);
}

template <typename Fixture>
void erase_forgets_it() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a"), b = name("b");
  REQUIRE(one.append(a, 1, 0, {"0"_r, "1"_r}) == code());
  REQUIRE(one.append(b, 1, 0, {"b"_r}) == code());
  const fence_number fence = one.claim(a);
  CHECK(one.erase(a, fence) == code());
  CHECK(one.erase(a, fence) == code());
  CHECK(is_unknown(one.load(a)));
  CHECK(one.records(b) == texts{"b"_r});
  CHECK(one.append(a, fence, 2, {"2"_r}) == errc::session_not_found);
  CHECK(one.append(a, fence, 0, {"2"_r}) == errc::session_not_found);
  fixture.reopen();
  CHECK(is_unknown(one.load(a)));
  CHECK(one.append(a, 1, 0, {"new"_r}) == code());  // the name is free again
  CHECK(one.records(a) == texts{"new"_r});
  CHECK(one.load(a).fence == 1);
  CHECK(one.load(a).next == 1);
}

template <typename Fixture>
void the_next_process_has_it_all() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a"), b = name("b"), c = name("c");
  REQUIRE(one.append(a, 1, 0, {"0"_r, "1"_r}) == code());
  REQUIRE(one.append(a, 1, 2, {"2"_r}) == code());
  REQUIRE(one.append(b, 1, 0, {"b0"_r}) == code());
  REQUIRE(one.append(b, 1, 1, {"b1"_r}, true) == code());
  REQUIRE(one.append(c, 1, 0, {"c"_r}) == code());
  REQUIRE(one.erase(c, 1) == code());
  fixture.reopen();
  CHECK(one.records(a) == texts{"0"_r, "1"_r, "2"_r});
  CHECK(one.load(a).next == 3);
  CHECK(one.load(a).holder.empty());
  CHECK(one.records(b) == texts{"b1"_r});
  CHECK(one.load(b).next == 2);
  CHECK(is_unknown(one.load(c)));
  const fence_number fence = one.claim(a);
  CHECK(fence == 2);
  CHECK(one.append(a, 1, 3, {"of the process before"_r}) == errc::moved);
  CHECK(one.append(a, fence, 3, {"3"_r}) == code());
  fixture.reopen();
  CHECK(one.records(a) == texts{"0"_r, "1"_r, "2"_r, "3"_r});
  CHECK(one.claim(a) == 3);
}

template <typename Fixture>
void records_of_any_characters() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a");
  const texts all{
      "{}",
      "{\"text\":\"\"}",
      R"({"text":"\u0000\u0001\b\f\n\r\t\u001f\"\\\/ % ' ` $ ; -- ? {x} *"})",
      "{\"text\":\"\x7F \xC2\x80 \xC3\xA9 \xE2\x82\xAC \xEF\xBF\xBF \xF0\x9F\x98\x80 "
      "\xF4\x8F\xBF\xBF\"}",
      "{\"text\":\"\xE2\x80\xA8 \xE2\x80\xA9 \xEF\xBB\xBF \xC2\x85\"}",  // breaks to some
      R"({"text":"\ud83d\ude00 \ud800"})",
      "{\"n\":-0.1e-300,\"big\":123456789012345678901234567890}",
      "  {\"spaces\" : [ 1 , 2 ]}  ",
  };
  REQUIRE(one.append(a, 1, 0, all) == code());
  CHECK(one.records(a) == all);
  fixture.reopen();
  CHECK(one.records(a) == all);
}

template <typename Fixture>
void sessions_of_any_name() {
  Fixture fixture;
  process<Fixture> one(fixture);
  texts names;
  for (const char* const each : {"plain", "Plain",    "with space", "a:b",  "{a}",  "{b}c", "*",
                                 "?",     "[a-z]",    "a'b",        "a\"b", "a\\b", "a%b",  "a_b",
                                 "axb",   "\xC3\xA9", "e\xCC\x81",  "a/b",  "../a", "a\nb"}) {
    names.push_back(name(each));
    names.push_back(name("") + each);
  }
  names.push_back(std::string("\0a", 2) + name(""));
  names.push_back(std::string("\0b", 2) + name(""));
  names.push_back(name(std::string(1000, 'x')));
  for (std::size_t i = 0; i < names.size(); ++i) {
    REQUIRE(one.append(names[i], 1, 0, {"{\"n\":" + std::to_string(i) + "}"}) == code());
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    CHECK(one.records(names[i]) == texts{"{\"n\":" + std::to_string(i) + "}"});
    CHECK(one.erase(names[i], 1) == code());
    CHECK(is_unknown(one.load(names[i])));
  }
}

template <typename Fixture>
void large_records_and_long_batches() {
  Fixture fixture;
  process<Fixture> one(fixture);
  const std::string a = name("a"), b = name("b");
  std::string large = "{\"text\":\"";
  for (int i = 0; large.size() < (1u << 20); ++i) large += "0123456789 " + std::to_string(i);
  large += "\"}";
  texts all{"{}", large, "{\"n\":1}", large};
  REQUIRE(one.append(a, 1, 0, all) == code());
  CHECK((one.records(a) == all));  // not printed
  CHECK(one.append(a, 1, 4, {large}, true) == code());
  CHECK((one.records(a) == texts{large}));
  texts many;
  for (int i = 0; i < 2000; ++i) many.push_back("{\"n\":" + std::to_string(i) + "}");
  REQUIRE(one.append(b, 1, 0, many) == code());
  REQUIRE(one.append(b, 1, 2000, {"{\"n\":2000}"}) == code());
  many.push_back("{\"n\":2000}");
  CHECK((one.records(b) == many));  // in order, by number and not by text
  fixture.reopen();
  CHECK((one.records(b) == many));
  CHECK((one.records(a) == texts{large}));
  one.erase(a, 1);
}

/// Nothing waits for anything, but the appends of one session for each other.
template <typename Fixture>
void many_sessions_at_once() {
  Fixture fixture;
  constexpr std::size_t sessions = 200;
  constexpr std::uint64_t appends = 5;
  struct each_session {
    std::string name;
    std::uint64_t next = 0;
    int failed = 0;
  };
  std::vector<each_session> all(sessions);
  std::size_t open = sessions;
  const auto base = name("many");
  std::function<void(each_session&)> next = [&](each_session& each) {
    const std::uint64_t first = each.next;
    store_batch batch{each.name, 1, first, {"{\"n\":" + std::to_string(first) + "}", "{}"}, false};
    fixture.store().append(std::move(batch), [&](const result<void>& outcome) {
      if (!outcome) ++each.failed;
      each.next += 2;
      if (each.next < 2 * appends && outcome) return next(each);
      --open;
    });
  };
  for (std::size_t i = 0; i < sessions; ++i) {
    all[i].name = base + "-" + std::to_string(i);
    next(all[i]);
  }
  fixture.run([&] { return open == 0; });
  REQUIRE(open == 0u);
  fixture.reopen();
  process<Fixture> one(fixture);
  for (each_session& each : all) {
    CHECK(each.failed == 0);
    texts expected;
    for (std::uint64_t i = 0; i < appends; ++i) {
      expected.push_back("{\"n\":" + std::to_string(2 * i) + "}");
      expected.push_back("{}");
    }
    CHECK(one.records(each.name) == expected);
  }
}

/// Calls that do not wait for one another take effect in their order, and each is done once.
template <typename Fixture>
void calls_take_effect_in_their_order() {
  Fixture fixture;
  const std::string a = name("a");
  awaited<stored_session> before, after, last;
  awaited<void> append, wrong, release, erase, check;
  awaited<fence_number> claim, late;
  {
    std::string session = a, record = "{\"n\":0}";  // these need not live until the outcome
    stored_session known{{}, 1, 1, {}};
    auto& store = fixture.store();
    store.load(session, before.handler());
    store.append(store_batch{session, 1, 0, {record}, false}, append.handler());
    store.append(store_batch{session, 1, 5, {record}, false}, wrong.handler());
    store.load(session, after.handler());
    store.claim(session, known, claim.handler());
    store.release(session, 2, release.handler());
    store.claim(session, known, late.handler());
    store.erase(session, 2, erase.handler());
    store.load(session, last.handler());
    store.check(check.handler());
    session.assign(session.size(), 'x');
    known.next = 9;
  }
  fixture.run([&] { return last.calls > 0 && check.calls > 0; });
  fixture.settle();
  REQUIRE((before.calls == 1 && append.calls == 1 && wrong.calls == 1 && after.calls == 1));
  REQUIRE((claim.calls == 1 && release.calls == 1 && late.calls == 1 && erase.calls == 1));
  REQUIRE((last.calls == 1 && check.calls == 1));
  REQUIRE((*before.outcome && *after.outcome && *last.outcome));
  CHECK(is_unknown(**before.outcome));
  CHECK(code_of(*append.outcome) == code());
  CHECK(code_of(*wrong.outcome) == errc::moved);
  CHECK((*after.outcome)->records == texts{"{\"n\":0}"});
  CHECK((*after.outcome)->next == 1);
  CHECK((*after.outcome)->fence == 1);
  REQUIRE(code_of(*claim.outcome) == code());
  CHECK(**claim.outcome == 2);
  CHECK(code_of(*release.outcome) == code());
  CHECK(code_of(*late.outcome) == errc::moved);
  CHECK(code_of(*erase.outcome) == code());
  CHECK(is_unknown(**last.outcome));
  CHECK(code_of(*check.outcome) == code());
}

template <typename Fixture>
void a_done_may_call_the_store() {
  Fixture fixture;
  const std::string a = name("a");
  std::string order;
  auto& store = fixture.store();
  store.append(store_batch{a, 1, 0, {"0"_r}, false}, [&](const result<void>& made) {
    order += made ? "a" : "!";
    store.load(a, [&](result<stored_session> found) {
      REQUIRE(found.has_value());
      order += "l";
      store.claim(a, *found, [&](const result<fence_number>& fence) {
        REQUIRE(fence.has_value());
        order += "c";
        store.erase(a, *fence, [&](const result<void>& gone) { order += gone ? "e" : "!"; });
      });
    });
  });
  fixture.run([&] { return order.size() == 4; });
  CHECK(order == "alce");
  CHECK(is_unknown(process<Fixture>(fixture).load(a)));
}

/// Counts the outcomes of a store that goes while they are to come.
template <typename Fixture>
void nothing_is_done_after_its_end() {
  Fixture fixture;
  const std::string a = name("a");
  const auto life = std::make_shared<int>(0);  // what a handler holds goes with the store
  int calls = 0;
  for (int i = 0; i < 20; ++i) {
    store_batch batch{a + std::to_string(i), 1, 0, {"{}"}, false};
    fixture.store().append(std::move(batch), [life, &calls](const result<void>&) { ++calls; });
  }
  const int at_the_end = calls;
  fixture.drop();
  CHECK(life.use_count() == 1);
  fixture.settle();
  CHECK(calls == at_the_end);
}

template <typename Fixture>
void who_holds_it() {
  Fixture fixture;
  process<Fixture> one(fixture);
  process<Fixture> two(fixture, fixture.another());
  const std::string a = name("a");
  REQUIRE(one.append(a, 1, 0, {"0"_r}) == code());
  CHECK(one.load(a).holder.empty());
  const stored_session seen = two.load(a);
  CHECK(seen.records == texts{"0"_r});
  CHECK_FALSE(seen.holder.empty());
  CHECK(code_of(two.claim(a, seen)) == errc::busy);
  CHECK(two.load(a).fence == 1);
  CHECK(one.append(a, 1, 1, {"1"_r}) == code());  // the first one still has it
  CHECK(code_of(two.claim(a, seen)) == errc::moved);
  CHECK(one.release(a, 1) == code());
  CHECK(two.load(a).holder.empty());
  CHECK(two.claim(a) == 2);
  CHECK(two.load(a).holder.empty());
  CHECK_FALSE(one.load(a).holder.empty());
  CHECK(one.load(a).holder != seen.holder);
  CHECK(one.append(a, 1, 2, {"late"_r}) == errc::moved);
  CHECK(one.release(a, 1) == errc::moved);
  CHECK(one.erase(a, 1) == errc::moved);
  CHECK(code_of(one.claim(a, one.load(a))) == errc::busy);
  CHECK(two.append(a, 2, 2, {"2"_r}) == code());
  CHECK(one.records(a) == texts{"0"_r, "1"_r, "2"_r});
  CHECK(two.erase(a, 2) == code());
  CHECK(is_unknown(one.load(a)));
}

/// Two make the same session, or claim it, at once: one of them has it.
template <typename Fixture>
void one_of_two_has_it() {
  Fixture fixture;
  auto& second = fixture.another();
  process<Fixture> one(fixture), two(fixture, second);
  const std::string a = name("a");
  awaited<void> first_append, second_append;
  fixture.store().append(store_batch{a, 1, 0, {"one"_r}, false}, first_append.handler());
  second.append(store_batch{a, 1, 0, {"two"_r, "2"_r}, false}, second_append.handler());
  fixture.run([&] { return first_append.calls > 0 && second_append.calls > 0; });
  REQUIRE((first_append.calls == 1 && second_append.calls == 1));
  const bool is_first = first_append.outcome->has_value();
  CHECK(is_first != second_append.outcome->has_value());
  CHECK(code_of(is_first ? *second_append.outcome : *first_append.outcome) == errc::moved);
  CHECK(one.records(a) == (is_first ? texts{"one"_r} : texts{"two"_r, "2"_r}));
  REQUIRE((is_first ? one : two).release(a, 1) == code());

  const stored_session known = one.load(a);
  awaited<fence_number> first_claim, second_claim;
  fixture.store().claim(a, known, first_claim.handler());
  second.claim(a, known, second_claim.handler());
  fixture.run([&] { return first_claim.calls > 0 && second_claim.calls > 0; });
  REQUIRE((first_claim.calls == 1 && second_claim.calls == 1));
  CHECK(first_claim.outcome->has_value() != second_claim.outcome->has_value());
  CHECK(one.load(a).fence == 2);
}

template <typename Fixture>
void what_a_dead_process_held_is_free() {
  Fixture fixture;
  const std::string a = name("a");
  auto& second = fixture.another();
  process<Fixture> one(fixture), two(fixture, second);
  REQUIRE(one.append(a, 1, 0, {"0"_r}) == code());
  CHECK(code_of(two.claim(a, two.load(a))) == errc::busy);
  fixture.reopen();
  CHECK(two.load(a).holder.empty());
  CHECK(two.claim(a) == 2);
  CHECK(code_of(one.claim(a, one.load(a))) == errc::busy);
  CHECK(two.append(a, 2, 1, {"1"_r}) == code());
  CHECK(one.records(a) == texts{"0"_r, "1"_r});
}

/// Calls at random, also wrong ones, against what the requirement says of each.
template <typename Fixture>
void any_order_of_calls() {
  struct kept {
    texts records;
    std::uint64_t next = 0;
    fence_number fence = 1;
    bool held = true;
  };
  Fixture fixture;
  process<Fixture> one(fixture);
  std::mt19937_64 random(43);
  std::map<std::string, kept> model;
  const texts names{name("a"), name("b"), name("c")};
  for (int step = 0; step < 500; ++step) {
    const std::string& session = names[random() % names.size()];
    const auto found = model.find(session);
    kept* const known = found == model.end() ? nullptr : &found->second;
    if (known != nullptr && !std::exchange(known->held, true)) {
      REQUIRE(one.claim(session) == ++known->fence);
    }
    const fence_number fence = (known != nullptr ? known->fence : 1) + (random() % 8 == 0 ? 1 : 0);
    const bool is_held = known != nullptr && known->fence == fence;
    const code late = known == nullptr ? code() : is_held ? code() : code(errc::moved);
    const auto dice = random() % 100;
    CAPTURE(step);
    if (dice < 60) {
      texts records(1 + random() % 3);
      for (std::string& each : records) each = "{\"n\":" + std::to_string(random() % 1000) + "}";
      const std::uint64_t next = known != nullptr ? known->next : 0;
      const std::uint64_t first = random() % 8 == 0 ? random() % (next + 3) : next;
      const bool replaces = random() % 6 == 0;
      const bool is_new = known == nullptr && fence == 1 && first == 0;
      code expected;
      if (known == nullptr && !is_new) {
        expected = errc::session_not_found;
      } else if (known != nullptr && !is_held) {
        expected = errc::moved;
      } else if (first + records.size() == next) {
        expected = code();
      } else if (first != next) {
        expected = errc::moved;
      }
      REQUIRE(one.append(session, fence, first, records, replaces) == expected);
      if (!expected && first == next) {
        kept& now = model[session];
        if (replaces) now.records.clear();
        now.records.insert(now.records.end(), records.begin(), records.end());
        now.next += records.size();
      }
    } else if (dice < 75) {
      const std::uint64_t next = (known != nullptr ? known->next : 0) + (random() % 4 == 0 ? 1 : 0);
      const auto outcome = one.claim(session, stored_session{{}, next, fence, {}});
      if (known == nullptr) {
        REQUIRE(code_of(outcome) == errc::session_not_found);
      } else if (!is_held || next != known->next) {
        REQUIRE(code_of(outcome) == errc::moved);
      } else {
        REQUIRE(code_of(outcome) == code());
        REQUIRE(*outcome == ++known->fence);
      }
    } else if (dice < 85) {
      REQUIRE(one.release(session, fence) == late);
      if (known != nullptr && !late) known->held = false;
    } else if (dice < 92) {
      REQUIRE(one.erase(session, fence) == late);
      if (!late) model.erase(session);
    } else if (dice < 94) {
      fixture.reopen();
      for (auto& each : model) each.second.held = false;
    }
    const auto now = model.find(session);
    const stored_session seen = one.load(session);
    if (now == model.end()) {
      REQUIRE(is_unknown(seen));
    } else {
      REQUIRE(seen.records == now->second.records);
      REQUIRE(seen.next == now->second.next);
      REQUIRE(seen.fence == now->second.fence);
      REQUIRE(seen.holder.empty());
    }
  }
}

template <typename Fixture>
void run_all() {
  CHECK(agent_websocket::require_store<typename process<Fixture>::store_type>());
  SUBCASE("an unknown session") { an_unknown_session<Fixture>(); }
  SUBCASE("the first append makes it") { the_first_append_makes_it<Fixture>(); }
  SUBCASE("only the next number is kept") { only_the_next_number_is_kept<Fixture>(); }
  SUBCASE("a repeated batch is kept once") { a_repeated_batch_is_kept_once<Fixture>(); }
  SUBCASE("replaces forgets the earlier ones") { replaces_forgets_the_earlier_ones<Fixture>(); }
  SUBCASE("a claim gives a higher fence") { a_claim_gives_a_higher_fence<Fixture>(); }
  SUBCASE("another fence changes nothing") { another_fence_changes_nothing<Fixture>(); }
  SUBCASE("a claim of what has changed") { a_claim_of_what_has_changed<Fixture>(); }
  SUBCASE("release keeps it") { release_keeps_it<Fixture>(); }
  SUBCASE("erase forgets it") { erase_forgets_it<Fixture>(); }
  SUBCASE("the next process has it all") { the_next_process_has_it_all<Fixture>(); }
  SUBCASE("records of any characters") { records_of_any_characters<Fixture>(); }
  SUBCASE("sessions of any name") { sessions_of_any_name<Fixture>(); }
  SUBCASE("large records and long batches") { large_records_and_long_batches<Fixture>(); }
  SUBCASE("many sessions at once") { many_sessions_at_once<Fixture>(); }
  SUBCASE("calls take effect in their order") { calls_take_effect_in_their_order<Fixture>(); }
  SUBCASE("a done may call the store") { a_done_may_call_the_store<Fixture>(); }
  SUBCASE("nothing is done after its end") { nothing_is_done_after_its_end<Fixture>(); }
  SUBCASE("any order of calls") { any_order_of_calls<Fixture>(); }
  if constexpr (Fixture::shared) {
    SUBCASE("who holds it") { who_holds_it<Fixture>(); }
    SUBCASE("one of two has it") { one_of_two_has_it<Fixture>(); }
    SUBCASE("what a dead process held is free") { what_a_dead_process_held_is_free<Fixture>(); }
  }
}

}  // namespace store_suite
