// kiln-demo: the tutorial function on this machine, compiled and interpreted, on 1 to all threads, and a picture.
#include "examples/picture.h"

#include "kernels.h"
#include "measure.h"
#include "record.h"

#include <kiln/kiln.h>

#include <CLI/CLI.hpp>

#include <exception>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace demo;

struct Options {
  std::string file, output, json, picture = "mandelbrot.png";
  int threads = 0;
  bool only_result = false;
  Input measured;  // set in a child process
};

std::vector<Input> inputs_of(const Options& options) {
  if (!options.file.empty()) return {Input{options.file, "", 0}};
  std::vector<Input> inputs;
  for (const char* dtype : {"i64", "f32", "f64"})
    for (const std::int64_t n : {100, 1000}) inputs.push_back({"", dtype, n});
  return inputs;
}

void append(std::vector<Record>& all, const std::vector<Record>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

void show_function(const Options& options, std::vector<Record>& records) {
  std::cout << "The tutorial function, a + trace(tanh(a)), compiled when it is called:\n\n";
  for (const Input& input : inputs_of(options)) append(records, measure_tutorial(input));
  print_tutorial_table(std::cout, records);
  std::cout << "\nThe same on 1 to " << options.threads << " threads:\n\n";
  for (const Input& input : inputs_of(options)) append(records, measure_scaling(input, options.threads));
  print_scaling_table(std::cout, records);
}

void write_result(const Options& options) {
  const kiln::Array a = kiln::load(options.file.c_str());
  if (a.rank() == 2 && a.extent(0) > a.extent(1))
    throw std::runtime_error(options.file + " has " + std::to_string(a.extent(0)) + " rows and " +
                             std::to_string(a.extent(1)) + " columns: the function reads a(i, i) in every row, so " +
                             "there must be as many columns; transpose it or cut it");
  std::filesystem::path path = options.output;
  if (path.empty()) {
    path = options.file;
    path.replace_filename(path.stem().string() + "-result.npy");
  }
  const Step step("result of " + options.file);
  const kiln::Array result = kernels::a_plus_tr_tanh_a(a);
  kiln::save(path.c_str(), result);
  std::cout << "result of " << result.dtype() << " written: " << std::filesystem::absolute(path).string() << "\n\n";
}

void show_picture(const Options& options, std::vector<Record>& records) {
  constexpr int width = 1536, height = 1024, calls = 5;
  const kiln::Array image = kiln::empty({height, width}, kiln::i32);
  const auto call = [&] { kernels::mandelbrot(-2.2, 0.8, -1.0, 1.0, image); };
  Step step("mandelbrot", 2 * calls);
  call();
  Record record = timed(call, 0, calls, &step);
  record.bench = "mandelbrot";
  record.variant = "kiln";
  record.dtype = "f64";
  record.shape = {height, width};
  record.threads = chosen_threads(call, calls, &step).threads;
  records.push_back(record);
  examples::write_png(options.picture, width, height,
                      examples::colours(image.read<std::int32_t>(), kernels::mandelbrot_most));
  std::cout << "\nmandelbrot, " << width << "x" << height << ", up to " << kernels::mandelbrot_most
            << " iterations: " << duration(record.seconds_median) << " on " << record.threads << " thread(s)\n"
            << "picture written: " << std::filesystem::absolute(options.picture).string() << "\n";
}

void run(Options& options) {
  if (options.measured.n > 0 || !options.measured.file.empty()) return measure_in_child(options.measured);
  if (options.threads == 0) options.threads = kiln::num_threads();
  std::vector<Record> records;
  if (!options.file.empty()) write_result(options);  // first: a file that will not do is refused at once
  if (options.only_result) return;
  show_function(options, records);
  show_picture(options, records);
  if (options.json.empty()) return;
  write_json(options.json, records);
  std::cout << "records written: " << std::filesystem::absolute(options.json).string() << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Runs Kiln's tutorial function on this machine: first call, warm call, interpreter, scaling, a picture.");
  app.add_option("file", options.file, "a matrix as .npy (no more rows than columns) to work on");
  app.add_option("--output", options.output, "where its result goes (FILE-result.npy)")->needs("file");
  app.add_flag("--only-result", options.only_result, "write the file's result and measure nothing")->needs("file");
  app.add_option("--json", options.json, "write the printed figures as JSON");
  app.add_option("--picture", options.picture, "where the picture goes")->capture_default_str();
  app.add_option("--threads", options.threads, "scale from 1 to so many threads (all)")->check(CLI::Range(1, 1024));
  const char* const hidden = "";
  app.add_option("--measure-file", options.measured.file)->group(hidden);
  app.add_option("--measure-dtype", options.measured.dtype)->group(hidden);
  app.add_option("--measure-side", options.measured.n)->group(hidden);
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "kiln-demo: " << e.what() << "\n";
    return 1;
  }
}
