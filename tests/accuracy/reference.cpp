// The references by name.
#include "tests/accuracy/reference.h"

#include <quadmath.h>

#include <map>
#include <string>

namespace kiln::accuracy {

namespace {

template <class Wide>
struct Reference {
  Wide (*unary)(Wide) = nullptr;
  Wide (*binary)(Wide, Wide) = nullptr;
};

// libm's lgamma also stores the sign in a global variable, which threads would race for.
double lgamma_alone(double x) {
  int sign;
  return ::lgamma_r(x, &sign);
}

const std::map<std::string_view, Reference<double>>& references_of_f32() {
  using R = Reference<double>;
  static const std::map<std::string_view, R> table = {{"exp", {::exp}},
                                                      {"exp2", {::exp2}},
                                                      {"expm1", {::expm1}},
                                                      {"log", {::log}},
                                                      {"log2", {::log2}},
                                                      {"log10", {::log10}},
                                                      {"log1p", {::log1p}},
                                                      {"sin", {::sin}},
                                                      {"cos", {::cos}},
                                                      {"tan", {::tan}},
                                                      {"asin", {::asin}},
                                                      {"acos", {::acos}},
                                                      {"atan", {::atan}},
                                                      {"sinh", {::sinh}},
                                                      {"cosh", {::cosh}},
                                                      {"tanh", {::tanh}},
                                                      {"asinh", {::asinh}},
                                                      {"acosh", {::acosh}},
                                                      {"atanh", {::atanh}},
                                                      {"cbrt", {::cbrt}},
                                                      {"erf", {::erf}},
                                                      {"erfc", {::erfc}},
                                                      {"lgamma", {lgamma_alone}},
                                                      {"tgamma", {::tgamma}},
                                                      {"pow", {nullptr, ::pow}},
                                                      {"atan2", {nullptr, ::atan2}},
                                                      {"hypot", {nullptr, ::hypot}}};
  return table;
}

const std::map<std::string_view, Reference<Quad>>& references_of_f64() {
  using R = Reference<Quad>;
  static const std::map<std::string_view, R> table = {{"exp", {expq}},
                                                      {"exp2", {exp2q}},
                                                      {"expm1", {expm1q}},
                                                      {"log", {logq}},
                                                      {"log2", {log2q}},
                                                      {"log10", {log10q}},
                                                      {"log1p", {log1pq}},
                                                      {"sin", {sinq}},
                                                      {"cos", {cosq}},
                                                      {"tan", {tanq}},
                                                      {"asin", {asinq}},
                                                      {"acos", {acosq}},
                                                      {"atan", {atanq}},
                                                      {"sinh", {sinhq}},
                                                      {"cosh", {coshq}},
                                                      {"tanh", {tanhq}},
                                                      {"asinh", {asinhq}},
                                                      {"acosh", {acoshq}},
                                                      {"atanh", {atanhq}},
                                                      {"cbrt", {cbrtq}},
                                                      {"erf", {erfq}},
                                                      {"erfc", {erfcq}},
                                                      {"lgamma", {lgammaq}},
                                                      {"tgamma", {tgammaq}},
                                                      {"pow", {nullptr, powq}},
                                                      {"atan2", {nullptr, atan2q}},
                                                      {"hypot", {nullptr, hypotq}}};
  return table;
}

}  // namespace

double reference(std::string_view name, float x, float y) {
  const Reference<double>& r = references_of_f32().at(name);
  return r.unary ? r.unary(x) : r.binary(x, y);
}

Quad reference(std::string_view name, double x, double y) {
  const Reference<Quad>& r = references_of_f64().at(name);
  return r.unary ? r.unary(x) : r.binary(x, y);
}

double rounded(Quad x) { return static_cast<double>(x); }

}  // namespace kiln::accuracy
