/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef IKE_CMOCKA_H
#define IKE_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
