// The simulated devices' memory: one range of addresses, an allocation on pages of its own, never the same address
// twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace kiln::simulated {

constexpr unsigned char allocated_pattern = 0xd7;

class AddressSpace {
 public:
  enum class State { pending, live, freed };  // pending: the stream has not reached its allocation

  struct Allocation {
    std::uintptr_t begin = 0;
    std::size_t bytes = 0;
    std::uintptr_t pages = 0;
    std::size_t pages_bytes = 0;
    State state = State::pending;
    bool open = false;
    bool stream_ordered = false;
    bool free_queued = false;
    int device = 0;
    Allocation* next_open = nullptr;
  };

  AddressSpace();

  // An address that is pending; 0 where the machine has no memory.
  std::uintptr_t reserve(std::size_t bytes, int device, bool stream_ordered);
  bool make_live(std::uintptr_t begin);
  void free(std::uintptr_t begin);

  // The allocation, freed or not, that contains the address; null without one.
  Allocation* find(std::uintptr_t address);
  bool owns(std::uintptr_t address) const { return address >= first_ && address < end_; }
  // Whether the range lies in one allocation that is not freed.
  bool contains(std::uintptr_t address, std::size_t bytes);

  // Gives access for a copy; null, and a diagnosis, where the range is not in live memory.
  void* open(std::uintptr_t address, std::size_t bytes, std::string& diagnosis);
  // Takes all access back. False where something was written around an allocation.
  bool close(std::string& diagnosis);
  // From the handler of a fault: opens the live allocation at the address.
  bool open_at_fault(std::uintptr_t address);

  void set_protection(bool on);
  void clear();

  template <typename Function>
  void for_each(const Function& function) {
    for (auto& [begin, allocation] : allocations_) function(allocation);
  }

 private:
  void open(Allocation& allocation);
  bool intact(const Allocation& allocation, std::string& diagnosis) const;

  std::uintptr_t first_ = 0;
  std::uintptr_t next_ = 0;
  std::uintptr_t end_ = 0;
  bool protection_ = true;
  Allocation* opened_ = nullptr;
  std::map<std::uintptr_t, Allocation> allocations_;
};

}  // namespace kiln::simulated
