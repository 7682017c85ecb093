// SPDX-License-Identifier: MIT
//
// One client of the demo upstream: takes its requests one after the other and plays their scripts.
// It reads all the time, so that it notices at once when the client leaves in mid-answer, and
// generates no faster than the client reads.
#pragma once

#include "http.hpp"
#include "replies.hpp"
#include "wire.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace demo {

/// Settings of the demo upstream.
struct upstream_options {
  std::uint16_t port = 0;                        ///< on 127.0.0.1; 0: any free one
  std::chrono::milliseconds word_delay{25};      ///< between words
  std::chrono::milliseconds comment_delay{500};  ///< between comments of "stall before"
};

/// What has happened so far; also served as JSON at /demo/status.
struct upstream_counters {
  std::size_t connections = 0;  ///< open now
  std::size_t answering = 0;    ///< completions under way now
  std::size_t requests = 0;     ///< HTTP requests in all
  std::size_t completed = 0;    ///< completions that went to their end, whichever
  std::size_t abandoned = 0;    ///< completions during which the client left
};

namespace detail {

class connection;

/// What the connections share with the listener.
struct shared_state {
  /// A copy, because closing a connection takes it off the list.
  std::vector<std::shared_ptr<connection>> open_connections() const;

  upstream_options options;
  upstream_counters counters;
  std::unordered_set<std::size_t> failed_once;  // hashes of the bodies that said "flaky"
  std::uint64_t next_id = 1;
  std::unordered_set<connection*> open;
};

/// One client. Lives as long as its socket: every pending operation holds it.
class connection : public std::enable_shared_from_this<connection> {
 public:
  connection(asio::ip::tcp::socket socket, std::shared_ptr<shared_state> state)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), state_(std::move(state)) {
    state_->open.insert(this);
    state_->counters.connections = state_->open.size();
  }
  ~connection() {
    state_->open.erase(this);
    state_->counters.connections = state_->open.size();
  }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void start() {
    std::error_code ignored;
    socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    read();
  }

  void close() {
    if (answering_) ++state_->counters.abandoned;
    set_answering(false);
    std::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

 private:
  static constexpr std::size_t max_unsent_bytes = 64 * 1024;   // then generating waits
  static constexpr std::size_t max_ahead_bytes = 1024 * 1024;  // of requests behind the current one

  // Reading goes on while an answer is made: it is what notices that the client has left.
  void read() {
    socket_.async_read_some(asio::buffer(input_),
                            [self = shared_from_this()](std::error_code failure, std::size_t size) {
                              if (!self->socket_.is_open()) return;
                              if (failure) return self->close();
                              self->parser_.feed(std::string_view(self->input_.data(), size));
                              if (!self->busy_) self->serve();
                              if (self->busy_ && self->parser_.waiting() > max_ahead_bytes)
                                return self->close();
                              if (self->socket_.is_open()) self->read();
                            });
  }

  void serve() {
    while (!busy_ && socket_.is_open()) {
      const std::optional<http::request> request = parser_.next();
      if (!request) break;
      ++state_->counters.requests;
      route(*request);
    }
    if (!busy_ && parser_.refused() != 0) {
      busy_ = true;  // for good: what follows makes no sense
      last_ = true;
      respond(parser_.refused(), error_body(parser_.refused()));
    }
  }

  void route(const http::request& request) {
    const auto wish = request.headers.find("Connection");
    last_ = wish && http::iequals(*wish, "close");
    const std::string_view path = request.path();
    const bool completions = path == "/api/v1/chat/completions" || path == "/v1/chat/completions";
    const bool models = path == "/api/v1/models" || path == "/v1/models";
    if (completions && request.method == "POST") return complete(request);
    if (models && request.method == "GET") return respond(200, models_body());
    if (path == "/demo/status" && request.method == "GET") return respond(200, status_body());
    const int status = completions || models || path == "/demo/status" ? 405 : 404;
    respond(status, error_body(status, http::reason_phrase(status)));
  }

  void complete(const http::request& request) {
    const result<chat> asked = parse_chat(request.body);
    if (!asked) return respond(400, error_body(400, asked.error().message));
    play_ = script_for(*asked);
    if (play_.flaky) {
      auto& failed = state_->failed_once;
      if (failed.size() > 1000) failed.clear();
      const std::size_t body = std::hash<std::string>()(request.body);
      if (failed.erase(body) == 0) {
        failed.insert(body);
        return respond(503, error_body(503));
      }
    }
    if (play_.begin == script::start::refused) {
      http::header_list headers;
      if (play_.retry_after) headers.add("Retry-After", "1");
      return respond(play_.status, error_body(play_.status), std::move(headers));
    }
    begin(*asked);
  }

  void begin(const chat& asked) {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    made_ = {};
    made_.created = std::chrono::duration_cast<std::chrono::seconds>(since_1970).count();
    made_.id = "gen-" + std::to_string(made_.created) + "-demo" + std::to_string(state_->next_id++);
    made_.model = asked.model;
    made_.prompt_tokens = asked.prompt_tokens;
    at_ = 0;
    busy_ = true;
    set_answering(true);
    if (play_.begin == script::start::silent) return;
    const bool stalls = play_.end == script::finish::stall || play_.begin != script::start::normal;
    if (!asked.stream && stalls) return;
    if (!asked.stream || play_.whole_json) {
      return after(state_->options.word_delay * 4, &connection::finish_whole);
    }
    send(response_head(200,
                       {{"Content-Type", "text/event-stream"},
                        {"Cache-Control", "no-cache"},
                        {"X-Generation-Id", made_.id}},
                       std::nullopt) +
         framed(keep_alive_comment) + framed(keep_alive_comment));
    if (play_.begin == script::start::comments_only) return comment();
    after(word_delay(), &connection::next_piece);
  }

  void comment() {
    if (unsent() < max_unsent_bytes) send(framed(keep_alive_comment));
    after(state_->options.comment_delay, &connection::comment);
  }

  void next_piece() {
    if (unsent() >= max_unsent_bytes) {
      return after(std::chrono::milliseconds(20), &connection::next_piece);
    }
    if (at_ == play_.pieces.size()) return finish_stream();
    const piece& said = play_.pieces[at_++];
    ++made_.completion_tokens;
    if (said.what == piece::kind::reasoning) ++made_.reasoning_tokens;
    send(framed(chunk_event(made_, said)));
    after(word_delay(), &connection::next_piece);
  }

  void finish_stream() {
    std::string rest;
    switch (play_.end) {
      case script::finish::complete:
      case script::finish::calls:
      case script::finish::limited: rest = final_events(made_, finish_reason(play_.end)); break;
      case script::finish::error: rest = error_event(made_); break;
      case script::finish::done_only: rest = done_event; break;
      case script::finish::stall: return;
      case script::finish::cut: return cut();
    }
    send(framed(rest).append(last_chunk));
    finish();
  }

  void finish_whole() {
    made_.completion_tokens = play_.pieces.size();
    for (const piece& each : play_.pieces) {
      made_.reasoning_tokens += each.what == piece::kind::reasoning ? 1 : 0;
    }
    const std::string body = completion_body(made_, play_);
    const bool broken = play_.end == script::finish::cut;
    send(response_head(200, {{"Content-Type", "application/json"}, {"X-Generation-Id", made_.id}},
                       body.size()));
    send(broken ? std::string_view(body).substr(0, body.size() / 2) : std::string_view(body));
    if (broken) return cut();
    finish();
  }

  void finish() {
    ++state_->counters.completed;
    set_answering(false);
    busy_ = false;
    if (last_) end_when_sent();
    serve();
  }

  void cut() {
    ++state_->counters.completed;
    set_answering(false);
    end_when_sent();
  }

  void respond(int status, const std::string& body, http::header_list headers = {}) {
    headers.add("Content-Type", "application/json");
    if (last_) headers.add("Connection", "close");
    send(response_head(status, headers, body.size()) + body);
    if (last_) end_when_sent();
  }

  std::string status_body() const {
    const upstream_counters& counters = state_->counters;
    std::string body;
    json::writer out(body);
    out.begin_object().member("connections", counters.connections);
    out.member("answering", counters.answering).member("requests", counters.requests);
    out.member("completed", counters.completed).member("abandoned", counters.abandoned);
    out.end_object();
    return body;
  }

  void end_when_sent() {
    busy_ = true;  // nothing is served any more
    closing_ = true;
    if (!writing_) close();
  }

  std::size_t unsent() const noexcept { return outgoing_.size() - sent_ + output_.size(); }

  void send(std::string_view bytes) {
    output_.append(bytes);
    if (!writing_) write();
  }

  void write() {
    if (sent_ == outgoing_.size()) {
      sent_ = 0;
      outgoing_.clear();
      outgoing_.swap(output_);
    }
    writing_ = !outgoing_.empty();
    if (!writing_) {
      if (closing_) close();
      return;
    }
    socket_.async_write_some(
        asio::buffer(outgoing_.data() + sent_, outgoing_.size() - sent_),
        [self = shared_from_this()](std::error_code failure, std::size_t size) {
          if (!self->socket_.is_open()) return;
          if (failure) return self->close();
          self->sent_ += size;
          self->write();
        });
  }

  void after(std::chrono::milliseconds delay, void (connection::*next)()) {
    timer_.expires_after(delay);
    timer_.async_wait([self = shared_from_this(), next](std::error_code failure) {
      if (!failure && self->socket_.is_open()) (self.get()->*next)();
    });
  }

  std::chrono::milliseconds word_delay() const {
    return play_.delay.count() > 0 ? play_.delay : state_->options.word_delay;
  }

  void set_answering(bool answering) {
    if (answering == answering_) return;
    answering_ = answering;
    state_->counters.answering += answering ? 1 : static_cast<std::size_t>(-1);
  }

  asio::ip::tcp::socket socket_;
  asio::steady_timer timer_;
  std::shared_ptr<shared_state> state_;
  std::array<char, 8192> input_{};
  request_parser parser_;
  std::string output_;    // waits
  std::string outgoing_;  // is being written
  std::size_t sent_ = 0;  // of outgoing_
  bool writing_ = false;
  bool busy_ = false;       // requests have to wait
  bool last_ = false;       // the current request is the connection's last
  bool closing_ = false;    // the connection ends when all is sent
  bool answering_ = false;  // a completion is under way
  script play_;
  std::size_t at_ = 0;  // the next piece
  generation made_;
};

inline std::vector<std::shared_ptr<connection>> shared_state::open_connections() const {
  std::vector<std::shared_ptr<connection>> found;
  for (connection* each : open) {
    if (auto held = each->weak_from_this().lock()) found.push_back(std::move(held));
  }
  return found;
}

}  // namespace detail
}  // namespace demo
