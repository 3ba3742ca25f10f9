/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A thread for what must happen by itself: typing that runs out, old rows. */
#ifndef CORE_HOUSEKEEPING_H
#define CORE_HOUSEKEEPING_H

void housekeeping_start(void);
void housekeeping_stop(void);

#endif
