// SPDX-License-Identifier: MIT
//
// Three servers on one store, whose faults and whose messages to each other the test chooses.
#pragma once

#include "flow/lasting_fixture.hpp"

#include <agent_websocket/policy/memory_exchange.hpp>
#include <agent_websocket/testing/faulty_store.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace flow {

struct away_group {
  std::shared_ptr<aw::memory_space> space = std::make_shared<aw::memory_space>();
  std::shared_ptr<aw::memory_bus> bus = std::make_shared<aw::memory_bus>();
};

/// What a server has said to the others: "a" for an arrival and so on, see relay_kind.
struct counted_exchange {
  counted_exchange(const away_group& group, std::string name,
                   std::function<void(std::function<void()>)> post, std::shared_ptr<std::string> to)
      : inner(group.bus, std::move(name), std::move(post)), said(std::move(to)) {}
  std::string name() const { return inner.name(); }
  void listen(aw::exchange_sink& sink) { inner.listen(sink); }
  void send(std::string_view to, std::string_view text) {
    said->append(text.substr(0, 1));
    inner.send(to, text);
  }
  void publish(std::string_view text) { inner.publish(text); }
  aw::memory_exchange inner;
  std::shared_ptr<std::string> said;
};

struct away_node : lasting_fixture {
  away_node(const away_group& group, const std::string& name, std::uint64_t seed,
            aw::options chosen = lasting())
      : lasting_fixture(std::move(chosen), aw::any_store(), seed) {
    using faulty = aw::testing::faulty_store<aw::memory_store, aw::testing::manual_scheduler>;
    store = aw::any_store(
        std::make_unique<faulty>(aw::memory_store(group.space, name), clock, faults));
    server.exchange_by(aw::any_exchange(std::make_unique<counted_exchange>(
        group, name, [this](std::function<void()> f) { clock.post(std::move(f)); }, said)));
    server.router().on_connect([this](auto&, const auto&) { ++begun; });
    server.router().on_restore([this](auto&) { ++begun; });
    server.router().on_end([this](auto&) { ++ended; });
    start();
  }

  std::size_t times(char kind) const {
    std::size_t count = 0;
    for (const char each : *said) count += each == kind ? 1U : 0U;
    return count;
  }
  /// Sessions whose on_end is still to come.
  int alive() const { return begun - ended; }
  std::uint16_t closed_with(aw::connection_id id) const {
    return transport.close_sent(id) ? transport.close_sent(id)->first : std::uint16_t(0);
  }

  std::shared_ptr<aw::testing::store_faults> faults = std::make_shared<aw::testing::store_faults>();
  std::shared_ptr<std::string> said = std::make_shared<std::string>();
  int begun = 0, ended = 0;
};

struct away_cluster {
  explicit away_cluster(const aw::options& chosen = lasting())
      : a(std::make_unique<away_node>(group, "a", 1, chosen)),
        b(std::make_unique<away_node>(group, "b", 2, chosen)),
        c(std::make_unique<away_node>(group, "c", 3, chosen)) {}

  void run() {
    for (int i = 0; i < 16; ++i) {
      for (away_node* each : {a.get(), b.get(), c.get()}) {
        if (each != nullptr) each->run();
      }
    }
  }
  void pass(aw::duration time, aw::duration step = 500ms) {
    for (; time > aw::duration::zero(); time -= step) {
      for (away_node* each : {a.get(), b.get(), c.get()}) {
        if (each != nullptr) each->pass_in_silence(step);
      }
      run();
    }
  }
  std::vector<frame> tell(away_node& at, aw::connection_id id, std::string_view text) {
    at.transport.receive(id, text);
    run();
    return at.taken(id);
  }
  static std::string hello_text(const ticket& of, std::int64_t last_seq) {
    return R"({"type":"command","op":"hello","v":1,"caps":["delta"],"session_id":")" +
           of.session_id + R"(","resume":{"token":")" + of.token + R"(","epoch":")" + of.epoch +
           R"(","last_seq":)" + std::to_string(last_seq) + "}}";
  }
  /// Connects, and says all of `texts` at once behind its hello.
  std::vector<frame> come_back(away_node& at, aw::connection_id& id, const ticket& of,
                               std::int64_t last_seq, const std::vector<std::string>& texts = {}) {
    ticket own;
    id = at.arrive(own);
    at.transport.receive(id, hello_text(of, last_seq));
    for (const std::string& each : texts) at.transport.receive(id, each);
    run();
    return at.taken(id);
  }
  /// A session at a that has answered one query, seq 1, and its socket there.
  aw::connection_id begin(ticket& mine) {
    const auto id = a->arrive(mine);
    a->http.reply_with(answer({"one"}));
    tell(*a, id, R"({"id":"q1","content":"x"})");
    return id;
  }
  /// And whose client has left it, with an answer that is on its way.
  void begin_busy(ticket& mine) {
    const auto id = begin(mine);
    tell(*a, id, R"({"id":"q2","content":"y","stream":true})");
    a->http.respond_head(a->http.last().id, 200, event_stream());
    a->http.respond_body(a->http.last().id, chunk("some "));
    run();
    a->transport.disconnect(id);
    run();
  }
  void end_answer() {
    a->http.respond_body(a->http.last().id, chunk("text") + finish() + done());
    a->http.complete(a->http.last().id);
    run();
  }

  away_group group;
  std::unique_ptr<away_node> a, b, c;
};

}  // namespace flow
