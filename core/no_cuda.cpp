// In place of cuda/, where Kiln is built without the CUDA toolkit's headers.
#include "core/backend.h"

namespace kiln {

int cuda_device_count() { return 0; }

CudaDevice cuda_device(int) {
  CudaDevice device;
  device.description = "this Kiln was built without CUDA; build it where the CUDA toolkit's headers are";
  return device;
}

}  // namespace kiln
