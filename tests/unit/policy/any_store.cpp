// SPDX-License-Identifier: MIT
// That it hands on everything of a real one is in tests/policy/store_memory.cpp.
#include <agent_websocket/policy/any_store.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

using agent_websocket::any_store;
using agent_websocket::claim_handler;
using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::fence_number;
using agent_websocket::load_handler;
using agent_websocket::memory_space;
using agent_websocket::memory_store;
using agent_websocket::require_store;
using agent_websocket::result;
using agent_websocket::store_batch;
using agent_websocket::store_handler;
using agent_websocket::stored_session;

namespace {

/// Notes what it was called with; can be neither copied nor moved, as those of the adapters.
class noting {
 public:
  explicit noting(std::string& notes, bool lasting) : notes_(notes), lasting_(lasting) {}
  noting(const noting&) = delete;
  noting& operator=(const noting&) = delete;
  ~noting() { notes_ += "end"; }

  bool lasting() const { return lasting_; }
  void load(std::string_view session, load_handler done) {
    notes_ += "load " + std::string(session) + "; ";
    done(stored_session{{"{}"}, 3, 2, "another"});
  }
  void claim(std::string_view session, const stored_session& known, claim_handler done) {
    notes_ += "claim " + std::string(session) + " " + std::to_string(known.next) + "; ";
    done(fence_number{7});
  }
  void append(store_batch batch, store_handler done) {
    notes_ += "append " + batch.session + " " + std::to_string(batch.fence) + " " +
              std::to_string(batch.first) + " " + batch.records.at(0) +
              (batch.replaces ? " replaces; " : "; ");
    done(error(errc::moved));
  }
  void release(std::string_view session, fence_number fence, store_handler done) {
    notes_ += "release " + std::string(session) + " " + std::to_string(fence) + "; ";
    done({});
  }
  void erase(std::string_view session, fence_number fence, store_handler done) {
    notes_ += "erase " + std::string(session) + " " + std::to_string(fence) + "; ";
    done({});
  }
  void check(store_handler done) {
    notes_ += "check; ";
    done(error(errc::internal));
  }

 private:
  std::string& notes_;
  bool lasting_;
};

}  // namespace

TEST_CASE("any_store: by itself it is a memory_store that is not lasting") {
  CHECK(require_store<any_store>());
  any_store store;
  CHECK_FALSE(store.lasting());
  int calls = 0;
  store.append(store_batch{"a", 1, 0, {"{}"}, false}, [&](const result<void>& outcome) {
    CHECK(outcome.has_value());
    ++calls;
  });
  store.load("a", [&](const result<stored_session>& found) {
    CHECK(found->records.size() == 1u);
    ++calls;
  });
  CHECK(calls == 2);
}

TEST_CASE("any_store: hands on each call and its outcome") {
  std::string notes;
  {
    any_store store(std::make_unique<noting>(notes, true));
    CHECK(store.lasting());
    std::string outcomes;
    const auto note = [&](const result<void>& outcome) { outcomes += outcome ? "+" : "-"; };
    store.load("a", [&](const result<stored_session>& found) { outcomes += found->holder; });
    store.claim("b", stored_session{{}, 5, 1, {}},
                [&](const result<fence_number>& fence) { outcomes += std::to_string(*fence); });
    store.append(store_batch{"c", 2, 3, {"{}"}, true}, note);
    store.release("d", 4, note);
    store.erase("e", 5, note);
    store.check(note);
    CHECK(outcomes == "another7-++-");
    any_store moved = std::move(store);
    CHECK(moved.lasting());
  }
  CHECK(notes == "load a; claim b 5; append c 2 3 {} replaces; release d 4; erase e 5; check; end");
}

TEST_CASE("any_store: each its own") {
  std::string notes;
  any_store store(std::make_unique<noting>(notes, false));
  CHECK_FALSE(store.lasting());
  store = any_store(std::make_unique<memory_store>(std::make_shared<memory_space>(), "one"));
  CHECK(store.lasting());
  CHECK(notes == "end");
}
