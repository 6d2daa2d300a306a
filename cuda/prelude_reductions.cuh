// Reductions in the order of the language: the second part of what generated kernels are written in.

/// Sums of blocks or segments as they come, folded by a tree of adjacent pairs: what a binary counter of them does.
/// Step is what a reduction does with two numbers.
template <class T, class Step>
struct kiln_tree {
  T sums[40];
  kiln_u64 count;

  __device__ __forceinline__ void begin() { count = 0; }
  __device__ __forceinline__ void push(T x) {
    int top = __popcll(count);
#pragma unroll 1
    for (kiln_u64 k = count; k & 1; k >>= 1) x = Step::fold(sums[--top], x);
    sums[top] = x;
    ++count;
  }
  __device__ __forceinline__ T sum() const {
    int top = __popcll(count);
    if (top == 0) return Step::identity();
    T all = sums[--top];
#pragma unroll 1
    while (top > 0) all = Step::fold(sums[--top], all);
    return all;
  }
  __device__ __forceinline__ T end(T old) const { return Step::fold(old, sum()); }
};

/// The same of less than 2^levels of them, in registers, `items` such trees side by side.
template <class T, class Step, int levels, int items>
struct kiln_short_tree {
  T sums[levels][items];
  int count;

  __device__ __forceinline__ void begin() { count = 0; }
  __device__ __forceinline__ void push(T (&x)[items]) {
    bool carried = true;
#pragma unroll
    for (int level = 0; level < levels; ++level) {
      if (!carried) continue;
      carried = count >> level & 1;
#pragma unroll
      for (int item = 0; item < items; ++item)
        if (carried)
          x[item] = Step::fold(sums[level][item], x[item]);
        else
          sums[level][item] = x[item];
    }
    ++count;
  }
  __device__ __forceinline__ void sum(T (&all)[items]) const {
    bool first = true;
#pragma unroll
    for (int item = 0; item < items; ++item) all[item] = Step::identity();
#pragma unroll
    for (int level = 0; level < levels; ++level) {
      if (!(count >> level & 1)) continue;
#pragma unroll
      for (int item = 0; item < items; ++item)
        all[item] = first ? sums[level][item] : Step::fold(sums[level][item], all[item]);
      first = false;
    }
  }
};

/// A reduction over a sequential loop: segments, then pairs of them.
template <class T, class Step, int segment>
struct kiln_narrow {
  kiln_tree<T, Step> tree;
  T sum;
  int filled;

  __device__ __forceinline__ void begin() {
    tree.begin();
    sum = Step::identity();
    filled = 0;
  }
  __device__ __forceinline__ void turn(T term) {
    sum = Step::fold(sum, term);
    if (++filled == segment) close();
  }
  __device__ __forceinline__ void close() {
    tree.push(sum);
    sum = Step::identity();
    filled = 0;
  }
  __device__ __forceinline__ T end(T old) {
    if (filled == 0) return tree.end(old);
    if (tree.count == 0) return Step::fold(old, sum);
    close();
    return tree.end(old);
  }
};

/// A reduction over a parallel loop that one thread runs: lanes side by side, 32 rows of them to a block.
template <class T, class Step, int lanes>
struct kiln_wide {
  kiln_tree<T, Step> tree;
  T row[lanes];
  int position;

  __device__ __forceinline__ void begin() {
    tree.begin();
    open();
  }
  __device__ __forceinline__ void open() {
    for (int k = 0; k < lanes; ++k) row[k] = Step::identity();
    position = 0;
  }
  __device__ __forceinline__ void turn(T term) {
    T& lane = row[position % lanes];
    lane = Step::fold(lane, term);
    if (++position == 32 * lanes) close();
  }
  __device__ __forceinline__ void close() {
    for (int half = lanes / 2; half != 0; half /= 2)
      for (int k = 0; k < half; ++k) row[k] = Step::fold(row[k], row[k + half]);
    tree.push(row[0]);
    open();
  }
  __device__ __forceinline__ T end(T old) {
    if (position != 0) close();
    return tree.end(old);
  }
};

/// x of the thread `by` further on among `width` neighbours; all threads of the warp call it together.
template <class T>
KILN_DEVICE T kiln_shuffle_down(T x, int by, int width) {
  union Words {
    T value;
    unsigned words[(sizeof(T) + 3) / 4];
    __device__ __forceinline__ Words() {}
  };
  Words own, other;
  own.words[0] = 0;
  own.value = x;
#pragma unroll
  for (int k = 0; k < (int)(sizeof(T) + 3) / 4; ++k)
    other.words[k] = __shfl_down_sync(0xffffffffu, own.words[k], by, width);
  return other.value;
}

/// The lanes of a block, one in each of `lanes` neighbouring threads of a warp, folded by halving; the first thread has
/// the sum. All threads of the warp call it together.
template <int lanes, class Step, class T>
KILN_DEVICE T kiln_fold_lanes(T x) {
#pragma unroll 1
  for (int half = lanes / 2; half != 0; half /= 2) x = Step::fold(x, kiln_shuffle_down(x, half, lanes));
  return x;
}

/// Lanes of blocks, `own` of each in each of `group` neighbouring threads of a warp, folded by halving; the first
/// thread has the sums, each in its block's first lane. All threads of the warp call it together.
template <class Step, class T, int blocks, int own>
KILN_DEVICE void kiln_fold_groups(T (&lanes)[blocks][own], int group) {
#pragma unroll 1
  for (int half = group / 2; half != 0; half /= 2)
#pragma unroll
    for (int block = 0; block < blocks; ++block)
#pragma unroll
      for (int k = 0; k < own; ++k)
        lanes[block][k] = Step::fold(lanes[block][k], kiln_shuffle_down(lanes[block][k], half, group));
#pragma unroll
  for (int half = own / 2; half != 0; half /= 2)
#pragma unroll
    for (int block = 0; block < blocks; ++block)
#pragma unroll
      for (int k = 0; k < half; ++k) lanes[block][k] = Step::fold(lanes[block][k], lanes[block][k + half]);
}

/// `count` sums, at most `most`, folded by a tree of adjacent pairs, in place.
template <int most, class Step, class T>
KILN_DEVICE T kiln_fold_pairs(T* sums, int count) {
#pragma unroll
  for (int width = 1; width < most; width *= 2)
#pragma unroll
    for (int k = 0; k + width < most; k += 2 * width)
      if (k + width < count) sums[k] = Step::fold(sums[k], sums[k + width]);
  return sums[0];
}

/// The same of any number, in memory.
template <class Step, class T>
KILN_DEVICE T kiln_fold_in_place(T* sums, int count) {
#pragma unroll 1
  for (int width = 1; width < count; width *= 2)
#pragma unroll 1
    for (int k = 0; k + width < count; k += 2 * width) sums[k] = Step::fold(sums[k], sums[k + width]);
  return sums[0];
}

/// Sums in memory, folded by the same tree, which overwrites them; all threads of the block of threads call it, the
/// first has the sum. `memory` has a place for each warp. Not inlined, nor are its like: that takes longer to compile.
template <class Step, class T>
static __device__ __noinline__ T kiln_fold_all(T* sums, kiln_i64 count, T* memory) {
  constexpr int own = 8;
  const int thread = (int)threadIdx.x, chunk = own * (int)blockDim.x;
  T sum = Step::identity();
#pragma unroll 1
  for (kiln_i64 made; count != 0; count = made == 1 ? 0 : made) {
    made = 0;
#pragma unroll 1
    for (kiln_i64 first = 0; first < count; first += chunk) {
      const int here = count - first < chunk ? (int)(count - first) : chunk, mine = here - thread * own;
      T few[own];
#pragma unroll
      for (int k = 0; k < own; ++k) few[k] = sums[first + (k < mine ? thread * own + k : 0)];
      sum = kiln_fold_pairs<own, Step>(few, mine);
      // Those of a warp's threads, then those of the warps.
#pragma unroll 1
      for (int turn = 0, each = own; turn < 2; ++turn, each *= 32) {
#pragma unroll 1
        for (int by = 1; by < 32; by *= 2) {
          const T next = kiln_shuffle_down(sum, by, 32);
          if (thread % 32 + by < 32 && (thread + by) * each < here) sum = Step::fold(sum, next);
        }
        __syncthreads();
        if (thread % 32 == 0) memory[thread / 32] = sum;
        __syncthreads();
        sum = memory[thread % 32 < (int)blockDim.x / 32 ? thread % 32 : 0];
      }
      if (thread == 0) sums[made] = sum;
      ++made;
    }
    __syncthreads();
  }
  return sum;
}

/// `count` sums in memory, at most 32, `stride` apart, folded by the same tree by one thread.
template <class Step, class T>
KILN_DEVICE T kiln_fold_column(const T* sums, kiln_i64 stride, int count) {
  constexpr int own = 8;
  kiln_short_tree<T, Step, 3, 1> tree;
  tree.begin();
#pragma unroll 1
  for (; count > 0; count -= own, sums += own * stride) {
    T few[own], sum[1];
#pragma unroll
    for (int k = 0; k < own; ++k) few[k] = sums[k < count ? k * stride : 0];
    sum[0] = kiln_fold_pairs<own, Step>(few, count);
    tree.push(sum);
  }
  T sum[1];
  tree.sum(sum);
  return sum[0];
}

/// Sums of blocks in memory, folded by one block of threads; `other` has room for half as many.
template <class Step, class T>
KILN_DEVICE T kiln_fold_blocks(T* sums, T* other, kiln_i64 count) {
  while (count > 1) {
    const kiln_i64 pairs = count / 2;
    for (kiln_i64 k = threadIdx.x; k < pairs; k += blockDim.x) other[k] = Step::fold(sums[2 * k], sums[2 * k + 1]);
    if (count % 2 != 0 && threadIdx.x == 0) other[pairs] = sums[count - 1];
    __syncthreads();
    T* const next = sums;
    sums = other;
    other = next;
    count -= pairs;
  }
  return sums[0];
}

// The last line of the two: what follows is the kernels'.
#define KILN_KERNEL extern "C" __global__ void
