// SPDX-License-Identifier: MIT
//
// The messages of a request, in their order. Those of a conversation are not copied for it: they
// lie in a part that many requests share and none changes, between what this request has alone.
#pragma once

#include <agent_websocket/base/config.hpp>
#include <agent_websocket/openrouter/joined_messages.hpp>
#include <agent_websocket/openrouter/message.hpp>

#include <cassert>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agent_websocket {
namespace openrouter {

/// Used as a std::vector of messages is, but that they are only read in place: see replace().
class message_list {
 public:
  using value_type = chat_message;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = const chat_message&;
  using const_reference = const chat_message&;

  class const_iterator {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = chat_message;
    using difference_type = std::ptrdiff_t;
    using pointer = const chat_message*;
    using reference = const chat_message&;

    const_iterator() = default;

    reference operator*() const noexcept { return (*list_)[at_]; }
    pointer operator->() const noexcept { return &**this; }
    reference operator[](difference_type by) const noexcept { return *(*this + by); }

    const_iterator& operator+=(difference_type by) noexcept {
      at_ = static_cast<std::size_t>(static_cast<difference_type>(at_) + by);
      return *this;
    }
    const_iterator& operator-=(difference_type by) noexcept { return *this += -by; }
    const_iterator& operator++() noexcept { return *this += 1; }
    const_iterator& operator--() noexcept { return *this -= 1; }
    const_iterator operator++(int) noexcept { return std::exchange(*this, *this + 1); }
    const_iterator operator--(int) noexcept { return std::exchange(*this, *this - 1); }
    friend const_iterator operator+(const_iterator from, difference_type by) noexcept {
      return from += by;
    }
    friend const_iterator operator+(difference_type by, const_iterator from) noexcept {
      return from += by;
    }
    friend const_iterator operator-(const_iterator from, difference_type by) noexcept {
      return from -= by;
    }
    friend difference_type operator-(const const_iterator& a, const const_iterator& b) noexcept {
      return static_cast<difference_type>(a.at_) - static_cast<difference_type>(b.at_);
    }
    friend bool operator==(const const_iterator& a, const const_iterator& b) noexcept {
      return a.at_ == b.at_;
    }
    friend bool operator!=(const const_iterator& a, const const_iterator& b) noexcept {
      return a.at_ != b.at_;
    }
    friend bool operator<(const const_iterator& a, const const_iterator& b) noexcept {
      return a.at_ < b.at_;
    }
    friend bool operator>(const const_iterator& a, const const_iterator& b) noexcept {
      return b < a;
    }
    friend bool operator<=(const const_iterator& a, const const_iterator& b) noexcept {
      return !(b < a);
    }
    friend bool operator>=(const const_iterator& a, const const_iterator& b) noexcept {
      return !(a < b);
    }

   private:
    friend class message_list;
    const_iterator(const message_list& list, std::size_t at) noexcept : list_(&list), at_(at) {}

    const message_list* list_ = nullptr;
    std::size_t at_ = 0;
  };
  using iterator = const_iterator;

  message_list() = default;
  // Implicit, as those of a std::vector are.
  message_list(std::initializer_list<chat_message> messages) : behind_(messages) {}   // NOLINT
  message_list(std::vector<chat_message> messages) : behind_(std::move(messages)) {}  // NOLINT
  /// `shared`, or null, between the others. Nobody changes it as long as this or a copy has it.
  message_list(std::vector<chat_message> before, std::shared_ptr<const joined_messages> shared,
               std::vector<chat_message> behind);

  bool empty() const noexcept { return size() == 0; }
  std::size_t size() const noexcept { return before_.size() + shared_size() + behind_.size(); }
  const_iterator begin() const noexcept { return {*this, 0}; }
  const_iterator end() const noexcept { return {*this, size()}; }
  /// Preconditions of these: there is such a message.
  const chat_message& operator[](std::size_t position) const noexcept;
  const chat_message& front() const noexcept { return (*this)[0]; }
  const chat_message& back() const noexcept { return (*this)[size() - 1]; }

  /// What the messages add to a request, commas included.
  std::size_t bytes() const noexcept;
  /// Appends them as the elements of a JSON array, without its brackets.
  void append_json(std::string& out) const;

  // Iterators are no longer valid after these, nor in a list that is moved. What throws has changed
  // nothing.
  void push_back(chat_message message) { behind_.push_back(std::move(message)); }
  const_iterator insert(const_iterator before, chat_message message);
  template <typename Iterator>
  const_iterator insert(const_iterator before, Iterator first, Iterator last) {
    const std::vector<chat_message> added(first, last);  // perhaps of this list
    const std::size_t position = before.at_;
    if (added.empty()) return before;
    std::size_t at = position;
    std::vector<chat_message>& part = part_at(at, position);
    part.insert(part.begin() + static_cast<std::ptrdiff_t>(at), added.begin(), added.end());
    return {*this, position};
  }
  const_iterator erase(const_iterator first, const_iterator last);
  /// Puts `message` in the place of the one there.
  void replace(const_iterator at, chat_message message);
  void clear() noexcept;

 private:
  std::size_t shared_size() const noexcept {
    return shared_ == nullptr ? 0 : shared_->messages().size();
  }
  /// The part that holds all of [first, last); `first` becomes the position in it. When they reach
  /// into what is shared, all messages are put into one part of this list first.
  std::vector<chat_message>& part_at(std::size_t& first, std::size_t last);

  std::vector<chat_message> before_;  // empty without shared_
  std::shared_ptr<const joined_messages> shared_;
  std::vector<chat_message> behind_;
};

#if AGENT_WEBSOCKET_DEFINITIONS

AGENT_WEBSOCKET_INLINE message_list::message_list(std::vector<chat_message> before,
                                                  std::shared_ptr<const joined_messages> shared,
                                                  std::vector<chat_message> behind)
    : before_(std::move(before)), shared_(std::move(shared)), behind_(std::move(behind)) {
  if (shared_ != nullptr) return;
  behind_.insert(behind_.begin(), before_.begin(), before_.end());
  before_.clear();
}

AGENT_WEBSOCKET_INLINE const chat_message& message_list::operator[](
    std::size_t position) const noexcept {
  assert(position < size());
  if (position < before_.size()) return before_[position];
  position -= before_.size();
  if (position < shared_size()) return shared_->messages()[position];
  return behind_[position - shared_size()];
}

AGENT_WEBSOCKET_INLINE std::size_t message_list::bytes() const noexcept {
  std::size_t sum = shared_size() == 0 ? 0 : shared_->json().size() + 1;
  for (const chat_message& each : before_) sum += each.bytes() + 1;
  for (const chat_message& each : behind_) sum += each.bytes() + 1;
  return sum == 0 ? 0 : sum - 1;
}

AGENT_WEBSOCKET_INLINE void message_list::append_json(std::string& out) const {
  const char* comma = "";
  const auto separate = [&] { out.append(std::exchange(comma, ",")); };
  for (const chat_message& each : before_) {
    separate();
    each.append_json(out);
  }
  if (shared_size() != 0) {
    separate();
    out.append(shared_->json());
  }
  for (const chat_message& each : behind_) {
    separate();
    each.append_json(out);
  }
}

AGENT_WEBSOCKET_INLINE message_list::const_iterator message_list::insert(const_iterator before,
                                                                         chat_message message) {
  return insert(before, &message, &message + 1);
}

AGENT_WEBSOCKET_INLINE message_list::const_iterator message_list::erase(const_iterator first,
                                                                        const_iterator last) {
  const std::size_t count = last.at_ - first.at_;
  if (count == 0) return last;
  std::size_t at = first.at_;
  std::vector<chat_message>& part = part_at(at, last.at_);
  const auto from = part.begin() + static_cast<std::ptrdiff_t>(at);
  part.erase(from, from + static_cast<std::ptrdiff_t>(count));
  return {*this, first.at_};
}

AGENT_WEBSOCKET_INLINE void message_list::replace(const_iterator at, chat_message message) {
  std::size_t position = at.at_;
  std::vector<chat_message>& part = part_at(position, position + 1);
  part[position] = std::move(message);
}

AGENT_WEBSOCKET_INLINE void message_list::clear() noexcept {
  before_.clear();
  shared_.reset();
  behind_.clear();
}

AGENT_WEBSOCKET_INLINE std::vector<chat_message>& message_list::part_at(std::size_t& first,
                                                                        std::size_t last) {
  const std::size_t around = before_.size() + shared_size();
  if (first >= around) {
    first -= around;
    return behind_;
  }
  if (last <= before_.size()) return before_;
  std::vector<chat_message> all(begin(), end());
  clear();
  behind_ = std::move(all);
  return behind_;
}

#endif

}  // namespace openrouter
}  // namespace agent_websocket
