// SPDX-License-Identifier: MIT
//
// A server on Boost.Beast, as somebody writes it who knows Beast: one thread, a message a write,
// since Beast has no other way, the next one when that is done; the model is asked with Beast too,
// on connections that are kept, and not read while a client takes nothing. JSON is RapidJSON's.
//
//   beast PORT_OF_MODEL      prints "listening on http://127.0.0.1:PORT/"
#include "floor/work.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <sys/resource.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t max_message = 64 * 1024;
constexpr std::size_t max_waiting = 64 * 1024;  // then the model is not read
constexpr int buffer_bytes = 64 * 1024;

class model;

/// What all share.
struct hub {
  asio::io_context context{1};
  tcp::endpoint upstream;
  std::size_t max_messages = 50;
  std::string epoch = relay_floor::random_uuid();
  std::vector<std::shared_ptr<model>> idle;
};

/// As the body of a JSON string.
std::string escaped(std::string_view text) {
  rapidjson::StringBuffer out;
  rapidjson::Writer<rapidjson::StringBuffer>(out).String(
      text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {out.GetString() + 1, out.GetSize() - 2};
}

/// A member that is a string; empty without one.
std::string_view text_of(const rapidjson::Value& of, const char* name) {
  const auto found = of.FindMember(name);
  if (found == of.MemberEnd() || !found->value.IsString()) return {};
  return {found->value.GetString(), found->value.GetStringLength()};
}

/// Who has asked.
class asker {
 public:
  virtual void on_bytes(std::string_view bytes) = 0;
  /// More of the answer follows: read() when it is wanted.
  virtual void on_more() = 0;
  /// The answer has come to its end; the model may be asked again.
  virtual void on_end() = 0;
  virtual void on_lost() = 0;

 protected:
  ~asker() = default;
};

/// A connection to the model.
class model : public std::enable_shared_from_this<model> {
 public:
  explicit model(hub& around) : socket_(around.context), bytes_(64 * 1024) {
    socket_.connect(around.upstream);
    socket_.set_option(tcp::no_delay(true));
    socket_.set_option(asio::socket_base::receive_buffer_size(buffer_bytes));
  }

  void ask(std::shared_ptr<asker> who, std::string body) {
    who_ = std::move(who);
    request_ = {http::verb::post, "/v1/chat/completions", 11, std::move(body)};
    request_.set(http::field::host, "127.0.0.1");
    request_.set(http::field::content_type, "application/json");
    request_.set(http::field::accept, "text/event-stream");
    request_.prepare_payload();
    response_.emplace();
    response_->body_limit(boost::none);
    http::async_write(socket_, request_,
                      [self = shared_from_this()](error_code failed, std::size_t) {
                        failed ? self->lose() : self->read();
                      });
  }
  void read() {
    if (!who_ || std::exchange(reads_, true)) return;
    response_->get().body().data = bytes_.data();
    response_->get().body().size = bytes_.size();
    http::async_read_some(socket_, in_, *response_,
                          [self = shared_from_this()](error_code failed, std::size_t) {
                            self->reads_ = false;
                            if (failed == http::error::need_buffer) failed = {};
                            if (failed || !self->who_) return self->lose();
                            self->tell();
                          });
  }
  void close() {
    who_.reset();
    error_code ignored;
    socket_.close(ignored);
  }
  bool is_open() const { return socket_.is_open(); }

 private:
  void tell() {
    const auto who = who_;
    const std::size_t size = bytes_.size() - response_->get().body().size;
    if (size != 0 && response_->is_header_done()) who->on_bytes({bytes_.data(), size});
    if (!who_) return;
    if (!response_->is_done()) return who->on_more();
    who_.reset();
    who->on_end();
  }
  void lose() {
    const auto who = std::move(who_);
    close();
    if (who) who->on_lost();
  }

  tcp::socket socket_;
  std::shared_ptr<asker> who_;
  http::request<http::string_body> request_;
  std::optional<http::response_parser<http::buffer_body>> response_;
  boost::beast::flat_buffer in_;
  std::vector<char> bytes_;
  bool reads_ = false;
};

class session final : public asker, public std::enable_shared_from_this<session> {
 public:
  session(hub& around, tcp::socket socket) : around_(around), socket_(std::move(socket)) {}

  void start() {
    socket_.read_message_max(max_message);
    socket_.auto_fragment(false);
    socket_.async_accept([self = shared_from_this()](error_code failed) {
      if (failed) return;
      self->socket_.text(true);
      self->welcome();
      self->read();
    });
  }

  // ---- asker

  void on_bytes(std::string_view bytes) override {
    rest_.append(bytes);
    std::size_t at = 0;
    for (std::size_t end; (end = rest_.find('\n', at)) != std::string::npos; at = end + 1) {
      const std::string_view line = std::string_view(rest_).substr(at, end - at);
      if (line.substr(0, 7) == "data: {") on_event(line.substr(6));
    }
    rest_.erase(0, at);
  }
  void on_more() override {
    if (waiting_bytes_ <= max_waiting) model_->read();
  }
  void on_end() override {
    if (running_->count == 0) return on_lost();
    const auto ended = std::move(running_);
    around_.idle.push_back(std::move(model_));
    const std::string text = escaped(ended->text);
    const std::string form =
        ended->is_streamed ? R"("end","n":)" + std::to_string(ended->count) : R"("full")";
    std::string words = R"({"type":"response","seq":)" + std::to_string(++seq_) + R"(,"ref":")" +
                        ended->id + R"(","stream":")" + ended->stream + R"(","phase":)" + form +
                        R"(,"content":")" + text + R"(","status":"completed","finish_reason":")" +
                        escaped(ended->reason) + R"(","model":")" + escaped(ended->name) + '"';
    if (!ended->usage.empty()) words += R"(,"usage":)" + ended->usage;
    say(std::move(words));
    said_.add("assistant", text, around_.max_messages);
  }
  void on_lost() override {
    if (model_) std::exchange(model_, nullptr)->close();
    const auto ended = std::move(running_);
    rest_.clear();
    said_.drop_last();
    say(R"({"type":"error","ref":")" + ended->id +
        R"(","code":"provider_error","content":"Failed to generate response","retryable":false)");
  }

 private:
  struct answer {
    std::string id, stream, prefix, text, name, reason, usage;
    std::size_t count = 0;
    bool is_streamed = false;
  };

  void read() {
    socket_.async_read(in_, [self = shared_from_this()](error_code failed, std::size_t) {
      if (failed) return self->leave();
      const auto words = self->in_.cdata();
      self->on_message({static_cast<const char*>(words.data()), words.size()});
      self->in_.consume(self->in_.size());
      self->read();
    });
  }
  void leave() {
    if (model_) std::exchange(model_, nullptr)->close();
  }

  /// The message but for its timestamp.
  void say(std::string words) {
    words.append(R"(,"timestamp":")").append(relay_floor::timestamp()).append("\"}");
    waiting_bytes_ += words.size();
    waiting_.push_back(std::move(words));
    if (waiting_.size() == 1) write();
  }
  void write() {
    socket_.async_write(asio::buffer(waiting_.front()),
                        [self = shared_from_this()](error_code failed, std::size_t) {
                          if (failed) return self->leave();
                          self->waiting_bytes_ -= self->waiting_.front().size();
                          self->waiting_.pop_front();
                          if (!self->waiting_.empty()) self->write();
                          if (self->waiting_bytes_ <= max_waiting / 2 && self->model_)
                            self->model_->read();
                        });
  }

  void welcome() { say(relay_floor::welcome_words(id_, around_.epoch)); }

  void on_message(std::string_view words) {
    rapidjson::Document read;
    read.Parse(words.data(), words.size());
    const auto fail = [&](const char* code) {
      say(std::string(R"({"type":"error","code":")") + code +
          R"(","content":"That cannot be done","retryable":false)");
    };
    if (!read.IsObject()) return fail("bad_json");
    const std::string_view type = text_of(read, "type"), op = text_of(read, "op");
    if (type == "command" && op == "hello") {
      const auto caps = read.FindMember("caps");
      if (caps != read.MemberEnd() && caps->value.IsArray()) {
        for (const auto& each : caps->value.GetArray()) wants_deltas_ |= each == "delta";
      }
      welcome();
      say(R"({"type":"status","seq":0,"op":"live")");
    } else if (type == "command" && op == "ack") {
      return;
    } else if ((type != "query" && !type.empty()) || text_of(read, "content").empty()) {
      fail("bad_message");
    } else if (running_) {
      fail("busy");
    } else {
      const auto stream = read.FindMember("stream");
      const bool says = stream != read.MemberEnd() && stream->value.IsBool();
      ask(escaped(text_of(read, "id")), escaped(text_of(read, "content")),
          says ? stream->value.GetBool() : wants_deltas_);
    }
  }

  void ask(const std::string& id, const std::string& content, bool is_streamed) {
    running_ = std::make_unique<answer>();
    answer& made = *running_;
    made.stream = "r_" + std::to_string(++streams_);
    made.id = id.empty() ? "q_" + made.stream : id;
    made.is_streamed = is_streamed;
    made.prefix = R"({"type":"response","stream":")" + made.stream + R"(","phase":"delta","idx":)";
    if (!id.empty()) {
      say(R"({"type":"status","op":"ack","ref":")" + made.id + R"(","stream":")" + made.stream +
          R"(","position":0,"duplicate":false)");
    }
    say(R"({"type":"status","op":"thinking","content":"Thinking...","ref":")" + made.id + '"');
    said_.add("user", content, around_.max_messages);
    const std::string_view messages = said_.messages();
    std::string body;
    body.reserve(relay_floor::body_begin.size() + messages.size() + relay_floor::body_end.size());
    body.append(relay_floor::body_begin).append(messages).append(relay_floor::body_end);
    while (!model_ && !around_.idle.empty()) {
      model_ = std::move(around_.idle.back());
      around_.idle.pop_back();
      if (!model_->is_open()) model_.reset();
    }
    if (!model_) model_ = std::make_shared<model>(around_);
    model_->ask(shared_from_this(), std::move(body));
  }

  void on_event(std::string_view data) {
    rapidjson::Document event;
    event.Parse(data.data(), data.size());
    if (!event.IsObject()) return;
    answer& of = *running_;
    const auto usage = event.FindMember("usage");
    if (usage != event.MemberEnd() && usage->value.IsObject()) {
      rapidjson::StringBuffer out;
      rapidjson::Writer<rapidjson::StringBuffer> writer(out);
      usage->value.Accept(writer);
      of.usage.assign(out.GetString(), out.GetSize());
    }
    const auto choices = event.FindMember("choices");
    if (choices == event.MemberEnd() || !choices->value.IsArray() || choices->value.Empty()) return;
    const rapidjson::Value& choice = choices->value[0];
    if (!choice.IsObject()) return;
    if (const auto reason = text_of(choice, "finish_reason"); !reason.empty()) of.reason = reason;
    const auto delta = choice.FindMember("delta");
    if (delta == choice.MemberEnd() || !delta->value.IsObject()) return;
    const std::string_view content = text_of(delta->value, "content");
    if (content.empty()) return;
    if (of.count == 0) of.name = text_of(event, "model");
    on_token(content);
  }

  void on_token(std::string_view token) {
    answer& of = *running_;
    if (of.count == 0 && of.is_streamed) {
      say(R"({"type":"response","seq":)" + std::to_string(++seq_) + R"(,"ref":")" + of.id +
          R"(","stream":")" + of.stream + R"(","phase":"start","model":")" + escaped(of.name) +
          '"');
    }
    of.text.append(token);
    const std::size_t index = of.count++;
    if (!of.is_streamed) return;
    std::string words;
    words.reserve(of.prefix.size() + token.size() + 80);
    words.append(of.prefix).append(std::to_string(index)).append(R"(,"n":1,"content":")");
    words.append(escaped(token)) += '"';
    say(std::move(words));
  }

  hub& around_;
  websocket::stream<tcp::socket> socket_;
  boost::beast::flat_buffer in_;
  std::deque<std::string> waiting_;
  std::size_t waiting_bytes_ = 0;
  const std::string id_ = relay_floor::random_uuid();
  relay_floor::history said_;
  std::unique_ptr<answer> running_;
  std::shared_ptr<model> model_;
  std::string rest_;  // of the answer: a line that is not whole
  std::uint64_t seq_ = 0, streams_ = 0;
  bool wants_deltas_ = false;
};

class door {
 public:
  explicit door(hub& around)
      : around_(around), socket_(around.context, {asio::ip::address_v4::loopback(), 0}) {
    socket_.listen(4096);
    socket_.set_option(asio::socket_base::send_buffer_size(buffer_bytes));  // inherited
    socket_.set_option(tcp::no_delay(true));
    std::printf("listening on http://127.0.0.1:%u/\n", socket_.local_endpoint().port());
    std::fflush(stdout);
    accept();
  }

 private:
  void accept() {
    socket_.async_accept([this](error_code failed, tcp::socket made) {
      if (!failed) std::make_shared<session>(around_, std::move(made))->start();
      accept();
    });
  }

  hub& around_;
  tcp::acceptor socket_;
};

}  // namespace

int main(int argc, char** argv) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const int port = argc == 2 ? std::atoi(argv[1]) : 0;
  const char* const kept = std::getenv("MAX_HISTORY");
  const int max_messages = kept == nullptr ? 50 : std::atoi(kept);
  if (port <= 0 || port > 65'535 || max_messages < 2) {
    std::fprintf(stderr, "usage: beast PORT_OF_MODEL, with MAX_HISTORY of 2 or more\n");
    return 2;
  }
  hub around;
  around.upstream = {asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)};
  around.max_messages = static_cast<std::size_t>(max_messages);
  const door open(around);
  around.context.run();
}
