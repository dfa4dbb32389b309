/* SPDX-License-Identifier: BSD-2-Clause */
/* What a test of the engine includes: the bench, and the peers at its other end. */
#ifndef UNIT_HARNESS_H
#define UNIT_HARNESS_H

#include "bed.h"
#include "peer.h"

#endif
