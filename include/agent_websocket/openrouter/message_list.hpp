// SPDX-License-Identifier: MIT
//
// The messages of a request, in their order, with their JSON texts joined: a conversation that
// grows is sent again and again without encoding it anew. A value; copies share everything until
// one of them is changed, which is then on its own.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/message.hpp>

#include <cassert>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {

/// Used as a std::vector of messages is, but that they are only read in place: see replace(). Of
/// copies that share, those of one thread.
class message_list {
 public:
  using value_type = chat_message;
  using size_type = std::size_t;
  using const_iterator = const chat_message*;
  using iterator = const_iterator;

  message_list() = default;
  message_list(std::initializer_list<chat_message> messages);  // NOLINT: as std::vector
  message_list(std::vector<chat_message> messages);            // NOLINT: what it was is one

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept { return all_ == nullptr ? 0 : all_->messages.size(); }
  const_iterator begin() const noexcept {
    return all_ == nullptr ? nullptr : all_->messages.data();
  }
  const_iterator end() const noexcept { return begin() + size(); }
  /// Preconditions of these: there is such a message.
  const chat_message& operator[](std::size_t position) const noexcept;
  const chat_message& front() const noexcept { return (*this)[0]; }
  const chat_message& back() const noexcept { return (*this)[size() - 1]; }

  /// The elements of a JSON array, without its brackets. Valid until the list is changed.
  std::string_view json() const noexcept;

  // Iterators are no longer valid after these. What throws has changed nothing, but for replace().
  void push_back(chat_message message);
  const_iterator insert(const_iterator before, const chat_message& message);
  template <typename Iterator>
  const_iterator insert(const_iterator before, Iterator first, Iterator last);
  const_iterator erase(const_iterator first, const_iterator last);
  /// Puts `message` in the place of the one there.
  void replace(const_iterator at, const chat_message& message);
  void clear() noexcept { all_.reset(); }

 private:
  struct shared {
    std::vector<chat_message> messages;
    std::string json;  // behind each message a comma
  };

  /// What is not shared with another list.
  shared& own();
  /// Where the text of that message begins.
  std::size_t offset_of(std::size_t position) const noexcept;

  std::shared_ptr<shared> all_;
};

template <typename Iterator>
message_list::const_iterator message_list::insert(const_iterator before, Iterator first,
                                                  Iterator last) {
  const auto position = static_cast<std::size_t>(before - begin());
  const std::vector<chat_message> added(first, last);  // perhaps of this list
  if (added.empty()) return before;
  std::string json;
  for (const chat_message& each : added) {
    each.append_json(json);
    json += ',';
  }
  const std::size_t offset = offset_of(position);
  shared& all = own();
  all.json.reserve(all.json.size() + json.size());
  all.messages.insert(all.messages.begin() + static_cast<std::ptrdiff_t>(position), added.begin(),
                      added.end());
  all.json.insert(offset, json);
  return begin() + position;
}

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE message_list::message_list(std::initializer_list<chat_message> messages)
    : message_list(std::vector<chat_message>(messages)) {}

AGENT_WEBSOCKET_INLINE message_list::message_list(std::vector<chat_message> messages) {
  if (messages.empty()) return;
  std::size_t bytes = 0;
  for (const chat_message& each : messages) bytes += each.bytes() + 1;
  all_ = std::make_shared<shared>();
  all_->json.reserve(bytes);
  for (const chat_message& each : messages) {
    each.append_json(all_->json);
    all_->json += ',';
  }
  all_->messages = std::move(messages);
}

AGENT_WEBSOCKET_INLINE const chat_message& message_list::operator[](
    std::size_t position) const noexcept {
  assert(position < size());
  return all_->messages[position];
}

AGENT_WEBSOCKET_INLINE std::string_view message_list::json() const noexcept {
  if (empty()) return {};
  return std::string_view(all_->json).substr(0, all_->json.size() - 1);
}

AGENT_WEBSOCKET_INLINE void message_list::push_back(chat_message message) {
  shared& all = own();
  all.json.reserve(all.json.size() + message.bytes() + 1);
  all.messages.push_back(std::move(message));
  all.messages.back().append_json(all.json);
  all.json += ',';
}

AGENT_WEBSOCKET_INLINE message_list::const_iterator message_list::insert(
    const_iterator before, const chat_message& message) {
  return insert(before, &message, &message + 1);
}

AGENT_WEBSOCKET_INLINE message_list::const_iterator message_list::erase(const_iterator first,
                                                                        const_iterator last) {
  const auto from = static_cast<std::size_t>(first - begin());
  const auto to = static_cast<std::size_t>(last - begin());
  if (from == to) return last;
  const std::size_t begins = offset_of(from);
  const std::size_t ends = to == size() ? all_->json.size() : offset_of(to);
  shared& all = own();
  all.json.erase(begins, ends - begins);
  all.messages.erase(all.messages.begin() + static_cast<std::ptrdiff_t>(from),
                     all.messages.begin() + static_cast<std::ptrdiff_t>(to));
  return begin() + from;
}

AGENT_WEBSOCKET_INLINE void message_list::replace(const_iterator at, const chat_message& message) {
  const chat_message kept = message;  // perhaps of this list
  insert(erase(at, at + 1), kept);
}

AGENT_WEBSOCKET_INLINE message_list::shared& message_list::own() {
  if (all_ == nullptr) {
    all_ = std::make_shared<shared>();
  } else if (all_.use_count() > 1) {
    all_ = std::make_shared<shared>(*all_);
  }
  return *all_;
}

AGENT_WEBSOCKET_INLINE std::size_t message_list::offset_of(std::size_t position) const noexcept {
  std::size_t offset = 0;
  for (std::size_t i = 0; i < position; ++i) offset += all_->messages[i].bytes() + 1;
  return offset;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
