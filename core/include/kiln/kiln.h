// Kiln: numerical functions in plain C++, compiled when they are called. Includes everything a user needs.
#pragma once

#include <kiln/array.h>
#include <kiln/control.h>
#include <kiln/device.h>
#include <kiln/dlpack.h>
#include <kiln/dtype.h>
#include <kiln/error.h>
#include <kiln/functions.h>
#include <kiln/inspect.h>
#include <kiln/jit.h>
#include <kiln/location.h>
#include <kiln/options.h>
#include <kiln/stream.h>
#include <kiln/transfer.h>
#include <kiln/value.h>
#include <kiln/version.h>
