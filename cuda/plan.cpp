// The Program's own scope, statement by statement: what the host does, and what is a kernel.
#include "cuda/plan.h"

#include "core/visit.h"
#include "cuda/codegen.h"

#include <kiln/error.h>

#include <algorithm>
#include <set>

namespace kiln::on_cuda {

using ir::BlockId;
using ir::NodeId;
using ir::none;
using ir::Op;
using ir::Statement;
using Kind = ir::Statement::Kind;

namespace {

/// What a kernel consists of, before it is written.
struct Region {
  std::vector<const Statement*> statements;  // of one thread; or a single loop
  std::vector<NodeId> finals;                // numbers the host needs
  bool parallel = false;
  const Statement* host_loop = nullptr;  // whose reductions it begins, or ends a turn of, or ends
  LoopPart part = LoopPart::begin;
};

class Planner {
 public:
  explicit Planner(const ir::Program& program) : program_(program), host_(program) {}

  Plan run() {
    plan_.variable_slots.assign(program_.variables.size(), none);
    plan_.node_slots.assign(program_.nodes.size(), none);
    find_host_loops(0);
    give_slots_to_variables();
    find_initials();
    plan_.steps = block(0, true);
    give_slots_to_nodes();
    find_failures();
    write();
    return std::move(plan_);
  }

 private:
  bool distributes(const Statement& s) const {
    return s.kind == Kind::loop && program_.loops[s.target].parallel && program_.loops[s.target].distribute;
  }

  /// Whether kernels are launched in it, or memory is made or changes hands.
  bool has_host_work(const Statement& s) const {
    if (s.kind == Kind::allocate || s.kind == Kind::swap || distributes(s)) return true;
    bool found = false;
    ir::for_each_block(s, [&](BlockId inner) {
      for (const Statement& each : program_.blocks[inner].statements) found = found || has_host_work(each);
    });
    return found;
  }

  /// Whether it leaves the turn of a loop around it.
  bool escapes(const Statement& s) const {
    const auto leaves = [](const Statement& each) { return each.kind == Kind::break_ || each.kind == Kind::continue_; };
    if (s.kind != Kind::branch) return leaves(s);
    bool found = false;
    ir::for_each_block(s, [&](BlockId inner) { found = found || ir::any_at_level(program_, inner, leaves); });
    return found;
  }

  /// Of a statement of a block that the host runs: whether it is the host's, too.
  bool is_of_host(const Statement& s) const { return s.kind == Kind::guard || escapes(s) || has_host_work(s); }

  void find_host_loops(BlockId id) {
    host_blocks_.push_back(id);
    for (const Statement& s : program_.blocks[id].statements) {
      if (distributes(s) || !is_of_host(s)) continue;
      if (s.kind == Kind::loop) host_.runs(s.target);
      ir::for_each_block(s, [&](BlockId inner) { find_host_loops(inner); });
    }
  }

  void give_slots_to_variables() {
    for (ir::VariableId v = 0; v < program_.variables.size(); ++v)
      if (std::find(host_blocks_.begin(), host_blocks_.end(), program_.variables[v].block) != host_blocks_.end())
        plan_.variable_slots[v] = plan_.slot_count++;
  }

  // ---- Vars that need no kernel of one thread

  static bool writes(const Statement& s, ir::VariableId v) {
    return ((s.kind == Kind::assign || s.kind == Kind::reduce) && s.target == v) ||
           (s.kind == Kind::update && s.other == v);
  }
  bool reads(const Statement& s, ir::VariableId v) const {
    return s.kind == Kind::evaluate && program_[s.value].op == Op::read_variable && program_[s.value].id == v;
  }
  template <class Test>
  bool any_inside(const Statement& s, Test&& test) const {
    bool found = test(s);
    ir::for_each_block(s, [&](BlockId inner) {
      ir::for_each_statement(program_, inner, [&](const Statement& each) { found = found || test(each); });
    });
    return found;
  }

  // `total = 0` in front of the loop that is reduced into total: the loop's own kernel knows it.
  void find_initials() {
    const std::vector<Statement>& list = program_.blocks[0].statements;
    for (std::size_t at = 0; at < list.size(); ++at) {
      if (!distributes(list[at])) continue;
      ir::for_each_statement(program_, list[at].body, [&](const Statement& s) {
        if (s.kind != Kind::reduce || s.loop != list[at].target) return;
        if (any_inside(list[at], [&](const Statement& each) { return reads(each, s.target); })) return;
        std::size_t last = at;
        const auto mentions = [&](const Statement& each) { return writes(each, s.target) || reads(each, s.target); };
        while (last > 0 && !any_inside(list[last - 1], mentions)) --last;
        if (last == 0) return;
        const Statement& before = list[last - 1];
        if (before.kind != Kind::assign || program_[before.value].op != Op::constant) return;
        plan_.initials.push_back({list[at].target, s.target, before.value});
        known_.insert(&before);
      });
    }
  }

  // A Var that is read where nothing changes it any more: what reads it finds it in the Var's own slot.
  bool is_settled(const Statement& s, const Region& region) const {
    if (s.kind != Kind::evaluate || program_[s.value].op != Op::read_variable) return false;
    const ir::VariableId v = program_[s.value].id;
    const auto writes_it = [&](const Statement& each) { return writes(each, v); };
    for (const Statement* each : region.statements)
      if (any_inside(*each, writes_it)) return false;
    const std::vector<Statement>& list = program_.blocks[0].statements;
    for (const Statement* each = &s; each != list.data() + list.size(); ++each)
      if (any_inside(*each, writes_it)) return false;
    return true;
  }
  void settle(const Statement& s) {
    plan_.node_slots[s.value] = plan_.variable_slots[program_[s.value].id];
    settled_.insert(s.value);
  }

  // ---- Steps

  // Those of these nodes that only the device knows.
  std::vector<NodeId> device_nodes(const std::vector<NodeId>& wanted) {
    std::vector<NodeId> found;
    for (const NodeId id : wanted)
      if (!host_.has(id) && std::find(found.begin(), found.end(), id) == found.end()) found.push_back(id);
    return found;
  }

  void flush(std::vector<Step>& steps, Region& region, const std::vector<NodeId>& finals = {}) {
    for (const NodeId id : finals)
      if (!settled_.contains(id)) region.finals.push_back(id);
    if (region.statements.empty() && region.finals.empty()) return;
    Step step;
    step.kernel = static_cast<std::uint32_t>(regions_.size());
    steps.push_back(step);
    regions_.push_back(std::move(region));
    region = {};
  }

  std::vector<NodeId> needs(const Statement& s) {
    std::vector<NodeId> wanted;
    if (s.kind == Kind::while_) return {s.condition};
    ir::for_each_use(program_, s, [&](NodeId id) { wanted.push_back(id); });
    if (s.kind == Kind::guard && program_.messages[s.message].shown.size() > 16) wanted.resize(17);
    return wanted;
  }

  // The numbers of a parallel loop, and the extents of what its iterations make: the host gives them memory before it.
  std::vector<NodeId> needs_of_parallel(const Statement& loop) {
    std::vector<NodeId> wanted = needs(loop), extents;
    std::set<NodeId> inside;
    ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
      if (s.kind == Kind::evaluate) inside.insert(s.value);
      if (s.kind == Kind::allocate) ir::for_each_use(program_, s, [&](NodeId id) { extents.push_back(id); });
    });
    const auto of_iteration = [&](NodeId id) {
      return inside.contains(id) || (program_[id].op == Op::index && !host_.has(id));
    };
    for (const NodeId extent : extents) {
      std::set<NodeId> leaves, seen;
      collect(extent, leaves, seen);
      if (std::none_of(seen.begin(), seen.end(), of_iteration)) wanted.push_back(extent);
    }
    return wanted;
  }

  // The kernels that a host's loop needs for its reductions; none where it has none.
  std::uint32_t fold_on_device(const Statement& loop) {
    const std::size_t before = plan_.foldings.size();
    ir::for_each_statement(program_, loop.body, [&](const Statement& s) {
      if (s.kind != Kind::reduce || s.loop != loop.target) return;
      for (const HostFolding& f : plan_.foldings)
        if (f.loop == s.loop && f.variable == s.target) return;
      plan_.foldings.push_back({s.loop, s.target, plan_.slot_count});
      plan_.slot_count += slots_of_folding;
    });
    if (plan_.foldings.size() == before) return none;
    const auto first = static_cast<std::uint32_t>(regions_.size());
    for (const LoopPart part : {LoopPart::begin, LoopPart::turn, LoopPart::end})
      regions_.push_back({{}, {}, false, &loop, part});
    return first;
  }

  std::vector<Step> block(BlockId id, bool whole) {
    std::vector<Step> steps;
    Region region;
    for (const Statement& s : program_.blocks[id].statements) {
      if (!is_of_host(s)) {
        if (id == 0 && is_settled(s, region))
          settle(s);
        else if (!known_.contains(&s))
          region.statements.push_back(&s);
        continue;
      }
      Step step;
      step.statement = &s;
      if (s.kind != Kind::while_) step.fetched = device_nodes(distributes(s) ? needs_of_parallel(s) : needs(s));
      flush(steps, region, step.fetched);
      switch (s.kind) {
        case Kind::allocate: step.kind = Step::Kind::allocate; break;
        case Kind::swap: step.kind = Step::Kind::swap; break;
        case Kind::guard: step.kind = Step::Kind::guard; break;
        case Kind::break_: step.kind = Step::Kind::break_; break;
        case Kind::continue_: step.kind = Step::Kind::continue_; break;
        case Kind::branch: step.kind = Step::Kind::branch; break;
        case Kind::while_: step.kind = Step::Kind::while_; break;
        default: step.kind = distributes(s) ? Step::Kind::kernel : Step::Kind::loop; break;
      }
      if (step.kind == Step::Kind::kernel) {
        step.kernel = static_cast<std::uint32_t>(regions_.size());
        regions_.push_back({{&s}, {}, true, nullptr, {}});
      } else if (s.kind == Kind::while_) {
        step.fetched = device_nodes({s.condition});
        step.body = block(s.body, false);
        Region rest;
        flush(step.body, rest, step.fetched);
        step.otherwise = block(s.otherwise, false);
      } else {
        if (step.kind == Step::Kind::loop) step.reducing = fold_on_device(s);
        if (s.body != none) step.body = block(s.body, false);
        if (s.otherwise != none) step.otherwise = block(s.otherwise, false);
      }
      steps.push_back(std::move(step));
    }
    std::vector<NodeId> results;
    if (whole) ir::for_each_result(program_, [&](NodeId node) { results.push_back(node); });
    if (whole) plan_.fetched = device_nodes(results);
    flush(steps, region, plan_.fetched);
    return steps;
  }

  // ---- Numbers that cross from one kernel into another

  void collect(NodeId id, std::set<NodeId>& leaves, std::set<NodeId>& seen) const {
    if (!seen.insert(id).second) return;
    const ir::Node& node = program_[id];
    if (!ir::is_pure(node.op)) {
      leaves.insert(id);
      return;
    }
    ir::for_each_operand(program_, id, [&](NodeId operand) { collect(operand, leaves, seen); });
  }

  void give_slots_to_nodes() {
    for (const Region& region : regions_) {
      std::set<NodeId> used, seen, made;
      const auto use = [&](NodeId id) { collect(id, used, seen); };
      const auto visit = [&](const Statement& s) {
        ir::for_each_use(program_, s, use);
        if (s.kind != Kind::evaluate) return;
        made.insert(s.value);
        if (program_[s.value].op == Op::load) ir::for_each_operand(program_, s.value, use);
      };
      for (const Statement* s : region.statements) {
        visit(*s);
        ir::for_each_block(*s, [&](BlockId inner) { ir::for_each_statement(program_, inner, visit); });
      }
      for (const NodeId id : region.finals) {
        use(id);
        give_slot(id);
      }
      for (const NodeId id : used)
        if (!made.contains(id)) give_slot(id);
    }
  }

  void give_slot(NodeId id) {
    if (plan_.node_slots[id] == none) plan_.node_slots[id] = plan_.slot_count++;
  }

  // ---- Failures

  bool may_fail(const Statement& s) const {
    if (s.kind == Kind::guard || s.checked != 0) return true;
    return s.kind == Kind::evaluate && program_[s.value].checked != 0;
  }

  static bool repeats(const std::vector<Step>& steps) {
    return std::any_of(steps.begin(), steps.end(), [](const Step& s) {
      return s.kind == Step::Kind::loop || s.kind == Step::Kind::while_ || repeats(s.body) || repeats(s.otherwise);
    });
  }

  // Nothing waits for a kernel that may fail: those behind it see that it has, and do nothing.
  void find_failures() {
    for (const Region& region : regions_)
      for (const Statement* s : region.statements) {
        plan_.may_fail = plan_.may_fail || may_fail(*s);
        ir::for_each_block(*s, [&](BlockId inner) {
          ir::for_each_statement(program_, inner,
                                 [&](const Statement& each) { plan_.may_fail = plan_.may_fail || may_fail(each); });
        });
      }
    plan_.skips = plan_.may_fail && (regions_.size() > 1 || repeats(plan_.steps));
  }

  // ---- Text

  void write() {
    Declarations declarations(program_.precise);
    std::string kernels;
    plan_.kernels.resize(regions_.size());
    for (std::uint32_t k = 0; k < regions_.size(); ++k) {
      Kernel& kernel = plan_.kernels[k];
      kernel.name = text("kiln_", k);
      KernelWriter writer(program_, plan_, host_, declarations, kernel);
      if (regions_[k].parallel) {
        kernel.loop = regions_[k].statements[0]->target;
        kernels += writer.distributed(*regions_[k].statements[0]);
      } else if (regions_[k].host_loop) {
        kernels += writer.host_loop(*regions_[k].host_loop, regions_[k].part);
      } else {
        kernels += writer.serial(regions_[k].statements, regions_[k].finals);
      }
      if (kernel.may_fail && !plan_.may_fail) throw InternalError(text(kernel.name, " may fail, which was not seen"));
      if (kernel.words.size() > most_words)
        throw CompileError(
            text("a loop needs ", kernel.words.size(), " numbers from the host, of which a kernel takes ", most_words,
                 ": divide the function"),
            program_.locations[0]);
    }
    plan_.source = declarations.source() + kernels;
  }

  const ir::Program& program_;
  HostNodes host_;
  Plan plan_;
  std::vector<Region> regions_;
  std::vector<BlockId> host_blocks_;
  std::set<const Statement*> known_;  // assignments of constants that the kernels of reductions know
  std::set<NodeId> settled_;          // numbers that are in a Var's slot
};

}  // namespace

Plan make_plan(const ir::Program& scheduled) { return Planner(scheduled).run(); }

}  // namespace kiln::on_cuda
