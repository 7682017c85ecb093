// SPDX-License-Identifier: MIT
#include <agent_websocket/server/resumption.hpp>

#include <agent_websocket/policy/memory_exchange.hpp>
#include <agent_websocket/policy/memory_store.hpp>
#include <agent_websocket/session/session.hpp>
#include <agent_websocket/testing/manual_scheduler.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace aw = agent_websocket;
using aw::testing::manual_scheduler;
using lines = std::vector<std::string>;

namespace {

std::string name_of(aw::connection_id id) {
  return aw::is_remote(id) ? "g" + std::to_string(id & ~aw::remote_bit) : std::to_string(id);
}

/// A session as resumption sees it, with a core: notes what that tells its sockets, and closes.
class fake_session {
 public:
  struct surroundings {
    using store_type = aw::memory_store;
  };

  fake_session(std::string id, lines& told)
      : told_(told),
        core_(std::move(id), "e", std::make_shared<const aw::session_settings>(), aw::moment{}) {
    core_.opened(9999, "good", aw::moment{});
    core_.detached(9999, aw::moment{});
  }
  const std::string& id() const { return core_.id(); }
  const aw::principal& owner() const { return core_.owner(); }
  bool closing() const { return core_.closing(); }
  std::size_t sockets() const { return core_.output().sockets().size(); }
  aw::fence_number fence() const { return its_fence; }
  aw::fence_number its_fence = 1;
  aw::session_core& core() { return core_; }
  template <typename Tell>
  void apply(Tell&& tell) {
    tell(core_, aw::moment{});
    for (const auto& socket : core_.output().sockets()) {
      std::string frame;
      while (socket->take_next(core_.output().log(), nullptr, true, frame, {})) {
        aw::json::document read;
        REQUIRE(read.parse(frame));
        const auto code = read.root()["code"].string(), op = read.root()["op"].string();
        told_.push_back("tell " + name_of(socket->connection()) + " " +
                        std::string(code ? *code : op.value_or("?")));
      }
    }
    for (const auto& each : core_.take_actions()) {
      if (const auto* close = std::get_if<aw::action::close_socket>(&each))
        told_.push_back("close " + name_of(close->connection) + " " + std::to_string(close->code));
    }
  }
  void drained(aw::connection_id id) { told_.push_back("drained " + name_of(id)); }
  /// A socket of this server watches it.
  void watch(aw::connection_id id) { core_.lend(id, aw::moment{}); }
  void end(std::uint16_t code) { core_.end(code, "x", aw::error(aw::errc::interrupted), {}); }

 private:
  lines& told_;
  aw::session_core core_;
};

struct fake_registry {
  using session_type = fake_session;
  using session_pointer = std::shared_ptr<fake_session>;

  std::map<std::string, session_pointer, std::less<>> sessions;
  std::map<aw::connection_id, session_pointer> sockets;
  lines told;
  bool has_room = true;
  std::function<void(fake_session&)> on_let_go;

  session_pointer make(const std::string& id) {
    return sessions[id] = std::make_shared<fake_session>(id, told);
  }
  session_pointer find(std::string_view id) const {
    const auto found = sessions.find(id);
    return found == sessions.end() ? nullptr : found->second;
  }
  session_pointer find(aw::connection_id socket) const {
    const auto found = sockets.find(socket);
    return found == sockets.end() ? nullptr : found->second;
  }
  void note(std::string line) { told.push_back(std::move(line)); }
  void greet(fake_session& session, const aw::wire::command&, std::string_view verdict) {
    note("greet " + session.id() + " " + std::string(verdict));
  }
  void resume(aw::connection_id id, fake_session& session, const aw::wire::command&) {
    note((aw::is_remote(id) ? "resume a guest " : "resume ") + session.id());
    if (session.core().output().find(id) == nullptr) session.watch(id);
  }
  void hand_over(aw::connection_id id, fake_session&, const session_pointer& to) {
    sockets[id] = to;
    note("hand over to " + to->id());
  }
  void send_away(aw::connection_id, fake_session& from) { note("send away " + from.id()); }
  bool begin_account(fake_session&, aw::connection_id) { return has_room; }
  void restore(const aw::claimed_session& found) {
    note("restore");
    if (found.stored.records.front() != "damaged") make(found.stored.records.front());
  }
  void let_go(fake_session& session) {
    note("let go " + session.id());
    const auto alive = find(session.id());
    sessions.erase(session.id());
    if (on_let_go) on_let_go(*alive);
  }
  void left_by(aw::connection_id, fake_session& session, std::uint16_t code) {
    note("left " + session.id() + " " + std::to_string(code));
  }
  std::size_t send(aw::connection_id id, std::string_view frame) {
    note("send " + std::to_string(id) + " " + std::string(frame));
    return 0;
  }
  void close_socket(aw::connection_id id, std::uint16_t code, std::string_view reason) {
    note("close " + std::to_string(id) + " " + std::to_string(code) + " " + std::string(reason));
  }
  void log(aw::log_level, std::string_view event, std::string_view, std::string_view) {
    note("log " + std::string(event));
  }
};

struct server {
  using resumption_type = aw::resumption<fake_registry, manual_scheduler>;

  server(const std::shared_ptr<aw::memory_space>& space,
         const std::shared_ptr<aw::memory_bus>& bus, const std::string& name,
         manual_scheduler& clock)
      : store(space, name),
        exchange(std::make_unique<aw::memory_exchange>(
            bus, name, [&clock](std::function<void()> f) { clock.post(std::move(f)); })),
        returns(registry, store, clock, exchange,
                [this](aw::connection_id id, std::string_view text) {
                  registry.note("read " + std::to_string(id) + " " + std::string(text));
                  if (returns.is_away(id)) returns.pass(id, text);
                }) {
    returns.start([this](std::string_view text) { registry.note("noticed " + std::string(text)); });
  }

  /// A socket with a session of its own.
  fake_session& open(aw::connection_id id) {
    auto made = registry.make("own" + std::to_string(id));
    made->watch(id);
    registry.sockets[id] = made;
    return *made;
  }
  void hello(aw::connection_id id, const std::string& session, const std::string& token = "good") {
    aw::wire::command said;
    said.op = "hello";
    said.from = id;
    said.resume_session = session;
    if (!session.empty()) said.resume = aw::wire::resume_request{token, "e", 0};
    returns.on_hello(*registry.find(id), said);
  }
  lines taken() { return std::exchange(registry.told, {}); }

  fake_registry registry;
  aw::memory_store store;
  aw::any_exchange exchange;
  resumption_type returns;
};

struct bench {
  manual_scheduler clock;
  std::shared_ptr<aw::memory_space> space = std::make_shared<aw::memory_space>();
  std::shared_ptr<aw::memory_bus> bus = std::make_shared<aw::memory_bus>();
  server a{space, bus, "a", clock};
  server b{space, bus, "b", clock};

  /// In the store, held by that server.
  void keep(server& by, const std::string& id) {
    by.store.append({id, 1, 0, {id}, false}, [](const aw::result<void>& kept) { CHECK(kept); });
  }
};

}  // namespace

TEST_CASE_FIXTURE(bench, "resumption: a hello for a session that is here, or for none") {
  a.open(1);
  a.hello(1, "");
  CHECK(a.taken() == lines{"greet own1 new"});
  a.hello(1, "nobody");
  CHECK(a.taken() == lines{"greet own1 expired"});
  const auto wanted = a.registry.make("wanted");
  a.hello(1, "wanted", "bad");
  CHECK(a.taken() == lines{"greet own1 forbidden"});
  a.hello(1, "wanted", "");
  CHECK(a.taken() == lines{"greet own1 forbidden"});
  aw::principal other;
  other.name = "somebody else";
  wanted->core().belong_to(other, {});
  a.hello(1, "wanted");
  CHECK(a.taken() == lines{"greet own1 forbidden"});
  wanted->core().belong_to({}, {});
  a.registry.has_room = false;
  a.hello(1, "wanted");
  CHECK(a.taken() == lines{"tell 1 too_many_connections", "close 1 4429"});
  a.registry.has_room = true;
  a.hello(1, "wanted");
  CHECK(a.taken() == lines{"hand over to wanted", "resume wanted"});
  a.hello(1, "wanted");
  CHECK(a.taken() == lines{"resume wanted"});  // once more, by the same socket
  a.open(2);
  SUBCASE("that is over for good") {
    wanted->end(4499);
    a.hello(2, "wanted");
    CHECK(a.taken() == lines{"greet own2 expired"});
  }
  SUBCASE("that another server has, or will have in a moment") {
    wanted->end(4003);
    a.hello(2, "wanted");
    CHECK(a.taken() == lines{"close 2 4003"});
  }
}

TEST_CASE_FIXTURE(bench, "resumption: a session in the store that nobody holds") {
  keep(a, "kept");
  space->drop_holder("a");
  b.open(1);
  b.hello(1, "kept", "bad");
  CHECK(b.taken() == lines{"restore", "greet own1 forbidden"});
  b.registry.sessions.erase("kept");
  space->drop_holder("b");
  a.open(1);
  a.hello(1, "kept");
  CHECK(a.taken() == lines{"restore", "hand over to kept", "resume kept"});
}

TEST_CASE_FIXTURE(bench, "resumption: a session of another server, and what is said until it is there") {
  keep(a, "kept");
  const auto wanted = a.registry.make("kept");
  wanted->watch(7);
  b.open(1);
  b.hello(1, "kept");
  CHECK(b.returns.is_away(1));
  CHECK(b.taken().empty());
  CHECK(b.returns.hold(1, "early"));
  CHECK(b.returns.hold(1, "too"));
  CHECK_FALSE(b.returns.hold(2, "of another socket"));
  clock.run();
  CHECK(a.taken() == lines{"resume a guest kept"});
  CHECK(b.returns.hold(1, "third"));
  CHECK(b.taken().empty());
  a.returns.remote().send(aw::remote_bit | 1, "welcome");
  clock.run();
  CHECK(b.taken() == lines{"send away own1", "send 1 welcome", "read 1 early", "read 1 too",
                           "read 1 third"});
  CHECK(a.taken() == lines{"tell g1 bad_json", "tell g1 bad_json", "tell g1 bad_json"});
  CHECK_FALSE(b.returns.hold(1, "later"));
  b.returns.pass(1, R"({"id":"q1","content":"x"})");
  a.returns.remote().send(aw::remote_bit | 1, "frame");
  clock.run();
  CHECK(a.taken() == lines{"tell 7 thinking", "tell g1 ack", "tell g1 thinking"});
  CHECK(b.taken() == lines{"send 1 frame"});
  SUBCASE("the socket goes") {
    b.returns.forget(1, 1001);
    clock.run();
    CHECK(a.taken() == lines{"left kept 1001"});
  }
  SUBCASE("the session closes it") {
    a.returns.remote().close(aw::remote_bit | 1, 4499, "x");
    clock.run();
    CHECK(b.taken() == lines{"close 1 4499 x"});
    b.returns.forget(1, 4499);
    clock.run();
    CHECK(a.taken() == lines{"left kept 4499"});
  }
  SUBCASE("it wants another one") {
    aw::wire::command hello;
    hello.from = aw::remote_bit | 1;
    hello.resume_session = "another";
    a.returns.on_hello(*wanted, hello);
    hello.resume_session.clear();
    a.returns.on_hello(*wanted, hello);
    clock.run();
    CHECK(a.taken().empty());
    CHECK(b.taken() == lines{"close 1 4000 server_error", "close 1 4000 server_error"});
    b.returns.forget(1, 4000);
    clock.run();
    CHECK(a.taken() == lines{"left kept 4000"});
  }
  CHECK_FALSE(b.returns.is_away(1));
}

TEST_CASE_FIXTURE(bench, "resumption: a session of another server that it refuses") {
  keep(a, "kept");
  const auto wanted = a.registry.make("kept");
  wanted->watch(7);
  b.open(1);
  b.hello(1, "kept", "bad");
  CHECK(b.returns.hold(1, "early"));
  clock.run();
  CHECK(b.taken() == lines{"greet own1 forbidden", "read 1 early"});
  CHECK_FALSE(b.returns.is_away(1));
  CHECK_FALSE(b.returns.hold(1, "x"));
  CHECK(a.taken().empty());
  aw::principal other;
  other.name = "somebody else";
  wanted->core().belong_to(other, {});
  b.hello(1, "kept");
  clock.run();
  CHECK(b.taken() == lines{"greet own1 forbidden"});
}

TEST_CASE_FIXTURE(bench, "resumption: a session with nothing to do is given up to its client's server") {
  keep(a, "kept");
  a.registry.make("kept");
  b.open(1);
  const auto release = [&] {
    a.store.release("kept", 1, [](const aw::result<void>& done) { CHECK(done); });
  };
  SUBCASE("at once") {
    a.registry.on_let_go = [&](fake_session&) { release(); };
    b.hello(1, "kept");
    CHECK(b.returns.hold(1, "early"));
    clock.run();
  }
  SUBCASE("when the last of it is kept") {
    a.registry.on_let_go = [&](fake_session&) { a.returns.leaving("kept"); };
    b.hello(1, "kept");
    CHECK(b.returns.hold(1, "early"));
    clock.run();
    CHECK_FALSE(a.returns.nobody_leaves());
    CHECK(b.taken().empty());
    release();
    a.returns.left("kept");
    CHECK(a.returns.nobody_leaves());
    clock.run();
  }
  CHECK(a.taken() == lines{"let go kept"});
  CHECK(b.taken() == lines{"restore", "hand over to kept", "resume kept", "read 1 early"});
}

TEST_CASE_FIXTURE(bench, "resumption: a session that two sockets wait for is fetched once") {
  keep(a, "kept");
  a.registry.make("kept");
  a.registry.on_let_go = [&](fake_session&) {
    a.store.release("kept", 1, [](const aw::result<void>& done) { CHECK(done); });
  };
  for (const aw::connection_id each : {1u, 2u}) {
    b.open(each);
    b.hello(each, "kept");
    CHECK(b.returns.hold(each, "early"));
  }
  clock.run();
  CHECK(b.taken() == lines{"restore", "hand over to kept", "resume kept", "read 1 early",
                           "hand over to kept", "resume kept", "read 2 early"});
  CHECK_FALSE(b.returns.hold(2, "later"));
}

TEST_CASE_FIXTURE(bench, "resumption: a session that works is not given up") {
  keep(a, "kept");
  aw::wire::query query;
  query.content = "x";
  aw::session_core& core = a.registry.make("kept")->core();
  core.lend(7, {});
  core.received(7, query, {});
  core.detached(7, {});
  REQUIRE(core.busy());
  b.open(1);
  b.hello(1, "kept");
  clock.run();
  CHECK(a.taken() == lines{"resume a guest kept"});
  CHECK(b.returns.is_away(1));
}

TEST_CASE_FIXTURE(bench, "resumption: a server that has it in name only is asked five times") {
  keep(a, "kept");
  b.open(1);
  b.hello(1, "kept");
  CHECK(b.returns.hold(1, "early"));
  clock.run();
  CHECK(b.taken() == lines{"close 1 4003", "read 1 early"});
  CHECK_FALSE(b.returns.is_away(1));
  b.hello(1, "kept");  // from the beginning
  CHECK(b.returns.is_away(1));
}

TEST_CASE_FIXTURE(bench, "resumption: nonsense for an arrival is refused, and a text of nobody ends it") {
  b.exchange.send("a", aw::encode_relay({aw::relay_kind::arrive, 1, 1, "nonsense"}));
  b.exchange.send("a", aw::encode_relay({aw::relay_kind::text, 1, 2, "text"}));
  clock.run();
  CHECK(a.taken().empty());
  CHECK(b.taken().empty());
}

TEST_CASE_FIXTURE(bench, "resumption: no more is held than that") {
  keep(a, "kept");
  a.registry.make("kept")->watch(7);
  b.open(1);
  b.hello(1, "kept");
  SUBCASE("bytes") {
    CHECK(b.returns.hold(1, std::string(256 * 1024, 'x')));
    CHECK(b.taken().empty());
    CHECK(b.returns.hold(1, "x"));
  }
  SUBCASE("messages") {
    for (int i = 0; i < 256; ++i) CHECK(b.returns.hold(1, "x"));
    CHECK(b.taken().empty());
    CHECK(b.returns.hold(1, "x"));
  }
  CHECK(b.taken() == lines{"close 1 1013 overload"});
}

TEST_CASE_FIXTURE(bench, "resumption: errands are done where the session is") {
  keep(a, "here");
  keep(b, "there");
  keep(b, "asleep");
  b.store.release("asleep", 1, [](const aw::result<void>&) {});
  CHECK(a.returns.may_be_elsewhere());
  lines done;
  const auto errand = [&](fake_session* session, aw::errc why) {
    done.push_back(session != nullptr ? session->id() : aw::to_string(why));
  };
  a.registry.make("here");
  for (const char* each : {"here", "there", "asleep", "nowhere"}) {
    a.returns.reach(each, errand, std::string("notice for ") + each);
    clock.run();
  }
  CHECK(done == lines{"here", "busy", "asleep", "session_not_found"});
  CHECK(b.taken() == lines{"noticed notice for there"});
  b.returns.tell_all("for all");
  clock.run();
  CHECK(a.taken().back() == "noticed for all");
  CHECK(b.taken().empty());
}

TEST_CASE("resumption: without a lasting store nothing is elsewhere") {
  manual_scheduler clock;
  fake_registry registry;
  aw::memory_store store;
  aw::any_exchange nobody;
  aw::resumption<fake_registry, manual_scheduler> returns(
      registry, store, clock, nobody, [](aw::connection_id, std::string_view) {});
  returns.start([](std::string_view) {});
  CHECK_FALSE(returns.may_be_elsewhere());
  registry.sockets[1] = registry.make("own");
  aw::wire::command hello;
  hello.from = 1;
  hello.resume_session = "other";
  hello.resume = aw::wire::resume_request{"good", "e", 0};
  returns.on_hello(*registry.find(1), hello);
  CHECK(registry.told == lines{"greet own expired"});
  const auto other = registry.make("other");
  other->end(4003);
  returns.on_hello(*registry.find(1), hello);
  CHECK(registry.told.back() == "greet own expired");
  returns.tell_all("x");
  returns.forget(1, 1000);
  CHECK_FALSE(clock.has_work());
}
