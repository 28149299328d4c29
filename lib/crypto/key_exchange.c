#include "crypto/key_exchange.h"
