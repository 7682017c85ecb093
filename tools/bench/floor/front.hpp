// SPDX-License-Identifier: MIT
//
// The floor's side of the clients: the upgrade, their frames, their messages.
#pragma once

#include "hub.hpp"

#include <strings.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

namespace relay_floor {

class front : public hub {
 protected:
  static constexpr std::size_t max_message = 64 * 1024;

  virtual void ask(client& of, std::string_view id, std::string_view content, bool streamed) = 0;
  ~front() = default;

  void on_client(client& of, std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) {
      const ssize_t size =
          ::send(of.descriptor, of.waiting.data(), of.waiting.size(), MSG_NOSIGNAL);
      if (size < 0 && errno != EAGAIN) return end(of);
      if (size > 0) of.waiting.erase(0, static_cast<std::size_t>(size));
      if (of.waiting.empty()) std::string().swap(of.waiting);
      settle(of);
    }
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    const ssize_t size = ::recv(of.descriptor, read_, read_bytes, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return end(of);
    char* at = read_;
    auto length = static_cast<std::size_t>(size);
    if (!of.in.empty()) {
      of.in.append(read_, length);
      joined_.swap(of.in);
      of.in.clear();
      at = joined_.data();
      length = joined_.size();
    }
    const std::size_t taken =
        of.is_open ? take_frames(of, at, length) : take_upgrade(of, at, length);
    if (of.is_dead) return;
    std::string(at + taken, length - taken).swap(of.in);
    send_out(of);
  }

 private:
  std::size_t take_upgrade(client& of, const char* bytes, std::size_t size) {
    const std::string head(bytes, size);
    const std::size_t blank = head.find("\r\n\r\n");
    if (blank == std::string::npos) {
      if (size > 16'384) end(of);
      return 0;
    }
    const char* key = strcasestr(head.c_str(), "\r\nsec-websocket-key:");
    if (head.compare(0, 8, "GET /ws ") != 0 || key == nullptr) {
      out_.reserve(200);
      out_.put("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      send_out(of);
      end(of);
      return size;
    }
    key += 20;
    while (*key == ' ') ++key;
    const auto hash =
        sha1(std::string(key, std::strcspn(key, " \r")) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    out_.reserve(300);
    out_.put(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: ");
    out_.put(base64(hash.data(), hash.size(), "+/", true));
    out_.put("\r\n\r\n");
    of.is_open = true;
    of.session_id = random_uuid();
    say_welcome(of);
    return blank + 4;
  }

  std::size_t take_frames(client& of, char* bytes, std::size_t size) {
    std::size_t at = 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[at + i]); };
    while (size - at >= 6 && !of.is_dead) {
      const bool is_last = (byte(0) & 0x80U) != 0;
      const unsigned op = byte(0) & 0x0FU;
      std::size_t length = byte(1) & 0x7FU;
      if ((byte(0) & 0x70U) != 0 || (byte(1) & 0x80U) == 0) return refuse(of, 1002);
      std::size_t head = 6;
      if (length >= 126) {
        const std::size_t more = length == 126 ? 2 : 8;
        head += more;
        if (size - at < head) break;
        length = 0;
        for (std::size_t i = 0; i < more; ++i) length = length << 8 | byte(2 + i);
      }
      if (length + of.fragments.size() > max_message) return refuse(of, 1009);
      if (size - at < head + length) break;
      const char* const mask = bytes + at + head - 4;
      char* const payload = bytes + at + head;
      for (std::size_t i = 0; i < length; ++i)
        payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
      at += head + length;
      on_frame(of, is_last, op, {payload, length});
    }
    return at;
  }
  std::size_t refuse(client& of, unsigned code) {
    const char words[] = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    out_.put_frame(opcode::close, {words, 2});
    send_out(of);
    end(of);
    return 0;
  }

  void on_frame(client& of, bool is_last, unsigned op, std::string_view payload) {
    if (op >= opcode::close && (!is_last || payload.size() > 125)) {
      refuse(of, 1002);
    } else if (op == opcode::close) {
      out_.put_frame(opcode::close, payload.substr(0, 2));
      send_out(of);
      end(of);
    } else if (op == opcode::ping) {
      out_.put_frame(opcode::pong, payload);
    } else if (op == opcode::pong) {
      return;
    } else if (op > opcode::text) {
      refuse(of, op == 2 ? 1003 : 1002);
    } else if ((op == opcode::continuation) != of.in_fragments) {
      refuse(of, 1002);
    } else if (is_last && !of.in_fragments) {
      on_message(of, payload);
    } else {
      of.fragments.append(payload);
      of.in_fragments = !is_last;
      if (!is_last) return;
      const std::string whole = std::move(of.fragments);
      of.fragments = {};
      on_message(of, whole);
    }
  }

  void on_message(client& of, std::string_view words) {
    if (!is_utf8(words)) return void(refuse(of, 1007));
    std::string_view type = R"("query")", op, id, content, stream, caps;
    const bool is_object = each_member(words, [&](std::string_view name, std::string_view value) {
      if (name == "type") type = value;
      if (name == "op") op = value;
      if (name == "id") id = value;
      if (name == "content") content = value;
      if (name == "stream") stream = value;
      if (name == "caps") caps = value;
    });
    const auto unquoted = [](std::string_view value) {
      return value.size() >= 2 && value[0] == '"' ? value.substr(1, value.size() - 2)
                                                  : std::string_view();
    };
    id = unquoted(id).substr(0, 64);
    content = unquoted(content);
    if (!is_object) return say_error({}, "bad_json", "Not valid JSON");
    if (type == R"("command")") {
      if (op == R"("hello")") {
        of.has_delta = caps.find(R"("delta")") != std::string_view::npos;
        say_welcome(of);
        say(R"({"type":"status","seq":0,"op":"live")", {}, {}, {});
      } else if (op == R"("ping")") {
        say(R"({"type":"status","op":"pong","content":"pong")", "ref", id, {});
      } else if (op != R"("ack")") {
        say_error(id, "unknown_op", "Unknown command");
      }
    } else if (type != R"("query")") {
      say_error(id, "unknown_type", "Unknown type");
    } else if (content.empty()) {
      say_error(id, "bad_message", "Message content is required");
    } else if (of.running) {
      say_error(id, "busy", "An answer is running");
    } else {
      ask(of, id, content, stream == "true" || (stream.empty() && of.has_delta));
    }
  }

  std::string joined_;
};

}  // namespace relay_floor
