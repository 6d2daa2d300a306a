// A function given to jit as it is prepared for a call, without the call: what tests look into.
#pragma once

#include "core/signature.h"
#include "core/specialize.h"

#include <kiln/jit.h>

#include <memory>
#include <tuple>
#include <vector>

namespace kiln::test {

/// The Programs that a call with these options and arguments would be given.
template <class F, class... P, class... A>
std::unique_ptr<detail::Variant> prepared(const detail::Jitted<F, std::tuple<P...>, false>&, const JitOptions& options,
                                          const A&... given) {
  detail::Function function{[](detail::Tracing& tracing, const detail::Argument* from) {
                              std::tuple<P...> parameters{detail::parameter<P>(from)...};
                              if constexpr (std::is_void_v<std::invoke_result_t<F, P...>>)
                                std::apply(F{}, std::move(parameters));
                              else
                                detail::hand_in(tracing, std::apply(F{}, std::move(parameters)));
                            },
                            Location::current(), false, true};
  const std::tuple<P...> values{P(given)...};
  detail::Argument arguments[sizeof...(P)];
  int count = 0;
  std::apply([&](const auto&... each) { (detail::append_arguments(arguments, count, each), ...); }, values);
  detail::GatheredCall call;
  detail::gather(arguments, count, options, Location::current(), call);
  return detail::prepare(function, options, arguments, count, call, false);
}

}  // namespace kiln::test
