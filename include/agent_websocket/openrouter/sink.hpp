// SPDX-License-Identifier: MIT
//
// What basic_openrouter_client reports to. Calls come on the executor, never from inside
// start, cancel, pause or resume, and may themselves call all of these.
#pragma once

#include <agent_websocket/openrouter/error.hpp>
#include <agent_websocket/openrouter/response.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace agent_websocket {
namespace openrouter {

/// Names one completion of one client; 0 is never given out, none is given out twice.
using completion_id = std::uint64_t;

/// Per completion: any number of on_retry, then at most one on_begin, then any number of on_text
/// and on_reasoning, and exactly one on_complete, unless it is cancelled: then nothing more.
class completion_sink {
 public:
  /// The first content, reasoning or tool fragment is there: no more retries from here on. `model`
  /// is empty when the server does not say.
  virtual void on_begin(completion_id id, std::string_view model) = 0;
  /// A piece of the answer: whole characters, valid UTF-8, never empty.
  virtual void on_text(completion_id id, std::string_view text) = 0;
  /// A piece of what the model thought; not part of the answer.
  virtual void on_reasoning(completion_id id, std::string_view text) = 0;
  /// Attempt number `attempt` (1, 2, ...) failed; the next is sent after `wait`.
  virtual void on_retry(completion_id id, int attempt, std::chrono::milliseconds wait,
                        const failure& why) = 0;
  /// The end. The id is unknown to the client by now; the sink may be destroyed from inside.
  virtual void on_complete(completion_id id, outcome ended) = 0;

 protected:
  ~completion_sink() = default;
};

}  // namespace openrouter
}  // namespace agent_websocket
