// SPDX-License-Identifier: MIT
#include <agent_websocket/policy/store.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using agent_websocket::claim_handler;
using agent_websocket::errc;
using agent_websocket::error;
using agent_websocket::fence_number;
using agent_websocket::has_append_v;
using agent_websocket::has_check_v;
using agent_websocket::has_claim_v;
using agent_websocket::has_erase_v;
using agent_websocket::has_lasting_v;
using agent_websocket::has_load_v;
using agent_websocket::has_release_v;
using agent_websocket::is_store_v;
using agent_websocket::load_handler;
using agent_websocket::require_store;
using agent_websocket::store_batch;
using agent_websocket::store_handler;
using agent_websocket::stored_session;

namespace {

/// The smallest Store: nothing lasts.
struct smallest {
  bool lasting() const { return false; }
  void load(std::string_view, const load_handler& done) { done(stored_session()); }
  void claim(std::string_view, const stored_session&, const claim_handler& done) {
    done(error(errc::session_not_found));
  }
  void append(const store_batch&, const store_handler& done) { done({}); }
  void release(std::string_view, fence_number, const store_handler& done) { done({}); }
  void erase(std::string_view, fence_number, const store_handler& done) { done({}); }
  void check(const store_handler& done) { done({}); }
};

struct by_template {
  bool lasting() const { return true; }
  template <typename Done>
  void load(const std::string_view&, Done done) {
    done(stored_session());
  }
  template <typename Done>
  void claim(std::string_view, stored_session, Done&& done) {
    done(fence_number{2});
  }
  template <typename Done>
  void append(store_batch&&, Done&& done) {
    done({});
  }
  template <typename Done>
  void release(std::string_view, std::uint64_t, Done done) {
    done({});
  }
  template <typename Done>
  void erase(std::string_view, std::uint64_t, Done done) {
    done({});
  }
  template <typename Done>
  void check(Done done) {
    done({});
  }
};

struct no_lasting : smallest {
  bool lasting() const = delete;
};
struct no_load : smallest {
  void load(std::string_view, const load_handler&) = delete;
};
struct no_claim : smallest {
  void claim(std::string_view, const stored_session&, const claim_handler&) = delete;
};
struct no_append : smallest {
  void append(const store_batch&, const store_handler&) = delete;
};
struct no_release : smallest {
  void release(std::string_view, fence_number, const store_handler&) = delete;
};
struct no_erase : smallest {
  void erase(std::string_view, fence_number, const store_handler&) = delete;
};
struct no_check : smallest {
  void check(const store_handler&) = delete;
};

struct lasting_is_not_const : smallest {
  bool lasting() { return true; }
};
struct lasting_tells_how_long : smallest {
  int lasting() const { return 30; }
};
struct loads_at_once : smallest {
  stored_session load(std::string_view) { return {}; }
};
struct load_tells_an_outcome_only : smallest {
  void load(std::string_view, const store_handler&) {}
};
struct claim_tells_no_fence : smallest {
  void claim(std::string_view, const stored_session&, const store_handler&) {}
};
struct append_without_fence : smallest {  // as it was once
  void append(std::string_view, std::string, const store_handler&) {}
};
struct release_without_fence : smallest {
  void release(std::string_view, const store_handler&) {}
};
struct checks_at_once : smallest {
  bool check() { return true; }
};

/// "Llcarek": which of the expressions there are, in the order of the table.
template <typename S>
std::string present() {
  std::string found;
  const auto note = [&found](bool has, char what) { found += has ? what : '-'; };
  note(has_lasting_v<S>, 'L');
  note(has_load_v<S>, 'l');
  note(has_claim_v<S>, 'c');
  note(has_append_v<S>, 'a');
  note(has_release_v<S>, 'r');
  note(has_erase_v<S>, 'e');
  note(has_check_v<S>, 'k');
  CHECK(is_store_v<S> == (found == "Llcarek"));
  return found;
}

}  // namespace

TEST_CASE("store: models") {
  CHECK(is_store_v<smallest>);
  CHECK(is_store_v<by_template>);
  CHECK(require_store<smallest>());
  CHECK(require_store<by_template>());
  CHECK(present<smallest>() == "Llcarek");
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
  CHECK(agent_websocket::store_policy<smallest>);
  CHECK_FALSE(agent_websocket::store_policy<no_erase>);
#endif
}

TEST_CASE("store: one expression missing, and only that one is reported") {
  CHECK(present<no_lasting>() == "-lcarek");
  CHECK(present<no_load>() == "L-carek");
  CHECK(present<no_claim>() == "Ll-arek");
  CHECK(present<no_append>() == "Llc-rek");
  CHECK(present<no_release>() == "Llca-ek");
  CHECK(present<no_erase>() == "Llcar-k");
  CHECK(present<no_check>() == "Llcare-");
}

TEST_CASE("store: an expression with another meaning") {
  CHECK(present<lasting_is_not_const>() == "-lcarek");
  CHECK(present<lasting_tells_how_long>() == "-lcarek");
  CHECK(present<loads_at_once>() == "L-carek");
  CHECK(present<load_tells_an_outcome_only>() == "L-carek");
  CHECK(present<claim_tells_no_fence>() == "Ll-arek");
  CHECK(present<append_without_fence>() == "Llc-rek");
  CHECK(present<release_without_fence>() == "Llca-ek");
  CHECK(present<checks_at_once>() == "Llcare-");
  CHECK(present<const smallest>() == "L------");
  CHECK(present<std::string>() == "-------");  // has an append and an erase of its own
}

TEST_CASE("store: nothing is known of a session that nobody made") {
  const stored_session unknown;
  CHECK(unknown.records.empty());
  CHECK(unknown.next == 0u);
  CHECK(unknown.fence == 0u);
  CHECK(unknown.holder.empty());
  CHECK_FALSE(store_batch().replaces);
}
