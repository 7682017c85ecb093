// SPDX-License-Identifier: MIT
//
// The load of the benchmarks: one thread, epoll, no library, so that it costs less than the server
// that is measured. The driver (`run`) starts it and looks at the server wherever it waits.
//
//   load upstream            prints "upstream on PORT" and answers until it is ended
//   load turns PORT NAME=N...  sessions that ask one thing after the other
//
// A turn: a query with an id, its ack, and a streamed answer of one token up to its end.
#include <soak/bytes.hpp>
#include <soak/loop.hpp>
#include <soak/socket.hpp>
#include <soak/upstream.hpp>

#include <sys/resource.h>

#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace {

using soak::clock;

/// What the sessions have measured in a phase.
struct readings {
  std::size_t turns = 0;
  std::vector<double> ack_us, end_us;
};

class session final : public soak::watcher {
 public:
  session(soak::event_loop& loop, std::uint16_t port, readings& into)
      : loop_(loop), into_(into), descriptor_(soak::connect_to(port)) {
    if (descriptor_ < 0) soak::give_up("cannot connect");
    loop_.watch(descriptor_, EPOLLIN | EPOLLOUT, *this);
  }
  session(const session&) = delete;
  session& operator=(const session&) = delete;
  ~session() {
    loop_.forget(descriptor_);
    ::close(descriptor_);
  }

  bool is_live() const noexcept { return live_; }
  bool is_asking() const noexcept { return asking_; }

  void ask() {
    asking_ = true;
    asked_at_ = clock::now();
    say(R"({"type":"query","id":"q)" + std::to_string(++asked_) +
        R"(","content":"soak 0 0 8 hello"})");
  }
  /// One after the other until then.
  void ask_until(clock::time_point end) {
    end_ = end;
    ask();
  }

 private:
  static constexpr unsigned acknowledge_every = 16;  // as the clients of the library do

  void say(std::string_view message) {
    soak::append_frame(out_, soak::text, message, 0x5A17'C0DE);
    flush();
  }

  void flush() {
    const ssize_t size = ::send(descriptor_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (size > 0) out_.erase(0, static_cast<std::size_t>(size));
    if (!out_.empty()) loop_.change(descriptor_, EPOLLIN | EPOLLOUT);
  }

  void on_event(std::uint32_t events) override {
    if ((events & EPOLLOUT) != 0) {
      loop_.change(descriptor_, EPOLLIN);
      if (!began_) out_ = soak::upgrade_request;
      began_ = true;
      flush();
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    thread_local char bytes[65'536];
    const ssize_t size = ::recv(descriptor_, bytes, sizeof bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) soak::give_up("the server has closed a connection");
    in_.append(bytes, static_cast<std::size_t>(size));
    if (!upgraded_ && !take_head()) return;
    std::size_t at = 0;
    soak::frame next;
    while (soak::take_frame(in_, at, next)) {
      if (next.op == soak::ping) {
        soak::append_frame(out_, soak::pong, next.payload, 0);
        flush();
      } else if (next.op == soak::text) {
        on_message(next.payload);
      } else {
        soak::give_up("the server closes a socket");
      }
    }
    in_.erase(0, at);
  }

  bool take_head() {
    const std::size_t blank = in_.find("\r\n\r\n");
    if (blank == std::string::npos) return false;
    if (in_.compare(0, 12, "HTTP/1.1 101") != 0) soak::give_up("refused: " + in_.substr(0, 200));
    in_.erase(0, blank + 4);
    upgraded_ = true;
    say(R"({"type":"command","op":"hello","v":1,"caps":["delta"]})");
    return true;
  }

  void on_message(std::string_view words) {
    const auto has = [&](std::string_view piece) {
      return words.find(piece) != std::string_view::npos;
    };
    if (has(R"("op":"ack")")) return note(into_.ack_us);
    if (has(R"("op":"live")")) live_ = true;
    if (has(R"("type":"error")") || has(R"("status":"failed")"))
      soak::give_up("an answer that is none: " + std::string(words.substr(0, 300)));
    const std::size_t seq = words.find(R"("seq":)");
    if (seq != std::string_view::npos && live_ && has(R"("type":"response")") &&
        ++unacknowledged_ == acknowledge_every) {
      unacknowledged_ = 0;
      say(R"({"type":"command","op":"ack","seq":)" +
          std::to_string(std::strtoull(words.data() + seq + 6, nullptr, 10)) + "}");
    }
    if (!has(R"("phase":"end")")) return;
    note(into_.end_us);
    ++into_.turns;
    asking_ = false;
    if (clock::now() < end_) ask();
  }

  void note(std::vector<double>& samples) const {
    samples.push_back(soak::ms_between(asked_at_, clock::now()) * 1000);
  }

  soak::event_loop& loop_;
  readings& into_;
  int descriptor_;
  std::string in_, out_;
  bool began_ = false, upgraded_ = false, live_ = false, asking_ = false;
  unsigned unacknowledged_ = 0;
  std::uint64_t asked_ = 0;
  clock::time_point asked_at_, end_{};
};

std::size_t number(int argc, char** argv, std::string_view name) {
  for (int i = 3; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word.substr(0, name.size() + 1) == std::string(name) + "=")
      return std::strtoull(argv[i] + name.size() + 1, nullptr, 10);
  }
  soak::give_up("missing: " + std::string(name));
}

double own_cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// `sessions` connect and have a turn each, ten at once, so that the server's connections to the
/// upstream are not counted as theirs; then 1, 50 and all of them ask for `ms` milliseconds.
void turns(int argc, char** argv) {
  const auto port = static_cast<std::uint16_t>(std::atoi(argv[2]));
  const std::size_t count = number(argc, argv, "sessions");
  const std::chrono::milliseconds time(number(argc, argv, "ms"));
  soak::event_loop loop;
  soak::driver_link driver(loop);
  readings read;
  std::vector<std::unique_ptr<session>> all;
  const auto until = [&](auto&& is) {
    const auto done = [&] {
      return std::all_of(all.begin(), all.end(), [&](const auto& each) { return is(*each); });
    };
    if (!loop.run_until(done, std::chrono::seconds(20))) soak::give_up("it takes too long");
  };
  const auto is_quiet = [](const session& each) { return !each.is_asking(); };

  while (all.size() < count) {
    for (std::size_t i = 0; i < 10; ++i) all.push_back(std::make_unique<session>(loop, port, read));
    until([](const session& each) { return each.is_live(); });
    for (std::size_t i = all.size() - 10; i < all.size(); ++i) all[i]->ask();
    until(is_quiet);
    if (all.size() == 10) driver.wait("ten");
  }
  loop.run_for(std::chrono::milliseconds(100));
  driver.wait("connected");
  for (const std::size_t active : {std::size_t{1}, std::size_t{50}, count}) {
    read = {};
    driver.wait("begin");
    const double cpu = own_cpu_seconds();
    const auto begun = clock::now();
    for (std::size_t i = 0; i < active; ++i) all[i]->ask_until(begun + time);
    until(is_quiet);
    const double seconds = soak::ms_between(begun, clock::now()) / 1000;
    const std::string name = std::to_string(active) + " ";
    driver.figure(name + "turns", read.turns);
    driver.figure(name + "seconds", seconds);
    driver.figure(name + "load_cpu", own_cpu_seconds() - cpu);
    driver.figure(name + "ack_p50_us", soak::quantile(read.ack_us, 0.5));
    driver.figure(name + "ack_p99_us", soak::quantile(read.ack_us, 0.99));
    driver.figure(name + "end_p50_us", soak::quantile(read.end_us, 0.5));
    driver.figure(name + "end_p99_us", soak::quantile(read.end_us, 0.99));
    driver.wait("end");
  }
}

int answer() {
  soak::event_loop loop;
  const soak::upstream upstream(loop);
  std::printf("upstream on %u\n", upstream.port());
  std::fflush(stdout);
  loop.run();
  return 0;
}

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "upstream") return answer();
  if (name != "turns" || argc < 3) soak::give_up("usage: upstream, or turns PORT NAME=N...");
  turns(argc, argv);
  return 0;
}
