// The mark of a symbol that leaves the library; everything else stays hidden.
#pragma once

#define KILN_API __attribute__((visibility("default")))
