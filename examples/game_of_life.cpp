// Conway's game of life on a torus: indices that wrap around with %, plain C++ loops that are unrolled while tracing;
// prints a glider on its way.
#include <kiln/kiln.h>

#include <iostream>

using namespace kiln;

namespace life {

auto generations = jit([](Array start, Value count) {
  Array board = start.copy(), next = empty_like(start);
  for ([[maybe_unused]] Value generation : range(count)) {
    for (auto [row, column] : prange(board.shape(0), board.shape(1))) {
      Var neighbours = 0;
      for (const int down : {-1, 0, 1})
        for (const int right : {-1, 0, 1})
          if (down != 0 || right != 0)  // known to C++: no condition of the traced program
            neighbours += board((row + down) % board.shape(0), (column + right) % board.shape(1));
      next(row, column) = neighbours == 3 || (neighbours == 2 && board(row, column) == 1);
    }
    kiln::swap(board, next);
  }
  return board;
});

void print(const Array& board) {
  for (std::int64_t row = 0; row < board.extent(0); ++row) {
    for (std::int64_t column = 0; column < board.extent(1); ++column)
      std::cout << (board(row, column).as_integer() ? "# " : ". ");
    std::cout << "\n";
  }
  std::cout << "\n";
}

}  // namespace life

int main() {
  constexpr int rows = 8, columns = 16;
  const Array board = zeros({rows, columns}, u8);
  board(slice(0, 3), slice(0, 3)) = Array{0, 1, 0, 0, 0, 1, 1, 1, 1}.reshape({3, 3});
  for (const int age : {0, 2, 4, 16, 28}) {
    std::cout << "generation " << age << ":\n";
    life::print(life::generations(board, age));
  }

  // A glider moves by one row and one column in four generations; after 4 * 16 it has been around both ways.
  const bool back = array_equal(life::generations(board, 4 * columns), board).as_bool();
  std::cout << "after " << 4 * columns << " generations it is " << (back ? "back\n" : "elsewhere\n");
  return back ? 0 : 1;
}
