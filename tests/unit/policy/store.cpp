// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/store.hpp>

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

using agent_websocket::has_append_v;
using agent_websocket::has_erase_v;
using agent_websocket::has_load_v;
using agent_websocket::is_store_v;
using agent_websocket::load_handler;
using agent_websocket::memory_store;
using agent_websocket::require_store;
using agent_websocket::result;
using agent_websocket::store_handler;

namespace {

/// The smallest Store: forgets at once.
struct smallest {
  void append(std::string_view, std::string, const store_handler& done) { done({}); }
  void load(std::string_view, const load_handler& done) { done(std::vector<std::string>()); }
  void erase(std::string_view, const store_handler& done) { done({}); }
};

struct by_template {
  template <typename Done>
  void append(const std::string_view&, const std::string&, Done done) {
    done({});
  }
  template <typename Done>
  void load(std::string_view, Done done) {
    done(std::vector<std::string>());
  }
  template <typename Done>
  void erase(std::string_view, Done done) {
    done({});
  }
};

struct no_append : smallest {
  void append(std::string_view, std::string, const store_handler&) = delete;
};
struct no_load : smallest {
  void load(std::string_view, const load_handler&) = delete;
};
struct no_erase : smallest {
  void erase(std::string_view, const store_handler&) = delete;
};
struct loads_at_once : smallest {
  std::vector<std::string> load(std::string_view) { return {}; }
};
struct load_tells_an_outcome_only : smallest {
  void load(std::string_view, const store_handler&) {}
};
struct appends_without_done : smallest {
  void append(std::string_view, std::string) {}
};

using texts = std::vector<std::string>;

/// Each of these checks that the answer comes exactly once.
void append(memory_store& store, std::string_view session, std::string record) {
  int calls = 0;
  store.append(session, std::move(record), [&](const result<void>& outcome) {
    ++calls;
    CHECK(outcome.has_value());
  });
  CHECK(calls == 1);
}

texts load(memory_store& store, std::string_view session) {
  int calls = 0;
  texts found;
  store.load(session, [&](result<texts> outcome) {
    ++calls;
    REQUIRE(outcome.has_value());
    found = std::move(outcome).value();
  });
  CHECK(calls == 1);
  return found;
}

void erase(memory_store& store, std::string_view session) {
  int calls = 0;
  store.erase(session, [&](const result<void>& outcome) {
    ++calls;
    CHECK(outcome.has_value());
  });
  CHECK(calls == 1);
}

}  // namespace

TEST_CASE("store: models") {
  CHECK(is_store_v<smallest>);
  CHECK(is_store_v<by_template>);
  CHECK(is_store_v<memory_store>);
  CHECK(require_store<smallest>());
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::store_policy<smallest>);
  CHECK_FALSE(agent_websocket::store_policy<no_erase>);
#endif
}

TEST_CASE("store: one expression missing, and only that one is reported") {
  CHECK_FALSE(is_store_v<no_append>);
  CHECK_FALSE(has_append_v<no_append>);
  CHECK((has_load_v<no_append> && has_erase_v<no_append>));

  CHECK_FALSE(is_store_v<no_load>);
  CHECK_FALSE(has_load_v<no_load>);
  CHECK((has_append_v<no_load> && has_erase_v<no_load>));

  CHECK_FALSE(is_store_v<no_erase>);
  CHECK_FALSE(has_erase_v<no_erase>);
  CHECK((has_append_v<no_erase> && has_load_v<no_erase>));
}

TEST_CASE("store: an expression with another meaning") {
  CHECK_FALSE(is_store_v<loads_at_once>);
  CHECK_FALSE(is_store_v<load_tells_an_outcome_only>);
  CHECK_FALSE(is_store_v<appends_without_done>);
  CHECK_FALSE(is_store_v<const memory_store>);
  CHECK_FALSE(is_store_v<std::string>);  // has an append and an erase of its own
}

TEST_CASE("memory_store: gives back what it was given, oldest first, each session its own") {
  memory_store store;
  CHECK(load(store, "a").empty());
  CHECK(store.size() == 0);
  append(store, "a", "1");
  append(store, "b", "x");
  append(store, "a", "2");
  append(store, "a", "2");
  append(store, "", std::string("\0", 1));
  CHECK(load(store, "a") == texts{"1", "2", "2"});
  CHECK(load(store, "a") == texts{"1", "2", "2"});  // reading takes nothing
  CHECK(load(store, "b") == texts{"x"});
  CHECK(load(store, "") == texts{std::string("\0", 1)});
  CHECK(load(store, "ab").empty());
  CHECK(store.size() == 3);
}

TEST_CASE("memory_store: erase forgets that session alone, also when it was never known") {
  memory_store store;
  append(store, "a", "1");
  append(store, "b", "2");
  erase(store, "a");
  erase(store, "unknown");
  CHECK(load(store, "a").empty());
  CHECK(load(store, "b") == texts{"2"});
  CHECK(store.size() == 1);
  append(store, "a", "3");
  CHECK(load(store, "a") == texts{"3"});
}

TEST_CASE("memory_store: the key and the record may vanish after the call") {
  memory_store store;
  {
    std::string session = "a session id that lives on the heap, being long", record(100, 'r');
    append(store, session, record);
    session.assign(session.size(), 'x');
  }
  CHECK(load(store, "a session id that lives on the heap, being long") ==
        texts{std::string(100, 'r')});
}

TEST_CASE("memory_store: the limit of records, a session") {
  memory_store store(3);
  for (const char* record : {"1", "2", "3"}) append(store, "a", record);
  CHECK(load(store, "a") == texts{"1", "2", "3"});
  append(store, "a", "4");
  CHECK(load(store, "a") == texts{"2", "3", "4"});
  append(store, "b", "5");
  CHECK(load(store, "a").size() == 3);
}

TEST_CASE("memory_store: the limit of bytes, a session") {
  memory_store store(100, 10);
  append(store, "a", "12345");
  append(store, "a", "67890");
  CHECK(load(store, "a").size() == 2);  // exactly the limit
  append(store, "a", "x");
  CHECK(load(store, "a") == texts{"67890", "x"});
  append(store, "a", "");
  CHECK(load(store, "a") == texts{"67890", "x", ""});
  append(store, "a", "123456789");
  CHECK(load(store, "a") == texts{"x", "", "123456789"});
}

TEST_CASE("memory_store: one record above the limit stays alone, and goes with the next") {
  memory_store store(100, 10);
  append(store, "a", "small");
  append(store, "a", std::string(50, 'L'));
  CHECK(load(store, "a") == texts{std::string(50, 'L')});
  append(store, "a", "next");
  CHECK(load(store, "a") == texts{"next"});
  append(store, "a", "more");
  CHECK(load(store, "a") == texts{"next", "more"});  // what went does not count any more
}

TEST_CASE("memory_store: a store for no records keeps nothing, not even the session") {
  memory_store store(0);
  append(store, "a", "1");
  CHECK(load(store, "a").empty());
  CHECK(store.size() == 0);
}

TEST_CASE("memory_store: any order of calls, against a plain list") {
  std::mt19937_64 random(41);
  memory_store store(5, 40);
  std::unordered_map<std::string, texts> expected;
  for (int step = 0; step < 3000; ++step) {
    const std::string session(1, static_cast<char>('a' + random() % 3));
    if (random() % 20 == 0) {
      erase(store, session);
      expected.erase(session);
    } else {
      const std::string record(random() % 25, static_cast<char>('0' + step % 10));
      append(store, session, record);
      texts& kept = expected[session];
      kept.push_back(record);
      const auto bytes = [&kept] {
        std::size_t sum = 0;
        for (const std::string& each : kept) sum += each.size();
        return sum;
      };
      while (kept.size() > 5 || (kept.size() > 1 && bytes() > 40)) kept.erase(kept.begin());
    }
    REQUIRE(load(store, session) == expected[session]);
  }
}

TEST_CASE("memory_store: a done may call the store again") {
  memory_store store(2);
  int calls = 0;
  store.append("a", "1", [&](const result<void>&) {
    store.append("a", "2", [&](const result<void>&) {
      store.load("a", [&](const result<texts>& found) {
        ++calls;
        CHECK(*found == texts{"1", "2"});
        store.erase("a", [&](const result<void>&) { ++calls; });
        CHECK(*found == texts{"1", "2"});
      });
    });
  });
  CHECK(calls == 2);
  CHECK(store.size() == 0);
}
