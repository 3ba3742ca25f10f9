/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What every fuzzer defines; it ends the program when something is wrong. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
