// SPDX-License-Identifier: MIT
//
// Sockets whose clients ask for a session that is not here but may be in the store: what they send
// meanwhile is held, in its order, until the session was claimed or is known not to be had. Each
// session is looked for once at a time, however many ask for it.
#pragma once

#include <agent_websocket/policy/store.hpp>
#include <agent_websocket/policy/transport.hpp>
#include <agent_websocket/wire/message.hpp>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace agent_websocket {

/// A session that this process has claimed.
struct claimed_session {
  stored_session stored;
  fence_number fence = 0;
};

template <typename Store>
class recovery {
 public:
  /// Of what is held for one socket.
  static constexpr std::size_t max_held_bytes = 256 * 1024;
  static constexpr std::size_t max_held_messages = 256;
  /// A session that others write meanwhile is looked for again.
  static constexpr int max_attempts = 5;

  struct waiting_socket {
    connection_id connection = 0;
    wire::command hello;
    std::vector<std::string> held;
    std::size_t bytes = 0;
  };
  /// Gets the session or why it cannot be had (session_not_found: there is none; busy: another
  /// process has it, the detail is its name; cancelled: it is here), and the sockets that asked
  /// for it.
  using found_handler = std::function<void(const std::string& id, result<claimed_session> found,
                                           std::vector<waiting_socket> asked)>;
  /// Asked when the store knows the session: whether this process has it as the store says.
  using here_handler = std::function<bool(const std::string& id, const stored_session& known)>;

  recovery(Store& store, here_handler is_here, found_handler found)
      : life_(std::make_shared<life>(life{store, std::move(is_here), std::move(found), {}, {}})) {}

  /// The last records of the session are on their way to the store, until left(): it is not to be
  /// looked for before.
  void leaving(const std::string& id) { leaving_.insert(id); }
  void left(const std::string& id) {
    leaving_.erase(id);
    look_for(id);
  }
  bool is_leaving(const std::string& id) const { return leaving_.count(id) != 0; }
  bool nobody_leaves() const noexcept { return leaving_.empty(); }
  /// Nobody waits for anything.
  bool is_idle() const noexcept {
    return leaving_.empty() && life_->searches.empty() && life_->sockets.empty();
  }

  /// Looks for a session for the server itself; `done` is called after the found_handler, with null
  /// when it was found, else why not.
  void fetch(const std::string& id, std::function<void(const error*)> done) {
    life_->searches[id].errands.push_back(std::move(done));
    look_for(id);
  }

  /// The socket waits for the session that its hello asks for.
  void wait(const wire::command& hello) {
    const std::string id = hello.resume_session;
    life_->sockets[hello.from] = id;
    auto& sought = life_->searches[id];
    waiting_socket socket;
    socket.connection = hello.from;
    socket.hello = hello;
    sought.asked.push_back(std::move(socket));
    look_for(id);
  }

  bool is_waiting(connection_id connection) const {
    return !life_->sockets.empty() && life_->sockets.count(connection) != 0;
  }
  /// Keeps what came on a socket that waits. False: that is too much.
  bool hold(connection_id connection, std::string_view text) {
    waiting_socket* const socket = find(connection);
    if (socket == nullptr) return false;
    socket->bytes += text.size();
    if (socket->bytes > max_held_bytes || socket->held.size() >= max_held_messages) return false;
    socket->held.emplace_back(text);
    return true;
  }
  /// The socket is gone.
  void forget(connection_id connection) {
    const auto of = life_->sockets.find(connection);
    if (of == life_->sockets.end()) return;
    search& sought = life_->searches[of->second];
    for (std::size_t i = sought.asked.size(); i-- > 0;) {
      if (sought.asked[i].connection == connection)
        sought.asked.erase(sought.asked.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (sought.is_for_nobody() && sought.attempts == 0) life_->searches.erase(of->second);
    life_->sockets.erase(of);
  }

 private:
  void look_for(const std::string& id) {
    const auto found = life_->searches.find(id);
    if (found == life_->searches.end() || found->second.attempts != 0) return;
    if (leaving_.count(id) == 0) load(life_, id);
  }

  struct search {
    std::vector<waiting_socket> asked;
    std::vector<std::function<void(const error*)>> errands;
    int attempts = 0;
    bool is_for_nobody() const noexcept { return asked.empty() && errands.empty(); }
  };
  // Outlives this while the store is asked.
  struct life {
    Store& store;
    here_handler is_here;
    found_handler found;
    std::unordered_map<std::string, search> searches;
    std::unordered_map<connection_id, std::string> sockets;
  };
  using weak_life = std::weak_ptr<life>;

  waiting_socket* find(connection_id connection) {
    const auto of = life_->sockets.find(connection);
    if (of == life_->sockets.end()) return nullptr;
    for (waiting_socket& each : life_->searches[of->second].asked) {
      if (each.connection == connection) return &each;
    }
    return nullptr;
  }

  static void load(const std::shared_ptr<life>& of, const std::string& id) {
    ++of->searches[id].attempts;
    of->store.load(id, [weak = weak_life(of), id](result<stored_session> known) {
      const auto here = weak.lock();
      if (!here) return;
      // To claim it would only keep it from the process that its client asks next.
      if (here->searches[id].is_for_nobody()) return void(here->searches.erase(id));
      if (!known) return finish(*here, id, known.error());
      if (known->records.empty()) return finish(*here, id, error(errc::session_not_found));
      if (here->is_here(id, *known)) return finish(*here, id, error(errc::cancelled));
      if (!known->holder.empty())
        return finish(*here, id, error(errc::busy, message_of(errc::busy), known->holder));
      claim(here, id, *std::move(known));
    });
  }

  static void claim(const std::shared_ptr<life>& of, const std::string& id, stored_session known) {
    const auto kept = std::make_shared<stored_session>(std::move(known));
    of->store.claim(id, *kept, [weak = weak_life(of), id, kept](result<fence_number> fence) {
      const auto here = weak.lock();
      if (!here) return;
      if (fence) return finish(*here, id, claimed_session{std::move(*kept), *fence});
      const bool again =
          fence.error().code == errc::moved && here->searches[id].attempts < max_attempts;
      again ? load(here, id) : finish(*here, id, fence.error());
    });
  }

  static void finish(life& of, const std::string& id, result<claimed_session> outcome) {
    search ended = std::move(of.searches[id]);
    of.searches.erase(id);
    for (const waiting_socket& each : ended.asked) of.sockets.erase(each.connection);
    std::optional<error> why;
    if (!outcome) why = outcome.error();
    of.found(id, std::move(outcome), std::move(ended.asked));
    for (const auto& each : ended.errands) each(why ? &*why : nullptr);
  }

  std::shared_ptr<life> life_;
  std::unordered_set<std::string> leaving_;
};

}  // namespace agent_websocket
