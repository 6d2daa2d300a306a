// What is known, and may be asked, about the layout of a Program's roots.
#pragma once

#include "core/schedule.h"

#include <cstdint>
#include <vector>

namespace kiln::ir {

/// Asks each question once and notes the answer in the Program's roots. Roots that swap their memory have only in
/// common what holds for all of them.
class Layouts {
 public:
  Layouts(Program& program, const ScheduleOptions& options);

  bool contiguous(RootId root);
  bool unit_stride(RootId root, std::uint32_t axis);
  bool large() { return options_.large && options_.large(options_.context); }

 private:
  enum class Answer : std::uint8_t { unknown, no, yes };

  bool own_contiguous(RootId root);
  bool own_unit_stride(RootId root, std::uint32_t axis);

  Program& program_;
  const ScheduleOptions& options_;
  std::vector<std::vector<RootId>> swapped_;  // the roots a root's memory may come from, itself included
  std::vector<Answer> contiguous_;
  std::vector<Answer> unit_stride_;  // max_rank per root
};

}  // namespace kiln::ir
