// SPDX-License-Identifier: MIT
//
// What the floor keeps of a client: its conversation as finished JSON, what it has sent in part,
// what waits to be sent, and, while there is one, its answer.
#pragma once

#include "http.hpp"
#include "work.hpp"

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

/// An answer that comes in.
struct answer {
  model* from = nullptr;
  std::string id;      ///< of the query; none was given when empty
  std::string stream;  ///< "r_1"
  std::string prefix;  ///< of each delta, up to its number
  std::string text;    ///< so far, as it stands in JSON
  std::string name;    ///< of the model that answers
  std::string reason, usage;
  std::size_t count = 0;
  bool is_streamed = false, has_ended = false, is_wrong = false;
};

struct client final : watched {
  explicit client(int made) : watched(kind::client, made) {}

  std::string in;         ///< a frame or a request that is not whole
  std::string fragments;  ///< of a message in several frames
  std::string waiting;    ///< what the socket has not taken
  history said;
  std::unique_ptr<answer> running;
  std::string session_id;
  std::uint64_t seq = 0, streams = 0;
  bool is_open = false, in_fragments = false, has_delta = false, writes = false;
};

}  // namespace relay_floor
