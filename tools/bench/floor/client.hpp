// SPDX-License-Identifier: MIT
//
// What the floor keeps of a client: its conversation as finished JSON, what it has sent in part,
// what waits to be sent, and, while there is one, its answer.
#pragma once

#include "answers.hpp"
#include "http.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace relay_floor {

/// What epoll points to. Freed after the turn in which it has ended.
struct watched {
  enum class kind { listener, client, model };
  kind is;
  int descriptor;
  bool is_dead = false;

 protected:
  watched(kind of, int made) : is(of), descriptor(made) {}
};

struct client;

/// A connection to the upstream: of an answer, or waiting for the next one.
struct model final : watched {
  explicit model(int made) : watched(kind::model, made) {}

  client* asker = nullptr;
  std::string unsent;
  response_reader reader;
  bool is_paused = false;
};

/// An answer, and from where it comes.
struct running_answer final : answer {
  model* from = nullptr;
};

struct client final : watched {
  client(int made, std::size_t max_messages) : watched(kind::client, made), said(max_messages) {}

  std::string in;         ///< a frame or a request that is not whole
  std::string fragments;  ///< of a message in several frames
  std::string waiting;    ///< what the socket has not taken
  history said;
  std::unique_ptr<running_answer> running;
  std::string session_id;
  std::uint64_t seq = 0, streams = 0;
  bool is_open = false, in_fragments = false, has_delta = false, writes = false;
};

}  // namespace relay_floor
