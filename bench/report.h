// Tables on standard output, the progress line on standard error, and the JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/harness.h"

namespace bench {

// "1.23 ms", three digits and a unit.
std::string duration_text(double seconds);

void print_header(const nlohmann::ordered_json& header);
// The rows of one bench and its targets, marked reached or not reached.
void print_measured(const Measured& measured);
// Every target once more, those not reached first, and what failed.
void print_summary(const Measured& all);

// One line that is written over where standard error is a terminal, else a line for each bench.
void show_progress(std::size_t done, std::size_t count, const std::string& name, double seconds);
void clear_progress();

// The header, the records and the targets. Throws where the file cannot be written.
void write_json(const std::string& file, const nlohmann::ordered_json& header, const Measured& all);

}  // namespace bench
