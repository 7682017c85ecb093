// SPDX-License-Identifier: MIT
//
// A store in memory that looks at everything its servers give it, and fails the test when a rule is
// broken: one writer for each fence of a session, one content for each number, one end for each
// query. What it has seen kept is what the rest of a test is compared with.
#pragma once

#include "flow/frame.hpp"

#include <agent_websocket/policy/memory_store.hpp>
#include <agent_websocket/session/records.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace flow {

namespace aw = agent_websocket;

/// What is kept of the sessions of one space, as it came.
struct space_watch {
  struct kept_session {
    std::map<std::int64_t, std::string> messages;  ///< frames by seq
    std::map<std::string, std::int64_t> ends;      ///< seq of the terminal messages by query
    std::set<std::string> queries;                 ///< that were ever to be accepted
    std::set<std::string> done;                    ///< ids of commands and of feedback
    std::map<std::string, int> notes;              ///< how often each text was notified
    std::int64_t top() const { return messages.empty() ? 0 : messages.rbegin()->first; }
  };

  std::map<std::string, kept_session> sessions;
  std::map<std::pair<std::string, aw::fence_number>, std::string> writers;

  const kept_session* find(const std::string& id) const {
    const auto found = sessions.find(id);
    return found == sessions.end() ? nullptr : &found->second;
  }

  /// The server with the highest fence.
  std::string writer_of(const std::string& session) const {
    const auto behind = writers.lower_bound({session, aw::fence_number(-1)});
    return behind == writers.begin() ? std::string() : std::prev(behind)->second;
  }

  /// The store has done what the server of that name wanted under the fence.
  void obeyed(const std::string& session, aw::fence_number fence, const std::string& name) {
    const std::string& writer = writers.emplace(std::pair(session, fence), name).first->second;
    CAPTURE(session);
    CAPTURE(fence);
    REQUIRE(writer == name);
    // A fence that somebody has got a higher one over is worth nothing.
    const auto next = writers.upper_bound({session, fence});
    REQUIRE((next == writers.end() || next->first.first != session));
  }

  void took(const aw::store_batch& batch) {
    kept_session& of = sessions[batch.session];
    for (const std::string& each : batch.records) {
      const frame record(each);
      const std::string kind = record.text("kind");
      if (kind == "query") of.queries.insert(record.text("id"));
      if (kind == "claim" || kind == "feedback") of.done.insert(record.text("id"));
      if (kind == "message") take_message(of, record);
    }
  }

 private:
  static void take_message(kept_session& of, const frame& record) {
    const std::string& text = record.raw();
    const std::string sent = text.substr(text.find(aw::records::frame_key));
    CAPTURE(text);
    const std::int64_t seq = record.number("seq");
    const auto [known, is_new] = of.messages.emplace(seq, sent);
    REQUIRE(known->second == sent);
    if (!is_new) return;
    REQUIRE((seq == 1 || of.messages.count(seq - 1) != 0));
    if (record.has("ends")) REQUIRE(of.ends.emplace(record.text("ends"), seq).second);
    if (record.text("frame.type") == "notification" && !record.has("frame.op"))
      REQUIRE(++of.notes[record.text("frame.content")] == 1);
  }
};

/// A server's way to a space, under the eyes of a watch.
class watched_store {
 public:
  watched_store(std::shared_ptr<aw::memory_space> space, std::string name,
                std::shared_ptr<space_watch> watch)
      : store_(std::move(space), name), name_(std::move(name)), watch_(std::move(watch)) {}

  bool lasting() const { return true; }
  void load(std::string_view session, const aw::load_handler& done) { store_.load(session, done); }
  void claim(std::string_view session, const aw::stored_session& known,
             const aw::claim_handler& done) {
    store_.claim(session, known, [&](aw::result<aw::fence_number> fence) {
      if (fence) watch_->obeyed(std::string(session), *fence, name_);
      done(std::move(fence));
    });
  }
  void append(const aw::store_batch& batch, const aw::store_handler& done) {
    store_.append(batch, [&](aw::result<void> outcome) {
      if (outcome) {
        watch_->obeyed(batch.session, batch.fence, name_);
        watch_->took(batch);
      }
      done(std::move(outcome));
    });
  }
  void release(std::string_view session, aw::fence_number fence, const aw::store_handler& done) {
    store_.release(session, fence, [&](aw::result<void> outcome) {
      if (outcome) watch_->obeyed(std::string(session), fence, name_);
      done(std::move(outcome));
    });
  }
  void erase(std::string_view session, aw::fence_number fence, const aw::store_handler& done) {
    store_.erase(session, fence, done);
  }
  void check(const aw::store_handler& done) { store_.check(done); }

 private:
  aw::memory_store store_;
  std::string name_;
  std::shared_ptr<space_watch> watch_;
};

}  // namespace flow
