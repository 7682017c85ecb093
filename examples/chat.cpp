// SPDX-License-Identifier: MIT
//
// A chat in the terminal, as a client of the protocol: streams answers, reconnects, has the
// commands of the server and a line editor. With --plain, or without a terminal, it answers the
// lines of its input.
#include <agent_websocket.hpp>

#include <iostream>
#include <string>
#include <string_view>

#if defined(__unix__) || (defined(__APPLE__) && defined(__MACH__))

#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <utility>

#include "chat/client.hpp"
#include "chat/front.hpp"

namespace {

constexpr std::string_view usage =
    "Usage: chat [options] [URL]\n"
    "Chats with the agent at URL, by default ws://localhost:54321/ws.\n"
    "\n"
    "  --plain     no colours, no line editing: reads lines, prints answers, ends with the input;\n"
    "              also when the input or the output is no terminal\n"
    "  --help, -h  print this\n"
    "  --version   print the version\n"
    "\n"
    "Where the server asks for a token, AGENT_WEBSOCKET_TOKEN in the environment is sent.\n"
    "Commands in the chat: /help lists them. NO_COLOR in the environment turns colours off.\n"
    "Exit code: 0, or 1 when it could not connect, or 2 for wrong arguments.\n";

struct arguments {
  std::string url = "ws://localhost:54321/ws";
  bool plain = false;
};

/// One chat: brings the client, the person and the signals together on one io_context.
class program {
 public:
  program(const std::string& url, std::unique_ptr<chat::front> shown)
      : url_(url),
        front_(std::move(shown)),
        input_(io_, ::dup(STDIN_FILENO)),
        timer_(io_),
        signals_(io_, SIGINT, SIGTERM, SIGHUP),
        client_(io_, url, front_->shown(), [this] { happened(); }) {
    signals_.add(SIGWINCH);
    signals_.add(SIGCONT);
  }

  int run() {
    const std::string name = "Agent WebSocket " AGENT_WEBSOCKET_VERSION_STRING ", ";
    front_->shown().show(chat::tone::notice, name + url_ + ", /help lists the commands");
    wait_for_signal();
    client_.connect();
    happened();
    io_.run();
    front_->leave();
    return *front_->done();
  }

 private:
  static chat::time_point now() { return std::chrono::steady_clock::now(); }

  // ---- input, signals, time

  void wait_for_input() {
    if (reading_ || front_->done() || !front_->wants_input(client_)) return;
    reading_ = true;
    // An error means that this kind of file cannot be waited for, because it never blocks.
    input_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const std::error_code&) {
      reading_ = false;
      read_input();
    });
    // Asio lets it no longer block, which the shell that shares it would suffer from.
    const int flags = ::fcntl(STDIN_FILENO, F_GETFL);
    if (flags != -1) ::fcntl(STDIN_FILENO, F_SETFL, flags & ~O_NONBLOCK);
  }

  void read_input() {
    std::array<char, 16 * 1024> bytes;
    const ssize_t got = ::read(STDIN_FILENO, bytes.data(), bytes.size());
    if (got > 0) {
      front_->take_input(std::string_view(bytes.data(), static_cast<std::size_t>(got)), client_,
                         now());
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      front_->take_end_of_input();
    }
    happened();
  }

  void wait_for_signal() {
    signals_.async_wait([this](const std::error_code& failure, int signal) {
      if (failure) return;
      if (signal == SIGWINCH) {
        front_->resized();
      } else if (signal == SIGCONT) {
        front_->continued();
      } else if (signal == SIGINT) {
        front_->interrupt(client_, now());
      } else {
        front_->finish(128 + signal);
      }
      wait_for_signal();
      happened();
    });
  }

  void wait_for_time() {
    const chat::time_point next = std::min(client_.deadline(), front_->refresh_at(client_, now()));
    timer_.cancel();
    if (next == chat::time_point::max()) return;
    timer_.expires_at(next);
    timer_.async_wait([this](const std::error_code& cancelled) {
      if (cancelled) return;
      client_.tick(now());
      happened();
    });
  }

  /// Once for all that happens in one turn of the io_context.
  void happened() {
    if (std::exchange(turning_, true)) return;
    asio::post(io_, [this] {
      turning_ = false;
      turn();
    });
  }

  void turn() {
    if (!front_->done()) front_->turn(client_, now());
    if (front_->done()) return say_goodbye();
    wait_for_input();
    wait_for_time();
  }

  void say_goodbye() {
    if (std::exchange(leaving_, true)) return;
    client_.leave();
    asio::post(io_, [this] { io_.stop(); });  // behind the frame that closes the connection
  }

  asio::io_context io_{1};
  std::string url_;
  std::unique_ptr<chat::front> front_;
  asio::posix::stream_descriptor input_;
  asio::steady_timer timer_;
  asio::signal_set signals_;
  chat::client client_;
  bool reading_ = false;  // a wait for input is pending
  bool turning_ = false;
  bool leaving_ = false;
};

int chat_with(const arguments& given) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that has gone is an error of write()
  chat::use_utf8_locale();
  std::unique_ptr<chat::front> front;
  if (!given.plain && chat::terminal::is_usable() && chat::terminal::enter_raw_mode()) {
    const char* no_color = std::getenv("NO_COLOR");
    front = std::make_unique<chat::terminal_front>(no_color == nullptr || *no_color == '\0');
  } else {
    front = std::make_unique<chat::plain_front>();
  }
  return program(given.url, std::move(front)).run();
}

int complain(const std::string& what) {
  std::cerr << "chat: " << what << "\nTry: chat --help\n";
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  arguments given;
  bool has_url = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::cout << usage;
      return 0;
    } else if (argument == "--version") {
      std::cout << "agent_websocket " AGENT_WEBSOCKET_VERSION_STRING "\n";
      return 0;
    } else if (argument == "--plain") {
      given.plain = true;
    } else if (argument.substr(0, 1) == "-" || has_url) {
      return complain("unknown argument: " + std::string(argument));
    } else {
      given.url = std::string(argument);
      has_url = true;
    }
  }
  return chat_with(given);
}

#else

int main() {
  std::cerr << "chat: this example needs a POSIX terminal; the chat page of the server serves "
               "everywhere\n";
  return 1;
}

#endif
