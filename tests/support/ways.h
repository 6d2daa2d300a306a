// How many of the ways in which a program can be compiled a run of tests takes.
#pragma once

namespace kiln::tests {

/// KILN_TEST_WAYS: not set, all of them; `pairs`: of sweeps over dtypes a cover of all pairs; `few`: that, and some
/// ways of each other program, in turn.
enum class Ways { all, pairs, few };
Ways ways();

/// Whether a sweep takes way `way` of `count` for the case `number`, as which consecutive numbers count: one of them,
/// or all where all are taken.
inline bool takes_way(int number, int way, int count) { return ways() == Ways::all || number % count == way; }

}  // namespace kiln::tests
