#include "crypto/ms_chap.h"
