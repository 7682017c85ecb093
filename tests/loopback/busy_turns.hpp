// SPDX-License-Identifier: MIT
//
// Makes a turn_keeper believe that events come thick, so that its turns go on over several of them.
#pragma once

#include <agent_websocket/adapters/turn_keeper.hpp>

#include <memory>

namespace loopback {

inline void make_busy(asio::io_context& context,
                      const std::shared_ptr<agent_websocket::adapters::turn_keeper>& turns) {
  using namespace agent_websocket::adapters;
  struct link final : asio_link {
    explicit link(asio::io_context& of) : asio_link(asio_socket(of)) {}
    void on_readable() override {}
    void on_writable() override {}
  };
  const link_pointer<link> some(new link(context));
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 20; ++i) {
      asio::post(context, [turns, some] {
        const turn_event event(turns);
        turns->join(*some);
      });
    }
    context.restart();
    context.poll();
  }
}

}  // namespace loopback
